"""Removing what nothing reads.

A program's results, its checks and accesses that may fail are wanted, and what they
read, over and over; the rest goes: operations, buffers that are only written,
carried values of loops and results of branches, whole regions.  A ``while`` that
only computes unwanted values goes too, so a program that ran forever may end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from revtrace.calls.core import parts, row_of
from revtrace.passes.effects import Buffers, buffers
from revtrace.passes.scopes import Scopes, is_array, scopes
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Program, Stmt, Var, While
from revtrace.program.rebuild import fresh

__all__ = ["dce"]


def dce(program: Program) -> Program:
    """Return the program without what its results, checks and accesses that may fail do not need.

    Notes
    -----
    A load that may be out of range is kept even when its value is not wanted, as it
    raises an exception in the user's function; one that is marked ``safe``, or ``again``
    (made before with the same index), goes.  Stores to inputs are wanted only when the
    input is a result.
    """
    while True:
        program = fresh(program)
        where = scopes(program)
        live = _Live(where, buffers(program, where))
        live.want_all(program.body.results)
        live.settle(program.body)
        thinner = Program(program.name, program.inputs, _Cut(live).block(program.body))
        if _size(thinner.body) == _size(program.body):
            return thinner
        program = thinner


def _size(block: Block) -> int:
    total = len(block.stmts) + len(block.results)
    for stmt in block.stmts:
        match stmt:
            case If():
                total += _size(stmt.then) + _size(stmt.orelse)
            case For():
                total += _size(stmt.body)
            case While():
                total += _size(stmt.cond) + _size(stmt.body)
    return total


class _Live:
    """What is wanted: values, buffer classes, stacks."""

    def __init__(self, where: Scopes, memory: Buffers) -> None:
        self.where = where
        self.memory = memory
        self.values: set[Var] = set()
        self.classes: set[Var] = set()
        self.changed = False

    def want(self, x: Operand) -> None:
        self.want_name(x)
        if isinstance(x, Var) and is_array(x):
            # Whoever holds an array wants what is in it, save for its shape (see `op`); its
            # name may have been wanted before.
            self.want_contents(x)

    def want_all(self, xs: Iterable[Operand]) -> None:
        for x in xs:
            self.want(x)

    def want_contents(self, x: Operand) -> None:
        key = self.memory.find(x) if is_array(x) else x
        assert isinstance(key, Var)
        if key not in self.classes:
            self.classes.add(key)
            self.changed = True

    def want_name(self, x: Operand) -> None:
        """Want an array's identity, not its contents."""
        if isinstance(x, Var) and x not in self.values:
            self.values.add(x)
            self.changed = True

    def has_contents(self, x: Operand) -> bool:
        return (self.memory.find(x) if is_array(x) else x) in self.classes

    def settle(self, block: Block) -> None:
        self.changed = True
        while self.changed:
            self.changed = False
            self.block(block)

    def block(self, block: Block) -> None:
        for stmt in reversed(block.stmts):
            match stmt:
                case Op():
                    if self.keeps_op(stmt):
                        self.op(stmt)
                case If():
                    self.branch(stmt)
                case For() | While():
                    self.loop(stmt)

    def keeps_op(self, op: Op) -> bool:
        """Whether an operation stays."""
        match op.name:
            case "check":
                return True
            case "store" | "addto" | "fill" | "copyto":
                return self.has_contents(op.args[0]) or may_fail(op)
            case "push":
                return self.has_contents(op.args[0])
            case "call":
                return any(map(self.has_contents, parts(op)[0])) or may_fail(op)
            case "keep":
                return True
            case "pop":
                # All pops of a stack stay, or none: its order must hold.
                return op.out in self.values or self.has_contents(op.args[0])
        return op.out in self.values or may_fail(op)

    def op(self, op: Op) -> None:
        match op.name:
            case "dim":
                self.want_name(op.args[0])
            case "load" | "copy":
                if op.out in self.values:
                    self.want_contents(op.args[0])
                for x in op.args:
                    self.want_name(x)
            case "store" | "addto" | "fill" | "copyto":
                if self.has_contents(op.args[0]):
                    self.want(op.args[1])
                else:
                    self.want_name(op.args[1])
                for x in (op.args[0], *op.args[2:]):
                    self.want_name(x)
                if op.name == "addto" and self.has_contents(op.args[0]):
                    self.want_contents(op.args[0])
            case "call":
                outs, ins = parts(op)
                for x in ins:
                    self.want(x)
                for x in outs:
                    self.want_name(x)
                    if op.attr("adds"):
                        self.want_contents(x)
            case "push" | "pop":
                self.want_contents(op.args[0])
                for x in op.args:
                    self.want_name(x)
            case _:
                self.want_all(op.args)

    def region_stays(self, stmt: Stmt) -> bool:
        match stmt:
            case If():
                return any(v in self.values for v in stmt.outs) or any(
                    map(self.stays, (*stmt.then.stmts, *stmt.orelse.stmts))
                )
            case For() | While():
                if any(v in self.values for v in (*stmt.outs, stmt.count)):
                    return True
                if isinstance(stmt, While) and any(map(self.stays, stmt.cond.stmts)):
                    return True
                return any(map(self.stays, stmt.body.stmts))
        return True

    def stays(self, stmt: Stmt) -> bool:
        return self.keeps_op(stmt) if isinstance(stmt, Op) else self.region_stays(stmt)

    def pass_on(self, out: Var, x: Operand) -> None:
        """Want what becomes a wanted value; an array's contents are wanted by class."""
        if out in self.values:
            self.want_name(x)

    def branch(self, stmt: If) -> None:
        if not self.region_stays(stmt):
            return
        self.want(stmt.cond)
        for block in (stmt.then, stmt.orelse):
            for out, x in zip(stmt.outs, block.results, strict=True):
                self.pass_on(out, x)
            self.block(block)

    def loop(self, stmt: For | While) -> None:
        if not self.region_stays(stmt):
            return
        if isinstance(stmt, For):
            self.want(stmt.start)
            self.want(stmt.stop)
        else:
            self.want_all(stmt.cond.results)
        if stmt.exits:
            self.want(stmt.body.results[-1])
        for k in range(len(stmt.params)):
            if self.carries(stmt, k):
                self.want_name(stmt.params[k])
                self.want_name(stmt.body.results[k])
                self.want_name(stmt.inits[k])
        self.block(stmt.body)
        if isinstance(stmt, While):
            self.block(stmt.cond)
        for k in range(len(stmt.params)):
            if self.carries(stmt, k):
                self.want_name(stmt.inits[k])
                self.want_name(stmt.body.results[k])

    def carries(self, stmt: For | While, k: int) -> bool:
        """Whether a loop's carried value is wanted; arrays that are permuted stand and fall together."""
        if is_array(stmt.params[k]):
            return any(
                p in self.values or out in self.values
                for p, out in zip(stmt.params, stmt.outs, strict=True)
                if is_array(p)
            )
        return stmt.params[k] in self.values or stmt.outs[k] in self.values


def may_fail(op: Op) -> bool:
    """Whether an operation may bail, or does more than compute its results, so that it stays without a reader."""
    if op.name in ("load", "store", "addto"):
        return not (op.attr("safe") or op.attr("again"))
    if op.name == "alloc":
        return any(not isinstance(n, Const) or n.value.real < 0 for n in op.args) and not op.attr("again")
    if op.name == "call":
        row = row_of(op)
        return (row.raises or row.stays) and not op.attr("again")
    return op.name == "copyto" and not op.attr("again")


class _Cut:
    """Rebuilds a program from what is wanted."""

    def __init__(self, live: _Live) -> None:
        self.live = live

    def block(self, block: Block, results: Iterable[Operand] | None = None) -> Block:
        stmts: list[Stmt] = []
        for stmt in block.stmts:
            if not self.live.stays(stmt):
                continue
            match stmt:
                case Op():
                    stmts.append(stmt)
                case If():
                    stmts.append(self.branch(stmt))
                case For() | While():
                    stmts.append(self.loop(stmt))
        return Block(tuple(stmts), tuple(block.results if results is None else results))

    def branch(self, stmt: If) -> If:
        keep = [k for k, v in enumerate(stmt.outs) if v in self.live.values]
        arms = [self.block(b, [b.results[k] for k in keep]) for b in (stmt.then, stmt.orelse)]
        return replace(stmt, then=arms[0], orelse=arms[1], outs=tuple(stmt.outs[k] for k in keep))

    def loop(self, stmt: For | While) -> For | While:
        keep = [k for k in range(len(stmt.params)) if self.live.carries(stmt, k)]
        results = [stmt.body.results[k] for k in keep]
        if stmt.exits:
            results.append(stmt.body.results[-1])
        body = self.block(stmt.body, results)
        params, inits = tuple(stmt.params[k] for k in keep), tuple(stmt.inits[k] for k in keep)
        outs = tuple(stmt.outs[k] for k in keep)
        made = replace(stmt, params=params, inits=inits, body=body, outs=outs)
        return (
            replace(made, cond=self.block(stmt.cond)) if isinstance(made, While) and isinstance(stmt, While) else made
        )
