"""Which values and buffers carry a derivative.

A value is *varied* when it depends on an active input, *useful* when an active
output depends on it, both through operations that have a derivative; *active* is
both.  Buffers are judged per class (see `revtrace.passes.effects`), without regard to order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from revtrace.calls.core import parts
from revtrace.calls.core import passes_on as passed_on
from revtrace.passes.effects import Buffers
from revtrace.passes.scopes import is_float
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, While
from revtrace.program.types import Array, Stack, is_inexact
from revtrace.rules.core import RULES

__all__ = ["Activity", "activity", "differentiable", "varied"]

_MEMORY = frozenset(
    {
        "load",
        "store",
        "addto",
        "fill",
        "copy",
        "copyto",
        "push",
        "pop",
        "alloc",
        "dim",
        "check",
        "stack",
        "call",
        "keep",
    }
)


@dataclass(frozen=True, slots=True)
class Activity:
    """The active numbers, arrays and stacks of a program; ask with `is_active`."""

    active: frozenset[Var]
    buffers: Buffers

    def is_active(self, x: Operand) -> bool:
        """Whether a value, or a buffer's class, carries a derivative."""
        if not isinstance(x, Var):
            return False
        if isinstance(x.type, Array | Stack):
            return self.buffers.find(x) in self.active
        return x in self.active


def activity(program: Program, buffers: Buffers, inputs: Iterable[Operand], outputs: Iterable[Operand]) -> Activity:
    """Find what carries a derivative from some inputs to some outputs."""
    useful = _Flow(buffers)
    for x in outputs:
        useful.mark(x)
    useful.settle(program.body, useful.backward)
    return Activity(frozenset(useful.marked) & varied(program, buffers, inputs).active, buffers)


def varied(program: Program, buffers: Buffers, inputs: Iterable[Operand]) -> Activity:
    """Find what depends on some inputs."""
    flow = _Flow(buffers)
    for x in inputs:
        flow.mark(x)
    flow.settle(program.body, flow.forward)
    return Activity(frozenset(flow.marked), buffers)


def differentiable(op: Op) -> bool:
    """Whether a scalar operation passes derivatives on."""
    if op.name in _MEMORY:
        return False
    if op.out is None or not is_float(op.out):
        return False
    if op.name in ("select", "cast", "accum"):
        return True
    rule = RULES.get(op.name)
    return rule is None or not rule.why_zero


class _Flow:
    """Marks spreading through a program until nothing changes."""

    def __init__(self, buffers: Buffers) -> None:
        self.buffers = buffers
        self.marked: set[Var] = set()
        self.changed = False

    def key(self, x: Operand) -> Var | None:
        if not isinstance(x, Var) or not is_inexact(x.type.dtype):
            return None
        return self.buffers.find(x) if isinstance(x.type, Array | Stack) else x

    def mark(self, x: Operand) -> None:
        key = self.key(x)
        if key is not None and key not in self.marked:
            self.marked.add(key)
            self.changed = True

    def has(self, x: Operand) -> bool:
        key = self.key(x)
        return key is not None and key in self.marked

    def move(self, source: Operand, target: Operand) -> None:
        if self.has(source):
            self.mark(target)

    def settle(self, block: Block, step: object) -> None:
        assert callable(step)
        self.changed = True
        while self.changed:
            self.changed = False
            step(block)

    def forward(self, block: Block) -> None:
        for stmt in block.stmts:
            if isinstance(stmt, Op):
                for source, target in flows(stmt):
                    self.move(source, target)
                continue
            for source, target in entries(stmt):
                self.move(source, target)
            for inner in inners(stmt):
                self.forward(inner)
            for source, target in leaves(stmt):
                self.move(source, target)

    def backward(self, block: Block) -> None:
        for stmt in reversed(block.stmts):
            if isinstance(stmt, Op):
                for source, target in flows(stmt):
                    self.move(target, source)
                continue
            for source, target in leaves(stmt):
                self.move(target, source)
            for inner in inners(stmt):
                self.backward(inner)
            for source, target in entries(stmt):
                self.move(target, source)


def flows(op: Op) -> list[tuple[Operand, Operand]]:
    """Return where an operation moves derivatives: pairs (from, to)."""
    match op.name:
        case "load" | "copy" | "pop":
            assert op.out is not None
            return [(op.args[0], op.out)]
        case "store" | "addto" | "fill" | "copyto" | "push":
            return [(op.args[1], op.args[0])]
        case "call":
            outs, ins = parts(op)
            return [(x, out) for x in ins for out in outs] if passed_on(op) else []
        case "linearised":
            assert op.out is not None
            return [(op.args[0], op.out)]
    if not differentiable(op):
        return []
    assert op.out is not None
    return [(x, op.out) for x in op.args]


def entries(stmt: Stmt) -> list[tuple[Operand, Operand]]:
    """Return what a region's blocks receive."""
    return list(zip(stmt.inits, stmt.params, strict=True)) if isinstance(stmt, For | While) else []


def leaves(stmt: Stmt) -> list[tuple[Operand, Operand]]:
    """Return what a region's blocks hand on: to its outs and to the next iteration."""
    pairs: list[tuple[Operand, Operand]] = []
    if isinstance(stmt, If):
        for block in (stmt.then, stmt.orelse):
            pairs += zip(block.results, stmt.outs, strict=True)
    elif isinstance(stmt, For | While):
        for k, p in enumerate(stmt.params):
            y = stmt.body.results[k]
            # An unentered loop hands its inits on: param to out, as well as result to out.
            pairs += [(y, p), (y, stmt.outs[k]), (p, stmt.outs[k])]
    return pairs


def inners(stmt: Stmt) -> tuple[Block, ...]:
    """Return the blocks derivatives pass through."""
    if isinstance(stmt, If):
        return (stmt.then, stmt.orelse)
    if isinstance(stmt, For | While):
        return (stmt.body,)
    return ()
