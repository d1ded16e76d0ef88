"""Calls with arguments that are all known when tracing: the function itself is called."""

from __future__ import annotations

import copy
import datetime
import random
import types
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.trace.constants import contents, same
from revtrace.trace.objects.texts import is_message, pinned, run_time_text
from revtrace.trace.record import Source, rendered
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import ObjectBox, State
from revtrace.trace.values import Num, Ref, Static

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer


__all__ = ["PURE_PYTHON", "deciding_integers", "evaluate", "static_math"]


#: Packages whose functions of texts, in Python, are evaluated by calling them when all arguments are known:
#: what they cache is nothing that a program is to follow.
PURE_PYTHON = frozenset({"calendar", "fnmatch", "re", "string", "textwrap"})

#: Packages whose C functions are evaluated by calling them when all arguments are known.
_PURE_MODULES = PURE_PYTHON.union(
    "builtins math cmath operator numpy _operator itertools functools fractions decimal inspect types typing "
    "collections enum dataclasses datetime numpy.dtypes copy abc importlib _abc keyword _functools _struct "
    "posixpath".split()
)

#: Functions of ``os`` in C that only take paths apart; others look at the machine, which may have changed meanwhile.
_PATHS = frozenset({"fspath", "_path_normpath", "_path_splitroot", "_path_splitroot_ex"})

#: Modules of other packages whose C functions compute with their arguments and look at nothing else.
_PURE_PARTS = ("scipy.special.",)

#: Those of them whose functions look at more than their arguments' values.
_LOOKING = frozenset("inspect types typing dataclasses copy abc importlib _abc".split())


def evaluate(t: Tracer, st: State, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, pure: bool = False) -> Any:
    """Call a function with arguments that are all known; returns None where that is not possible.

    ``pure`` says that it is one that looks at nothing else, whatever package it is of.
    """
    from revtrace.trace.external import external
    from revtrace.trace.objects.containers import as_static

    module = getattr(f, "__module__", None)
    self = getattr(f, "__self__", None)
    if module is None and self is not None and not isinstance(self, types.ModuleType):
        module = type(self).__module__
    drawing = (module or "").startswith("numpy.random") or type(self).__module__.startswith("numpy.random")
    if drawing or isinstance(self, random.Random) or getattr(f, "__objclass__", None) is random.Random.__base__:
        raise t.unsupported(
            f"random numbers drawn inside the function ({f.__name__})",
            "each call would draw others, and the compiled function would repeat those of the first",
            "draw them outside and pass them as an argument",
        )
    if isinstance(self, type) and issubclass(self, datetime.date) and f.__name__ in ("now", "today", "utcnow"):
        raise t.unsupported(
            f"the clock read inside the function ({self.__name__}.{f.__name__})",
            "each call would read another time, and the compiled function would repeat that of the first",
            "read it outside and pass it as an argument",
        )
    root = _package(f)
    if root in ("posix", "nt"):
        pure = f.__name__ in _PATHS
        if not pure:
            raise t.unsupported(
                f"calling os.{f.__name__}",
                "what it finds may be another at each call, and the compiled function would repeat that of the first",
                "call it outside the function and pass what it gives as an argument",
            )
    if not (pure or _is_pure(f)):
        return None
    if root in _LOOKING:
        t.reliance.hide(f"{root}.{getattr(f, '__name__', f)} is called")
    if isinstance(self, str) and f.__name__ == "join" and len(args) == 1:
        from revtrace.trace.objects.containers import items_of
        from revtrace.trace.values import Tup as Joined

        joined = items_of(t, st, args[0])
        if any(is_message(part) or not isinstance(part, Static) for part in joined):
            return run_time_text(t, Static(self), *joined)
        args = (Joined(tuple(joined)),)
    if isinstance(self, str) and f.__name__ == "format":
        args, kwargs = tuple(pinned(t, a) for a in args), {k: pinned(t, v) for k, v in kwargs.items()}
    watched: list[tuple[Any, Source, Any]] = []
    known = [as_static(t, st, _static_instance(t, st, a, watched)) for a in args]
    named = {k: as_static(t, st, _static_instance(t, st, v, watched)) for k, v in kwargs.items()}
    given = (*known, *named.values())
    if any(is_message(a) or not isinstance(a, Static) for a in given):
        return run_time_text(t, *given) if isinstance(self, str) and f.__name__ in ("format", "join") else None
    try:
        with np.errstate(all="ignore"):
            found = f(*(a.value for a in known), **{k: a.value for k, a in named.items()})
    except Exception as error:
        raise PythonRaise(error) from None
    for copied, source, held in watched:
        if not same(contents(copied), held):
            raise t.unsupported(
                f"{f.__name__} changes {rendered(source)}, a {type(copied).__name__} from outside the function",
                "it is known as a constant only",
                "make it inside the function, or use a plain list or dict (dict.get for keys that may be missing)",
            )
    if isinstance(found, np.ndarray):
        from revtrace.trace.ndarray.convert import as_array

        return as_array(t, Static(found), st)
    return external(t, st, found, None, "const")


def _package(f: Any) -> str:
    """Return the package that a callable is of."""
    module, self = getattr(f, "__module__", None), getattr(f, "__self__", None)
    if isinstance(self, types.ModuleType):
        return self.__name__.partition(".")[0]
    if module is None and self is not None:
        module = type(self).__module__
    return str(module or type(f).__module__).partition(".")[0]


def _is_pure(f: Any) -> bool:
    return _package(f) in _PURE_MODULES or str(getattr(f, "__module__", None)).startswith(_PURE_PARTS)


def deciding_integers(t: Tracer, st: State, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Return the integers that would have to be known for a library's function to be computed when tracing."""
    from revtrace.trace.objects.containers import as_static

    given = [as_static(t, st, _static_instance(t, st, a)) for a in (*args, *kwargs.values())]
    unknown = [a for a in given if not isinstance(a, Static)]
    if not _is_pure(f) or not all(isinstance(a, Num) and a.dtype[0] in "iub" for a in unknown):
        return ()
    return tuple(a.operand for a in unknown)


def _static_instance(t: Tracer, st: State, value: Any, watched: list[tuple[Any, Source, Any]] | None = None) -> Any:
    """Return an instance of the caller's as a constant, guarded by what it holds, or by its identity.

    What holds something is copied, and entered in ``watched`` with its source and what it holds.
    """
    if not isinstance(value, Ref):
        return value
    box = st.box(value)
    if not isinstance(box, ObjectBox) or box.source is None or box.fields:
        return value
    held = contents(box.original)
    if held is None:
        t.guard(box.source, "is", box.original)
        return Static(box.original)
    t.guard(box.source, "contents", held)
    copied = copy.copy(box.original)
    if watched is not None:
        watched.append((copied, box.source, held))
    return Static(copied)


def static_math(t: Tracer, st: State, f: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Functions of ``math`` that are no single primitive."""
    from revtrace.trace.callables import python_math

    special = python_math.MATH.get(f.__name__)
    if special is not None:
        return special(t, st, args, kwargs)
    operands = tuple(a.operand for a in args if isinstance(a, Num))
    if operands and all(x.type.dtype[0] in "iub" for x in operands):
        known = iter(t.pins.all_known(t, operands, f"math.{f.__name__} needs numbers known when tracing"))
        try:
            return Static(f(*(next(known).value if isinstance(a, Num) else a.value for a in args)))
        except (ValueError, OverflowError) as error:
            raise PythonRaise(error) from None
    raise t.unsupported(
        f"math.{f.__name__} of run-time numbers",
        "it has no rule",
        "use a function that has a rule (FUNCTIONS.md), or give it one: revtrace.rule",
    )
