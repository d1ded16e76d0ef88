"""What the analysis of control flow gives."""

from __future__ import annotations

from dataclasses import dataclass

from revtrace.decode.records import Instr

__all__ = ["BasicBlock", "LoopInfo"]


@dataclass(frozen=True, slots=True)
class BasicBlock:
    """Instructions that run one after the other.

    Attributes
    ----------
    index : int
    instrs : tuple of Instr
        May be empty.  Their own ``target`` is that of the compiler; go by ``successors``.
    successors : tuple of int
        None of them after RETURN, RAISE and RERAISE; one if the block just goes on; for a
        conditional jump, which is the last instruction, *(not taken, taken)*; for FOR_ITER, which
        is alone in its block, *(body, exhausted)*.
    predecessors : tuple of int
        Without repetition, in ascending order; blocks of exception handlers included.
    handler : int or None
        The block that an exception raised here goes to.
    depth : int or None
        How many values the stack holds on entry, if known.
    """

    index: int
    instrs: tuple[Instr, ...]
    successors: tuple[int, ...]
    predecessors: tuple[int, ...]
    handler: int | None
    depth: int | None


@dataclass(frozen=True, slots=True)
class LoopInfo:
    """A loop.

    Attributes
    ----------
    header : int
        The block through which alone the loop is entered.
    blocks : frozenset of int
        The blocks from which the header is reached again, nested loops' and the header included.
        A block that only leads out, to a ``return`` say, is not among them.
    latches : tuple of int
        The blocks that go back to the header.
    parent : int or None
        The header of the innermost loop around this one.
    exits : tuple of (int, int)
        The edges from a block of the loop to one outside.
    """

    header: int
    blocks: frozenset[int]
    latches: tuple[int, ...]
    parent: int | None
    exits: tuple[tuple[int, int], ...]
