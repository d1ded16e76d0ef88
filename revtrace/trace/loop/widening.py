"""The forms that a loop's variables are given where what was assumed of them does not fit the end of the body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Operand, Var
from revtrace.program.types import BOOL
from revtrace.trace.aliases import Stale
from revtrace.trace.join import either_misses
from revtrace.trace.loop.lengths import broadcast_once
from revtrace.trace.loop.slots import Fields, Slot, kind_of
from revtrace.trace.numbers import promoted
from revtrace.trace.objects.growing_items import items_form
from revtrace.trace.sameness import (
    DEAD,
    fields,
    loosen,
    rebuild,
    same,
    same_form,
    same_operand,
    same_shape,
    view_operands,
    with_operands,
)
from revtrace.trace.signals import Growth, NeedStatic
from revtrace.trace.state import Growing, ObjectBox, State
from revtrace.trace.values import UNDEF, Bound, Conflict, Maybe, Ref, Static, Tup, View, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.loop.carry import Carried
    from revtrace.trace.machine import Tracer

__all__ = ["Widening"]


class Widening:
    """Makes forms that fit both ends of the body; ``swapped`` has the parameters of arrays that trade places."""

    def __init__(self, carried: Carried, back: State, swapped: Mapping[Operand, Var]) -> None:
        self.t, self.carried, self.back, self.swapped = carried.t, carried, back, swapped

    def general(self, h: Any, b: Any, slot: Slot) -> Any:
        """Return a form for a value that is ``h`` at the start of the body and ``b`` at its end."""
        hint = slot[1] if slot[0] == "local" else "exit" if slot[0] == "tag" else ""
        if isinstance(h, Fields):
            return self.record(h, b, slot)
        if b is DEAD:
            return h
        if h is DEAD:
            return self.fresh(b, hint)
        kinds = _kind_in(self.t, h), _kind_in(self.t, b)
        if kinds[0] is not None and kinds[1] is not None and (is_numeric(h) or is_numeric(b)):
            dtype, weak = promoted(kinds[0], kinds[1])
            return self.carried.number(dtype, weak, hint)
        for missing in (UNDEF, Static(None)):
            if either_misses(h, b, missing):
                x, y = _part(h, missing), _part(b, missing)
                value = self.general(x, y, slot) if not same(x, y) or is_numeric(x) else x
                if isinstance(value, Conflict):
                    return value
                return Maybe(value, self.carried.param(BOOL, ""), missing)
        if isinstance(h, Tup) and isinstance(b, Tup) and h.cls is b.cls and len(h.items) == len(b.items):
            items = []
            for x, y in zip(h.items, b.items, strict=True):
                items.append(x if same(x, y) and not self.changes(x) else self.general(x, y, slot))
            return Tup(tuple(items), h.cls)
        if isinstance(h, View) and isinstance(b, View):
            return self.view(h, b, hint)
        if isinstance(h, Ref) and isinstance(b, Ref):
            found = self.carried.objects.general(
                h, b, self.back, lambda x, y: self.record(Fields(x), Fields(y), ("stand-in",)).box
            )
            if found is not None:
                return found
        if isinstance(h, Bound) and isinstance(b, Bound) and same(h.function, b.function):
            return Bound(h.function, self.general(h.self, b.self, slot))
        return Conflict(h, b, loops=(self.carried.key,))

    def changes(self, x: Any) -> bool:
        """Whether a value has parameters of the loop in it."""
        return any(o in self.carried.mine for o in self.carried.operands(x))

    def record(self, h: Fields, b: Any, slot: Slot) -> Fields:
        """Return a form for the values of a record of the heap."""
        x, y = h.box, b.box
        if isinstance(y, Stale):
            return Fields(y)
        if isinstance(x, ObjectBox) and isinstance(y, ObjectBox) and x.cls is y.cls and x.source is not None:
            x, y = self.t.same_fields(x, y)
            h, b = Fields(x), Fields(y)
        if isinstance(x, Growing) and isinstance(y, Growing) and slot[0] == "box" and not same_shape(x, y):
            self.carried.lists.change_form(slot[1], x, y)
            return Fields(self.carried.state.heap[slot[1]])
        if not same_shape(x, y):
            form = items_form(self.t, (self.carried.state, x), (self.back, y)) if slot[0] == "box" else None
            if form is None or not self.carried.lists.grow(Growth(slot[1], form), y):
                raise NeedStatic((), "a container gets a different structure in each iteration", self.t.b.loc)
            return Fields(self.carried.state.heap[slot[1]])
        values = []
        for p, q in zip(h.values, b.values, strict=True):
            keep = same(p, q) and not self.changes(p)
            values.append(p if keep else self.general(p, q, slot))
        return Fields(rebuild(x, values))

    def view(self, h: View, b: View, hint: str) -> Any:
        """Return a form for an array: another view, a parameter, or storage of its own."""
        if h.root is not b.root:
            if h.root in self.swapped and same_form(h, b):
                root: Operand = self.swapped[h.root]
            else:
                if h.ndim != b.ndim or broadcast_once(self.t, h, b):
                    return Conflict(h, b, loops=(self.carried.key,))
                storage = self.carried.storage
                flag = self.operand(h.writeable, b.writeable)
                kept = storage.holds(h) and (h.dtype, h.ndim) == (b.dtype, b.ndim)
                return replace(h if kept else storage.store(h, b, hint), writeable=flag)
        else:
            root = h.root
        if not same_form(h, b):
            h, b = loosen(h), loosen(b)
            if not same_form(h, b):
                return Conflict(h, b, loops=(self.carried.key,))
        return with_operands(h, root, list(map(self.operand, view_operands(h), view_operands(b))))

    def operand(self, x: Operand, y: Operand) -> Operand:
        """Return what is one operand at the start of the body and another at its end."""
        return x if same_operand(x, y) else self.carried.param(x.type, "")

    def fresh(self, b: Any, hint: str) -> Any:
        """Return a form for a value that is made in the body and read after it."""
        if is_numeric(b):
            return self.carried.number(*kind_of(self.t, b), hint)
        match b:
            case Tup():
                return Tup(tuple(self.fresh(v, hint) for v in b.items), b.cls)
            case Maybe():
                return Maybe(self.fresh(b.value, hint), self.carried.param(BOOL, ""), b.missing)
            case View():
                return self.carried.storage.fresh(b, hint)
            case Ref():
                if b.id in self.carried.entry.heap or b.id in self.t.originals:
                    return b
                return self.carried.objects.fresh(
                    b, self.back, lambda box: rebuild(box, [self.fresh(v, hint) for v in fields(box) or []])
                )
            case Bound():
                return Bound(b.function, self.fresh(b.self, hint))
        return b


def _kind_in(t: Tracer, value: Any) -> tuple[str, bool] | None:
    """The kind of a number or of the number in an array without axes."""
    if isinstance(value, View) and value.ndim == 0:
        return value.dtype, False
    return kind_of(t, value) if is_numeric(value) else None


def _part(value: Any, missing: Any) -> Any:
    if isinstance(value, Maybe):
        return value.value
    return DEAD if same(value, missing) else value
