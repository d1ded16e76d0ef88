"""The backward sweep: a program's statements mirrored, last first; operations by `revtrace.passes.adjoints`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from revtrace.passes import memory
from revtrace.passes.adjoints import Adjoints
from revtrace.passes.carry import Carry
from revtrace.passes.demand import permutation
from revtrace.passes.effects import touched
from revtrace.passes.memory import zero
from revtrace.passes.scopes import TOP, free, is_array, is_float
from revtrace.passes.shadows import bar_name
from revtrace.passes.tape import integer, iterations
from revtrace.program.nodes import Block, For, If, Loc, Op, Operand, Program, Stmt, Var, While, const
from revtrace.program.rebuild import substitute
from revtrace.program.types import BOOL, INT, Scalar

__all__ = ["Sweeps"]


class Sweeps(Adjoints):
    """Writes both sweeps of a program."""

    def program(self, program: Program, inputs: Sequence[Var], outputs: Sequence[Operand]) -> Program:
        """Write both sweeps."""
        seeds = [Var(x.type, "seed") for x in outputs]
        self.forward(program.body)
        classes = self.demand.activity.buffers
        changed = {classes.find(t.array) for s in self.again(program.body) for t in touched(s) if t.writes}
        changed |= self.plan.restored
        results = [
            self.b.op("copy", x) if is_array(x) and classes.find(x) in changed else x for x in program.body.results
        ]
        grads = self.backward(program, outputs, seeds, inputs)
        body = self.b.close(*results, *grads)
        body = Block((*self.stacks, *body.stmts), body.results)
        self.first = {
            count: at + len(self.stacks) if where == TOP else at for count, (at, where) in self.places.items()
        }
        return Program(f"{program.name}_grad", (*program.inputs, *seeds), body)

    def again(self, block: Block) -> Iterator[For]:
        """Yield the loops whose iterations are run again when they are reversed."""
        return (s for s in block.stmts if isinstance(s, For) and s.count in self.segments)

    def backward(
        self, program: Program, outputs: Sequence[Operand], seeds: Sequence[Var], inputs: Sequence[Var]
    ) -> list[Operand]:
        """Write the backward sweep and return the gradients of some inputs."""
        self.b.loc = Loc(role="adjoint")
        for var in program.inputs:
            if is_array(var) and self.on(var):
                self.shadow[var] = memory.zeros_like(self.b, var)
        self.enter(program.body)
        for x, seed in zip(outputs, seeds, strict=True):
            if is_array(x):
                if self.on(x):
                    memory.add_array(self.b, self.shadow[_var(x)], seed, checked=True)
            else:
                self.add(x, seed)
        self.reversed(program.body)
        grads: list[Operand] = []
        for var in inputs:
            if not is_array(var):
                assert isinstance(var.type, Scalar)
                grads.append(self.leftout.strict(self.adj.get(var, const(0, var.type.dtype))))
            elif var in self.shadow:
                grads.append(self.shadow[var])
            else:
                grads.append(memory.zeros_like(self.b, var))
        return grads

    def reversed(self, block: Block) -> None:
        """Write the reversal of a block's statements."""
        for stmt in reversed(block.stmts):
            if not self.demand.works(stmt):
                continue
            self.b.loc = stmt.loc.acting("adjoint")
            match stmt:
                case Op():
                    self.op(stmt)
                case If():
                    self.branch(stmt)
                case For() | While():
                    if stmt.count in self.fused:
                        self.in_place(stmt)
                    else:
                        self.loop(stmt)

    def branch(self, stmt: If) -> None:
        """Reverse the arm that ran."""
        seeds = [None if is_array(v) else self.adj.pop(v, None) for v in stmt.outs]
        before = self.adj
        arms: list[tuple[list[Stmt], dict[Var, Operand]]] = []
        for block in (stmt.then, stmt.orelse):
            self.adj = dict(before)
            with self.b.block() as stmts:
                self.enter(block)
                self.b.loc = stmt.loc.acting("adjoint")
                for x, g in zip(block.results, seeds, strict=True):
                    self.add(x, g)
                self.reversed(block)
                self.leftout.settle(self.adj, before)
            arms.append((stmts, self.adj))
        both = dict.fromkeys((*arms[0][1], *arms[1][1]))
        same = {v: arms[0][1][v] for v in both if arms[0][1].get(v) is arms[1][1].get(v)}
        changed = [v for v in both if v not in same and any(adj.get(v) is not before.get(v) for _, adj in arms)]
        outs = tuple(Var(v.type, bar_name(v)) for v in changed)
        ways = [(self.leftout.cond(arms[0][1].get(v)), self.leftout.cond(arms[1][1].get(v))) for v in changed]
        told = {k: Var(BOOL) for k, way in enumerate(ways) if any(isinstance(x, Var) for x in way)}
        blocks = [
            Block(tuple(stmts), (*(adj.get(v, zero(v)) for v in changed), *(ways[k][arm] for k in told)))
            for arm, (stmts, adj) in enumerate(arms)
        ]
        self.adj = before
        self.adj.update(same)
        if changed or blocks[0].stmts or blocks[1].stmts:
            cond = self.primal(stmt.cond)
            self.b.append(If(cond, blocks[0], blocks[1], (*outs, *told.values()), stmt.loc.acting("adjoint")))
            for k, out in enumerate(outs):
                self.leftout.joined(out, cond, ways[k], told.get(k))
        self.adj.update(zip(changed, outs, strict=True))

    def loop(self, stmt: For | While) -> None:
        """Run a loop's iterations backward."""
        numbers = [k for k, p in enumerate(stmt.params) if not is_array(p) and self.on(p)]
        order = {k: j for k, j in permutation(stmt).items() if self.on(stmt.params[k])}
        outer = self.outer(stmt)
        walks = self.plan.walks.get(self.where.scope(stmt.body).index, ())
        seeds = {k: self.adj.pop(stmt.outs[k], None) for k in numbers}
        carry = Carry()
        for k in numbers:
            seed = seeds[k]
            carry.add(zero(stmt.params[k]) if seed is None else self.leftout.strict(seed), bar_name(stmt.params[k]))
        for v in outer:
            carry.add(self.leftout.strict(self.adj.get(v, zero(v))), bar_name(v))
        for k in order:
            carry.add(self.shadow[stmt.outs[k]], bar_name(stmt.params[k]))
        for k in walks:
            carry.add(self.primal(stmt.outs[k]), stmt.params[k].name)
        index, start, stop, step = self.span(stmt)
        before = self.adj
        with self.b.block() as stmts:
            params = iter(carry.params)
            bars = [next(params) for _ in numbers]
            self.adj = {v: next(params) for v in outer}
            if stmt.count in self.segments:
                self.forward(stmt.body)
                self.b.loc = stmt.loc.acting("adjoint")
            elif isinstance(stmt, For):
                self.env[stmt.index] = index
            for j in order.values():
                self.shadow[stmt.params[j]] = next(params)
            for k in walks:
                self.env[_var(stmt.body.results[k])] = next(params)
            self.enter(stmt.body)
            self.b.loc = stmt.loc.acting("adjoint")
            for k, bar in zip(numbers, bars, strict=True):
                self.add(stmt.body.results[k], bar)
            self.reversed(stmt.body)
            self.leftout.settle(self.adj, {})
            results: list[Operand] = [self.adj.get(stmt.params[k], zero(stmt.params[k])) for k in numbers]
            results += [self.adj[v] for v in outer]
            results += [self.shadow[stmt.params[k]] for k in order]
            results += [self.primal(stmt.params[k]) for k in walks]
        self.adj = before
        made = carry.settle(results)
        inner = [substitute(s, made.swaps) for s in stmts] if made.swaps else stmts
        self.b.append(
            For(
                index,
                start,
                stop,
                step,
                made.params,
                made.inits,
                Block(tuple(inner), made.results),
                made.outs,
                Var(INT),
                False,
                stmt.loc.acting("adjoint"),
            )
        )
        after = iter(made.after)
        ends = [next(after) for _ in numbers]
        self.adj.update({v: next(after) for v in outer})
        if stmt.count in self.exchanged:
            self.shadow.update({_var(stmt.inits[k]): _var(next(after)) for k in order})
        self.b.loc = stmt.loc.acting("adjoint")
        for k, end in zip(numbers, ends, strict=True):
            self.add(stmt.inits[k], end)

    def outer(self, stmt: For | While) -> list[Var]:
        """Return the active numbers from outside that a loop's body reads."""
        own = (*stmt.params, *((stmt.index,) if isinstance(stmt, For) else ()))
        return [v for v in free(stmt.body, own) if is_float(v) and self.on(v)]

    def in_place(self, stmt: For | While) -> None:
        """Run a loop forward, each iteration followed by its reversal."""
        numbers = [k for k, p in enumerate(stmt.params) if not is_array(p) and self.on(p)]
        outer = self.outer(stmt)
        seeds = {k: self.adj.pop(stmt.outs[k], None) for k in numbers}
        carry = Carry()
        for v in outer:
            carry.add(self.leftout.strict(self.adj.get(v, zero(v))), bar_name(v))
        before = self.adj
        with self.b.block() as stmts:
            self.adj = dict(zip(outer, carry.params, strict=True))
            self.forward(stmt.body)
            self.enter(stmt.body)
            self.b.loc = stmt.loc.acting("adjoint")
            for k in numbers:
                self.add(stmt.body.results[k], seeds[k])
            self.reversed(stmt.body)
            if any(self.adj.get(stmt.params[k]) is not seeds[k] for k in numbers):
                # What is carried is not only added to: iterations depend on later ones.
                self.stuck.add(stmt.count)
            self.leftout.settle(self.adj, {})
            results: list[Operand] = [self.adj[v] for v in outer]
        self.adj = before
        made = carry.settle(results)
        inner = [substitute(s, made.swaps) for s in stmts] if made.swaps else stmts
        count = len(stmt.params)
        block = Block(tuple(inner), (*stmt.body.results[:count], *made.results, *stmt.body.results[count:]))
        params, inits, outs = (*stmt.params, *made.params), (*stmt.inits, *made.inits), (*stmt.outs, *made.outs)
        self.b.append(replace(stmt, params=params, inits=inits, body=block, outs=outs))
        self.adj.update(zip(outer, made.after, strict=True))
        self.b.loc = stmt.loc.acting("adjoint")
        for k in numbers:
            self.add(stmt.inits[k], seeds[k])

    def span(self, stmt: For | While) -> tuple[Var, Operand, Operand, int]:
        """Return the index and the bounds of a reversed loop."""
        if isinstance(stmt, While):
            last = integer(self.b, "sub", self.primal(stmt.count), const(1))
            return Var(INT), last, const(-1), -1
        index = stmt.index if stmt.count in self.segments else Var(INT, stmt.index.name)
        start, step = self.primal(stmt.start), stmt.step
        if not stmt.exits and abs(step) == 1:
            last = integer(self.b, "sub", self.primal(stmt.stop), const(step))
        else:
            if stmt.exits:
                count = self.primal(stmt.count)
            else:
                # Zero or less gives no iterations backward either.
                count = iterations(self.b, start, self.primal(stmt.stop), step)
            ahead = integer(self.b, "mul", integer(self.b, "sub", count, const(1)), const(step))
            last = integer(self.b, "add", start, ahead)
        before = integer(self.b, "sub", start, const(int(math.copysign(1, step))))
        return index, last, before, -step


def _var(x: Operand | None) -> Var:
    assert isinstance(x, Var)
    return x
