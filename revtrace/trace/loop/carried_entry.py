"""Arrays that were there before a loop, whose names get storage of their own in it.

A name that is bound to a new array in each iteration still means, until it is bound for the
first time, the array that it had on entry.  What is written through it until then is seen
through that array's other names, and by whoever passed it.  The same holds later for names that
take over what another name had: of ``u, v = v, 2.0 * v`` the second iteration's ``u`` is the ``v`` on entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from revtrace.calls.core import parts
from revtrace.program.nodes import Block, Const, If, Op, Operand
from revtrace.program.types import Array
from revtrace.trace.ndarray import arrays, assignment
from revtrace.trace.record import Arg
from revtrace.trace.signals import NeedStatic
from revtrace.trace.values import View

if TYPE_CHECKING:
    from revtrace.trace.loop.carried_arrays import Storage
    from revtrace.trace.machine import Tracer

__all__ = ["seen", "write_back"]

_WHY = "an array from before a loop is written to under a name that gets other arrays in the loop"


def write_back(storage: Storage, written: set[Operand]) -> bool:
    """Append the copies of what was written, at the end of the body, to the arrays that storage stood for so far.

    False where iterations must be counted for it, and are not yet.
    """
    t, carried = storage.t, storage.carried
    body = t.statements_here()
    made = {out for x in body for out in _results(x)}
    due: dict[int, list[tuple[View, Operand]]] = {}
    for root in storage.entries:
        for turn, entry in _stands_for(storage, root, made, root in written):
            mine = _buffers(t, entry.root)
            others = {r for r, e in storage.entries.items() if r is not root and mine & _buffers(t, e.root)}
            if written & ({root} | mine) and (others or _used(t, body, mine)):
                raise NeedStatic((), _WHY, t.b.loc)
            if root not in written:
                continue
            due.setdefault(turn, []).append((entry, root))
    if due and not carried.counter:
        carried.count()
        return False
    for turn, pairs in due.items():
        now = carried.turn(turn)
        with t.b.block() as stmts:
            for entry, root in pairs:
                shape = [t.b.dim(root, k) for k in range(entry.ndim)]
                assignment.assign(t, entry, arrays.part(arrays.whole(t, root, shape), entry.shape))
        t.b.append(If(now, Block(tuple(stmts)), Block(()), (), t.b.loc))
    return True


def _stands_for(storage: Storage, root: Operand, made: set[Operand], written: bool) -> list[tuple[int, View]]:
    """The arrays that storage stands for in the first iterations, as far as they have other names, by iteration.

    That it may stand for one of them after the loop is noted.
    """
    t = storage.t
    gets = dict(storage.copies)
    found: list[tuple[int, View]] = []
    place, passed = root, {root}
    while True:
        entry = storage.entries[place]
        if seen(storage, entry.root):
            found.append((len(passed) - 1, entry))
            _note_alias(storage, root, entry.root, first=place is root)
        if place not in gets:
            if found and written:
                raise NeedStatic((), _WHY, t.b.loc)
            return found
        before = {r for r in _buffers(t, gets[place].root) if r not in made}
        if not before:
            return found
        if len(before) == 1 and gets[place].whole:
            (place,) = before
            if place in storage.entries and place not in passed:
                passed.add(place)
                continue
        for r in before:
            own = r in storage.entries
            there = storage.entries[r].root if own else r
            if seen(storage, there, own):
                if written:
                    raise NeedStatic((), _WHY, t.b.loc)
                _note_alias(storage, root, there, first=False)
        return found


def _note_alias(storage: Storage, root: Operand, entry: Operand, first: bool) -> None:
    """Note that writing to storage after the loop may be writing to an array from before it."""
    t, carried = storage.t, storage.carried
    need = NeedStatic((), _WHY)
    if first and carried.trips is not None:
        trips = carried.trips()
        if isinstance(trips, Const) and trips.value.real > 0:
            return
        need = NeedStatic((trips,), _WHY)
    need.loops.append(carried.key)
    t.alias(root, root, need)
    for r in _buffers(t, entry):
        t.alias(r, r, need)


def _results(x: Op) -> list[Operand]:
    return list(parts(x)[0]) if x.name == "call" else [] if x.out is None else [x.out]


def _buffers(t: Tracer, root: Operand) -> set[Operand]:
    """The inputs and allocations that a reference may stand for."""
    return {r for r in arrays.buffers(t, root) if r not in t.swaps}


def seen(storage: Storage, root: Operand, own: bool = True) -> bool:
    """Whether an array from before the loop has another name than the one that gets storage, which it may ``own``."""
    t, carried = storage.t, storage.carried
    mine = _buffers(t, root)
    frame = t.frames[-1]
    given = mine - set(list(t.b.defs)[frame.start :])
    if given and not (len(t.frames) == 1 and t.pins.oracle is not None and given <= _arguments(t)):
        # The caller's; but who asks for derivatives gets the arguments back as they were.
        return True
    if frame.on_yield is not None or mine & t.stand_ins:
        return True
    names = [v for value in carried.on_entry() for v in carried.named(value)]
    return sum(bool(mine & _buffers(t, v.root)) for v in names) > own


def _arguments(t: Tracer) -> set[Operand]:
    return {var for source, (var, _) in t.inputs.items() if isinstance(source, Arg)}


def _used(t: Tracer, body: list[Op], mine: set[Operand]) -> bool:
    """Whether the body uses arrays from before the loop under another name than that which got storage."""
    return any(
        x.name != "dim" and any(mine & _buffers(t, a) for a in x.args if isinstance(a.type, Array)) for x in body
    )
