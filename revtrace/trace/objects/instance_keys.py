"""Instances as keys of dicts and items of sets, whose classes say which of them are equal."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import ObjectBox, State
from revtrace.trace.values import InstanceKey, Ref, Static

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["Entered", "by_hash", "instance_key"]


@dataclass(frozen=True, slots=True)
class Entered:
    """A key that was used, and the instance as it was."""

    key: InstanceKey
    box: ObjectBox


def by_hash(st: State, value: Any) -> bool:
    """Whether a value is an instance of a class that says which of its instances are equal."""
    box = st.box(value) if isinstance(value, Ref) else None
    cls: Any = box.cls if isinstance(box, ObjectBox) else object
    return cls.__eq__ is not object.__eq__ or cls.__hash__ is not object.__hash__


def instance_key(t: Tracer, st: State, ref: Ref) -> InstanceKey:
    """Return what an instance is entered as: of one number with those it is equal to."""
    box = st.box(ref)
    assert isinstance(box, ObjectBox)
    code = _hash(t, st, ref, box)
    for entered in t.instance_keys:
        other = entered.key
        now = st.heap.get(other.ref.id)
        if now is None:
            # It was made on a way that does not lead here; what is equal to it has its number all the same.
            st = st.fork()
            st.heap[other.ref.id] = entered.box
        elif now is not entered.box and (not isinstance(now, ObjectBox) or _hash(t, st, other.ref, now) != other.hash):
            raise t.unsupported(
                f"a {entered.box.cls.__name__} that is a key changes",
                "a dict finds what was entered by what it was then",
                "make the key of values that stay as they are",
            )
        if other.hash == code and (other.ref == ref or _equal(t, st, other.ref, ref)):
            return InstanceKey(ref, other.number, code)
    key = InstanceKey(ref, len(t.instance_keys), code)
    t.instance_keys.append(Entered(key, box))
    return key


def _hash(t: Tracer, st: State, ref: Ref, box: ObjectBox) -> int:
    from revtrace.trace.callables.calls import call

    own: Any = box.cls.__hash__
    if own is None:
        raise PythonRaise(TypeError(f"unhashable type: '{box.cls.__name__}'"))
    if own is object.__hash__:
        raise t.unsupported(
            f"a {box.cls.__name__} as a key",
            "it has its own __eq__ but is found by where it lies",
            "give it a __hash__",
        )
    found = call(t, st, Static(own), (ref,), {}) if isinstance(own, types.FunctionType) else None
    if not isinstance(found, Static):
        raise t.unsupported(
            f"a {box.cls.__name__} as a key whose hash is known only when running",
            "keys must be known when tracing: they decide what the program consists of",
            "make the key of values that are known, or use a list that is searched",
        )
    return hash(_Hashed(found.value))


class _Hashed:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return self.value  # type: ignore[no-any-return]


def _equal(t: Tracer, st: State, a: Ref, b: Ref) -> bool:
    from revtrace.trace import comparisons

    found = comparisons.truth(t, st, comparisons.compare(t, st, "==", a, b))
    if not isinstance(found, Static):
        raise t.unsupported(
            "keys that are compared by run-time values",
            "keys must be known when tracing: they decide what the program consists of",
            "make the keys of values that are known, or use a list that is searched",
        )
    return bool(found.value)
