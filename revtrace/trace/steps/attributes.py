"""Attributes, and modules with what is taken from them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from revtrace.decode import Instr
from revtrace.trace.external import external
from revtrace.trace.objects.attributes import delete_attribute, get_attribute, set_attribute
from revtrace.trace.objects.members import super_attribute
from revtrace.trace.record import Global
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.steps.handlers import keep, on, pop_n
from revtrace.trace.values import NULL, Static

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


@on("LOAD_ATTR")
def _load_attr(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = st.stack.pop()
    st.stack.append(get_attribute(t, st, value, instr.arg))


@on("LOAD_METHOD")
def _load_method(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = st.stack.pop()
    st.stack += [get_attribute(t, st, value, instr.arg), NULL]


@on("STORE_ATTR")
def _store_attr(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value, target = pop_n(st, 2)
    set_attribute(t, st, target, instr.arg, keep(t, value))


@on("DELETE_ATTR")
def _delete_attr(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    delete_attribute(t, st, st.stack.pop(), instr.arg)


@on("LOAD_SUPER_ATTR")
def _load_super_attr(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    name, method, _ = instr.arg
    _, cls, self = pop_n(st, 3)
    st.stack.append(super_attribute(t, st, cls, self, name))
    if method:
        st.stack.append(NULL)


@on("IMPORT_NAME")
def _import_name(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    level, names = pop_n(st, 2)
    try:
        module = __import__(instr.arg, fr.globals, None, names.value, level.value)
    except ImportError as error:
        t.reliance.hide(f"{instr.arg} cannot be imported")
        raise PythonRaise(error) from None
    t.reliance.touch(module)
    st.stack.append(Static(module))


@on("IMPORT_FROM")
def _import_from(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    module = st.stack[-1].value
    try:
        value = getattr(module, instr.arg)
    except AttributeError:
        try:
            value = importlib.import_module(f"{module.__name__}.{instr.arg}")
        except ImportError as error:
            t.reliance.hide(f"{instr.arg} cannot be imported")
            raise PythonRaise(error) from None
    st.stack.append(external(t, st, value, Global(vars(module), instr.arg), role="const"))
