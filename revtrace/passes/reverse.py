"""Turning a program into one that also runs it backward.

The result is the forward sweep, with what the plan keeps, followed by the backward
sweep: each block's statements mirrored, last first.  Adjoints of numbers are
values; adjoints of arrays are *shadows*, buffers of the same shape, one per array,
handed through regions the way the arrays themselves are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from revtrace.errors import UnsupportedError
from revtrace.passes import memory
from revtrace.passes.activity import activity
from revtrace.passes.clearing import needless
from revtrace.passes.demand import Demand, permutation
from revtrace.passes.effects import buffers
from revtrace.passes.expose import expose
from revtrace.passes.fuse import schedule
from revtrace.passes.independent import candidates
from revtrace.passes.plan import Plan, plan, restorable
from revtrace.passes.rebuild import clone, fresh, substitute
from revtrace.passes.scopes import TOP, Scope, Scopes, free, is_array, is_float, scopes
from revtrace.passes.shapes import shape
from revtrace.passes.subscripts import subscripts_of
from revtrace.passes.tape import Axis, Tapes, integer
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Program, Stmt, Var, While, const, walk
from revtrace.program.types import INT, Array, Scalar, Stack

__all__ = ["reverse"]


def reverse(program: Program, active_inputs: Sequence[int], active_outputs: Sequence[int]) -> tuple[Program, Plan]:
    """Return the program that computes results and gradients, and the plan it follows.

    Parameters
    ----------
    program : Program
        What to differentiate.
    active_inputs : sequence of int
        Positions of the inputs whose gradients are wanted; floats or arrays of floats.
    active_outputs : sequence of int
        Positions of the results that take a cotangent.

    Returns
    -------
    Program
        Takes the inputs, then one cotangent per active output; returns the results,
        then one gradient per active input.
    Plan
        Where the primal values came from.
    """
    program = fresh(program)
    where = scopes(program)
    classes = buffers(program, where)
    inputs = [program.inputs[k] for k in active_inputs]
    outputs = [program.body.results[k] for k in active_outputs]
    program, texts, extra = expose(program, activity(program, classes, inputs, outputs))
    where = scopes(program)
    classes = buffers(program, where)
    on = activity(program, classes, inputs, outputs)
    refused: set[Var] = set()
    while True:
        demand = Demand(program, where, on, texts)
        fused = candidates(where, classes, demand, refused)
        roots = frozenset(
            {
                TOP,
                *(
                    where.scope(s.body).index
                    for s in walk(program.body)
                    if isinstance(s, For | While) and s.count in fused
                ),
            }
        )

        def planned(restored: frozenset[Var], roots: frozenset[int] = roots) -> tuple[Demand, Plan]:
            # Planning enters values that branches hand out, so each attempt has its own record of values.
            fresh_where = scopes(program)
            demand = Demand(program, fresh_where, on, texts, restored)
            return demand, plan(fresh_where, classes, demand, roots, extra)

        demand, chosen = planned(frozenset())
        for cls in restorable(where, classes, roots, program.body.results):
            if chosen.cost == 0:
                break
            other = planned(chosen.restored | {cls})
            if other[1].cost < chosen.cost:
                demand, chosen = other
        sweep = _Sweep(demand.scopes, demand, chosen, fused, roots)
        sweep.needless = needless(program, where, classes, on, roots)
        made, stuck = sweep.program(program, inputs, outputs)
        if stuck is None:
            made, stuck = schedule(made, sweep.first, set(where.home))
        if stuck is None:
            return made, chosen
        refused.add(stuck)


class _Sweep:
    """State while both sweeps are written.

    ``env`` gives, for a primal value, what stands for it in the backward sweep; ``adj``
    the adjoints of numbers so far, ``shadow`` the adjoint buffers of arrays.
    """

    def __init__(self, where: Scopes, demand: Demand, chosen: Plan, fused: set[Var], roots: frozenset[int]) -> None:
        self.fused = fused
        self.roots = roots
        self.needless: set[int] = set()
        self.first: dict[Var, int] = {}
        self.places: dict[Var, tuple[int, int]] = {}
        self.stuck: Var | None = None
        self.where = where
        self.demand = demand
        self.plan = chosen
        self.b = Builder()
        self.stacks: list[Op] = []
        self.tapes = Tapes(where)
        self.tape: dict[Var, tuple[Var, tuple[Axis, ...] | None]] = {}
        self.env: dict[Var, Operand] = {}
        self.adj: dict[Var, Operand] = {}
        self.shadow: dict[Var, Var] = {}

    def program(
        self, program: Program, inputs: Sequence[Var], outputs: Sequence[Operand]
    ) -> tuple[Program, Var | None]:
        """Write both sweeps; also return a loop that cannot be reversed in place after all, if there is one."""
        seeds = [Var(x.type, "seed") for x in outputs]
        self.forward(program.body)
        classes = self.demand.activity.buffers
        results = [
            self.b.op("copy", x) if is_array(x) and classes.find(x) in self.plan.restored else x
            for x in program.body.results
        ]
        grads = self.backward(program, outputs, seeds, inputs)
        body = self.b.close(*results, *grads)
        body = Block((*self.stacks, *body.stmts), body.results)
        self.first = {
            count: at + len(self.stacks) if where == TOP else at for count, (at, where) in self.places.items()
        }
        return Program(f"{program.name}_grad", (*program.inputs, *seeds), body), self.stuck

    def on(self, x: Operand) -> bool:
        return self.demand.activity.is_active(x)

    # forward sweep --------------------------------------------------------------------

    def forward(self, block: Block) -> None:
        """Write a block down, with pushes of what is kept."""
        scope = self.where.scope(block)
        kept = dict.fromkeys(self.plan.kept.get(scope.index, ()))
        owner = scope.owner
        if isinstance(owner, For | While):
            for p in (*owner.params, *((owner.index,) if isinstance(owner, For) else ())):
                if p in kept:
                    self.push(p)
        for stmt in block.stmts:
            self.b.loc = stmt.loc
            if scope.index == TOP:
                self.make_tapes(stmt)
            if isinstance(stmt, For | While) and stmt.count in self.fused:
                # Written where it is reversed; `schedule` then finds a place for both.
                self.places[stmt.count] = len(self.b.stmts), scope.index
                continue
            match stmt:
                case Op():
                    if id(stmt) in self.plan.saved:
                        self.save(stmt)
                    self.b.append(stmt)
                    if stmt.out in kept:
                        assert stmt.out is not None
                        self.push(stmt.out)
                    continue
                case If():
                    self.b.append(self.fork(stmt))
                case For():
                    self.b.append(
                        For(
                            stmt.index,
                            stmt.start,
                            stmt.stop,
                            stmt.step,
                            stmt.params,
                            stmt.inits,
                            self.nest(stmt.body),
                            stmt.outs,
                            stmt.count,
                            stmt.exits,
                            stmt.loc,
                        )
                    )
                case While():
                    body = self.nest(stmt.body)
                    self.b.append(
                        While(stmt.params, stmt.inits, stmt.cond, body, stmt.outs, stmt.count, stmt.exits, stmt.loc)
                    )
            for var in stmt.outs:
                if var in kept:
                    self.push(var)
            if isinstance(stmt, For | While) and stmt.count in kept:
                self.push(stmt.count)

    def nest(self, block: Block, more: Sequence[Operand] = ()) -> Block:
        with self.b.block() as stmts:
            self.forward(block)
        return Block(tuple(stmts), (*block.results, *more))

    def fork(self, stmt: If) -> If:
        """Write a branch, which also hands out what its reversal reads when it is at the top."""
        ours = [self.plan.exports.get(self.where.scope(block).index, {}) for block in (stmt.then, stmt.orelse)]
        then = self.nest(stmt.then, [*ours[0], *map(_zero, ours[1])])
        orelse = self.nest(stmt.orelse, [*map(_zero, ours[0]), *ours[1]])
        return If(stmt.cond, then, orelse, (*stmt.outs, *ours[0].values(), *ours[1].values()), stmt.loc)

    def make_tapes(self, stmt: Stmt) -> None:
        """Make what the blocks of a statement at the top keep their values in."""
        inside = [s for s in self.where.all if s.owner is not None and self.outermost(s) is stmt]
        for scope in inside:
            kept = (*self.plan.kept.get(scope.index, ()), *self.plan.saved_in.get(scope.index, ()))
            axes = self.tapes.axes(scope.index, self.root(scope)) if kept else None
            lengths = [self.tapes.length(self.b, axis) for axis in axes] if axes else []
            for var in kept:
                assert isinstance(var.type, Scalar)
                hint = f"{var.name}_kept" if var.name else "kept"
                if axes:
                    self.tape[var] = memory.new(self.b, var.type.dtype, lengths, zeros=False, hint=hint), axes
                else:
                    stack = Var(Stack(var.type.dtype), hint)
                    self.stacks.append(Op("stack", (), stack))
                    self.tape[var] = stack, None

    def root(self, scope: Scope) -> int:
        """Return the innermost block around a scope whose reversal follows in the same run."""
        return next(s.index for s in self.where.chain(scope.index) if s.index in self.roots)

    def outermost(self, scope: Scope) -> Stmt | None:
        """Return the statement at the top that a block is part of."""
        while scope.parent != TOP:
            scope = self.where.all[scope.parent]
        return scope.owner

    def save(self, op: Op) -> None:
        """Keep what an operation is about to write over."""
        old = self.plan.saved[id(op)]
        if is_array(old):
            self.b.append(Op("copy", (op.args[0],), old, (), op.loc))
            return
        at = subscripts_of(op)
        assert at is not None
        self.b.append(Op("load", (op.args[0], *at), old, op.attrs, op.loc))
        if old in self.tape:
            self.push(old)

    def put_back(self, op: Op) -> None:
        """Undo a write."""
        old = self.plan.saved[id(op)]
        if is_array(old):
            self.b.do("copyto", op.args[0], old, again=True)
            return
        value = self.pop(old) if old in self.tape else self.primal(old)
        at = [self.primal(x) for x in subscripts_of(op) or ()]
        self.b.do("store", op.args[0], value, *at, **_known(op))

    def push(self, var: Var) -> None:
        """Keep a value in the forward sweep."""
        tape, axes = self.tape[var]
        if axes is None:
            self.b.do("push", tape, var)
        else:
            at = [self.tapes.position(self.b, axis, lambda x: x) for axis in axes]
            self.b.do("store", tape, var, *at, safe=True)

    def pop(self, var: Var) -> Var:
        """Read a kept value in the backward sweep."""
        tape, axes = self.tape[var]
        if axes is None:
            return self.b.op("pop", tape, type=var.type, hint=var.name)
        at = [self.tapes.position(self.b, axis, self.primal) for axis in axes]
        return self.b.op("load", tape, *at, type=var.type, hint=var.name, safe=True)

    # values ---------------------------------------------------------------------------

    def primal(self, x: Operand) -> Operand:
        """Return what stands for a primal value here."""
        if isinstance(x, Const):
            return x
        found = self.env.get(x)
        if found is None:
            assert self.where.home.get(x, TOP) in self.roots, f"{x!r} is not available"
            return x
        return found

    def add(self, x: Operand, term: Operand | None) -> None:
        """Add to the adjoint of a number."""
        if term is None or not isinstance(x, Var) or not self.on(x):
            return
        old = self.adj.get(x)
        self.adj[x] = term if old is None else self.b.op("accum", old, term)

    # backward sweep -------------------------------------------------------------------

    def backward(
        self, program: Program, outputs: Sequence[Operand], seeds: Sequence[Var], inputs: Sequence[Var]
    ) -> list[Operand]:
        """Write the backward sweep and return the gradients of some inputs."""
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
                grads.append(self.adj.get(var, const(0, var.type.dtype)))
            elif var in self.shadow:
                grads.append(self.shadow[var])
            else:
                grads.append(memory.zeros_like(self.b, var))
        return grads

    def enter(self, block: Block) -> None:
        """Make a block's primal values and shadows available before its reversal."""
        scope = self.where.scope(block)
        for var in reversed(self.plan.kept.get(scope.index, ())):
            self.env[var] = self.pop(var)
        for var, out in self.plan.exports.get(scope.index, {}).items():
            self.env[var] = self.primal(out)
        for stmt in self.plan.recipes.get(scope.index, ()):
            copies: dict[Var, Operand] = {}
            self.b.append(again(clone(stmt, _Lookup(self, copies))))
            self.env.update(copies)
        for stmt in block.stmts:
            self.b.loc = stmt.loc
            match stmt:
                case Op(name="alloc", out=Var() as out) if self.on(out) and out not in self.shadow:
                    assert isinstance(out.type, Array)
                    shape = [self.primal(x) for x in stmt.args]
                    self.shadow[out] = memory.new(self.b, out.type.dtype, shape, zeros=True, hint=_bar(out))
                case Op(name="copy", out=Var() as out) if self.on(out) and out not in self.shadow:
                    self.shadow[out] = self.shadow_like(out, _var(stmt.args[0]))
                case If():
                    for k, out in enumerate(stmt.outs):
                        if is_array(out) and self.on(out):
                            self.choose(stmt, k)
                case For() | While():
                    self.turn(stmt)

    def shadow_like(self, out: Var, source: Var) -> Var:
        """Return a new shadow for a copy of an array."""
        if source in self.shadow:
            return memory.zeros_like(self.b, self.shadow[source], _bar(out))
        found = shape(self.where, source)
        if found is None:
            raise UnsupportedError(
                "revtrace does not know the shape of an array here on the way back",
                "a copy is made of an array that carries no derivative and was chosen by a branch or loop",
                "make the array before the loop or branch",
                self.b.loc,
            )
        if isinstance(found, Var):
            return memory.zeros_like(self.b, found, _bar(out))
        assert isinstance(out.type, Array)
        return memory.new(self.b, out.type.dtype, [self.primal(x) for x in found], zeros=True, hint=_bar(out))

    def choose(self, stmt: If, k: int) -> None:
        """Choose the shadow of an array as the branch chose the array."""
        out = stmt.outs[k]
        sides = (_var(stmt.then.results[k]), _var(stmt.orelse.results[k]))
        if any(side not in self.shadow for side in sides):
            raise UnsupportedError(
                "an array made inside a branch is used after it",
                "its adjoint would have to be made before the branch is known",
                "make the array before the branch and fill it inside",
                stmt.loc,
            )
        chosen = Var(out.type, _bar(out))
        arms = [Block((), (self.shadow[side],)) for side in sides]
        self.b.append(If(self.primal(stmt.cond), arms[0], arms[1], (chosen,), stmt.loc))
        self.shadow[out] = chosen

    def turn(self, stmt: For | While) -> None:
        """Hand shadows through a loop that permutes arrays, as many times as it ran."""
        order = {k: j for k, j in permutation(stmt).items() if self.on(stmt.params[k])}
        if all(k == j for k, j in order.items()):
            for k in order:
                self.shadow[stmt.outs[k]] = self.shadow[_var(stmt.inits[k])]
            return
        keys = sorted(order)
        params = {k: Var(stmt.params[k].type, _bar(stmt.params[k])) for k in keys}
        outs = tuple(Var(stmt.outs[k].type, _bar(stmt.outs[k])) for k in keys)
        trips = self.b.op("mod", self.primal(stmt.count), const(_period(order)), type=INT)
        self.b.append(
            For(
                Var(INT),
                const(0),
                trips,
                1,
                tuple(params.values()),
                tuple(self.shadow[_var(stmt.inits[k])] for k in keys),
                Block((), tuple(params[order[k]] for k in keys)),
                outs,
                Var(INT),
                False,
                stmt.loc,
            )
        )
        for k, out in zip(keys, outs, strict=True):
            self.shadow[stmt.outs[k]] = out

    def reversed(self, block: Block) -> None:
        """Write the reversal of a block's statements."""
        for stmt in reversed(block.stmts):
            if not self.demand.works(stmt):
                continue
            self.b.loc = stmt.loc
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

    def op(self, op: Op) -> None:
        """Write the adjoint of one operation."""
        b = self.b
        if id(op) in self.plan.saved:
            self.put_back(op)
            if not self.on(op.args[0]):
                return
        if op.name in ("store", "addto", "fill", "copyto", "push"):
            target = _var(op.args[0])
        match op.name:
            case "load":
                g = self.adj.pop(_var(op.out), None)
                if g is not None and self.on(op.args[0]):
                    index = [self.primal(x) for x in op.args[1:]]
                    b.do("addto", self.shadow[_var(op.args[0])], g, *index, **_known(op))
            case "store" | "addto":
                index = [self.primal(x) for x in op.args[2:]]
                bar = self.shadow[target]
                if self.on(op.args[1]):
                    g = b.op("load", bar, *index, type=op.args[1].type, hint="bar", **_known(op))
                    self.add(op.args[1], g)
                if op.name == "store" and id(op) not in self.needless:
                    assert isinstance(op.args[1].type, Scalar)
                    b.do("store", bar, const(0, op.args[1].type.dtype), *index, **_known(op))
            case "fill":
                bar = self.shadow[target]
                if self.on(op.args[1]):
                    self.add(op.args[1], memory.total(b, bar))
                assert isinstance(op.args[1].type, Scalar)
                if id(op) not in self.needless:
                    b.do("fill", bar, const(0, op.args[1].type.dtype))
            case "copy":
                if self.on(op.args[0]):
                    memory.add_array(b, self.shadow[_var(op.args[0])], self.shadow[_var(op.out)])
            case "copyto":
                source = op.args[1]
                memory.move_array(b, self.shadow[target], self.shadow[_var(source)] if self.on(source) else None)
            case "push" | "pop":
                self.stacked(op)
            case _:
                g = self.adj.pop(_var(op.out), None)
                if g is not None:
                    self.pull(op, g)

    def pull(self, op: Op, g: Operand) -> None:
        """Write a scalar operation's adjoint."""
        text = self.demand.pullback(op)
        values: dict[Var, Operand] = {text.seed: g}
        lookup = _Lookup(self, values)
        for inner in text.ops:
            self.b.append(clone(inner, lookup))
        for x, term in text.terms:
            self.add(x, lookup.get(term, term) if isinstance(term, Var) else term)

    def stacked(self, op: Op) -> None:
        """Reverse a push or a pop of a program that is itself a reversal."""
        stack = _var(op.args[0])
        assert isinstance(stack.type, Stack)
        if stack not in self.shadow:
            self.shadow[stack] = Var(stack.type, _bar(stack))
            self.stacks.append(Op("stack", (), self.shadow[stack]))
        if op.name == "push":
            g = self.b.op("pop", self.shadow[stack], type=Scalar(stack.type.dtype))
            self.add(op.args[1], g)
        else:
            g2 = self.adj.pop(_var(op.out), const(0, stack.type.dtype))
            self.b.do("push", self.shadow[stack], g2)

    def branch(self, stmt: If) -> None:
        """Reverse the arm that ran."""
        seeds = [None if is_array(v) else self.adj.pop(v, None) for v in stmt.outs]
        before = self.adj
        arms: list[tuple[list[Stmt], dict[Var, Operand]]] = []
        for block in (stmt.then, stmt.orelse):
            self.adj = dict(before)
            with self.b.block() as stmts:
                self.enter(block)
                for x, g in zip(block.results, seeds, strict=True):
                    self.add(x, g)
                self.reversed(block)
            arms.append((stmts, self.adj))
        both = dict.fromkeys((*arms[0][1], *arms[1][1]))
        same = {v: arms[0][1][v] for v in both if arms[0][1].get(v) is arms[1][1].get(v)}
        changed = [v for v in both if v not in same and any(adj.get(v) is not before.get(v) for _, adj in arms)]
        outs = tuple(Var(v.type, _bar(v)) for v in changed)
        blocks = [Block(tuple(stmts), tuple(adj.get(v, _zero(v)) for v in changed)) for stmts, adj in arms]
        self.adj = before
        self.adj.update(same)
        if changed or blocks[0].stmts or blocks[1].stmts:
            self.b.append(If(self.primal(stmt.cond), blocks[0], blocks[1], outs, stmt.loc))
        self.adj.update(zip(changed, outs, strict=True))

    def loop(self, stmt: For | While) -> None:
        """Run a loop's iterations backward."""
        numbers = [k for k, p in enumerate(stmt.params) if not is_array(p) and self.on(p)]
        order = {k: j for k, j in permutation(stmt).items() if self.on(stmt.params[k])}
        outer = self.outer(stmt)
        walks = self.plan.walks.get(self.where.scope(stmt.body).index, ())
        seeds = {k: self.adj.pop(stmt.outs[k], None) for k in numbers}
        carry = _Carry()
        for k in numbers:
            seed = seeds[k]
            carry.add(_zero(stmt.params[k]) if seed is None else seed, _bar(stmt.params[k]))
        for v in outer:
            carry.add(self.adj.get(v, _zero(v)), _bar(v))
        for k in order:
            carry.add(self.shadow[stmt.outs[k]], _bar(stmt.params[k]))
        for k in walks:
            carry.add(self.primal(stmt.outs[k]), stmt.params[k].name)
        index, start, stop, step = self.span(stmt)
        before = self.adj
        with self.b.block() as stmts:
            params = iter(carry.params)
            bars = [next(params) for _ in numbers]
            self.adj = {v: next(params) for v in outer}
            if isinstance(stmt, For):
                self.env[stmt.index] = index
            for j in order.values():
                self.shadow[stmt.params[j]] = next(params)
            for k in walks:
                self.env[_var(stmt.body.results[k])] = next(params)
            self.enter(stmt.body)
            for k, bar in zip(numbers, bars, strict=True):
                self.add(stmt.body.results[k], bar)
            self.reversed(stmt.body)
            results: list[Operand] = [self.adj.get(stmt.params[k], _zero(stmt.params[k])) for k in numbers]
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
                stmt.loc,
            )
        )
        after = iter(made.after)
        ends = [next(after) for _ in numbers]
        self.adj.update({v: next(after) for v in outer})
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
        carry = _Carry()
        for v in outer:
            carry.add(self.adj.get(v, _zero(v)), _bar(v))
        before = self.adj
        with self.b.block() as stmts:
            self.adj = dict(zip(outer, carry.params, strict=True))
            self.forward(stmt.body)
            self.enter(stmt.body)
            for k in numbers:
                self.add(stmt.body.results[k], seeds[k])
            self.reversed(stmt.body)
            if any(self.adj.get(stmt.params[k]) is not seeds[k] for k in numbers):
                # What is carried is not only added to: iterations depend on later ones.
                self.stuck = stmt.count
            results: list[Operand] = [self.adj[v] for v in outer]
        self.adj = before
        made = carry.settle(results)
        inner = [substitute(s, made.swaps) for s in stmts] if made.swaps else stmts
        count = len(stmt.params)
        block = Block(tuple(inner), (*stmt.body.results[:count], *made.results, *stmt.body.results[count:]))
        params, inits, outs = (*stmt.params, *made.params), (*stmt.inits, *made.inits), (*stmt.outs, *made.outs)
        whole: Stmt
        if isinstance(stmt, For):
            whole = For(
                stmt.index,
                stmt.start,
                stmt.stop,
                stmt.step,
                params,
                inits,
                block,
                outs,
                stmt.count,
                stmt.exits,
                stmt.loc,
            )
        else:
            whole = While(params, inits, stmt.cond, block, outs, stmt.count, stmt.exits, stmt.loc)
        self.b.append(whole)
        self.adj.update(zip(outer, made.after, strict=True))
        for k in numbers:
            self.add(stmt.inits[k], seeds[k])

    def span(self, stmt: For | While) -> tuple[Var, Operand, Operand, int]:
        """Return the index and the bounds of a reversed loop."""
        if isinstance(stmt, While):
            last = integer(self.b, "sub", self.primal(stmt.count), const(1))
            return Var(INT), last, const(-1), -1
        start, step = self.primal(stmt.start), stmt.step
        if not stmt.exits and abs(step) == 1:
            last = integer(self.b, "sub", self.primal(stmt.stop), const(step))
        else:
            if stmt.exits:
                count = self.primal(stmt.count)
            else:
                # An empty range gives a count of zero or less, and no iterations either way.
                width = integer(self.b, "sub", self.primal(stmt.stop), start)
                width = integer(self.b, "add", width, const(step - int(math.copysign(1, step))))
                count = integer(self.b, "floordiv", width, const(step))
            ahead = integer(self.b, "mul", integer(self.b, "sub", count, const(1)), const(step))
            last = integer(self.b, "add", start, ahead)
        before = integer(self.b, "sub", start, const(int(math.copysign(1, step))))
        return Var(INT, stmt.index.name), last, before, -step


@dataclass(frozen=True, slots=True)
class _Settled:
    """What a loop carries, less what it hands on unchanged."""

    params: tuple[Var, ...]
    inits: tuple[Operand, ...]
    results: tuple[Operand, ...]
    outs: tuple[Var, ...]
    swaps: dict[Var, Operand]
    after: tuple[Operand, ...]


class _Carry:
    """Values a loop of the backward sweep is to carry."""

    def __init__(self) -> None:
        self.inits: list[Operand] = []
        self.params: list[Var] = []

    def add(self, init: Operand, name: str) -> None:
        self.inits.append(init)
        self.params.append(Var(init.type, name))

    def settle(self, results: Sequence[Operand]) -> _Settled:
        """Given what the body hands on, drop what stays as it was."""
        swaps: dict[Var, Operand] = {}
        keep: list[int] = []
        outs: list[Var] = []
        after: list[Operand] = []
        for k, (p, y) in enumerate(zip(self.params, results, strict=True)):
            if p is y:
                swaps[p] = self.inits[k]
                after.append(self.inits[k])
            else:
                keep.append(k)
                outs.append(Var(p.type, p.name))
                after.append(outs[-1])
        return _Settled(
            tuple(self.params[k] for k in keep),
            tuple(self.inits[k] for k in keep),
            tuple(swaps.get(y, y) if isinstance(y, Var) else y for y in (results[k] for k in keep)),
            tuple(outs),
            swaps,
            tuple(after),
        )


class _Lookup(dict[Var, Operand]):
    """New definitions first, then what stands for primal values here."""

    def __init__(self, sweep: _Sweep, own: dict[Var, Operand]) -> None:
        super().__init__()
        self.sweep = sweep
        self.own = own

    def get(self, key: Var, default: object = None) -> Operand:
        found = self.own.get(key)
        return found if found is not None else self.sweep.primal(key)

    def __setitem__(self, key: Var, value: Operand) -> None:
        self.own[key] = value


def _var(x: Operand | None) -> Var:
    assert isinstance(x, Var)
    return x


def _bar(var: Var) -> str:
    return f"{var.name}_bar" if var.name else "bar"


def _zero(var: Var) -> Const:
    assert isinstance(var.type, Scalar)
    return const(0, var.type.dtype)


def _known(op: Op) -> dict[str, object]:
    """Return the settings of a shadow access: the primal's access of the same element did not bail."""
    return {"safe": True} if op.attr("safe") else {"again": True}


def again(stmt: Stmt) -> Stmt:
    """Mark the loads of a statement as made before with the same index."""
    match stmt:
        case Op(name="load") if not stmt.attr("safe"):
            return Op(stmt.name, stmt.args, stmt.out, (("again", True),), stmt.loc)
        case If():
            arms = [Block(tuple(map(again, x.stmts)), x.results) for x in (stmt.then, stmt.orelse)]
            return If(stmt.cond, arms[0], arms[1], stmt.outs, stmt.loc)
    return stmt


def _period(order: dict[int, int]) -> int:
    """Return after how many turns a permutation is back at its start."""
    period = 1
    for k, image in order.items():
        length, j = 1, image
        while j != k:
            j, length = order[j], length + 1
        period = math.lcm(period, length)
    return period
