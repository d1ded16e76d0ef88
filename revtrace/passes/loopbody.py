"""A loop's body as passes see it that treat the loop as a whole: who touches which array, and how."""

from __future__ import annotations

from dataclasses import dataclass

from revtrace.passes.effects import Buffers, touched
from revtrace.passes.scopes import Scopes, is_array
from revtrace.passes.shapes import Lengths
from revtrace.passes.subscripts import Subscripts
from revtrace.program.nodes import Block, For, Op, Operand, Program, Stmt, Var, While, const, regions, used

__all__ = ["Arrays", "Body", "Writer", "innermost"]


@dataclass(frozen=True, slots=True)
class Writer:
    """A nest that stores one element of an array in each innermost iteration, which it may read before."""

    loops: tuple[For, ...]
    store: Op
    reads: bool


class Arrays:
    """The arrays of a program: where they are, what they are called, their lengths."""

    def __init__(self, program: Program, where: Scopes, memory: Buffers) -> None:
        self.where = where
        self.memory = memory
        self.subscripts = Subscripts(where)
        self.lengths = Lengths(where, limited=True)
        self.names: dict[Var, int] = {}
        """How many names each has."""
        for v in where.home:
            if is_array(v):
                cls = memory.find(v)
                self.names[cls] = self.names.get(cls, 0) + 1
        self.inputs = set(program.inputs)

    def alone(self, array: Operand) -> bool:
        """Whether an array was made by the program and is known by one name."""
        return isinstance(array, Var) and array not in self.inputs and self.names.get(self.memory.find(array)) == 1


class Body:
    """A loop, the block that it is in, and who touches what in its body."""

    def __init__(self, arrays: Arrays, block: Block, at: int, loop: For | While) -> None:
        self.arrays = arrays
        self.block = block
        self.at = at
        self.loop = loop
        self.stmts = tuple(map(self.as_copy, loop.body.stmts))
        self.touches: dict[Var, dict[int, bool]] = {}
        """By array, the statements of the body that touch it, and whether they write it."""
        for k, s in enumerate(self.stmts):
            for t in touched(s):
                if is_array(t.array):
                    here = self.touches.setdefault(t.array, {})  # type: ignore[arg-type]
                    here[k] = here.get(k, False) or t.writes

    def as_copy(self, stmt: Stmt) -> Stmt:
        """Return a nest that copies one array to another, all of it, as one operation."""
        ops = innermost(stmt) if isinstance(stmt, For) else None
        if ops is None or [op.name for op in ops] != ["load", "store"] or ops[1].args[1] is not ops[0].out:
            return stmt
        source, target = ops[0].args[0], ops[1].args[0]
        if not (self.arrays.alone(source) and self.arrays.alone(target)) or source is target:
            return stmt
        assert isinstance(source, Var) and isinstance(target, Var)
        whole = self.fills(stmt, target) and ops[0].args[1:] == ops[1].args[2:] and self.same_shape(source, target)
        return Op("copyto", (target, source), None, (), stmt.loc) if whole else stmt

    def copies(self, k: int, target: Var, source: Var) -> bool:
        """Whether a statement copies one array to another."""
        s = self.stmts[k]
        return isinstance(s, Op) and s.name == "copyto" and s.args == (target, source)

    def same_shape(self, a: Var, b: Var) -> bool:
        """Whether two arrays are seen to have the same lengths."""
        shape = self.arrays.lengths.of(a)
        return shape is not None and shape == self.arrays.lengths.of(b)

    def private(self, array: Var, first: int) -> bool:
        """Whether an array made before the loop is used in its body only, and a statement is the first to touch it."""
        if array not in self.touches or min(self.touches[array]) != first:
            return False
        home = self.arrays.where.home[array]
        if self.arrays.where.inside(home, self.arrays.where.scope(self.loop.body).index):
            return False
        return self.uses(self.arrays.where.all[home].block, array) == self.uses(self.loop.body, array)

    def uses(self, block: Block, array: Var) -> int:
        """Count the statements in a block that name an array, lengths apart."""
        found = sum(x is array for x in block.results)
        for s in block.stmts:
            found += sum(x is array for x in used(s)) * (not isinstance(s, Op) or s.name != "dim")
            found += sum(self.uses(b, array) for b in regions(s))
        return found

    def contained(self, array: Var) -> bool:
        """Whether what an array holds is of account in the loop's block only."""
        where = self.arrays.where
        home = where.home[array]
        if where.all[home].block is self.block:
            return True
        if self.uses(where.all[home].block, array) != self.uses(self.block, array):
            return False
        for s in self.block.stmts[: self.at]:
            if any(t.array is array for t in touched(s)):
                return self.fills(s, array)
        return False

    def fills(self, stmt: Stmt, array: Var) -> bool:
        """Whether a statement sets all elements of an array before it reads any."""
        if isinstance(stmt, Op):
            return stmt.name in ("copyto", "fill") and stmt.args[0] is array and array not in stmt.args[1:]
        shape = self.arrays.lengths.of(array)
        index: list[Var] = []
        while isinstance(stmt, For):
            axis = len(index)
            if stmt.exits or stmt.step != 1 or stmt.start != const(0) or shape is None or axis >= len(shape):
                return False
            if self.arrays.lengths.name(stmt.stop) != shape[axis]:
                return False
            index.append(stmt.index)
            stmt = next(s for s in stmt.body.stmts if any(t.array is array for t in touched(s)))
        return isinstance(stmt, Op) and stmt.name == "store" and stmt.args[0] is array and stmt.args[2:] == tuple(index)

    def writer(self, at: int, array: Var) -> Writer | None:
        """Return how a statement of the body writes an array, if it does so in a fixed region, each element once.

        It may read an element before it sets it, and no other.
        """
        stmt = self.stmts[at]
        inside = self.arrays.where.scope(self.loop.body).index
        loops: list[For] = []
        reads: list[Stmt] = []
        while isinstance(stmt, For):
            if stmt.exits or stmt.step != 1:
                return None
            for x in (stmt.start, stmt.stop):
                if isinstance(x, Var) and self.arrays.where.inside(self.arrays.where.home[x], inside):
                    return None
            loops.append(stmt)
            *reads, stmt = [s for s in stmt.body.stmts if any(t.array is array for t in touched(s))]
            if reads and isinstance(stmt, For):
                return None
        if not isinstance(stmt, Op) or stmt.name != "store" or stmt.args[0] is not array:
            return None
        place = stmt.args[2:]
        if any(not isinstance(s, Op) or s.name != "load" or s.args[1:] != place for s in reads):
            return None
        bases = [self.arrays.subscripts.offset(x).base for x in place]
        indices = [b for b in bases if b is not None]
        if len(set(indices)) != len(indices) or set(indices) != {x.index for x in loops}:
            return None
        return Writer(tuple(loops), stmt, bool(reads))

    def writers(self, u: Var) -> list[int]:
        """Return the statements of the body that write an array; none unless all set fixed regions and none reads it.

        Nor may it be read between the first and the last, when part of it is still what it was two iterations ago.
        """
        found = sorted(k for k, writes in self.touches.get(u, {}).items() if writes)
        how = [self.writer(k, u) for k in found]
        if not how or None in how or len(how) > 1 and any(w is not None and w.reads for w in how):
            return []
        if isinstance(self.loop, While) and any(t.array is u for s in self.loop.cond.stmts for t in touched(s)):
            return []
        between = range(found[0], found[-1] + 1)
        return [] if any(k in between and not writes for k, writes in self.touches[u].items()) else found


def innermost(nest: Stmt) -> list[Op] | None:
    """Return the operations of a nest of loops, in order; None unless all of it is one chain of loops."""
    ops: list[Op] = []
    while isinstance(nest, For):
        if nest.params:
            return None
        *own, last = nest.body.stmts or (None,)
        if last is None or not all(isinstance(s, Op) for s in own):
            return None
        ops += own  # type: ignore[arg-type]
        nest = last
    return [*ops, nest] if isinstance(nest, Op) else None
