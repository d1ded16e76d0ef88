"""Instructions that make functions, call them, return from them and yield."""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING, Any

from revtrace.decode import Instr
from revtrace.trace.callables.calls import call
from revtrace.trace.callables.traced_function import TracedFunction
from revtrace.trace.objects import containers
from revtrace.trace.objects.iterators import iterate
from revtrace.trace.state import State
from revtrace.trace.steps.handlers import keep, on, pop_n
from revtrace.trace.steps.suspended import resume, returned, returns, suspend
from revtrace.trace.values import NONE, NULL, Null, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__: list[str] = []


@on("MAKE_FUNCTION")
def _make_function(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    code = st.stack.pop().value
    assert isinstance(code, CodeType)
    parts = dict(zip(instr.arg, pop_n(st, len(instr.arg)), strict=True))
    function = TracedFunction(code, fr.globals, fr)
    for part, value in parts.items():
        function = function.having(t, st, part, value)
    st.stack.append(Static(function))


@on("SET_FUNCTION_ATTRIBUTE")
def _set_function_attribute(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value, function = pop_n(st, 2)
    st.stack.append(Static(function.value.having(t, st, instr.arg, value)))


@on("CALL")
def _call(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    nargs, names = instr.arg
    args = pop_n(st, nargs)
    _do_call(t, fr, st, args, names)


@on("CALL_KW")
def _call_kw(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    names = st.stack.pop().value
    _do_call(t, fr, st, pop_n(st, instr.arg), names)


def _do_call(t: Tracer, fr: Frame, st: State, args: list[Any], names: tuple[str, ...]) -> None:
    first, second = pop_n(st, 2)
    if isinstance(first, Null):
        function = second
    elif isinstance(second, Null):
        function = first
    else:
        function, args = first, [second, *args]
    count = len(args) - len(names)
    kwargs = dict(zip(names, args[count:], strict=True))
    t.settle_stack(st)
    st.stack.append(call(t, st, function, tuple(args[:count]), kwargs, fr))


@on("CALL_EX")
def _call_ex(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    kwargs = st.stack.pop() if instr.arg else NULL
    args = st.stack.pop()
    first, second = pop_n(st, 2)
    function = second if isinstance(first, Null) else first
    items = containers.items_of(t, st, args)
    named = {} if isinstance(kwargs, Null) else containers.as_keywords(t, st, kwargs)
    t.settle_stack(st)
    st.stack.append(call(t, st, function, tuple(items), named, fr))


@on("RETURN")
def _return(t: Tracer, fr: Frame, st: State, instr: Instr) -> str:
    st.stack[-1] = keep(t, st.stack[-1])
    if fr.on_yield is not None:
        st.stack[-1] = st.locals.get(".acc", NONE)
    return "return"


@on("RETURN_GENERATOR")
def _return_generator(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(NONE)


@on("YIELD_VALUE")
def _yield(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = keep(t, st.stack.pop())
    if fr.on_yield is None:
        raise t.unsupported(
            "a generator",
            "it is used in a way that keeps it beyond the place where it is made",
            "collect what it yields in a list",
        )
    fr.on_yield(st, value)
    st.stack.append(NONE)


@on("GET_YIELD_FROM_ITER")
def _yield_from(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    if fr.on_yield is None:
        raise t.unsupported(
            "a generator",
            "it is used in a way that keeps it beyond the place where it is made",
            "use it up in one loop",
        )
    source = iterate(t, st, st.stack.pop())
    if returns(st, source):
        # Item by item, for what it returns.
        suspend(st, source)
        while (item := resume(t, st, source)) is not None:
            fr.on_yield(st, item)
        st.stack.append(source)
        return
    for item in containers.items_of(t, st, source):
        fr.on_yield(st, keep(t, item))
    # What is left to SEND is an iterator that has ended.
    st.stack.append(iterate(t, st, Tup(())))


@on("SEND")
def _send(t: Tracer, fr: Frame, st: State, instr: Instr) -> Any:
    st.stack.pop()
    last = returned(st, st.stack[-1])
    if instr.arg:
        st.stack.pop()
    st.stack.append(last)
    return "jump"


@on("STOPITERATION_ERROR")
def _stop_iteration_error(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    error = st.stack[-1]
    if isinstance(error, Static) and isinstance(error.value, StopIteration):
        st.stack[-1] = Static(RuntimeError("generator raised StopIteration"))
