"""Room for recursion over programs, which nest as deeply as the functions they are made from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from revtrace.loc import Loc
from revtrace.program.nodes import NOWHERE, Block, regions

__all__ = ["DEEPEST", "LIMIT", "deep", "deepest", "depth"]

#: Tracing and passes take several frames of Python for each level of a program, or of the traced function's calls.
LIMIT = 40_000

#: The most levels of a program.  CPython 3.12 has a limit of its own on recursion through C, 3.13 the machine's stack.
DEEPEST = 200


@contextmanager
def deep() -> Iterator[None]:
    """Let Python recurse as deeply as large programs need, inside the block."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def depth(block: Block) -> int:
    """Return how many blocks stand in one another, this one included."""
    return deepest(block)[0]


def deepest(block: Block) -> tuple[int, Loc]:
    """Return how many blocks stand in one another, this one included, and whose the innermost is."""
    found, work = (0, NOWHERE), [(block, 1, NOWHERE)]
    while work:
        inner, level, loc = work.pop()
        if level > found[0]:
            found = level, loc
        work += [(b, level + 1, stmt.loc) for stmt in inner.stmts for b in regions(stmt)]
    return found
