"""Exceptions that are raised and handled while tracing, and ``with``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from revtrace.decode import Instr
from revtrace.trace.callables.calls import call
from revtrace.trace.objects import containers
from revtrace.trace.objects.attributes import get_attribute
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import ObjectBox, State
from revtrace.trace.steps.handlers import on, pop_n
from revtrace.trace.values import NONE, NULL, Ref, Static, Value

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["instance_of", "signal_of"]

HANDLED = ".handled"
"""Where a frame's state holds the exception that is being handled."""


@on("LOAD_ASSERTION_ERROR")
def _load_assertion(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(Static(AssertionError))


@on("RAISE")
def _raise(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    if instr.arg == 0:
        handled = st.locals.get(HANDLED)
        raise PythonRaise(RuntimeError("No active exception to reraise")) if handled is None else signal_of(st, handled)
    error, *cause = (instance_of(t, st, given, fr) for given in pop_n(st, instr.arg))
    if st.locals.get(HANDLED, error) is not error:
        _chain(st, error, "__context__", st.locals[HANDLED])
    if cause:
        _chain(st, error, "__cause__", cause[0])
    raise signal_of(st, error)


def instance_of(t: Tracer, st: State, error: Value, fr: Frame | None = None) -> Value:
    """Return the exception that is raised where a class is named."""
    if isinstance(error, Static) and isinstance(error.value, type) and issubclass(error.value, BaseException):
        made: Value = call(t, st, error, (), {}, fr)
        return made
    return error


class Unknown(Exception):
    """Stands for an exception known only when running, where another one was raised because of it."""


def _chain(st: State, error: Value, name: str, before: Value) -> None:
    """Note which exception led to another."""
    if isinstance(error, Ref):
        if isinstance(st.box(error), ObjectBox):
            st.learn(error, name, before)
    elif isinstance(error, Static) and isinstance(error.value, BaseException):
        known = before.value if isinstance(before, Static) else Unknown()
        if known is None or (isinstance(known, BaseException) and known is not error.value):
            setattr(error.value, name, known)


@on("RERAISE")
def _reraise(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    raise signal_of(st, st.stack.pop())


def signal_of(st: State, error: Value) -> PythonRaise:
    """Return what to raise for a traced exception."""
    if isinstance(error, Static) and isinstance(error.value, BaseException):
        return PythonRaise(error.value)
    if isinstance(error, Ref):
        box = st.box(error)
        if isinstance(box, ObjectBox) and issubclass(box.cls, BaseException):
            return PythonRaise(_blank(box.cls), error)
    return PythonRaise(TypeError("exceptions must derive from BaseException"))


def _blank(cls: type[BaseException]) -> BaseException:
    """Return an exception of a class that knows nothing yet; classes that need their arguments get a message."""
    blank = cls.__new__(cls)
    try:
        str(blank)
    except Exception:
        try:
            return cls(cls.__name__)
        except TypeError:
            return blank
    return blank


def _class_of(st: State, error: Value) -> type:
    if isinstance(error, Static):
        return type(error.value)
    assert isinstance(error, Ref)
    box = st.box(error)
    assert isinstance(box, ObjectBox)
    return box.cls


@on("STOPITERATION_ERROR")
def _stop_iteration_error(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    """A generator does not let a ``StopIteration`` out."""
    if issubclass(_class_of(st, st.stack[-1]), StopIteration):
        st.stack[-1] = Static(RuntimeError("generator raised StopIteration"))


@on("PUSH_EXC_INFO")
def _push_exc_info(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    error = st.stack[-1]
    st.stack[-1:] = [st.locals.get(HANDLED, NONE), error]
    st.locals[HANDLED] = error


@on("POP_EXCEPT")
def _pop_except(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    before = st.stack.pop()
    if before is NONE:
        st.locals.pop(HANDLED, None)
    else:
        st.locals[HANDLED] = before


@on("CHECK_EXC_MATCH")
def _check_exc_match(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    kind = containers.as_static(t, st, st.stack.pop())
    error = t.use(st.stack[-1])
    if not isinstance(kind, Static):
        raise t.unsupported(
            "an except clause decided while running", "what it catches must be known", "name the exceptions"
        )
    st.stack.append(Static(issubclass(_class_of(st, error), kind.value)))


@on("WITH_EXCEPT_START")
def _with_except(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    # Below the exception lie the one handled before it and the place it was raised at.
    leave, error = st.stack[-4], st.stack[-1]
    st.stack.append(call(t, st, leave, (Static(_class_of(st, error)), error, NONE), {}, fr))


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
