"""Undo the compiler's duplication of code.

CPython tests a ``while`` condition once on entry and once more, in a copy, at the bottom of the
body; with ``continue`` that makes two nested loops of one.  It also copies short tails that
return.  Both hide the shape the user wrote, and each release does it differently.

Two places in the code are the same when they run the same instructions, from the same columns, at the
same stack depth and under the same handler, and go on to places that are the same again.
Finding the coarsest such partition is minimising an automaton; jumping to the first of
the same places instead of another one changes nothing that can be observed.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from revtrace.decode.effect import TERMINAL
from revtrace.decode.records import Decoded, Instr

__all__ = ["Graph", "fold"]


@dataclass(frozen=True, slots=True)
class Graph:
    """Instructions as a graph, jumps followed and copies folded.

    Attributes
    ----------
    first : int
        The instruction run first.
    successors : dict from int to tuple of int
        For each instruction kept: *(next, jump target)* for a conditional jump, else at most one.
    handlers : dict from int to int
        For each instruction that has one, its handler's first instruction.
    """

    first: int
    successors: dict[int, tuple[int, ...]]
    handlers: dict[int, int]


_OPPOSITE = {
    "JUMP_IF_TRUE": "JUMP_IF_FALSE",
    "JUMP_IF_NOT_NONE": "JUMP_IF_NONE",
}


def fold(decoded: Decoded, depths: tuple[int | None, ...], copies: bool = False) -> Graph:
    """Return the graph of a function's reachable instructions.

    Parameters
    ----------
    decoded : Decoded
    depths : tuple of (int or None)
        The depth of the stack before each instruction.
    copies : bool
        Whether to leave copies of code as they are.
    """
    instrs = decoded.instrs
    end = [_follow(instrs, index) for index in range(len(instrs))]
    successors = {index: _successors(instrs, index, end) for index in _reachable(decoded, end)}
    same = {index: index for index in successors} if copies else _partition(decoded, depths, successors)
    # The representative of a class is its first member: the test a loop is entered by.
    keep: dict[int, int] = {}
    for index in sorted(successors):
        keep.setdefault(same[index], index)

    def kept(index: int) -> int:
        return keep[same[index]]

    folded: dict[int, tuple[int, ...]] = {}
    handlers: dict[int, int] = {}
    work = [kept(end[0])]
    while work:
        index = work.pop()
        if index in folded:
            continue
        folded[index] = tuple(kept(to) for to in successors[index])
        work += folded[index]
        handler = instrs[index].handler
        if handler is not None:
            handlers[index] = kept(end[handler])
            work.append(handlers[index])
    return Graph(kept(end[0]), folded, handlers)


def _follow(instrs: tuple[Instr, ...], index: int) -> int:
    """Follow unconditional jumps; an empty endless loop ends on one of its own jumps."""
    seen = set()
    while instrs[index].name == "JUMP" and index not in seen:
        seen.add(index)
        target = instrs[index].target
        assert target is not None
        index = target
    return index


def _successors(instrs: tuple[Instr, ...], index: int, end: list[int]) -> tuple[int, ...]:
    instr = instrs[index]
    goes_on = () if instr.name in TERMINAL else (end[index + 1],)
    return goes_on if instr.target is None else (*goes_on, end[instr.target])


def _reachable(decoded: Decoded, end: list[int]) -> list[int]:
    seen: set[int] = set()
    work = [end[0]]
    while work:
        index = work.pop()
        if index not in seen:
            seen.add(index)
            work += _successors(decoded.instrs, index, end)
            handler = decoded.instrs[index].handler
            if handler is not None:
                work.append(end[handler])
    return sorted(seen)


def _partition(
    decoded: Decoded, depths: tuple[int | None, ...], successors: dict[int, tuple[int, ...]]
) -> dict[int, int]:
    """Number the classes of instructions that are the same, by refining until nothing changes."""
    instrs = decoded.instrs

    def own(index: int) -> Hashable:
        instr = instrs[index]
        # In a superinstruction the second half has the first half's columns.
        where = instr.loc.line if instr.name in ("LOAD_LOCAL", "STORE_LOCAL") else instr.loc
        return (_OPPOSITE.get(instr.name, instr.name), _key(instr), where, instr.handler, depths[index])

    def ordered(index: int) -> tuple[int, ...]:
        """Successors by the outcome of the test, whichever way the jump is written."""
        return successors[index][::-1] if instrs[index].name in _OPPOSITE else successors[index]

    after = {index: ordered(index) for index in successors}
    classes = _number({index: own(index) for index in successors})
    while True:
        refined = _number({i: (classes[i], *(classes[to] for to in after[i])) for i in successors})
        if max(refined.values()) == max(classes.values()):
            return refined
        classes = refined


def _number(keys: dict[int, Hashable]) -> dict[int, int]:
    numbers: dict[Hashable, int] = {}
    return {index: numbers.setdefault(key, len(numbers)) for index, key in keys.items()}


def _key(instr: Instr) -> Hashable:
    # By identity: 1, 1.0 and True are equal and not the same, and copies of code share constants.
    return id(instr.arg) if instr.name == "LOAD_CONST" else instr.arg
