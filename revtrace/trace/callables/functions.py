"""The functions the tracer knows by themselves: a table from callable to handler, filled by the modules below.

A handler takes the tracer, the state, the arguments and the calling frame and
returns the traced result.
"""

from __future__ import annotations

import datetime
import enum
import importlib
import inspect
import random
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.trace.objects.texts import is_message, run_time_text
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import ObjectBox, State
from revtrace.trace.values import Num, Ref, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer
    from revtrace.trace.objects.attributes import Method

__all__ = [
    "construct", "evaluate", "find", "find_instance", "instances", "known", "known_methods", "method",
    "method_handler", "on", "refused", "signature", "static_math",
]  # fmt: skip


class NotBoundError(Exception):
    """A call of a function the tracer knows, with arguments that its rule does not."""


Handler = Callable[["Tracer", State, tuple[Any, ...], dict[str, Any], "Frame | None"], Any]
_handlers: dict[Any, Handler] = {}
_methods: dict[tuple[str, str], Callable[..., Any]] = {}
_instances: dict[type, Callable[..., Any]] = {}
_refused: set[Callable[..., Any]] = set()
_loaded = False


def on(*names: Any) -> Callable[[Handler], Handler]:
    """Register the handler of some callables."""

    def register(handler: Handler) -> Handler:
        for f in names:
            if f is not None:
                _handlers[f] = handler
        return handler

    return register


def instances(cls: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register what calling an instance of a class does; the handler takes the instance and its source, too."""

    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        _instances[cls] = handler
        return handler

    return register


def find_instance(f: Any) -> Callable[..., Any] | None:
    """Return what calling an object does by its class, or None."""
    return next((_instances[cls] for cls in type(f).__mro__ if cls in _instances), None)


def refused(handler: Handler) -> Handler:
    """Mark a handler that only says no, so that it counts as no rule."""
    _refused.add(handler)
    return handler


def known() -> dict[Any, Handler]:
    """Return the callables that have a rule, with their handlers."""
    _load()
    return {f: handler for f, handler in _handlers.items() if handler not in _refused}


def known_methods(kind: str) -> list[str]:
    """Return the names of the methods of a kind of value (``"array"``, ``"list"`` ...) that have a rule."""
    _load()
    return sorted(name for k, name in _methods if k == kind and _methods[k, name] not in _refused)


def method_handler(kind: str, *names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the handler of some built-in methods."""

    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            _methods[kind, name] = handler
        return handler

    return register


_MODULES = (
    "numpy.array_algorithms",
    "numpy.array_choices",
    "numpy.array_facts",
    "numpy.array_functions",
    "callables.builtin_folds",
    "callables.builtin_functions",
    "callables.builtin_iterables",
    "callables.builtin_types",
    "objects.classes",
    "callables.container_methods",
    "numpy.contractions",
    "definitions",
    "numpy.extremes",
    "numpy.joining",
    "callables.library",
    "callables.memo",
    "numpy.linalg",
    "numpy.matrix_functions",
    "numpy.eigenvalues",
    "callables.methods",
    "numpy.moments",
    "numpy.norms",
    "callables.python_math",
    "numpy.reductions",
    "numpy.running",
    "numpy.seeded",
    "ndarray.selection",
    "ndarray.shaping",
    "callables.sorting",
    "numpy.transforms",
    "numpy.ufunc_methods",
    "callables.user_rules",
)
"""Modules of this package whose functions are handlers, entered as they are imported."""


def _load() -> None:
    global _loaded  # noqa: PLW0603
    if not _loaded:
        _loaded = True
        for name in _MODULES:
            importlib.import_module(f"revtrace.trace.{name}")


def find(f: Any) -> Handler | None:
    """Return the handler of a callable, or None."""
    _load()
    try:
        found = _handlers.get(f)
    except TypeError:
        return None
    module = getattr(f, "__module__", None)
    if found is None and isinstance(module, str) and module.startswith(_OPTIONAL):
        _load_optional(module)
        found = _handlers.get(f)
    return found


_OPTIONAL = ("scipy.linalg", "scipy.fft", "revtrace.calls.scipy_linalg")


def _load_optional(module: str) -> None:
    """Enter the functions of a package that is not imported unless it is used."""
    if module.startswith("scipy.fft"):
        import scipy.fft  # type: ignore[import-untyped,unused-ignore]

        from revtrace.trace.numpy.transforms import register

        register(scipy.fft)
    else:
        import revtrace.trace.scipy.scipy_linalg  # noqa: F401


def signature(*names: str, **defaults: Any) -> Callable[[tuple[Any, ...], dict[str, Any]], list[Any]]:
    """Return a binder of positional and keyword arguments to the given names."""
    order = [*names, *defaults]

    def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        if len(args) > len(order):
            raise NotBoundError(f"more than {len(order)} arguments")
        bound = dict(zip(order, args, strict=False))
        for k, v in kwargs.items():
            if k not in order or k in bound:
                raise NotBoundError(f"the argument {k!r}")
            bound[k] = v
        for name in names:
            if name not in bound:
                raise NotBoundError(f"no argument {name!r}")
        return [bound.get(name, defaults.get(name)) for name in order]

    return bind


def method(t: Tracer, st: State, which: Method, self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a built-in method."""
    _load()
    handler = _methods.get((which.kind, which.name))
    if handler is None:
        raise t.unsupported(f"the method {which.label}", "revtrace has no rule for it", "")
    try:
        inspect.signature(handler).bind(t, st, self, *args, **kwargs)
    except TypeError as error:
        raise t.unsupported(
            f"{which.label} called in this way",
            f"its rule does not know these arguments: {error}",
            "use its plain form",
        ) from None
    return handler(t, st, self, *args, **kwargs)


def handled(
    t: Tracer, st: State, f: Any, handler: Handler, args: tuple[Any, ...], kwargs: dict[str, Any], fr: Frame | None
) -> Any:
    """Call a handler; arguments it has no rule for are refused by name."""
    try:
        return handler(t, st, args, kwargs, fr)
    except NotBoundError as error:
        name = getattr(f, "__name__", type(f).__name__)
        raise t.unsupported(
            f"{name} called with {error}", "its rule does not cover that", "use its plain form, or loops"
        ) from None


# classes ------------------------------------------------------------------------------------


def construct(t: Tracer, st: State, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a class: make an instance."""
    from revtrace.trace.callables.calls import call
    from revtrace.trace.objects.members import class_source

    if issubclass(cls, BaseException):
        return _exception(t, st, cls, args, kwargs)
    from revtrace.trace.scipy import sparse

    if sparse.is_sparse_class(cls):
        return sparse.construct(t, st, cls, args, kwargs)
    if issubclass(cls, enum.Enum):
        return _member(t, st, cls, args)
    if issubclass(cls, tuple) and hasattr(cls, "_extra_fields"):
        return _bunch(st, cls, args, kwargs)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        maker = next(b for b in cls.__mro__ if "__new__" in vars(b))
        base = next(b for b in cls.__mro__ if "_fields" in vars(b))
        if maker is not base and isinstance(cls.__new__, types.FunctionType):
            return call(t, st, Static(cls.__new__), (Static(cls), *args), kwargs)
        made = _named_tuple(t, st, base, args, kwargs)
        return Tup(made.items, cls)
    new = cls.__new__
    plain_new = new is object.__new__
    init = cls.__init__
    if plain_new and isinstance(init, types.FunctionType) and type(cls).__call__ is type.__call__:
        ref = st.new(ObjectBox(cls, ()))
        call(t, st, Static(init, class_source(cls, "__init__")), (ref, *args), kwargs)
        return ref
    if plain_new and init is object.__init__ and not args and not kwargs and type(cls).__call__ is type.__call__:
        return st.new(ObjectBox(cls, ()))
    if cls.__module__ == "datetime":
        args, kwargs = tuple(_whole(t, a) for a in args), {k: _whole(t, v) for k, v in kwargs.items()}
    found = evaluate(t, st, cls, args, kwargs)
    if found is not None:
        return found
    if isinstance(new, types.FunctionType) and type(cls).__call__ is type.__call__:
        made = call(t, st, Static(new), (Static(cls), *args), kwargs)
        if isinstance(init, types.FunctionType) and isinstance(made, Ref) and _is_instance(st, made, cls):
            call(t, st, Static(init, class_source(cls, "__init__")), (made, *args), kwargs)
        return made
    raise t.unsupported(
        f"making an instance of {cls.__module__}.{cls.__qualname__}",
        "only classes with a plain Python __init__ can be made while tracing",
        "make it outside the function, or compute with plain numbers and arrays",
    )


def _whole(t: Tracer, value: Any) -> Any:
    """Return an integer as the object it is when tracing; another value as it is."""
    from revtrace.trace.objects.containers import as_known_int

    value = t.use(value)
    return Static(as_known_int(t, value)) if isinstance(value, Num) and value.dtype[0] in "iu" else value


def _is_instance(st: State, value: Ref, cls: type) -> bool:
    box = st.box(value)
    return isinstance(box, ObjectBox) and issubclass(box.cls, cls)


def _member(t: Tracer, st: State, cls: type, args: tuple[Any, ...]) -> Static:
    """Look a member of an enumeration up by its value."""
    from revtrace.trace.objects.containers import as_static

    known = [as_static(t, st, a) for a in args]
    if not all(isinstance(k, Static) for k in known):
        operands = tuple(a.operand for a in args if isinstance(a, Num))
        raise NeedStatic(operands, f"which member of {cls.__qualname__} is meant must be known", t.b.loc)
    try:
        return Static(cls(*(k.value for k in known)))
    except Exception as error:
        raise PythonRaise(error) from None


def _exception(t: Tracer, st: State, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    from revtrace.trace.callables.calls import call
    from revtrace.trace.objects.containers import as_static
    from revtrace.trace.objects.members import class_source

    init = getattr(cls, "__init__")  # noqa: B009
    if isinstance(init, types.FunctionType):
        ref = st.new(ObjectBox(cls, (("args", Tup(args)),)))
        call(t, st, Static(init, class_source(cls, "__init__")), (ref, *args), kwargs)
        return ref
    known = [as_static(t, st, a) for a in args]
    if kwargs or not all(isinstance(k, Static) for k in known):
        return st.new(ObjectBox(cls, (("args", Tup(args)), *kwargs.items())))
    try:
        # The plain function is what makes the message a user sees.
        return Static(cls(*(k.value for k in known)))
    except Exception as error:
        raise PythonRaise(error) from None


def _named_tuple(t: Tracer, st: State, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tup:
    from revtrace.trace.external import external

    names = cls._fields
    bound = dict(zip(names, args, strict=False))
    bound.update(kwargs)
    for name in names:
        if name not in bound:
            if name not in cls._field_defaults:
                raise PythonRaise(TypeError(f"missing required argument {name!r}"))
            bound[name] = external(t, st, cls._field_defaults[name], None, "const")
    if len(bound) != len(names) or len(args) > len(names):
        raise PythonRaise(TypeError(f"{cls.__name__} takes {len(names)} arguments"))
    return Tup(tuple(bound[n] for n in names), cls)


def _bunch(st: State, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ref:
    """Make an instance of a tuple class of SciPy's that has attributes besides its items."""
    from revtrace.trace.definitions.bunches import Bunch

    _, *names = inspect.signature(cls.__init__).parameters
    given = dict(zip(names, args, strict=False)) | kwargs
    missing = [name for name in cls._fields if name not in given]
    if missing:
        raise PythonRaise(TypeError(f"missing required argument {missing[0]!r}"))
    items = Tup(tuple(given[name] for name in cls._fields))
    # The classes made by hand keep their parameters under names with an underscore.
    private = [(f"_{name}", value) for name, value in given.items() if name not in cls._fields]
    return st.new(ObjectBox(Bunch, (*given.items(), *private, ("_items", items))))


# evaluation while tracing ---------------------------------------------------------------------

#: Packages whose functions of texts, in Python, are evaluated by calling them when all arguments are known:
#: what they cache is nothing that a program is to follow.
PURE_PYTHON = frozenset({"calendar", "fnmatch", "re", "string", "textwrap"})

#: Packages whose C functions are evaluated by calling them when all arguments are known.
_PURE_MODULES = PURE_PYTHON.union(
    "builtins math cmath operator numpy _operator itertools functools fractions decimal inspect types typing "
    "collections enum dataclasses datetime numpy.dtypes copy abc importlib _abc keyword _functools _struct posix "
    "posixpath".split()
)

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
    root = (module or type(f).__module__).partition(".")[0]
    if isinstance(self, types.ModuleType):
        root = self.__name__.partition(".")[0]
    if root not in _PURE_MODULES and not pure:
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
    known = [as_static(t, st, _static_instance(t, st, a)) for a in args]
    named = {k: as_static(t, st, _static_instance(t, st, v)) for k, v in kwargs.items()}
    given = (*known, *named.values())
    if any(is_message(a) or not isinstance(a, Static) for a in given):
        return run_time_text(t, *given) if isinstance(self, str) and f.__name__ in ("format", "join") else None
    try:
        with np.errstate(all="ignore"):
            found = f(*(a.value for a in known), **{k: a.value for k, a in named.items()})
    except Exception as error:
        raise PythonRaise(error) from None
    if isinstance(found, np.ndarray):
        from revtrace.trace.ndarray.convert import as_array

        return as_array(t, Static(found), st)
    return external(t, st, found, None, "const")


def _static_instance(t: Tracer, st: State, value: Any) -> Any:
    if isinstance(value, Ref):
        box = st.box(value)
        if isinstance(box, ObjectBox) and box.source is not None and not box.fields:
            return Static(box.original)
    return value


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
    raise t.unsupported(f"math.{f.__name__} of run-time numbers", "it has no rule", "")
