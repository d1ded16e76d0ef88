"""Exceptions that are raised and handled while tracing, and ``with``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revtrace.decode import Instr
from revtrace.trace import containers
from revtrace.trace.attributes import get_attribute
from revtrace.trace.calls import call
from revtrace.trace.handlers import on, pop_n
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, NULL, Static

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__: list[str] = []


@on("LOAD_ASSERTION_ERROR")
def _load_assertion(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(Static(AssertionError))


@on("RAISE")
def _raise(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    if instr.arg == 0:
        raise PythonRaise(RuntimeError("No active exception to reraise"))
    parts = pop_n(st, instr.arg)
    error = parts[0]
    if isinstance(error, Static):
        value = error.value
        if isinstance(value, type) and issubclass(value, BaseException):
            value = value()
        if isinstance(value, BaseException):
            raise PythonRaise(value)
    raise PythonRaise(Exception("an exception"))


@on("RERAISE")
def _reraise(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    error = st.stack.pop()
    raise PythonRaise(error.value if isinstance(error, Static) else RuntimeError("reraised"))


@on("PUSH_EXC_INFO")
def _push_exc_info(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack[-1:] = [NONE, st.stack[-1]]


@on("POP_EXCEPT")
def _pop_except(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.pop()


@on("CHECK_EXC_MATCH")
def _check_exc_match(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    kind = containers.as_static(t, st, st.stack.pop())
    error = st.stack[-1]
    if not isinstance(kind, Static) or not isinstance(error, Static):
        raise t.unsupported("an except clause decided while running", "", "")
    st.stack.append(Static(isinstance(error.value, kind.value)))


@on("WITH_EXCEPT_START")
def _with_except(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    # Below the exception lie the one handled before it and the place it was raised at.
    leave, error = st.stack[-4], st.stack[-1]
    cls = Static(type(error.value)) if isinstance(error, Static) else NONE
    st.stack.append(call(t, st, leave, (cls, error, NONE), {}, fr))


@on("BEFORE_WITH")
def _before_with(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    manager = st.stack.pop()
    enter = get_attribute(t, st, manager, "__enter__")
    leave = get_attribute(t, st, manager, "__exit__")
    st.stack += [leave, call(t, st, enter, (), {}, fr)]


@on("LOAD_SPECIAL")
def _load_special(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    manager = st.stack.pop()
    st.stack += [get_attribute(t, st, manager, instr.arg), NULL]
