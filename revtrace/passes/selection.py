"""Running maxima and the like: the value chosen last, computed from where it was chosen.

``m = max(m, f(x[i]))`` in a loop chooses one iteration's value.  The loop then notes
which iteration that was, and after it the value is computed from there once more:
the derivative goes to that one place, and nothing is kept per iteration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from revtrace.passes.effects import Buffers, buffers, touched
from revtrace.passes.scopes import Scopes, free, is_array, is_float, scopes, used
from revtrace.passes.tape import integer
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, const, regions
from revtrace.program.rebuild import clone, fresh, map_blocks
from revtrace.program.types import BOOL, INT, Scalar
from revtrace.rules.core import RULES

__all__ = ["selection"]


def selection(program: Program) -> Program:
    """Return the program with chosen values computed after their loops; results are the same."""
    program = fresh(program)
    where = scopes(program)
    rewriter = _Rewriter(where, buffers(program, where))
    return Program(program.name, program.inputs, rewriter.block(program.body))


@dataclass(frozen=True, slots=True)
class _Choice:
    """How a carried value is chosen: the condition for the new one, the new one and what it is computed by."""

    position: int
    taken: Operand | Op
    negate: bool
    value: Operand
    chain: tuple[Op, ...]


class _Rewriter:
    def __init__(self, where: Scopes, memory: Buffers) -> None:
        self.where = where
        self.memory = memory

    def block(self, block: Block) -> Block:
        stmts: list[Stmt] = []
        for stmt in block.stmts:
            stmts += self.loop(stmt) if isinstance(stmt, For) else [map_blocks(stmt, self.block)]
        return Block(tuple(stmts), block.results)

    def loop(self, loop: For) -> list[Stmt]:
        choices = [c for k in range(len(loop.params)) if (c := self.choice(loop, k)) is not None]
        inside = self.block(loop.body)
        if not choices:
            return [_carrying(loop, inside, [], [], [], loop.outs)]
        before, body, after = Builder(loop.loc), Builder(loop.loc), Builder(loop.loc)
        never = integer(before, "sub", loop.start, const(loop.step))
        outs = list(loop.outs)
        params: list[Var] = []
        results: list[Operand] = []
        for c in choices:
            last, end = Var(INT, "last"), Var(INT, "last")
            taken = c.taken
            if isinstance(taken, Op):
                taken = body.compare(taken.name, *taken.args)
            if c.negate:
                taken = body.op("not", taken, type=BOOL)
            results.append(body.op("select", taken, loop.index, last, type=INT))
            params.append(last)
            # The value after the loop goes by the old name; the loop's own result is for comparisons only.
            out = outs[c.position]
            outs[c.position] = Var(out.type, out.name)
            chosen = after.compare("ne", end, never)
            values: dict[Var, Operand] = {loop.index: end}
            with after.block() as stmts:
                for op in c.chain:
                    after.append(_made_before(clone(op, values)))
            value = values.get(c.value, c.value) if isinstance(c.value, Var) else c.value
            after.append(
                If(chosen, Block(tuple(stmts), (value,)), Block((), (loop.inits[c.position],)), (out,), loop.loc)
            )
            outs.append(end)
        inside = Block((*inside.stmts, *body.stmts), inside.results)
        made = _carrying(loop, inside, params, [never] * len(params), results, tuple(outs))
        return [*before.stmts, made, *after.stmts]

    def choice(self, loop: For, k: int) -> _Choice | None:
        """Return how a carried number is chosen, if it is and is used for nothing else that has a derivative."""
        p, y = loop.params[k], loop.body.results[k]
        if is_array(p) or not is_float(p) or not isinstance(y, Var) or y is p:
            return None
        made = next((s for s in loop.body.stmts if y in _outs(s)), None)
        taken: Operand | Op
        arm: tuple[Stmt, ...] = ()
        match made:
            case Op(name="max" | "min") if p in made.args and made.args[0] is not made.args[1]:
                # Python's: the second where it is beyond the first.
                first, second = made.args
                taken = Op("gt" if made.name == "max" else "lt", (second, first), None)
                value, negate = (second, False) if first is p else (first, True)
            case Op(name="select") if p in made.args[1:] and made.args[1] is not made.args[2]:
                taken = made.args[0]
                value, negate = (made.args[1], False) if made.args[2] is p else (made.args[2], True)
            case If():
                at = made.outs.index(y)
                sides = (made.then.results[at], made.orelse.results[at])
                handed = [*made.then.results, *made.orelse.results]
                if p not in sides or sides[0] is sides[1] or sum(x is p for x in handed) > 1:
                    return None
                taken = made.cond
                value, negate = (sides[0], False) if sides[1] is p else (sides[1], True)
                arm = made.orelse.stmts if negate else made.then.stmts
            case _:
                return None
        return self.complete(loop, k, made, taken, value, negate, arm)

    def complete(
        self, loop: For, k: int, made: Stmt, taken: Operand | Op, value: Operand, negate: bool, arm: tuple[Stmt, ...]
    ) -> _Choice | None:
        p = loop.params[k]
        if self.differentiates(loop.body, p, made):
            return None
        chain = self.chain(loop, value, (*loop.body.stmts, *arm))
        return None if chain is None else _Choice(k, taken, negate, value, chain)

    def differentiates(self, block: Block, p: Var, made: Stmt) -> bool:
        """Whether a value is used by more than comparisons and the choice."""
        for stmt in block.stmts:
            if stmt is made:
                inner = regions(stmt)
                if isinstance(stmt, If) and any(self.reads(b, p) for b in inner):
                    return True
                continue
            if p in set(used(stmt)) and not (isinstance(stmt, Op) and stmt.out is not None and not is_float(stmt.out)):
                return True
            if any(self.reads(b, p) for b in regions(stmt)):
                return True
        return sum(x is p for x in block.results) > 0

    def reads(self, block: Block, p: Var) -> bool:
        """Whether a nested block computes with a value, other than handing it on unchanged."""
        return p in free(Block(block.stmts))

    def chain(self, loop: For, value: Operand, stmts: tuple[Stmt, ...]) -> tuple[Op, ...] | None:
        """Return the operations that compute a value from the loop's index and from outside."""
        written = {
            self.memory.find(t.array) for s in loop.body.stmts for t in touched(s) if t.writes and is_array(t.array)
        }
        body = self.where.scope(loop.body).index
        wanted: set[Operand] = {value}
        found: list[Op] = []
        for s in reversed(stmts):
            if not any(v in wanted for v in _outs(s)):
                continue
            if not isinstance(s, Op) or not _pure(s) and s.name != "load":
                return None
            if s.name == "load" and self.memory.find(s.args[0]) in written:
                return None
            found.append(s)
            wanted.update(s.args)
        made = {s.out for s in found}
        for x in wanted:
            if isinstance(x, Var) and x is not loop.index and x not in made:
                if self.where.inside(self.where.home[x], body):
                    return None
        return tuple(reversed(found))


def _carrying(
    loop: For, body: Block, params: list[Var], inits: list[Operand], results: list[Operand], outs: tuple[Var, ...]
) -> For:
    n = len(loop.params)
    block = Block(body.stmts, (*body.results[:n], *results, *body.results[n:]))
    return replace(loop, params=(*loop.params, *params), inits=(*loop.inits, *inits), body=block, outs=outs)


def _made_before(stmt: Stmt) -> Stmt:
    """Mark a load as made before with the same index."""
    if isinstance(stmt, Op) and stmt.name == "load" and not stmt.attr("safe"):
        return Op(stmt.name, stmt.args, stmt.out, (("again", True),), stmt.loc)
    return stmt


def _outs(stmt: Stmt) -> tuple[Var, ...]:
    if isinstance(stmt, Op):
        return () if stmt.out is None else (stmt.out,)
    return stmt.outs


def _pure(op: Op) -> bool:
    if op.name in ("select", "cast", "dim"):
        return True
    return op.name in RULES and op.out is not None and isinstance(op.out.type, Scalar)
