"""``match``: the instructions that test a subject's kind and take it apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.decode import Instr
from revtrace.trace.callables.builtin_types import is_instance
from revtrace.trace.objects import containers
from revtrace.trace.objects.attributes import get_attribute
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import DictBox, Growing, ListBox, State
from revtrace.trace.steps.handlers import on
from revtrace.trace.values import NONE, Ref, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__: list[str] = []

_WHOLE = (bool, bytearray, bytes, dict, float, frozenset, int, list, set, str, tuple)
"""Classes whose one positional pattern is the subject itself."""


@on("GET_LEN")
def _get_len(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    st.stack.append(containers.length(t, st, st.stack[-1]))


@on("MATCH_SEQUENCE")
def _match_sequence(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = st.stack[-1]
    sequence = isinstance(value, Tup) or (isinstance(value, Ref) and isinstance(st.box(value), (ListBox, Growing)))
    if isinstance(value, Static):
        sequence = isinstance(value.value, (tuple, list, range))
    st.stack.append(Static(sequence))


@on("MATCH_MAPPING")
def _match_mapping(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    value = st.stack[-1]
    st.stack.append(Static(isinstance(value, Ref) and isinstance(st.box(value), DictBox)))


@on("MATCH_KEYS")
def _match_keys(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    subject, keys = st.stack[-2:]
    box = st.box(subject)
    assert isinstance(box, DictBox)
    found = [box.get(k.value) for k in containers.items_of(t, st, keys) if isinstance(k, Static)]
    values = tuple(v for v in found if v is not None)
    st.stack.append(Tup(values) if len(values) == len(found) else NONE)


@on("MATCH_CLASS")
def _match_class(t: Tracer, fr: Frame, st: State, instr: Instr) -> None:
    subject, cls, names = st.stack[-3:]
    del st.stack[-3:]
    found = _parts(t, st, t.use(subject), cls.value, int(instr.arg), names.value)
    st.stack.append(NONE if found is None else Tup(tuple(found)))


def _parts(t: Tracer, st: State, subject: Any, cls: Any, count: int, names: tuple[str, ...]) -> list[Any] | None:
    """Return what a class pattern binds, positional ones first; None where it does not match."""
    if not is_instance(t, st, subject, cls):
        return None
    first = getattr(cls, "__match_args__", ())
    if count == 1 and cls in _WHOLE and not first:
        taken = [subject]
    elif count > len(first):
        raise PythonRaise(TypeError(f"{cls.__name__}() accepts {len(first)} positional sub-patterns ({count} given)"))
    else:
        taken = []
        names = (*first[:count], *names)
    try:
        return [*taken, *(get_attribute(t, st, subject, name) for name in names)]
    except PythonRaise as signal:
        if isinstance(signal.error, AttributeError):
            return None
        raise
