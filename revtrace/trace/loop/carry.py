"""What a loop carries from one iteration to the next.

`Carried` holds the state assumed at the start of the body, in which every variable that
changes is a parameter of the loop.  `fits` checks the state at the end of the body
against it (`revtrace.trace.loop.fitting`); where that fails, `widen` assumes less
(`revtrace.trace.loop.widening`) and the body is traced again.

Arrays are references.  Names that trade places (``u, v = v, u``) become array
parameters.  A name bound to a new array in every iteration gets storage of its own
before the loop (`revtrace.trace.loop.carried_arrays`); a list that grows is kept in buffers
(`revtrace.trace.loop.carried_lists`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import compress
from operator import is_not
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Operand, Var, const
from revtrace.program.types import Array, Scalar
from revtrace.trace.external import attribute_of
from revtrace.trace.inside import references, substitute
from revtrace.trace.loop.carried_arrays import Storage
from revtrace.trace.loop.carried_lists import GrownLists
from revtrace.trace.loop.carried_objects import StandIns
from revtrace.trace.loop.fitting import Fitting, Misfit
from revtrace.trace.loop.leaving import places_after, standing_for
from revtrace.trace.loop.slots import Fields, Slot, kind_of, views_of
from revtrace.trace.loop.widening import Widening
from revtrace.trace.numbers import fold
from revtrace.trace.sameness import (
    DEAD,
    fields,
    rebuild,
)
from revtrace.trace.signals import NeedStatic
from revtrace.trace.state import IterBox, ObjectBox, State
from revtrace.trace.values import (
    UNDEF,
    Bound,
    Maybe,
    Num,
    Ref,
    Static,
    Tup,
    View,
    is_numeric,
)

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["Carried"]


class Carried:
    """The carried variables of one loop; ``state`` is the state assumed at the start of the body."""

    def __init__(
        self,
        t: Tracer,
        entry: State,
        stored: frozenset[str],
        live: frozenset[str],
        after: frozenset[str],
        trips: Callable[[], Operand] | None,
        tagged: bool,
    ) -> None:
        self.t = t
        self.key: Any = None
        self.tagged = tagged
        self.trips = trips
        self.entry = entry
        self.live = live
        """The locals that the body, or the code after the loop, reads."""
        self.read_after = after
        self.state = entry.fork()
        self.yields: list[Operand] = []
        self.mine: set[Var] = set()
        self._no_swap: set[Var] = set()
        self._misfits: list[tuple[Slot, Any, Any]] = []
        self._back = entry
        self.spans: Callable[[], dict[Var, tuple[Operand, Operand]]] = dict
        """The least and the greatest index of the loop, by the index."""
        self.counter = ""
        """The name of the local that counts the iterations, where something asks for it."""
        self.lists = GrownLists(self)
        self.objects = StandIns(self)
        self.storage = Storage(self)
        self.going: dict[Var, Operand] = {}
        """What arrays that are parameters stand for at the end of the body, where it is not left."""
        self.ways: dict[Var, dict[int, Operand]] = {}
        """What they stand for on each way out."""
        for name, value in entry.locals.items():
            # Numbers assigned in the body change more often than not.
            if name in stored and name in live and is_numeric(value):
                self.state.locals[name] = self.number(*kind_of(t, value), name)

    @property
    def trades(self) -> bool:
        """Whether arrays may still be found to trade places."""
        return not self._no_swap

    @property
    def params(self) -> list[Var]:
        """The loop's parameters, in a fixed order."""
        found: dict[Var, None] = {}
        for slot in self._slots(self.state, self._changed(self.state)):
            for x in self.operands(self._get(self.state, slot)):
                if x in self.mine:
                    found[x] = None
        return list(found)

    # slots -----------------------------------------------------------------------------

    def _changed(self, *states: State) -> set[int]:
        """The records that are not the very ones on entry in one of some states: few, where the heap is large."""
        entry, found = self.entry.heap, set[int]()
        for st in states:
            found.update(compress(st.heap, map(is_not, st.heap.values(), map(entry.get, st.heap))))
        return found

    def _slots(self, st: State, among: set[int] | None = None) -> list[Slot]:
        """List the places of values in a state, of records only those among some."""
        slots: list[Slot] = [("local", name) for name in st.locals]
        slots += [("stack", k) for k in range(len(st.stack))]
        for id in st.heap if among is None else compress(st.heap, map(among.__contains__, st.heap)):
            if (id in self.entry.heap or id in self.t.originals) and not isinstance(st.heap[id], IterBox):
                slots.append(("box", id))
        if self.tagged:
            slots.append(("tag",))
        return slots

    def _get(self, st: State, slot: Slot) -> Any:
        match slot:
            case ("local", name):
                if name in st.locals:
                    return st.locals[name]
                return UNDEF if name in self.live else DEAD
            case ("stack", k):
                return st.stack[k]
            case ("box", id):
                return Fields(st.heap[id] if id in st.heap else self.t.originals[id])
        return st.tag if not isinstance(st.tag, int) else Static(st.tag)

    def _set(self, slot: Slot, value: Any) -> None:
        match slot:
            case ("local", name):
                self.state.locals[name] = value
            case ("stack", k):
                self.state.stack[k] = value
            case ("box", id):
                self.state.heap[id] = value.box
            case _:
                self.state.tag = value

    def operands(self, value: Any) -> list[Operand]:
        """Return the operands in a value, in a fixed order; of records only those in forms."""
        found: list[Operand] = []
        seen: set[int] = set()

        def note(x: Operand) -> Operand:
            found.append(x)
            return x

        def look(value: Any) -> None:
            if isinstance(value, Fields):
                for v in value.values:
                    look(v)
            elif isinstance(value, Ref):
                if value.id in self.objects.ids and value.id not in seen:
                    seen.add(value.id)
                    look(Fields(self.state.heap[value.id]))
            elif isinstance(value, Tup):
                for v in value.items:
                    look(v)
            elif isinstance(value, Maybe):
                look(value.value)
                found.append(value.flag)
            elif isinstance(value, Bound):
                look(value.function)
                look(value.self)
            else:
                substitute(value, note)

        look(value)
        return found

    def on_entry(self) -> list[Any]:
        """Return the values on entry of everything that may be carried."""
        return [self._get(self.entry, slot) for slot in self._slots(self.entry)]

    def count(self) -> None:
        """Count the iterations in a parameter, from the next walk of the body on."""
        self.counter = f".turn {id(self)}"
        self.entry.locals[self.counter] = Static(0)
        self.state.locals[self.counter] = self._turn = self.number("i8", True, "turn")

    def turn(self, k: int) -> Operand:
        """Append whether the iteration is the one of this number, from zero."""
        return self.t.b.compare("eq", self._turn.operand, const(k, "i8"))

    # fitting ------------------------------------------------------------------------------

    def fits(self, back: State) -> bool:
        """Check the state at the end of the body; on success set `yields`."""
        self._back = back
        self._misfits, self.storage.copies = [], []
        self.going, self.ways = {}, {}
        if self.counter:
            back.locals[self.counter] = Num(fold(self.t, "add", self._turn.operand, const(1, "i8"), "i8"), True)
        fitting = self.objects.fitting = Fitting(self, back)
        changed = self._changed(self.state, back)
        slots = dict.fromkeys(self._slots(self.state, changed) + self._slots(back, changed))
        if len(self.state.stack) != len(back.stack):
            raise NeedStatic((), "the loop's body leaves something unfinished", self.t.b.loc)
        for slot in slots:
            h, b = self._get(self.state, slot), self._get(back, slot)
            try:
                fitting.fit(h, b)
            except Misfit:
                self._misfits.append((slot, h, b))
        arrays = [p for p in self.params if isinstance(p.type, Array)]
        if not self._misfits and not self._trade(arrays, fitting.found, back.tag):
            # Not a swap: these get storage instead.
            self._no_swap |= set(arrays)
            for slot in slots:
                h, b = self._get(self.state, slot), self._get(back, slot)
                if any(x in arrays for x in self.operands(h)):
                    self._misfits.append((slot, self._get(self.entry, slot), b))
        if self._misfits or not self.objects.settle(back.tag):
            return False
        if self.storage.copies:
            if not self.storage.copy(self._names(back, self.live), self._names(back, self.read_after), back.tag):
                return False
        self.yields = [fitting.found[p] for p in self.params]
        return True

    def _trade(self, arrays: list[Var], found: dict[Var, Operand], tag: Any) -> bool:
        """Whether arrays stay or trade places wherever the loop goes on; notes what they stand for then."""
        standing = {p: standing_for(self.t, found[p], tag) for p in arrays}
        going = {p: each.going for p, each in standing.items()}
        ways = {p: each.leaving for p, each in standing.items() if each.leaving is not None}
        if set(going.values()) != set(arrays) or len(ways) != len(arrays):
            return False
        if not {x for way in ways.values() for x in way.values()} <= set(arrays):
            return False
        self.going, self.ways = going, ways
        return True

    def _names(self, back: State, live: frozenset[str]) -> list[Operand]:
        """The arrays that the state at the end of the body names, of its locals only those among some."""
        slots = [slot for slot in self._slots(back) if slot[0] != "local" or slot[1] in live]
        return [view.root for slot in slots for view in self.named(self._get(back, slot))]

    def named(self, value: Any) -> list[View]:
        """The arrays that a value at the end of the body names, also those in objects made in the body."""
        seen: set[int] = set()

        def look(value: Any) -> list[View]:
            found = views_of(value)
            inside = value.values if isinstance(value, Fields) else [value]
            for id in [r for v in inside for r in references(v)]:
                made = id in self._back.heap and id not in self.entry.heap and id not in self.t.originals
                if made and id not in seen:
                    seen.add(id)
                    found += look(Fields(self._back.heap[id]))
            return found

        return look(value)

    def _read_on_entry(self) -> None:
        """Give the caller's objects, in the state on entry, the attributes that the body is the first to read."""
        for id in sorted(self._changed(self.state)):
            box, before = self.state.heap[id], self.entry.heap.get(id) or self.t.originals.get(id)
            if isinstance(box, ObjectBox) and isinstance(before, ObjectBox) and before.source is not None:
                for key, value in box.fields:
                    if before.get(key) is None and hasattr(before.original, key):
                        # An object that it refers to is the one that the body knows.
                        known = isinstance(value, Ref) and value.id in self.t.originals
                        read = value if known else attribute_of(self.t, self.entry, before, key)
                        self.entry.learn(Ref(id), key, read)

    def inits(self) -> list[Operand]:
        """Return the parameters' values on entry."""
        fitting = Fitting(self, self.entry)
        copies, self.storage.copies = self.storage.copies, []
        self._read_on_entry()
        for slot in self._slots(self.state, self._changed(self.state)):
            try:
                fitting.fit(self._get(self.state, slot), self._get(self.entry, slot))
            except Misfit:
                what = "what a variable holds before the loop is not what it holds in it"
                raise NeedStatic((), what, self.t.b.loc) from None
        self.storage.copies = copies
        return [fitting.found[p] for p in self.params]

    def after(self, outs: Mapping[Var, Operand], tested: bool, only: int | None) -> State:
        """Return the state after the loop.

        One that is ``tested`` first is not left from its body; ``only`` is the way out where there is one alone.
        """
        st = self.state
        tag: Any = only
        if only is None:
            tag = st.tag if isinstance(st.tag, int) else substitute(st.tag, lambda x: _image(outs, x))
        if not tested:
            self.objects.leave()
        places = {} if tested else places_after(self.t, outs, self.going, self.ways, tag)
        images: dict[Var, Operand] = {**outs, **places}

        def out(x: Operand) -> Operand:
            return _image(images, x)

        st.locals = {k: v if v is DEAD else substitute(v, out) for k, v in st.locals.items() if k != self.counter}
        st.stack = [substitute(v, out) for v in st.stack]
        for id in self._changed(st):
            values = fields(st.heap[id])
            if values:
                st.heap[id] = rebuild(st.heap[id], [v if v is DEAD else substitute(v, out) for v in values])
        st.tag = tag
        return st

    # widening -----------------------------------------------------------------------------

    def widen(self) -> None:
        """Assume less: give the misfits a form that fits both ends."""
        moves: dict[Operand, Operand] = {}
        for _, h, b in self._misfits:
            for x, y in zip(views_of(h), views_of(b), strict=False):
                going = standing_for(self.t, y.root, self._back.tag).going
                if x.root is not going:
                    moves[x.root] = going
        swapped: dict[Operand, Var] = {}
        if set(moves) == set(moves.values()) and not set(moves) & self._no_swap:
            swapped = {root: self.param(root.type, getattr(root, "name", "")) for root in moves}
            group: dict[Operand, Operand] = {p: root for root, p in swapped.items()}
            self.t.swaps.update(dict.fromkeys(group, group))
        widening = Widening(self, self._back, swapped)
        for slot, h, b in self._misfits:
            self._set(slot, widening.general(h, b, slot))

    def param(self, type: Any, hint: str) -> Var:
        """Return a new parameter of the loop."""
        var = Var(type, hint)
        self.mine.add(var)
        return var

    def number(self, dtype: str, weak: bool, hint: str) -> Num:
        """Return a number that is a new parameter."""
        return Num(self.param(Scalar(dtype), hint), weak)


def _image(images: Mapping[Var, Operand], x: Operand) -> Operand:
    return images.get(x, x) if isinstance(x, Var) else x
