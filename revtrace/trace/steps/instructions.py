"""What each canonical instruction does to the traced state: one small function per name.

Here are variables, the stack and operators; containers, attributes, calls, jumps, exceptions and ``match`` have modules
of their own, see `revtrace.trace.steps.handlers`.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from revtrace.decode import Instr
from revtrace.trace.comparisons import compare, contains, identical, invert_truth, truth
from revtrace.trace.external import external
from revtrace.trace.operators import binary, inplace, unary
from revtrace.trace.record import Global
from revtrace.trace.sameness import DEAD
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import CellBox, State
from revtrace.trace.steps import attributes, building, calling, exceptions, jumps, matching
from revtrace.trace.steps.handlers import HANDLERS, keep, on, pop_n
from revtrace.trace.values import NULL, UNDEF, Maybe, Null, Ref, Static, Undef

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["step"]


# Imported for the handlers that they register.
del attributes, building, calling, exceptions, jumps, matching


def step(t: Tracer, fr: Frame, st: State, instr: Instr) -> Any:
    """Run one instruction."""
    t.current = st
    handler = HANDLERS.get(instr.name)
    if handler is None:
        name, reason = instr.arg if instr.name == "REFUSED" else (instr.name, "it is not supported")
        raise t.unsupported(f"{name}", str(reason), "write it as plain Python without it")
    return handler(t, fr, st, instr)


# variables --------------------------------------------------------------------------------


@on("LOAD_CONST")
def _load_const(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = instr.arg
    st.stack.append(Static(value))


@on("LOAD_LOCAL")
def _load_local(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = st.locals.get(instr.arg, UNDEF)
    if isinstance(value, Undef) or value is DEAD:
        raise PythonRaise(
            UnboundLocalError(f"cannot access local variable '{instr.arg}' where it is not associated with a value")
        )
    if isinstance(value, Maybe) and isinstance(value.missing, Undef):
        t.check(value.flag, "UnboundLocalError")
        value = value.value
    st.stack.append(value)


@on("STORE_LOCAL")
def _store_local(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = st.stack.pop()
    if isinstance(value, Null):
        st.locals.pop(instr.arg, None)
        return
    st.locals[instr.arg] = keep(t, value)


@on("DELETE_LOCAL")
def _delete_local(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    if st.locals.pop(instr.arg, UNDEF) is UNDEF:
        raise PythonRaise(UnboundLocalError(instr.arg))


@on("LOAD_LOCAL_AND_CLEAR")
def _load_and_clear(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = st.locals.pop(instr.arg, NULL)
    st.stack.append(NULL if isinstance(value, Undef) or value is DEAD else value)


@on("LOAD_GLOBAL", "LOAD_NAME")
def _load_global(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    name = instr.arg
    source = Global(fr.globals, name)
    written = t.global_cells.get((id(fr.globals), name))
    if written is not None:
        box = st.box(written)
        assert isinstance(box, CellBox)
        if not isinstance(box.value, Undef):
            st.stack.append(box.value)
            return
    if t.pinned is not None and str(fr.globals.get("__name__")).startswith("revtrace."):
        # The modules of `revtrace.trace.definitions` do not change.
        st.stack.append(Static(fr.globals[name] if name in fr.globals else getattr(builtins, name)))
        return
    if name in fr.globals:
        value = fr.globals[name]
    elif hasattr(builtins, name):
        st.stack.append(Static(getattr(builtins, name)))
        t.guard(source, "is", getattr(builtins, name))
        return
    else:
        t.guard(source, "absent")
        raise PythonRaise(NameError(f"name '{name}' is not defined"))
    st.stack.append(external(t, st, value, source, role="const"))


@on("STORE_GLOBAL")
def _store_global(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    # The change is seen by what follows; the caller's module is left as it is.
    ref = t.global_cells.get((id(fr.globals), instr.arg))
    if ref is None:
        before: Any = UNDEF
        if instr.arg in fr.globals:
            before = external(t, st, fr.globals[instr.arg], Global(fr.globals, instr.arg), role="const")
        ref = st.new(CellBox(before))
        t.originals[ref.id] = CellBox(before)
        t.global_cells[id(fr.globals), instr.arg] = ref
    st.set(ref, CellBox(keep(t, st.stack.pop())))
    t.side_effects = t.side_effects or t.b.loc


@on("DELETE_GLOBAL", "STORE_NAME", "DELETE_NAME")
def _change_namespace(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    raise t.unsupported(
        f"changing the name {instr.arg!r} of a module or class",
        "the gradient of a function that changes globals is not defined by its arguments",
        "pass the value as an argument and return it",
    )


def _cell(st: State, name: str) -> Ref:
    ref = st.locals[name]
    assert isinstance(ref, Ref)
    return ref


@on("MAKE_CELL")
def _make_cell(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.locals[instr.arg] = st.new(CellBox(st.locals.get(instr.arg, UNDEF)))


@on("LOAD_CLOSURE")
def _load_closure(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(_cell(st, instr.arg))


@on("LOAD_CELL")
def _load_cell(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    box = st.box(_cell(st, instr.arg))
    assert isinstance(box, CellBox)
    value = box.value
    if isinstance(value, Undef) or value is DEAD:
        raise PythonRaise(NameError(f"cannot access free variable '{instr.arg}'"))
    if isinstance(value, Maybe) and isinstance(value.missing, Undef):
        t.check(value.flag, "NameError")
        value = value.value
    st.stack.append(value)


@on("STORE_CELL")
def _store_cell(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.set(_cell(st, instr.arg), CellBox(keep(t, st.stack.pop())))


@on("DELETE_CELL")
def _delete_cell(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.set(_cell(st, instr.arg), CellBox(UNDEF))


@on("LOAD_BUILD_CLASS")
def _build_class(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(Static(builtins.__build_class__))


# the stack ------------------------------------------------------------------------------


@on("END_SEND")
def _end_send(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = st.stack.pop()
    st.stack[-1] = value


@on("POP")
def _pop(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.pop()


@on("PUSH_NULL")
def _push_null(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(NULL)


@on("COPY")
def _copy(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack[-instr.arg] = keep(t, st.stack[-instr.arg])
    st.stack.append(st.stack[-instr.arg])


@on("SWAP")
def _swap(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack[-1], st.stack[-instr.arg] = st.stack[-instr.arg], st.stack[-1]


# operators ---------------------------------------------------------------------------------


@on("BINARY")
def _binary(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    x, y = pop_n(st, 2)
    st.stack.append(binary(t, st, instr.arg, x, y))


@on("INPLACE")
def _inplace(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    x, y = pop_n(st, 2)
    st.stack.append(inplace(t, st, instr.arg, x, y))


@on("NEGATIVE", "POSITIVE", "INVERT")
def _unary(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    symbol = {"NEGATIVE": "-", "POSITIVE": "+", "INVERT": "~"}[instr.name]
    st.stack.append(unary(t, st, symbol, st.stack.pop()))


@on("NOT")
def _not(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(invert_truth(t, truth(t, st, st.stack.pop())))


@on("TO_BOOL")
def _to_bool(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(truth(t, st, st.stack.pop()))


@on("COMPARE")
def _compare(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    x, y = pop_n(st, 2)
    st.stack.append(compare(t, st, instr.arg, x, y))


@on("IS")
def _is(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    x, y = pop_n(st, 2)
    found = identical(t, st, x, y)
    st.stack.append(invert_truth(t, found) if instr.arg else found)


@on("CONTAINS")
def _contains(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    x, y = pop_n(st, 2)
    found = contains(t, st, x, y)
    st.stack.append(invert_truth(t, found) if instr.arg else found)
