"""Calls: plain functions are traced into, everything else is looked up or refused by name."""

from __future__ import annotations

import functools
import operator
import sys
import threading
import types
import typing
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
from revtrace.trace.objects.attributes import Method, get_attribute
from revtrace.trace.objects.members import class_source
from revtrace.trace.record import Cell, Fixed, Item
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import CellBox, ObjectBox, State
from revtrace.trace.values import NONE, UNDEF, Bound, Ref, Static, Tup, Vectorized

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


__all__ = ["call", "call_method"]
_GETTERS = (operator.itemgetter, operator.attrgetter, operator.methodcaller)


def call(
    t: Tracer, st: State, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], fr: Frame | None = None
) -> Any:
    """Call a traced value."""
    function = t.use(function)
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
                return memo.call_memoised(t, st, function.id, box.get("__wrapped__"), args, kwargs)
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
    rule = users.find(users.plain_of(f))
    if rule is not None:
        from revtrace.trace.callables.user_rules import call_rule

        return call_rule(t, st, users.plain_of(f), rule, args, kwargs)
    # Before partials: revtrace's handles are both.
    py_func = getattr(f, "py_func", None)
    if isinstance(py_func, types.FunctionType):
        return _plain(
            t, st, py_func, Static(py_func, function.source and _attr(function.source, "py_func")), args, kwargs
        )
    entered = None if _stands_for_plain(f) else functions.find_instance(f)
    if entered is not None:
        return entered(t, st, f, function.source, args, kwargs, fr)
    if isinstance(f, functools.partial):
        source = function.source
        first = tuple(
            external(t, st, a, None if source is None else _partial_arg(source, k), "const")
            for k, a in enumerate(f.args)
        )
        given = None if source is None else _attr(source, "keywords")
        t.guard(given, "keys", tuple(f.keywords))
        more = {
            k: external(t, st, v, None if given is None else Item(given, k), "const") for k, v in f.keywords.items()
        }
        # What a handle calls is not the user's function.
        name = "function" if hasattr(f, "callee") else "func"
        inner_source = None if source is None else _attr(source, name)
        return call(
            t, st, external(t, st, getattr(f, name), inner_source, "const"), (*first, *args), {**more, **kwargs}, fr
        )
    if isinstance(f, _GETTERS):
        from revtrace.trace.callables.library import call_getter

        return call_getter(t, st, f, args[0])
    if isinstance(f, (Vectorized, np.vectorize)):
        from revtrace.trace.numpy.array_algorithms import call_vectorized

        return call_vectorized(t, st, f, args, kwargs)
    kernel = getattr(getattr(f, "_dispatcher", None), "py_func", None)
    if isinstance(kernel, types.FunctionType) and getattr(f, "signature", "") is None and not kwargs:
        # What numba.vectorize makes of a function of numbers.
        from revtrace.trace.numpy.array_algorithms import elementwise_call

        where = function.source and _attr(_attr(function.source, "_dispatcher"), "py_func")
        return elementwise_call(t, st, Static(kernel, where), args)
    by_code = users.is_opted_out(f)
    handler = None if by_code else functions.find(f)
    if handler is not None:
        return functions.handled(t, st, f, handler, args, kwargs, fr)
    entry = None if by_code else callables.find(f)
    if entry is not None:
        return elementwise.call_entry(t, st, f, entry, args, kwargs)
    wrapped = getattr(f, "__wrapped__", None)
    if isinstance(getattr(f, "registry", None), types.MappingProxyType) and hasattr(f, "dispatch"):
        from revtrace.trace.callables.library import dispatched

        return call(t, st, dispatched(t, st, function, args), args, kwargs, fr)
    stand_in = libraries.find(f)
    if stand_in is not None:
        from revtrace.trace.definitions.register import traced

        return traced(t, st, stand_in, args, kwargs)
    if isinstance(f, types.FunctionType):
        designs = libraries.designs(f)
        if designs or (f.__module__ or "").partition(".")[0] in evaluate.PURE_PYTHON:
            ready = evaluate.evaluate(t, st, f, args, kwargs, pure=designs)
            if ready is not None:
                return ready
        return _plain(t, st, f, function, args, kwargs)
    if isinstance(f, types.MethodType):
        owner = external(t, st, f.__self__, None, "const")
        return call(t, st, Static(f.__func__), (owner, *args), kwargs, fr)
    if isinstance(wrapped, types.FunctionType):
        if isinstance(f, functools._lru_cache_wrapper):
            return memo.call_memoised(t, st, f, Static(wrapped), args, kwargs)
        if type(f).__name__ == "_ArrayFunctionDispatcher":
            return _plain(t, st, wrapped, Static(wrapped), args, kwargs)
    if isinstance(f, types.WrapperDescriptorType) and f.__name__ == "__init__":
        if issubclass(f.__objclass__, BaseException) and isinstance(args[0], Ref):
            st.set_field(args[0], "args", Tup(args[1:]))
            return NONE
    if isinstance(f, type):
        return construct.construct(t, st, f, args, kwargs)
    ready = evaluate.evaluate(t, st, f, args, kwargs)
    if ready is not None:
        return ready
    integers = evaluate.deciding_integers(t, st, f, args, kwargs)
    if integers:
        raise NeedStatic(integers, f"{getattr(f, '__name__', f)}() is computed when tracing", t.b.loc)
    if isinstance(getattr(f, "__self__", None), _LOCKS) or getattr(f, "__objclass__", None) in _LOCKS:
        # A run shares nothing with other threads but what it is given.
        return NONE if f.__name__ in ("__exit__", "release") else Static(True)
    if _shows(st, f, args):
        # As with print: what is shown is no part of the value.
        return NONE
    own = next((vars(cls)["__call__"] for cls in type(f).__mro__ if "__call__" in vars(cls)), None)
    if isinstance(own, types.FunctionType):
        return call(t, st, Static(own), (external(t, st, f, None, "const"), *args), kwargs)
    name = (
        f"the ufunc {f.__name__}"
        if isinstance(f, np.ufunc)
        else getattr(f, "__qualname__", None) or type(f).__qualname__
    )
    module = getattr(f, "__module__", None)
    raise t.unsupported(
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
    if isinstance(value, Ref):
        box = st.box(value)
        if isinstance(box, ObjectBox):
            found = getattr(box.cls, name, None)
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
