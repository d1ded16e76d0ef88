"""Running maxima and the like: the value chosen last, computed from where it was chosen.

``m = max(m, f(x[i]))`` in a loop chooses one iteration's value.  The loop then notes
which iteration that was, and after it the value is computed from there once more:
the derivative goes to that one place, and nothing is kept per iteration.

Where the value costs next to nothing and the largest (or least) is chosen, the loop finds only how large
it is, which can be vectorised, and a second loop looks for the first iteration with that value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from revtrace.passes.effects import Buffers, buffers, touched
from revtrace.passes.scopes import Scopes, free, is_array, is_float, scopes
from revtrace.passes.tape import integer
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, const, regions, used
from revtrace.program.rebuild import clone, fresh, map_loops
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
    made: Stmt
    extreme: str | None = None
    """The operation that finds the value alone, where the first of the largest or of the least is chosen."""


class _Rewriter:
    def __init__(self, where: Scopes, memory: Buffers) -> None:
        self.where = where
        self.memory = memory

    def block(self, block: Block) -> Block:
        return map_loops(block, self.loop)

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
        simpler: dict[int, Op] = {}
        for c in choices:
            out = outs[c.position]
            if c.extreme is not None:
                y = loop.body.results[c.position]
                assert isinstance(y, Var)
                args = (loop.params[c.position], c.value)
                simpler[id(c.made)] = Op(c.extreme, args, y, (("unsigned", True),), loop.loc)
                outs[c.position] = found = Var(out.type, out.name)
                end = self.search(after, loop, c, found, never)
                self.again(after, loop, c, out, end, never)
                continue
            last, end = Var(INT, "last"), Var(INT, "last")
            taken = c.taken
            if isinstance(taken, Op):
                taken = body.compare(taken.name, *taken.args)
            if c.negate:
                taken = body.op("not", taken, type=BOOL)
            results.append(body.op("select", taken, loop.index, last, type=INT))
            params.append(last)
            # The value after the loop goes by the old name; the loop's own result is for comparisons only.
            outs[c.position] = Var(out.type, out.name)
            outs.append(end)
            self.again(after, loop, c, out, end, never)
        stmts = tuple(simpler.get(id(s), s) for s in inside.stmts)
        inside = Block((*stmts, *body.stmts), inside.results)
        made = _carrying(loop, inside, params, [never] * len(params), results, tuple(outs))
        return [*before.stmts, made, *after.stmts]

    def again(self, after: Builder, loop: For, c: _Choice, out: Var, end: Var, never: Operand) -> None:
        """Compute a chosen value from the iteration that chose it, under the name that the loop's result had."""
        chosen = after.compare("ne", end, never)
        values: dict[Var, Operand] = {loop.index: end}
        with after.block() as stmts:
            for op in c.chain:
                after.append(_made_before(clone(op, values)))
        value = values.get(c.value, c.value) if isinstance(c.value, Var) else c.value
        after.append(If(chosen, Block(tuple(stmts), (value,)), Block((), (loop.inits[c.position],)), (out,), loop.loc))

    def search(self, after: Builder, loop: For, c: _Choice, found: Var, never: Operand) -> Var:
        """Look for the first iteration whose value is the one found; where there was none better at first, for none."""
        init = loop.inits[c.position]
        known = after.compare("eq", init, init)
        better = after.op("and", known, after.compare("ne", found, init), type=BOOL)
        index, last, end = Var(INT, loop.index.name), Var(INT, "last"), Var(INT, "last")
        values: dict[Var, Operand] = {loop.index: index}
        with after.block() as stmts:
            for op in c.chain:
                after.append(_made_before(clone(op, values)))
            value = values.get(c.value, c.value) if isinstance(c.value, Var) else c.value
            hit = after.compare("eq", value, found)
            if c.extreme in ("maximum", "minimum"):
                hit = after.op("or", hit, after.compare("ne", value, value), type=BOOL)
            hit = after.op("and", better, hit, type=BOOL)
            after.op("select", hit, index, last, type=INT)
            result = after.stmts[-1]
        assert isinstance(result, Op) and result.out is not None
        body = Block(tuple(stmts), (result.out, hit))
        after.append(
            For(index, loop.start, loop.stop, loop.step, (last,), (never,), body, (end,), Var(INT), True, loop.loc)
        )
        return end

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
        if chain is None:
            return None
        extreme = None
        if not loop.exits and not negate and isinstance(made, Op) and len(chain) <= _SHORT and all(map(_cheap, chain)):
            extreme = _extreme(made, p, value, {s.out: s for s in loop.body.stmts if isinstance(s, Op)})
        return _Choice(k, taken, negate, value, chain, made, extreme)

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


_SHORT = 6
"""Operations that a value may take to be computed twice in every iteration."""


def _cheap(op: Op) -> bool:
    return op.name not in RULES or RULES[op.name].cheap


def _extreme(made: Op, p: Var, x: Operand, ops: Mapping[Var | None, Op]) -> str | None:
    """Return the operation that finds the same number as a choice does, but for the sign of a zero."""
    if p.type not in (Scalar("f8"), Scalar("f4")):
        return None
    if made.name in ("max", "min"):
        # Python's: what is no number is never chosen.
        return f"f{made.name}"

    def of(y: Operand) -> Op | None:
        return ops.get(y) if isinstance(y, Var) else None

    both = of(made.args[0])
    if made.name != "select" or both is None or both.name != "and":
        return None
    better, keep = map(of, both.args)
    isnan = of(keep.args[0]) if keep is not None and keep.name == "not" else None
    if isnan is None or isnan.name != "ne" or isnan.args != (p, p) or better is None or better.name != "or":
        return None
    beyond, isnan = map(of, better.args)
    if isnan is None or isnan.name != "ne" or isnan.args != (x, x) or beyond is None or beyond.args != (x, p):
        return None
    return {"gt": "maximum", "lt": "minimum"}.get(beyond.name)


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
