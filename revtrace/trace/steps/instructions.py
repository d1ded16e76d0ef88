"""What each canonical instruction does to the traced state: one small function per name.

Jumps, exceptions and ``match`` have modules of their own; see `revtrace.trace.steps.handlers`.
"""

from __future__ import annotations

import builtins
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from revtrace.decode import Instr
from revtrace.trace.comparisons import compare, contains, identical, invert_truth, truth
from revtrace.trace.external import external
from revtrace.trace.objects import containers, indexing
from revtrace.trace.objects.attributes import delete_attribute, get_attribute, set_attribute
from revtrace.trace.objects.members import super_attribute
from revtrace.trace.objects.texts import is_message, is_text, run_time_text
from revtrace.trace.operators import binary, inplace, unary
from revtrace.trace.record import Global
from revtrace.trace.sameness import DEAD
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import CellBox, ListBox, State
from revtrace.trace.steps import calling, exceptions, jumps, matching
from revtrace.trace.steps.handlers import HANDLERS, keep, on, pop_n
from revtrace.trace.values import NONE, NULL, UNDEF, Maybe, Null, Ref, Slice, Static, Tup, Undef

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["step"]


del calling, exceptions, jumps, matching


def step(t: Tracer, fr: Frame, st: State, instr: Instr) -> Any:
    """Run one instruction."""
    t.current = st
    handler = HANDLERS.get(instr.name)
    if handler is None:
        name, reason = instr.arg if instr.name == "REFUSED" else (instr.name, "it is not supported")
        raise t.unsupported(f"{name}", str(reason))
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


# subscripts and containers ------------------------------------------------------------------


@on("SUBSCR")
def _subscr(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    x, k = pop_n(st, 2)
    st.stack.append(indexing.get_item(t, st, x, k))


@on("STORE_SUBSCR")
def _store_subscr(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value, x, k = pop_n(st, 3)
    # Of ``a[0], a[1] = f(a), g(a)`` the second value waits, and is that of before the first assignment.
    t.settle_stack(st)
    indexing.set_item(t, st, x, k, value)


@on("DELETE_SUBSCR")
def _delete_subscr(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    x, k = pop_n(st, 2)
    indexing.delete_item(t, st, x, k)


@on("BUILD_SLICE")
def _build_slice(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    parts = pop_n(st, instr.arg)
    if len(parts) == 2:
        parts.append(NONE)
    if all(isinstance(p, Static) for p in parts):
        st.stack.append(Static(slice(*(p.value for p in parts))))
    else:
        st.stack.append(Slice(*parts))


@on("BUILD_TUPLE")
def _build_tuple(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(Tup(tuple(keep(t, v) for v in pop_n(st, instr.arg))))


@on("BUILD_LIST")
def _build_list(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(st.new(ListBox(tuple(keep(t, v) for v in pop_n(st, instr.arg)))))


@on("BUILD_SET")
def _build_set(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(containers.make_set(t, st, pop_n(st, instr.arg)))


@on("BUILD_MAP")
def _build_map(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    parts = pop_n(st, 2 * instr.arg)
    st.stack.append(containers.make_dict(t, st, parts[::2], [keep(t, v) for v in parts[1::2]]))


@on("BUILD_CONST_KEY_MAP")
def _build_const_map(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    names = st.stack.pop()
    keys = [Static(k) for k in names.value]
    st.stack.append(containers.make_dict(t, st, keys, [keep(t, v) for v in pop_n(st, instr.arg)]))


@on("BUILD_STRING")
def _build_string(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    parts = pop_n(st, instr.arg)
    known = all(isinstance(p, Static) and isinstance(p.value, str) for p in parts)
    st.stack.append(Static("".join(p.value for p in parts)) if known else run_time_text(t, *parts))


_CONVERSIONS: dict[str, Callable[[Any], str]] = {"s": str, "r": repr, "a": ascii}


@on("FORMAT")
def _format(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    conversion, has_spec = instr.arg
    spec = st.stack.pop() if has_spec else Static("")
    value = containers.as_static(t, st, st.stack.pop())
    if not isinstance(value, Static) or not isinstance(spec, Static) or is_message(value) or is_text(spec):
        st.stack.append(run_time_text(t, value, spec))
        return
    converted = value.value if conversion is None else _CONVERSIONS[conversion](value.value)
    try:
        st.stack.append(Static(format(converted, spec.value)))
    except Exception as error:
        raise PythonRaise(error) from None


@on("CONVERT")
def _convert(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = containers.as_static(t, st, st.stack.pop())
    if not isinstance(value, Static) or is_message(value):
        st.stack.append(run_time_text(t, value))
        return
    st.stack.append(Static(_CONVERSIONS[instr.arg](value.value)))


@on("LIST_APPEND")
def _list_append(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = keep(t, st.stack.pop())
    containers.append(t, st, st.stack[-instr.arg], value)


@on("SET_ADD")
def _set_add(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = st.stack.pop()
    containers.set_add(t, st, st.stack[-instr.arg], value)


@on("MAP_ADD")
def _map_add(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    key, value = pop_n(st, 2)
    indexing.set_item(t, st, st.stack[-instr.arg], key, keep(t, value))


@on("LIST_EXTEND")
def _list_extend(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = st.stack.pop()
    containers.extend(t, st, st.stack[-instr.arg], value)


@on("SET_UPDATE")
def _set_update(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = st.stack.pop()
    for item in containers.items_of(t, st, value):
        containers.set_add(t, st, st.stack[-instr.arg], item)


@on("DICT_UPDATE", "DICT_MERGE")
def _dict_update(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = st.stack.pop()
    containers.update(t, st, st.stack[-instr.arg], value)


@on("LIST_TO_TUPLE")
def _list_to_tuple(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(Tup(tuple(containers.items_of(t, st, st.stack.pop()))))


@on("UNPACK")
def _unpack(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack += containers.unpack(t, st, st.stack.pop(), instr.arg)[::-1]


@on("UNPACK_EX")
def _unpack_ex(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    before, after = instr.arg
    items = containers.items_of(t, st, st.stack.pop())
    if len(items) < before + after:
        raise PythonRaise(ValueError(f"not enough values to unpack (expected at least {before + after})"))
    end = len(items) - after
    middle = st.new(ListBox(tuple(items[before:end])))
    st.stack += [*items[:before], middle, *items[end:]][::-1]


# attributes and imports --------------------------------------------------------------------


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
    package = fr.globals.get("__package__") or fr.globals.get("__name__", "").rpartition(".")[0]
    try:
        module = __import__(instr.arg, fr.globals, None, names.value, level.value)
    except ImportError as error:
        t.reliance.hide(f"{instr.arg} cannot be imported")
        raise PythonRaise(error) from None
    del package
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
