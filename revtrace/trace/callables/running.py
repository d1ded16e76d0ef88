"""Running a plain function's code: its arguments are bound to its parameters, and a frame is walked to its end."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from revtrace.errors import UnsupportedError
from revtrace.program.nodes import Const
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import CellBox, DictBox, IterBox, ListBox, State
from revtrace.trace.values import UNDEF, Num, Ref, Static, Tup, View

if TYPE_CHECKING:
    from types import CodeType

    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["collect", "enter", "fold_generator"]

MAX_RECURSION = 8
VARARGS, VARKW, GENERATOR = inspect.CO_VARARGS, inspect.CO_VARKEYWORDS, inspect.CO_GENERATOR
ASYNC = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


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
    # From the last on: made by hand there may be more defaults than parameters.
    for name, value in zip(reversed(params[:n]), reversed(defaults), strict=False):
        bound.setdefault(name, value)
    for name in keyword_only:
        if name not in bound and name in kwdefaults:
            bound[name] = kwdefaults[name]
    missing = [p for p in (*params, *keyword_only) if p not in bound]
    if missing:
        raise PythonRaise(TypeError(f"{code.co_name}() missing required argument: {missing[0]!r}"))
    return bound


def enter(
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
    inner = st.frame(bound, [])
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
    inner = st.frame({**generator.locals, ".acc": init}, [])
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
