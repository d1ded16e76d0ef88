"""Turning a program into one that also computes directional derivatives.

Each number that varies gets a second number, its tangent, each buffer that varies a
second buffer, stepped in the same order by the same control flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from revtrace.calls.core import parts, passes_on
from revtrace.passes import memory
from revtrace.passes.activity import Activity, varied
from revtrace.passes.calls import Place, Text, push_text, write_program, write_terms
from revtrace.passes.effects import buffers
from revtrace.passes.pullback import argument, refused, rule_of
from revtrace.passes.scopes import is_array, is_float, scopes
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Var, While, const
from revtrace.program.rebuild import fresh
from revtrace.program.types import Array, Scalar, is_inexact
from revtrace.rules import formula
from revtrace.rules.formula import Expr, operand

__all__ = ["Tangents", "tangent"]


def tangent(program: Program, active_inputs: Sequence[int]) -> Program:
    """Return the program that computes results and their tangents.

    Parameters
    ----------
    program : Program
        What to differentiate.
    active_inputs : sequence of int
        Positions of the inputs that vary; floats or arrays of floats.

    Returns
    -------
    Program
        Takes the inputs, then a tangent of the same type per active input; returns the
        results, then a tangent per floating result, a new array for an array.  Input
        tangents are not written.
    """
    program = fresh(program)
    inputs = [program.inputs[k] for k in active_inputs]
    where = scopes(program)
    classes = buffers(program, where)
    writer = Tangents(varied(program, classes, inputs))
    dots = [Var(v.type, f"{v.name}_dot") for v in inputs]
    for var, dot in zip(inputs, dots, strict=True):
        # A tangent that is handed out, or written along with its array, is the program's own.
        writer.dot[var] = writer.b.op("copy", dot, hint=dot.name) if is_array(var) else dot
    for var in program.inputs:
        if is_array(var) and var not in writer.dot and writer.varies(var):
            writer.dot[var] = memory.zeros_like(writer.b, var, f"{var.name}_dot")
    writer.block(program.body)
    results = list(program.body.results)
    for x in program.body.results:
        if is_float(x):
            results.append(writer.number(x))
        elif is_array(x) and is_inexact(x.type.dtype):
            assert isinstance(x, Var)
            results.append(writer.dot[x] if writer.varies(x) else memory.zeros_like(writer.b, x, f"{x.name}_dot"))
    return Program(f"{program.name}_tangent", (*program.inputs, *dots), writer.b.close(*results))


class Tangents:
    """Writes statements together with their tangents.

    Attributes
    ----------
    b : Builder
    on : Activity
        What varies.
    dot : dict
        By value, its tangent; by array, the buffer of its elements'.
    """

    def __init__(self, on: Activity) -> None:
        self.b = Builder()
        self.on = on
        self.dot: dict[Var, Operand] = {}

    def varies(self, x: Operand) -> bool:
        """Return whether a value has a tangent."""
        return self.on.is_active(x)

    def number(self, x: Operand) -> Operand:
        """Return the tangent of a number, zero where it does not vary."""
        assert isinstance(x.type, Scalar)
        found = self.dot.get(x) if isinstance(x, Var) else None
        return const(0, x.type.dtype) if found is None else found

    def twin(self, var: Var) -> Var:
        """Return a new tangent of a value."""
        dot = Var(var.type, f"{var.name}_dot" if var.name else "dot")
        self.dot[var] = dot
        return dot

    def both(self, xs: Sequence[Operand], of: Sequence[Var]) -> list[Operand]:
        """Return operands, then the tangents of those handed to values that vary."""
        extra = [
            self.dot[_var(x)] if is_array(x) else self.number(x) for x, v in zip(xs, of, strict=False) if self.varies(v)
        ]
        return [*xs[: len(of)], *extra, *xs[len(of) :]]

    def doubled(self, variables: Sequence[Var]) -> tuple[Var, ...]:
        """Return values, then new tangents of those that vary."""
        return (*variables, *(self.twin(v) for v in variables if self.varies(v)))

    def block(self, block: Block) -> None:
        """Write a block's statements."""
        for stmt in block.stmts:
            self.b.loc = stmt.loc
            match stmt:
                case Op():
                    self.op(stmt)
                case If():
                    self.branch(stmt)
                case For() | While():
                    self.loop(stmt)

    def branch(self, stmt: If) -> None:
        """Write a branch."""
        arms = [self.nest(x, stmt.outs) for x in (stmt.then, stmt.orelse)]
        self.b.append(If(stmt.cond, arms[0], arms[1], self.doubled(stmt.outs), stmt.loc))

    def nest(self, block: Block, outs: Sequence[Var]) -> Block:
        """Write a nested block, whose results are given to ``outs``."""
        with self.b.block() as stmts:
            self.block(block)
            results = self.both(block.results, outs)
        return Block(tuple(stmts), tuple(results))

    def loop(self, stmt: For | While) -> None:
        """Write a loop."""
        inits = tuple(self.both(stmt.inits, stmt.params))
        params = self.doubled(stmt.params)
        body = self.nest(stmt.body, stmt.params)
        outs = self.doubled(stmt.outs)
        self.b.append(replace(stmt, params=params, inits=inits, body=body, outs=outs))

    def op(self, op: Op) -> None:
        """Write an operation."""
        b = self.b
        if op.name in ("store", "addto", "fill", "copyto", "push"):
            # Before the operation itself: both may read what it is about to write.
            if self.varies(op.args[0]):
                self.write(op)
            b.append(op)
            return
        b.append(op)
        if op.name == "call":
            self.called(op)
        if op.out is not None and self.varies(op.out):
            self.along(op, op.out)

    def along(self, op: Op, out: Var) -> None:
        """Write the tangent of an operation's result."""
        b = self.b
        match op.name:
            case "copy" if not self.varies(op.args[0]):
                self.dot[out] = memory.zeros_like(b, out, f"{out.name}_dot")
            case "load" | "copy" | "pop":
                attrs = op.attrs
                source = self.dot[_var(op.args[0])]
                dot = Var(out.type, f"{out.name}_dot" if out.name else "dot")
                b.append(Op(op.name, (source, *op.args[1:]), dot, attrs, op.loc))
                self.dot[out] = dot
            case "alloc":
                assert isinstance(out.type, Array)
                b.append(Op("alloc", op.args, self.twin(out), op.attrs, op.loc))
            case "stack":
                b.append(Op("stack", (), self.twin(out), (), op.loc))
            case "select":
                sides = (self.number(op.args[1]), self.number(op.args[2]))
                self.dot[out] = b.op("select", op.args[0], *sides, type=out.type)
            case "cast":
                assert isinstance(out.type, Scalar)
                self.dot[out] = b.cast(self.number(op.args[0]), out.type.dtype)
            case _:
                self.scalar(op, out)

    def called(self, op: Op) -> None:
        """Write the tangents of what a call wrote."""
        b = self.b
        outs, ins = parts(op)
        varying = [x for x in outs if self.varies(x)]
        if not varying:
            return
        active = [x for x in ins if self.varies(x)]
        targets = {k: _var(self.dot[_var(x)]) for k, x in enumerate(outs) if self.varies(x)}
        text = push_text(op, self.varies) if active and passes_on(op) else Text()
        arrays: dict[Place, Var] = {("out", k): _var(x) for k, x in enumerate(outs)}
        arrays |= {("in", k): _var(x) for k, x in enumerate(ins)}
        arrays |= {("dot", k): _var(self.dot[_var(x)]) for k, x in enumerate(ins) if self.varies(x)}
        if text.program is None or set(text.targets) != set(targets):
            for target in targets.values():
                if not op.attr("adds"):
                    b.do("fill", target, const(0, target.type.dtype))
        if text.program is None:
            write_terms(b, text, arrays, targets)
            return
        values: dict[tuple[Any, ...], Operand] = dict(arrays.items())
        for key in text.inputs:
            if len(key) == 3:
                values[key] = b.dim(arrays[key[0], key[1]], key[2])
        write_program(b, text, values, targets, adds=False)

    def write(self, op: Op) -> None:
        """Write the tangent of a write."""
        target = self.dot[_var(op.args[0])]
        value = op.args[1]
        if op.name == "copyto":
            if self.varies(value):
                self.b.append(Op("copyto", (target, self.dot[_var(value)]), None, op.attrs, op.loc))
            else:
                assert isinstance(target.type, Array)
                self.b.do("fill", target, const(0, target.type.dtype))
            return
        dot = self.number(value)
        if op.name != "addto" or isinstance(dot, Var):
            self.b.append(Op(op.name, (target, dot, *op.args[2:]), None, op.attrs, op.loc))

    def scalar(self, op: Op, out: Var) -> None:
        """Write the tangent of an operation that a rule describes."""
        b = self.b
        dots = [Expr(b, self.dot[x]) if isinstance(x, Var) and x in self.dot else None for x in op.args]
        args = [argument(b, x) for x in op.args]
        try:
            found = formula.pushforward(rule_of(op), dots, args, Expr(b, out))
        except formula.NoDerivativeError as error:
            raise refused(op, error) from None
        if found is not None:
            assert isinstance(out.type, Scalar)
            self.dot[out] = operand(b, found, out.type.dtype)


def _var(x: Operand) -> Var:
    assert isinstance(x, Var)
    return x
