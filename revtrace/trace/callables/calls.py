"""Calls: plain functions are traced into, everything else is looked up or refused by name."""

from __future__ import annotations

import functools
import inspect
import operator
import sys
import types
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.calls import users
from revtrace.errors import UnsupportedError
from revtrace.program.nodes import Const
from revtrace.rules import callables
from revtrace.trace import libraries
from revtrace.trace.callables import functions, memo
from revtrace.trace.external import external
from revtrace.trace.ndarray import elementwise
from revtrace.trace.objects.attributes import Method, get_attribute
from revtrace.trace.objects.members import class_source
from revtrace.trace.record import Cell, Fixed, Item
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import CellBox, DictBox, IterBox, ListBox, ObjectBox, State
from revtrace.trace.values import NONE, UNDEF, Bound, Num, Ref, Static, Tup, Vectorized, View

if TYPE_CHECKING:
    from types import CodeType

    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["TracedFunction", "call", "call_method", "collect", "fold_generator"]

MAX_RECURSION = 8
_GETTERS = (operator.itemgetter, operator.attrgetter, operator.methodcaller)
VARARGS, VARKW, GENERATOR = inspect.CO_VARARGS, inspect.CO_VARKEYWORDS, inspect.CO_GENERATOR
ASYNC = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


#: Where a function's attributes are among what it holds.
_FIELDS = ".fields"


class TracedFunction:
    """A function made while tracing: its code, the values of its defaults and its cells."""

    def __init__(self, code: CodeType, globals_: dict[str, Any], frame: Any) -> None:
        self.code = code
        self.globals = globals_
        self.frame = frame
        self.defaults: tuple[Any, ...] = ()
        self.kwdefaults: dict[str, Any] = {}
        self.captured: dict[str, Ref] = {}
        self.__qualname__ = code.co_qualname
        self.__name__ = code.co_name

    def get_field(self, st: State, name: str) -> Any:
        """Return an attribute that was set on the function, or None."""
        fields = self.captured.get(_FIELDS)
        return None if fields is None else st.box(fields).get(name)  # type: ignore[union-attr]

    def set_field(self, t: Tracer, st: State, name: str, value: Any) -> None:
        """Set an attribute of the function."""
        if _FIELDS not in self.captured:
            empty = DictBox(())
            ref = st.new(empty)
            t.originals[ref.id] = empty
            self.captured = {**self.captured, _FIELDS: ref}
        st.set_item(self.captured[_FIELDS], name, value)

    def having(self, t: Tracer, st: State, part: str, value: Any) -> TracedFunction:
        """Return the function with defaults or a closure."""
        from revtrace.trace.objects.containers import items_of

        new = TracedFunction(self.code, self.globals, self.frame)
        new.defaults, new.kwdefaults, new.captured = self.defaults, self.kwdefaults, self.captured
        if part == "defaults":
            new.defaults = tuple(items_of(t, st, value))
        elif part == "kwdefaults":
            box = st.box(value)
            assert isinstance(box, DictBox)
            new.kwdefaults = dict(box.items)
        elif part == "closure":
            names = self.code.co_freevars
            new.captured = dict(zip(names, items_of(t, st, value), strict=True))
        return new


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
        if designs or (f.__module__ or "").partition(".")[0] in functions.PURE_PYTHON:
            ready = functions.evaluate(t, st, f, args, kwargs, pure=designs)
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
        return functions.construct(t, st, f, args, kwargs)
    ready = functions.evaluate(t, st, f, args, kwargs)
    if ready is not None:
        return ready
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


# plain functions --------------------------------------------------------------------------


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
    return _enter(t, st, f.__code__, f.__globals__, f, source, defaults, kwdefaults, captured, args, kwargs)


def _default(t: Tracer, st: State, value: Any, source: Any, kind: str, key: Any) -> Any:
    """Return the traced value of a default; the guard on the function's code covers those that cannot change."""
    fixed = value is None or isinstance(value, (bool, int, float, complex, str, bytes))
    return external(t, st, value, None if fixed else Item(_attr(source, kind), key), "const")


def _traced(t: Tracer, st: State, f: TracedFunction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _enter(t, st, f.code, f.globals, f, None, f.defaults, f.kwdefaults, f.captured, args, kwargs)


def bind(
    t: Tracer,
    st: State,
    code: CodeType,
    defaults: tuple[Any, ...],
    kwdefaults: dict[str, Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> dict[str, Any]:
    """Bind arguments to parameters as a call does."""
    names = code.co_varnames
    n, posonly, kwonly = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
    params, keyword_only = names[:n], names[n : n + kwonly]
    bound: dict[str, Any] = dict(zip(params, args, strict=False))
    rest = args[n:]
    at = n + kwonly
    if code.co_flags & VARARGS:
        bound[names[at]] = Tup(tuple(rest))
        at += 1
    elif rest:
        raise PythonRaise(TypeError(f"{code.co_name}() takes {n} positional arguments but {len(args)} were given"))
    extra: dict[str, Any] = {}
    for k, v in kwargs.items():
        if k in params[posonly:] or k in keyword_only:
            if k in bound:
                raise PythonRaise(TypeError(f"{code.co_name}() got multiple values for argument '{k}'"))
            bound[k] = v
        elif code.co_flags & VARKW:
            extra[k] = v
        else:
            raise PythonRaise(TypeError(f"{code.co_name}() got an unexpected keyword argument '{k}'"))
    if code.co_flags & VARKW:
        bound[names[at]] = st.new(DictBox(tuple(extra.items())))
    for name, value in zip(params[n - len(defaults) :], defaults, strict=True):
        bound.setdefault(name, value)
    for name in keyword_only:
        if name not in bound and name in kwdefaults:
            bound[name] = kwdefaults[name]
    missing = [p for p in (*params, *keyword_only) if p not in bound]
    if missing:
        raise PythonRaise(TypeError(f"{code.co_name}() missing required argument: {missing[0]!r}"))
    return bound


def _enter(
    t: Tracer,
    st: State,
    code: CodeType,
    globals_: dict[str, Any],
    function: Any,
    source: Any,
    defaults: tuple[Any, ...],
    kwdefaults: dict[str, Any],
    captured: dict[str, Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Bind the arguments and run a function's code on the caller's heap."""
    from revtrace.trace.frames import Frame, shape_of

    if code.co_flags & ASYNC:
        raise t.unsupported(
            f"the coroutine {code.co_name}", "asynchronous code is not differentiated", "write a plain function"
        )
    bound = bind(t, st, code, defaults, kwdefaults, args, kwargs)
    if sum(frame.shape.code is code for frame in t.frames) > MAX_RECURSION:
        _fix_recursion(t, bound)
    shape = shape_of(code)
    t.reliance.codes.setdefault(code)
    inner = State(bound, [], st.heap, 0, t.originals)
    for name in shape.cells:
        inner.locals[name] = inner.new(CellBox(inner.locals.get(name, UNDEF)))
    for name, ref in captured.items():
        inner.locals[name] = ref
    frame = Frame(shape, function, source, globals_, {}, start=len(t.b.defs))
    if code.co_flags & GENERATOR:
        return st.new(IterBox("generator", (Static(_Generator(frame, inner.locals)),)))
    return run_frame(t, st, frame, inner)


def _fix_recursion(t: Tracer, bound: dict[str, Any]) -> None:
    """A recursion that does not end by itself: what decides its depth must be known."""
    deciding: list[Any] = []
    for value in bound.values():
        if isinstance(value, Num) and value.dtype[0] in "iub" and not isinstance(value.operand, Const):
            deciding.append(value.operand)
        elif isinstance(value, View):
            deciding += [n for n in value.shape if not isinstance(n, Const)]
    if deciding or t.pins.under:
        why = "the depth of a recursion must be known"
        raise NeedStatic(tuple(deciding), why, t.b.loc, otherwise=tuple(t.pins.under))


class _Generator:
    """A generator that has not been started."""

    def __init__(self, frame: Frame, locals_: dict[str, Any]) -> None:
        self.frame, self.locals = frame, locals_
        self.captured = {k: v for k, v in locals_.items() if isinstance(v, Ref)}


def run_frame(t: Tracer, st: State, frame: Frame, inner: State) -> Any:
    """Run a frame to its end; the caller's heap becomes what it left."""
    from revtrace.trace.machine import MAX_DEPTH

    if t.depth >= MAX_DEPTH:
        raise RecursionError
    loc, pinned = t.b.loc, t.pinned
    if not str(frame.globals.get("__name__")).startswith("revtrace."):
        t.pinned = None
    mark, t.fork_mark = t.fork_mark, t.latest()
    t.depth += 1
    t.frames.append(frame)
    try:
        exits = t.resume(frame, t.run(frame, 0, inner, {}), {})
    except (UnsupportedError, NeedStatic) as stop:
        if len(t.frames) > 1:
            stop.calls.append(loc)
        raise
    finally:
        t.depth -= 1
        t.frames.pop()
        t.fork_mark = mark
        t.pinned = pinned
    if t.frames:
        # What the outermost function hands back is judged where it returns.
        t.b.loc = loc
    if not exits:
        raise PythonRaise(RuntimeError("every path of the function raises"))
    (end,) = exits
    st.heap = end.state.heap
    t.current = st
    return end.state.stack[-1]


# generators -----------------------------------------------------------------------------------


def fold_generator(t: Tracer, st: State, ref: Ref, init: Any, combine: Any) -> Any:
    """Run a generator to its end, folding what it yields into one value."""
    box = st.box(ref)
    assert isinstance(box, IterBox)
    if box.position != 0:
        return init
    st.set(ref, replace(box, position=1))
    generator: Any = box.parts[0].value  # type: ignore[union-attr]

    def on_yield(state: State, value: Any) -> None:
        state.locals[".acc"] = combine(state, state.locals[".acc"], value)

    frame = replace(generator.frame, on_yield=on_yield)
    inner = State({**generator.locals, ".acc": init}, [], st.heap, 0, t.originals)
    return run_frame(t, st, frame, inner)


def collect(t: Tracer, st: State, ref: Ref) -> Ref:
    """Run a generator to its end and return a list of what it yields."""
    from revtrace.trace.objects.containers import append

    made = st.new(ListBox(()))

    def add(state: State, acc: Any, value: Any) -> Any:
        append(t, state, acc, value)
        return acc

    found = fold_generator(t, st, ref, made, add)
    assert isinstance(found, Ref)
    return found
