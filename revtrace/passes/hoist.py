"""Moving what does not change out of loops, and buffers out of regions.

Numbers that a loop's body computes from values outside it are computed before the
loop; a load that may fail is moved under the condition that the loop runs at all.
Buffers made in a loop or branch are made before it, once, when their lengths are
known there, and cleared where they were made: their adjoints then have a place too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from revtrace.passes.effects import Buffers, buffers
from revtrace.passes.fold import key
from revtrace.passes.memory import zero
from revtrace.passes.scopes import defined, free, is_array, scopes
from revtrace.passes.tape import integer, runs
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Program, Stmt, Var, While, const, regions, used
from revtrace.program.rebuild import fresh, substitute
from revtrace.program.types import Array, Scalar
from revtrace.rules.core import RULES

__all__ = ["hoist"]


def hoist(program: Program) -> Program:
    """Return the program with loop-invariant work and buffers moved outward."""
    program = fresh(program)
    mover = _Mover(buffers(program, scopes(program)))
    return Program(program.name, program.inputs, Block(tuple(mover.block(program.body)), program.body.results))


class _Mover:
    def __init__(self, memory: Buffers) -> None:
        self.memory = memory
        self.natural: set[Var] = set()
        self.around: list[For | While] = []

    def block(self, block: Block) -> list[Stmt]:
        """Return a block's statements, with those moved out of its regions before them."""
        stmts: list[Stmt] = []
        for stmt in block.stmts:
            if isinstance(stmt, Op) and stmt.out is not None:
                if stmt.name == "dim" or (stmt.name == "max" and const(0) in stmt.args):
                    self.natural.add(stmt.out)
            match stmt:
                case Op():
                    stmts.append(stmt)
                case If():
                    self.branch(stmt, stmts)
                case For() | While():
                    self.loop(stmt, stmts)
        return stmts

    def branch(self, stmt: If, stmts: list[Stmt]) -> None:
        arms = []
        for block in (stmt.then, stmt.orelse):
            inside, moved = self.split_buffers(self.block(block), ())
            stmts += moved
            arms.append(Block(tuple(inside), block.results))
        stmts.append(replace(stmt, then=arms[0], orelse=arms[1]))

    def loop(self, stmt: For | While, stmts: list[Stmt]) -> None:
        own = (*stmt.params, *((stmt.index,) if isinstance(stmt, For) else ()))
        self.around.append(stmt)
        inside = self.block(stmt.body)
        self.around.pop()
        # Buffers whose lengths are computed here can follow once those have moved.
        for _ in range(2):
            inside, moved = self.split_buffers(inside, own)
            stmts += moved
            inside, moved = self.split_numbers(inside, own, stmt)
            stmts += self.guarded(moved, stmt)
        body = Block(tuple(inside), stmt.body.results)
        stmts.append(replace(stmt, body=body))

    # buffers --------------------------------------------------------------------------

    def split_buffers(self, block: list[Stmt], own: tuple[Var, ...]) -> tuple[list[Stmt], list[Stmt]]:
        """Separate the making of buffers from the rest of a region's block."""
        local = _local(block, own)
        inside: list[Stmt] = []
        before = Builder()
        for stmt in block:
            match stmt:
                case Op(name="alloc", out=Var() as out) if not any(x in local for x in stmt.args):
                    self.make(before, out, stmt.args, stmt)
                    inside += self.reset(stmt, out)
                    local.discard(out)
                case Op(name="copy", out=Var() as out) if stmt.args[0] not in local:
                    assert isinstance(out.type, Array)
                    before.loc = stmt.loc
                    shape = tuple(before.dim(stmt.args[0], k) for k in range(out.type.ndim))
                    self.natural.update(n for n in shape if isinstance(n, Var))
                    self.make(before, out, shape, stmt)
                    inside.append(Op("copyto", (out, stmt.args[0]), None, (("again", True),), stmt.loc))
                    local.discard(out)
                case _:
                    inside.append(stmt)
        return inside, before.stmts

    def make(self, before: Builder, out: Var, shape: tuple[Operand, ...], stmt: Op) -> None:
        """Append the making of a buffer where its region may not run: a negative length is no error there."""
        before.loc = stmt.loc
        lengths: list[Operand] = []
        for n in shape:
            if isinstance(n, Var) and n in self.natural:
                lengths.append(n)
                continue
            clamped = integer(before, "max", n, const(0))
            if isinstance(clamped, Var):
                self.natural.add(clamped)
            lengths.append(clamped)
        before.append(Op("alloc", tuple(lengths), out, (("zeros", False), ("again", True)), stmt.loc))

    def reset(self, stmt: Op, out: Var) -> list[Stmt]:
        """Return what is left where a buffer was made."""
        b = Builder(stmt.loc)
        for n in stmt.args:
            if n not in self.natural and not (isinstance(n, Const) and n.value.real >= 0):
                b.do("check", b.compare("ge", n, const(0)), kind="length")
        if stmt.attr("zeros"):
            b.do("fill", out, zero(out))
        return b.stmts

    # numbers --------------------------------------------------------------------------

    def split_numbers(
        self, block: list[Stmt], own: tuple[Var, ...], stmt: For | While
    ) -> tuple[list[Stmt], list[Stmt]]:
        """Separate what does not change from iteration to iteration."""
        local = _local(block, own)
        written = {cls for s in block for cls in self.memory.written(s)}
        inside: list[Stmt] = []
        moved: list[Stmt] = []
        for s in block:
            if not any(x in local for x in _reads(s)) and self.steady(s, written, isinstance(stmt, For)):
                moved.append(s)
                local.difference_update(defined(s))
            else:
                inside.append(s)
        return inside, moved

    def steady(self, stmt: Stmt, written: set[Var], loads: bool) -> bool:
        """Whether a statement computes numbers only, from memory the loop does not write."""
        match stmt:
            case Op():
                if stmt.name == "load":
                    return (loads or bool(stmt.attr("safe"))) and self.memory.find(stmt.args[0]) not in written
                if stmt.name in ("floordiv", "mod"):
                    # A division that was guarded is not made unguarded.
                    return isinstance(stmt.args[1], Const) and stmt.args[1].value != 0
                if stmt.name in ("select", "cast", "dim"):
                    return True
                return stmt.out is not None and isinstance(stmt.out.type, Scalar) and stmt.name in RULES
            case If():
                if any(is_array(v) for v in stmt.outs):
                    return False
                return all(self.steady(s, written, loads) for s in (*stmt.then.stmts, *stmt.orelse.stmts))
        return False

    def runs(self, loop: For) -> bool:
        """Whether a loop runs at least once, as one around it over the same range does."""
        return any(
            isinstance(x, For)
            and key(x.start) == key(loop.start)
            and key(x.stop) == key(loop.stop)
            and (x.step > 0) == (loop.step > 0)
            for x in self.around
        )

    def guarded(self, moved: list[Stmt], loop: For | While) -> Iterator[Stmt]:
        """Yield moved statements; those that may fail run only if the loop does."""
        assert isinstance(loop, For) or not any(map(_may_fail, moved))
        if not any(map(_may_fail, moved)) or (isinstance(loop, For) and self.runs(loop)):
            yield from moved
            return
        assert isinstance(loop, For)
        later: set[Var] = set()
        risky: list[Stmt] = []
        for s in moved:
            if _may_fail(s) or any(x in later for x in _reads(s)):
                risky.append(s)
                later.update(defined(s))
            else:
                yield s
        b = Builder(loop.loc)
        test = runs(b, loop)
        yield from b.stmts
        outs = [v for s in risky for v in defined(s)]
        inner = {v: Var(v.type, v.name) for v in outs}
        renamed = [_renamed(s, inner) for s in risky]
        zeros = tuple(zero(v) for v in outs)
        yield If(test, Block(tuple(renamed), tuple(inner[v] for v in outs)), Block((), zeros), tuple(outs), loop.loc)


def _renamed(stmt: Stmt, inner: dict[Var, Var]) -> Stmt:
    stmt = substitute(stmt, dict(inner))
    match stmt:
        case Op():
            assert stmt.out is not None
            return Op(stmt.name, stmt.args, inner[stmt.out], stmt.attrs, stmt.loc)
        case If():
            return If(stmt.cond, stmt.then, stmt.orelse, tuple(inner[v] for v in stmt.outs), stmt.loc)
    raise AssertionError(stmt)


def _may_fail(stmt: Stmt) -> bool:
    if isinstance(stmt, Op):
        return stmt.name == "load" and not stmt.attr("safe")
    return any(_may_fail(s) for block in regions(stmt) for s in block.stmts)


def _local(block: list[Stmt], own: tuple[Var, ...]) -> set[Operand]:
    """Return the values that exist in a block only."""
    return {*own, *(v for s in block for v in defined(s))}


def _reads(stmt: Stmt) -> Iterator[Operand]:
    yield from used(stmt)
    for block in regions(stmt):
        yield from free(block)
