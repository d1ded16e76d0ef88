"""What references stand for at the end of a loop's body, by the way that the body is left.

``if done: break`` before ``u, v = v, u`` leaves the two where they were in the last iteration.  The branches that
choose which way is taken choose what the names stand for too; read together they tell that the two trade places
whenever the loop goes on, and which is which on each way out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from revtrace.program.nodes import Block, Const, If, Operand, Var, const
from revtrace.trace.values import Num, Static

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

T = TypeVar("T", Operand, int)

__all__ = ["Standing", "objects_by_way", "places_after", "standing_for"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a reference stands for at the end of a loop's body.

    Attributes
    ----------
    going : Operand
        Where the body is not left, as far as the branches show.
    leaving : dict or None
        On each way out, by its number; None where that is not known.
    """

    going: Operand
    leaving: dict[int, Operand] | None


def standing_for(t: Tracer, root: Operand, tag: Any) -> Standing:
    """Return what a reference stands for at the end of a body that is left by the way that ``tag`` tells."""
    going: set[Operand] = set()
    leaving: dict[int, Operand] | None = {}
    for way, r in _ways(t, root, _operand(tag)):
        if way in (0, None):
            going.add(r)
        if way is None or (leaving is not None and leaving.setdefault(way, r) is not r):
            leaving = None
    if leaving is not None:
        leaving.pop(0, None)
    return Standing(going.pop() if len(going) == 1 else root, leaving)


def objects_by_way(t: Tracer, id: int, tag: Any) -> dict[int, set[int]]:
    """Return which objects one may be that two or more became one of, by the way that is taken; 0 for going on."""
    found: dict[int, set[int]] = {0: set()}
    for way, one in _ways(t, id, _operand(tag)):
        found.setdefault(way or 0, set()).add(one)
    return found


def places_after(
    t: Tracer,
    outs: Mapping[Var, Operand],
    going: Mapping[Var, Operand],
    ways: Mapping[Var, Mapping[int, Operand]],
    tag: Any,
) -> dict[Var, Operand]:
    """Return what arrays that trade places stand for after the loop, by its parameters.

    Parameters
    ----------
    t : Tracer
    outs : mapping
        What the loop hands out for each parameter: places have been traded in its last iteration too.
    going, ways : mapping
        What the names stood for at the end of the body, where it was not left and on each way out.
    tag
        The way the loop was left, as known after it.
    """
    place = {r: p for p, r in going.items()}
    found: dict[Var, Operand] = {p: outs[p] for p in going}
    numbers = sorted({way for each in ways.values() for way in each})
    for way in numbers:
        there: dict[Var, Operand] = {p: outs[place[ways[p][way]]] for p in going}
        if all(there[p] is found[p] for p in going):
            continue
        if isinstance(tag, int):
            if tag == way:
                found = there
            continue
        changed = tuple(p for p in going if there[p] is not found[p])
        chosen = tuple(Var(p.type, p.name) for p in changed)
        arms = [Block((), tuple(side[p] for p in changed)) for side in (there, found)]
        t.b.append(If(t.b.compare("eq", tag.operand, const(way, "i8")), arms[0], arms[1], chosen, t.b.loc))
        found = {**found, **dict(zip(changed, chosen, strict=True))}
    return found


def _operand(tag: Any) -> Operand:
    if isinstance(tag, Num):
        return tag.operand
    return const(int(tag.value if isinstance(tag, Static) else tag), "i8")


def _ways(t: Tracer, root: T, tag: Operand) -> Iterator[tuple[int | None, T]]:
    """Yield what a reference or object stands for, with the way that is taken then; None for several or unknown."""
    made = None if isinstance(tag, Const) else t.b.defs.get(tag)
    if not isinstance(made, If):
        yield int(tag.value.real) if isinstance(tag, Const) else None, root
        return
    for k, arm in enumerate((made.then, made.orelse)):
        yield from _ways(t, _in_arm(t, root, made, k), arm.results[made.outs.index(tag)])


def _in_arm(t: Tracer, root: T, made: If, k: int) -> T:
    """What a reference or object is on one of the two ways of a condition."""
    if isinstance(root, int):
        cond, *either = t.choices.get(root, (None, 0, 0))
        return either[k] if cond is made.cond else root
    return (made.then, made.orelse)[k].results[made.outs.index(root)] if root in made.outs else root
