"""Put blocks, order and loops of a function together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from revtrace.decode.effect import depths
from revtrace.decode.records import Decoded
from revtrace.errors import UnsupportedError
from revtrace.loc import NOWHERE, Loc
from revtrace.structure.blocks import cut
from revtrace.structure.fold import fold
from revtrace.structure.loops import IrreducibleError, find_loops, order_blocks
from revtrace.structure.records import BasicBlock, LoopInfo

__all__ = ["Flow", "analyse"]


@dataclass(frozen=True, slots=True)
class Flow:
    """Control flow of a function.

    Loops have these shapes, on every release:

    ``for``
        The header is the block of FOR_ITER alone; its successors are the body and what follows
        (the ``else`` clause, if there is one).  ``break`` pops the iterator in a block outside the loop.
    ``while c``
        The header begins the test, which may take several blocks (``and``, ``or``, chained
        comparisons); the test's false outcomes are exits, from any of those blocks.  What the header
        block holds before the first jump runs at every turn.
    ``while True``
        The header begins the body; exits are ``break`` and ``return`` only, and there may be none.

    ``continue`` goes to the header, possibly straight from a conditional jump.  A loop whose body
    always leaves is no loop, unless a handler goes back to its header (``try: return f(x)``,
    ``except ValueError: x += 1``): such a loop has no latches among the blocks that are no handlers'.

    Attributes
    ----------
    decoded : Decoded
    blocks : tuple of BasicBlock
        Block 0 is the entry and has no predecessors.
    order : mapping from int to int
        The position of each block.  Edges lead forward except from a latch to its header; the
        blocks of a loop are consecutive.  Blocks only reached by an exception come last.
    loops : mapping from int to LoopInfo
        By header, an outer loop before those in it.
    loop_of : mapping from int to (int or None)
        The header of the innermost loop around each block; a header is in its own loop.
    reach : mapping from int to frozenset of int
        The blocks reached from each without a back edge, itself included.
    """

    decoded: Decoded
    blocks: tuple[BasicBlock, ...]
    order: Mapping[int, int]
    loops: Mapping[int, LoopInfo]
    loop_of: Mapping[int, int | None]
    reach: Mapping[int, frozenset[int]]

    def merge(self, a: int, b: int, within: frozenset[int] | None = None) -> int | None:
        """Return the first block that both ``a`` and ``b`` reach going forward, if any.

        Parameters
        ----------
        a, b : int
        within : frozenset of int, optional
            Consider these blocks only.
        """
        both = self.reach[a] & self.reach[b]
        if within is not None:
            both &= within
        return min(both, key=self.order.__getitem__, default=None)

    def loc(self, block: int) -> Loc:
        """Return the place where a block begins."""
        instrs = self.blocks[block].instrs
        return instrs[0].loc if instrs else NOWHERE

    def __str__(self) -> str:
        lines = []
        for block in sorted(self.order, key=self.order.__getitem__):
            shown = self.blocks[block]
            loop = f" loop {self.loop_of[block]}" if self.loop_of[block] is not None else ""
            lines.append(f"{block}:{loop} -> {', '.join(map(str, shown.successors)) or 'end'}")
            lines += [f"    {instr}" for instr in shown.instrs]
        return "\n".join(lines)


def analyse(decoded: Decoded) -> Flow:
    """Analyse the control flow of a function.

    Parameters
    ----------
    decoded : Decoded

    Returns
    -------
    Flow

    Raises
    ------
    UnsupportedError
        If a loop has more than one entry, which no Python source compiles to.

    Examples
    --------
    >>> from revtrace.decode import decode
    >>> def count(n):
    ...     while n > 0:
    ...         n -= 1
    >>> list(analyse(decode(count.__code__)).loops)
    [1]
    """
    depth = depths(decoded)
    try:
        try:
            return _analyse(decoded, cut(decoded, fold(decoded, depth), depth))
        except _Entered:
            # Code whose lines are not those of a source may look copied where it is not.
            return _analyse(decoded, cut(decoded, fold(decoded, depth, copies=True), depth))
    except _Entered as error:
        raise UnsupportedError(
            "This loop is entered at more than one place.",
            "no Python source compiles to it, so the bytecode was made by other means",
            "give revtrace the function as CPython compiles it",
            error.loc,
        ) from None


class _Entered(Exception):
    """A loop has more than one entry."""

    def __init__(self, loc: Loc) -> None:
        self.loc = loc


def _with_retries(
    blocks: tuple[BasicBlock, ...], successors: Mapping[int, tuple[int, ...]], loops: Mapping[int, LoopInfo]
) -> dict[int, LoopInfo]:
    """Add the loops whose turns end in a handler, but for those that leave.

    The loops around them are made to hold them.
    """
    raised = {b.index: (*b.successors, *(() if b.handler is None else (b.handler,))) for b in blocks}
    main = order_blocks(successors, 0)
    try:
        known = find_loops(raised, 0)
    except IrreducibleError:
        return dict(loops)
    bodies = {header: loop.blocks.intersection(main) for header, loop in known.items() if header in main}
    new = bodies.keys() - loops.keys()
    if not new:
        return dict(loops)
    whole = {h: bodies[h] if new & bodies.get(h, frozenset()) else loops[h].blocks for h in (*loops, *new)}
    found = {}
    for header in sorted(whole, key=main.index):
        body = whole[header]
        around = [other for other in whole if other != header and header in whole[other]]
        exits = tuple((k, to) for k in main if k in body for to in dict.fromkeys(successors[k]) if to not in body)
        latches = loops[header].latches if header in loops else ()
        parent = max(around, key=main.index, default=None)
        found[header] = LoopInfo(header, body, latches, parent, exits)
    return found


def _analyse(decoded: Decoded, blocks: tuple[BasicBlock, ...]) -> Flow:
    successors = {block.index: block.successors for block in blocks}
    try:
        loops = _with_retries(blocks, successors, find_loops(successors, 0))
        order = order_blocks(successors, 0, loops)
        # Code that only exceptions reach is ordered for itself, as if called from a block -1.
        main = frozenset(order)
        rest = {index: tuple(to for to in ways if to not in main) for index, ways in successors.items()}
        rest[-1] = tuple(sorted({block.handler for block in blocks if block.handler is not None} - main))
        handler_loops = find_loops(rest, -1)
        handler_order = order_blocks(rest, -1, handler_loops)[1:]
    except IrreducibleError as error:
        raise _Entered(next((instr.loc for instr in blocks[error.block].instrs), NOWHERE)) from None
    loops |= handler_loops
    loop_of: dict[int, int | None] = dict.fromkeys(order + handler_order)
    for header, loop in loops.items():
        loop_of |= dict.fromkeys(loop.blocks, header)
    back = {(latch, loop.header) for loop in loops.values() for latch in loop.latches}
    reach: dict[int, frozenset[int]] = {}
    for block in (*reversed(order), *reversed(handler_order)):
        ways = (reach[to] for to in successors[block] if (block, to) not in back)
        reach[block] = frozenset({block}).union(*ways)
    position = {block: at for at, block in enumerate(order + handler_order)}
    return Flow(decoded, blocks, position, loops, loop_of, reach)
