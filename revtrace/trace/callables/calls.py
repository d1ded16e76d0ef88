"""Calls: plain functions are traced into, everything else is looked up or refused by name."""

from __future__ import annotations

import functools
import operator
import sys
import threading
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.calls import users
from revtrace.rules import callables
from revtrace.trace import libraries
from revtrace.trace.callables import construct, evaluate, functions, memo
from revtrace.trace.callables.running import enter
from revtrace.trace.callables.traced_function import TracedFunction
from revtrace.trace.external import external, is_annotation
from revtrace.trace.ndarray import elementwise
from revtrace.trace.ndarray.arrays import is_array, kept
from revtrace.trace.objects import held
from revtrace.trace.objects.attributes import Method, get_attribute
from revtrace.trace.objects.members import class_source
from revtrace.trace.record import Cell, Fixed, Item
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import CellBox, ObjectBox, State
from revtrace.trace.values import NONE, UNDEF, Bound, Ref, Static, Tup, Vectorized

if TYPE_CHECKING:
    from revtrace.errors import UnsupportedError
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


__all__ = ["call", "call_method"]

#: Ufuncs, functions of numpy that are dispatched by type, and those that are written in C.
_COMPUTING = (np.ufunc, type(np.sum), types.BuiltinFunctionType)
_GETTERS = (operator.itemgetter, operator.attrgetter, operator.methodcaller)


def call(
    t: Tracer, st: State, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], fr: Frame | None = None
) -> Any:
    """Call a traced value."""
    function = t.use(function)
    if not _computes(function):
        # What a parameter, an attribute or an item is to name has its elements before anything is written.
        args = tuple(kept(t, a) for a in args)
        kwargs = {k: kept(t, v) for k, v in kwargs.items()}
    if isinstance(function, Bound):
        inner = function.function
        if isinstance(inner, Static) and isinstance(inner.value, Method):
            return functions.method(t, st, inner.value, function.self, args, kwargs)
        return call(t, st, inner, (function.self, *args), kwargs, fr)
    if isinstance(function, Ref):
        box = st.box(function)
        if isinstance(box, ObjectBox):
            if box.cls is functools.partial and box.source is None:
                from revtrace.trace.callables.library import call_partial

                return call_partial(t, st, box, args, kwargs, fr)
            if box.cls is memo.Memoised:
                return memo.call_memoised(t, st, function.id, box.get("__wrapped__"), memo.size_of(box), args, kwargs)
            return call_method(t, st, function, "__call__", args, kwargs)
        raise PythonRaise(TypeError("object is not callable"))
    if not isinstance(function, Static):
        raise PythonRaise(TypeError(f"{t.describe(function)} is not callable"))
    f = function.value
    origin = typing.get_origin(f) if is_annotation(f) else None
    if isinstance(origin, type) and (isinstance(f, types.GenericAlias) or issubclass(origin, typing.Generic)):
        f = origin
    if isinstance(f, TracedFunction):
        return _traced(t, st, f, args, kwargs)
    for value in (function, *args, *kwargs.values()):
        if isinstance(value, Static):
            t.reliance.touch(value.value)
    made = _Call(f, function, args, kwargs, fr)
    for way in _WAYS:
        found = way(t, st, made)
        if found is not None:
            return found
    raise _unknown(t, f)


def _computes(function: Any) -> bool:
    """Whether a callable takes numbers from its arguments, and keeps none of them."""
    if isinstance(function, Bound):
        return is_array(function.self)
    return isinstance(function, Static) and isinstance(function.value, _COMPUTING)


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of an object that is known when tracing."""

    target: Any
    function: Static
    """The object, with where it comes from."""
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    frame: Frame | None


def _by_users_rule(t: Tracer, st: State, c: _Call) -> Any:
    plain = users.plain_of(c.target)
    rule = users.find(plain)
    if rule is None:
        return None
    from revtrace.trace.callables.user_rules import call_rule

    return call_rule(t, st, plain, rule, c.args, c.kwargs)


def _behind_dispatcher(t: Tracer, st: State, c: _Call) -> Any:
    """Numba's dispatchers and revtrace's handles have the plain function in an attribute."""
    py_func = getattr(c.target, "py_func", None)
    if not isinstance(py_func, types.FunctionType):
        return None
    source = c.function.source and _attr(c.function.source, "py_func")
    return _plain(t, st, py_func, Static(py_func, source), c.args, c.kwargs)


def _by_class_of_instance(t: Tracer, st: State, c: _Call) -> Any:
    entered = None if _stands_for_plain(c.target) else functions.find_instance(c.target)
    return None if entered is None else entered(t, st, c.target, c.function.source, c.args, c.kwargs, c.frame)


def _partial(t: Tracer, st: State, c: _Call) -> Any:
    f, source = c.target, c.function.source
    if not isinstance(f, functools.partial):
        return None
    first = tuple(
        external(t, st, a, None if source is None else _partial_arg(source, k), "const") for k, a in enumerate(f.args)
    )
    given = None if source is None else _attr(source, "keywords")
    t.guard(given, "keys", tuple(f.keywords))
    more = {k: external(t, st, v, None if given is None else Item(given, k), "const") for k, v in f.keywords.items()}
    # What a handle calls is not the user's function.
    name = "function" if hasattr(f, "callee") else "func"
    inner = external(t, st, getattr(f, name), None if source is None else _attr(source, name), "const")
    return call(t, st, inner, (*first, *c.args), {**more, **c.kwargs}, c.frame)


def _getter(t: Tracer, st: State, c: _Call) -> Any:
    if not isinstance(c.target, _GETTERS):
        return None
    from revtrace.trace.callables.library import call_getter

    return call_getter(t, st, c.target, c.args[0])


def _vectorized(t: Tracer, st: State, c: _Call) -> Any:
    """Functions of numbers that NumPy or numba calls for each element."""
    from revtrace.trace.numpy.array_algorithms import call_vectorized, elementwise_call

    if isinstance(c.target, (Vectorized, np.vectorize)):
        return call_vectorized(t, st, c.target, c.args, c.kwargs)
    kernel = getattr(getattr(c.target, "_dispatcher", None), "py_func", None)
    if isinstance(kernel, types.FunctionType) and getattr(c.target, "signature", "") is None and not c.kwargs:
        source = c.function.source and _attr(_attr(c.function.source, "_dispatcher"), "py_func")
        return elementwise_call(t, st, Static(kernel, source), c.args)
    return None


def _inherited(t: Tracer, st: State, c: _Call) -> Any:
    """Methods of ``list`` and ``dict`` of instances of their subclasses."""
    return held.call_inherited(t, st, c.target, c.args, c.kwargs)


def _by_rule(t: Tracer, st: State, c: _Call) -> Any:
    """What the tracer knows by itself, and the rows of `revtrace.rules`."""
    if users.is_opted_out(c.target):
        return None
    handler = functions.find(c.target)
    if handler is not None:
        return functions.handled(t, st, c.target, handler, c.args, c.kwargs, c.frame)
    entry = callables.find(c.target)
    return None if entry is None else elementwise.call_entry(t, st, c.target, entry, c.args, c.kwargs)


def _by_type_of_first(t: Tracer, st: State, c: _Call) -> Any:
    """What `functools.singledispatch` makes."""
    if not (isinstance(getattr(c.target, "registry", None), types.MappingProxyType) and hasattr(c.target, "dispatch")):
        return None
    from revtrace.trace.callables.library import dispatched

    return call(t, st, dispatched(t, st, c.function, c.args), c.args, c.kwargs, c.frame)


def _stand_in(t: Tracer, st: State, c: _Call) -> Any:
    """A plain function in place of a library's."""
    stand_in = libraries.find(c.target)
    if stand_in is None:
        return None
    from revtrace.trace.definitions.register import traced

    return traced(t, st, stand_in, c.args, c.kwargs)


def _plain_function(t: Tracer, st: State, c: _Call) -> Any:
    f = c.target
    if not isinstance(f, types.FunctionType):
        return None
    designs = libraries.designs(f)
    if designs or (f.__module__ or "").partition(".")[0] in evaluate.PURE_PYTHON:
        ready = evaluate.evaluate(t, st, f, c.args, c.kwargs, pure=designs)
        if ready is not None:
            return ready
    return _plain(t, st, f, c.function, c.args, c.kwargs)


def _bound_method(t: Tracer, st: State, c: _Call) -> Any:
    if not isinstance(c.target, types.MethodType):
        return None
    owner = external(t, st, c.target.__self__, None, "const")
    return call(t, st, Static(c.target.__func__), (owner, *c.args), c.kwargs, c.frame)


def _wrapped(t: Tracer, st: State, c: _Call) -> Any:
    """A plain function behind a memory of results, or behind NumPy's dispatch by type."""
    wrapped = getattr(c.target, "__wrapped__", None)
    if not isinstance(wrapped, types.FunctionType):
        return None
    if isinstance(c.target, functools._lru_cache_wrapper):
        return memo.call_memoised(t, st, c.target, Static(wrapped), memo.UNKNOWN, c.args, c.kwargs)
    if type(c.target).__name__ == "_ArrayFunctionDispatcher":
        return _plain(t, st, wrapped, Static(wrapped), c.args, c.kwargs)
    return None


def _init_of_exception(t: Tracer, st: State, c: _Call) -> Any:
    f = c.target
    if not (isinstance(f, types.WrapperDescriptorType) and f.__name__ == "__init__"):
        return None
    if not (issubclass(f.__objclass__, BaseException) and isinstance(c.args[0], Ref)):
        return None
    st.set_field(c.args[0], "args", Tup(c.args[1:]))
    return NONE


def _class(t: Tracer, st: State, c: _Call) -> Any:
    return construct.construct(t, st, c.target, c.args, c.kwargs) if isinstance(c.target, type) else None


def _evaluated(t: Tracer, st: State, c: _Call) -> Any:
    """Call the object itself, with arguments that are all known."""
    ready = evaluate.evaluate(t, st, c.target, c.args, c.kwargs)
    if ready is not None:
        return ready
    integers = evaluate.deciding_integers(t, st, c.target, c.args, c.kwargs)
    if integers:
        raise NeedStatic(integers, f"{getattr(c.target, '__name__', c.target)}() is computed when tracing", t.b.loc)
    return None


def _of_no_account(t: Tracer, st: State, c: _Call) -> Any:
    """Locks, and what writes to the terminal."""
    f = c.target
    if isinstance(getattr(f, "__self__", None), _LOCKS) or getattr(f, "__objclass__", None) in _LOCKS:
        # A run shares nothing with other threads but what it is given.
        return NONE if f.__name__ in ("__exit__", "release") else Static(True)
    # As with print: what is shown is no part of the value.
    return NONE if _shows(st, f, c.args) else None


def _own_call(t: Tracer, st: State, c: _Call) -> Any:
    """An instance of a class with a plain ``__call__``."""
    own = next((vars(cls)["__call__"] for cls in type(c.target).__mro__ if "__call__" in vars(cls)), None)
    if not isinstance(own, types.FunctionType):
        return None
    return call(t, st, Static(own), (external(t, st, c.target, None, "const"), *c.args), c.kwargs)


_WAYS: tuple[Callable[[Tracer, State, _Call], Any], ...] = (
    _by_users_rule,
    # Before partials: revtrace's handles are both.
    _behind_dispatcher,
    _by_class_of_instance,
    _partial,
    _getter,
    _vectorized,
    _inherited,
    _by_rule,
    _by_type_of_first,
    _stand_in,
    _plain_function,
    _bound_method,
    _wrapped,
    _init_of_exception,
    _class,
    _evaluated,
    _of_no_account,
    _own_call,
)
"""How an object that is known when tracing is called: the first of these that does not return None."""


def _unknown(t: Tracer, f: Any) -> UnsupportedError:
    """Return the error that refuses a call by its name."""
    name = (
        f"the ufunc {f.__name__}"
        if isinstance(f, np.ufunc)
        else getattr(f, "__qualname__", None) or type(f).__qualname__
    )
    module = getattr(f, "__module__", None)
    return t.unsupported(
        f"calling {module + '.' if module else ''}{name}",
        "revtrace has no rule for it and it is not plain Python that could be traced",
        "write it with functions that have rules",
    )


_LOCKS = (type(threading.Lock()), type(threading.RLock()))


def _shows(st: State, f: Any, args: tuple[Any, ...]) -> bool:
    """Whether a call writes to the terminal."""
    if getattr(f, "__name__", "") not in ("write", "writelines", "flush"):
        return False
    target = getattr(f, "__self__", None)
    if target is None and args:
        box = st.box(args[0]) if isinstance(args[0], Ref) else args[0]
        target = getattr(box, "original", None) or getattr(box, "value", None)
    return target is not None and any(target is stream for stream in (sys.stdout, sys.stderr))


def _attr(source: Any, name: str) -> Any:
    from revtrace.trace.record import Attr

    return Attr(source, name)


def _stands_for_plain(f: Any) -> bool:
    """Whether a function of revtrace's, with arguments of its own, is a plain function with those."""
    return isinstance(f, functools.partial) and not getattr(f, "steps", ())


def _partial_arg(source: Any, k: int) -> Any:
    return Item(_attr(source, "args"), k)


def call_method(
    t: Tracer, st: State, value: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
) -> Any:
    """Call a method found on the value's class."""
    from revtrace.trace.scipy import sparse

    if isinstance(value, Ref):
        box = st.box(value)
        if isinstance(box, ObjectBox):
            found = getattr(box.cls, name, None)
            if sparse.is_sparse_class(box.cls):
                return call(t, st, get_attribute(t, st, value, name), args, kwargs or {})
            if found is None:
                raise PythonRaise(TypeError(f"'{box.cls.__name__}' object has no {name}"))
            if isinstance(found, types.FunctionType):
                return call(t, st, Static(found, class_source(box.cls, name)), (value, *args), kwargs or {})
    return call(t, st, get_attribute(t, st, value, name), args, kwargs or {})


_TRACED = ("revtrace.trace", "revtrace.calls", "revtrace.passes.calls")
"""Modules of revtrace whose functions are written to be traced: derivatives of rows, and wrappers of them."""


def _plain(
    t: Tracer, st: State, f: types.FunctionType, value: Static, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    source = value.source if value.source is not None else Fixed(f)
    t.reliance.touch(f)
    if f.__module__ and f.__module__.partition(".")[0] == "revtrace" and not f.__module__.startswith(_TRACED):
        raise t.unsupported(
            f"calling {f.__module__}.{f.__qualname__}",
            "revtrace's own functions are not traced",
            "take the derivative outside and differentiate it whole (grad(grad(f)), hessian, hvp), or write it out",
        )
    defaults = tuple(_default(t, st, d, source, "__defaults__", k) for k, d in enumerate(f.__defaults__ or ()))
    kwdefaults = {k: _default(t, st, d, source, "__kwdefaults__", k) for k, d in (f.__kwdefaults__ or {}).items()}
    captured: dict[str, Ref] = {}
    cells: dict[str, Any] = {}
    for k, name in enumerate(f.__code__.co_freevars):
        cell = (f.__closure__ or ())[k]
        _, known = t.cells.get(id(cell), (None, None))
        if known is not None and known.id in st.heap:
            captured[name] = known
            continue
        try:
            contents = cell.cell_contents
        except ValueError:
            t.guard(Cell(source, k), "absent")
            cells[name] = UNDEF
            continue
        cells[name] = external(t, st, contents, Cell(source, k), "const")
    captured |= {name: st.new(CellBox(v)) for name, v in cells.items()}
    t.guard(source, "code", (f.__code__, f.__defaults__, f.__kwdefaults__)) if not isinstance(source, Fixed) else None
    return enter(t, st, f.__code__, f.__globals__, f, source, defaults, kwdefaults, captured, args, kwargs)


def _default(t: Tracer, st: State, value: Any, source: Any, kind: str, key: Any) -> Any:
    """Return the traced value of a default; the guard on the function's code covers those that cannot change."""
    fixed = value is None or isinstance(value, (bool, int, float, complex, str, bytes))
    return external(t, st, value, None if fixed else Item(_attr(source, kind), key), "const")


def _traced(t: Tracer, st: State, f: TracedFunction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return enter(t, st, f.code, f.globals, f, None, f.defaults, f.kwdefaults, f.captured, args, kwargs)
