"""Computing each thing once: constants, equal expressions, repeated loads, settled branches.

A load is the value last stored to, or loaded from, the same element, as long as
nothing wrote to that buffer's class in between.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

from revtrace.calls.core import parts
from revtrace.passes.effects import Buffers, buffers
from revtrace.passes.fold import folded, key
from revtrace.passes.scopes import scopes
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Program, Stmt, Var, While, const
from revtrace.program.rebuild import fresh
from revtrace.program.types import INT, Scalar
from revtrace.rules.core import RULES

__all__ = ["simplify"]


def simplify(program: Program) -> Program:
    """Return the program with repeated and constant work removed; results are bit for bit the same."""
    program = fresh(program)
    memory = buffers(program, scopes(program))
    walker = _Walker(memory)
    body = walker.block(program.body, {})
    return Program(program.name, program.inputs, body)


Known = dict[object, Operand]


class _Walker:
    """State of one walk: what each value became, and how often each buffer class was written."""

    def __init__(self, memory: Buffers) -> None:
        self.memory = memory
        self.became: dict[Var, Operand] = {}
        self.version: dict[Var, int] = {}
        self.sums: dict[Var, tuple[Var, int]] = {}
        self.clock = itertools.count(1)

    def now(self, x: Operand) -> Operand:
        while isinstance(x, Var) and x in self.became:
            x = self.became[x]
        return x

    def all(self, xs: Iterable[Operand]) -> tuple[Operand, ...]:
        return tuple(self.now(x) for x in xs)

    def block(self, block: Block, known: Known, into: list[Stmt] | None = None) -> Block:
        """Rewrite a block; ``known`` maps expressions to values visible here."""
        stmts: list[Stmt] = [] if into is None else into
        for stmt in block.stmts:
            match stmt:
                case Op():
                    self.op(stmt, known, stmts)
                case If():
                    self.branch(stmt, known, stmts)
                case For() | While():
                    self.loop(stmt, known, stmts)
        return Block(tuple(stmts), self.all(block.results))

    # operations -----------------------------------------------------------------------

    def op(self, op: Op, known: Known, stmts: list[Stmt]) -> None:
        op = Op(op.name, self.all(op.args), op.out, op.attrs, op.loc)
        same = folded(op)
        if same is None:
            op, same = self.regrouped(op)
        if same is not None:
            assert op.out is not None
            self.became[op.out] = same
            return
        if op.name == "check" and isinstance(op.args[0], Const) and op.args[0].value:
            return
        name = self.expression(op)
        if name is not None and op.out is not None:
            if name in known:
                self.became[op.out] = known[name]
                return
            known[name] = op.out
        if op.name == "store" and self.is_there(op, known):
            return
        stmts.append(op)
        self.wrote(op, known)

    def regrouped(self, op: Op) -> tuple[Op, Operand | None]:
        """Write an integer as one value plus one constant; return the value where the constant is zero."""
        if op.name not in ("add", "sub") or op.out is None or op.out.type != INT:
            return op, None
        x, c = op.args
        if op.name == "add" and isinstance(x, Const):
            x, c = c, x
        if not isinstance(x, Var) or not isinstance(c, Const):
            return op, None
        base, already = self.sums.get(x, (x, 0))
        total = already + (int(c.value.real) if op.name == "add" else -int(c.value.real))
        if total == 0:
            return op, base
        if abs(total) >= 1 << 62:
            return op, None
        self.sums[op.out] = base, total
        name = "add" if total > 0 else "sub"
        return Op(name, (base, const(abs(total))), op.out, op.attrs, op.loc), None

    def expression(self, op: Op) -> object:
        """Return what names an operation's value; None where it is not a function of its operands."""
        args = tuple(map(key, op.args))
        if op.name == "load":
            return self.element(op.args[0], op.args[1:])
        if op.name == "dim":
            # Shapes do not change, and a copy is shaped as its original.
            return ("dim", args, op.attr("axis"))
        if op.out is None or op.name not in RULES and op.name not in ("select", "cast"):
            return None
        assert isinstance(op.out.type, Scalar)
        # What only a test of an attempt reads is not shared with the arm that the test guards: there it has
        # a derivative, which may be none where the test fails (`revtrace.trace.steps.attempts`).
        return (op.name, args, op.out.type.dtype, op.attr("tested"))

    def element(self, array: Operand, index: Iterable[Operand]) -> object:
        return ("load", array, self.version.get(self.memory.find(array), 0), tuple(map(key, index)))

    def is_there(self, store: Op, known: Known) -> bool:
        """Whether an element holds already what is stored in it."""
        found = known.get(self.element(store.args[0], store.args[2:]))
        return found is not None and key(found) == key(store.args[1])

    def wrote(self, op: Op, known: Known) -> None:
        if op.name in ("store", "addto", "fill", "copyto"):
            self.age([self.memory.find(op.args[0])])
        if op.name == "call":
            self.age([self.memory.find(x) for x in parts(op)[0]])
        if op.name == "store":
            known[self.element(op.args[0], op.args[2:])] = op.args[1]
        if op.name == "alloc" and op.out is not None:
            for axis, n in enumerate(op.args):
                known[("dim", (op.out,), axis)] = n

    def age(self, classes: Iterable[Var]) -> None:
        for c in classes:
            self.version[c] = next(self.clock)

    def written(self, stmt: Stmt) -> list[Var]:
        """Return the buffer classes a region writes."""
        return list(self.memory.written(stmt))

    # regions --------------------------------------------------------------------------

    def branch(self, stmt: If, known: Known, stmts: list[Stmt]) -> None:
        cond = self.now(stmt.cond)
        if isinstance(cond, Const):
            taken = self.block(stmt.then if cond.value else stmt.orelse, known, stmts)
            self.became.update(zip(stmt.outs, taken.results, strict=True))
            return
        written = self.written(stmt)
        before = dict(self.version)
        then = self.block(stmt.then, dict(known))
        self.version = before
        orelse = self.block(stmt.orelse, dict(known))
        self.age(written)
        keep = []
        seen: dict[object, Var] = {}
        for k, out in enumerate(stmt.outs):
            pair = (key(then.results[k]), key(orelse.results[k]))
            if pair[0] == pair[1]:
                self.became[out] = then.results[k]
            elif pair in seen:
                self.became[out] = seen[pair]
            else:
                seen[pair] = out
                keep.append(k)
        if not then.stmts and not orelse.stmts and not keep:
            return
        stmts.append(
            If(
                cond,
                Block(then.stmts, tuple(then.results[k] for k in keep)),
                Block(orelse.stmts, tuple(orelse.results[k] for k in keep)),
                tuple(stmt.outs[k] for k in keep),
                stmt.loc,
            )
        )

    def loop(self, stmt: For | While, known: Known, stmts: list[Stmt]) -> None:
        inits = self.all(stmt.inits)
        if isinstance(stmt, For):
            start, stop = self.now(stmt.start), self.now(stmt.stop)
            if (
                isinstance(start, Const)
                and isinstance(stop, Const)
                and not range(int(start.value.real), int(stop.value.real), stmt.step)
            ):
                self.became.update(zip(stmt.outs, inits, strict=True))
                self.became[stmt.count] = Const(0, stmt.count.type)  # type: ignore[arg-type]
                return
        keep = []
        for k, (p, x) in enumerate(zip(stmt.params, inits, strict=True)):
            if stmt.body.results[k] is p or key(self.now(stmt.body.results[k])) == key(x):
                # Handed on unchanged, or always the same: it is the entry value throughout.
                self.became[p] = x
                self.became[stmt.outs[k]] = x
            else:
                keep.append(k)
        written = self.written(stmt)
        self.age(written)
        params, outs = tuple(stmt.params[k] for k in keep), tuple(stmt.outs[k] for k in keep)
        wanted = (*(stmt.body.results[k] for k in keep), *stmt.body.results[len(stmt.params) :])
        if isinstance(stmt, While):
            test = self.block(stmt.cond, dict(known))
        body = self.block(Block(stmt.body.stmts, wanted), dict(known))
        self.age(written)
        entry = tuple(inits[k] for k in keep)
        made = replace(stmt, params=params, inits=entry, body=body, outs=outs)
        stmts.append(replace(made, start=start, stop=stop) if isinstance(made, For) else replace(made, cond=test))
