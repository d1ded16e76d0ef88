"""Subscripts, slices, and making and filling containers and texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from revtrace.decode import Instr
from revtrace.trace.callables.as_text import own_text
from revtrace.trace.kinds import is_object
from revtrace.trace.objects import containers, indexing
from revtrace.trace.objects.texts import is_message, is_text, pinned, run_time_text
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import ListBox, State
from revtrace.trace.steps.handlers import keep, on, pop_n
from revtrace.trace.values import NONE, Ref, Slice, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


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
_OWN = {None: "__format__", "s": "__str__", "r": "__repr__"}


@on("FORMAT")
def _format(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    conversion, has_spec = instr.arg
    spec = st.stack.pop() if has_spec else Static("")
    given = st.stack.pop()
    value = _converted(t, st, given, conversion, spec)
    if conversion is None and isinstance(given, Ref) and is_object(st, given):
        st.stack.append(value if isinstance(value, Static) else run_time_text(t, value))
        return
    if not isinstance(value, Static) or not isinstance(spec, Static) or is_message(value) or is_text(spec):
        st.stack.append(run_time_text(t, value, spec))
        return
    try:
        st.stack.append(Static(format(value.value, spec.value)))
    except Exception as error:
        raise PythonRaise(error) from None


@on("CONVERT")
def _convert(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = _converted(t, st, st.stack.pop(), instr.arg, Static(""))
    st.stack.append(value if isinstance(value, Static) and not is_message(value) else run_time_text(t, value))


def _converted(t: Tracer, st: State, value: Any, conversion: str | None, spec: Any) -> Any:
    """Return what is to be formatted, as a known value or text where it can be one."""
    own = _OWN.get(conversion)
    if own is not None:
        text = own_text(t, st, own, value, spec.value if isinstance(spec, Static) else "")
        if text is not None:
            return text
    value = pinned(t, containers.as_static(t, st, value))
    if conversion is None or not isinstance(value, Static) or is_message(value):
        return value
    return Static(_CONVERSIONS[conversion](value.value))


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
