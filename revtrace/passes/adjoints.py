"""Adjoints of single operations.

Adjoints of numbers are values; those of arrays are in their shadows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from revtrace.calls.core import parts
from revtrace.passes import memory
from revtrace.passes.calls import Place, write_program, write_terms
from revtrace.passes.demand import Demand
from revtrace.passes.forward import known
from revtrace.passes.leftout import LeftOut
from revtrace.passes.plan import Plan
from revtrace.passes.residuals import site_of
from revtrace.passes.shadows import Lookup, Shadows, bar_name
from revtrace.program.nodes import Op, Operand, Var, const
from revtrace.program.rebuild import clone
from revtrace.program.types import Scalar, Stack

__all__ = ["Adjoints"]


class Adjoints(Shadows):
    """Writes operations' adjoints; the state while both sweeps are written.

    Attributes
    ----------
    adj : dict
        Adjoints of numbers so far.
    needless : set of int
        Writes, by identity, whose adjoints need not be cleared.
    unread : set of int
        Stores, by identity, of numbers whose adjoints of zero count whatever they are multiplied with.
    stuck : set of Var
        Loops that cannot be reversed in place after all.
    apart : bool
        Whether each number's adjoint is handed on by an operation of its own once it is complete.
    undone : dict
        By number, the outputs of calls whose first operand has been had again from them.
    first : dict
        What `revtrace.passes.fuse.schedule` takes.
    leftout : LeftOut
        What is known of adjoints that are zero on one way.
    """

    def __init__(
        self,
        demand: Demand,
        chosen: Plan,
        fused: set[Var],
        roots: frozenset[int],
        needless: set[int],
        unread: set[int],
        apart: bool = False,
        segments: frozenset[Var] = frozenset(),
    ) -> None:
        super().__init__(demand, chosen, fused, roots, segments)
        self.apart = apart
        self.needless = needless
        self.unread = unread
        self.first: dict[Var, int] = {}
        self.stuck: set[Var] = set()
        self.adj: dict[Var, Operand] = {}
        self.leftout = LeftOut(self.b, self.where)
        self.undone: dict[object, Var] = {}

    def add(self, x: Operand, term: Operand | None) -> None:
        """Add to the adjoint of a number."""
        if term is None or not isinstance(x, Var) or not self.on(x):
            return
        old = self.adj.get(x)
        self.adj[x] = term if old is None else self.leftout.total(old, term)

    def op(self, op: Op) -> None:
        """Write the adjoint of one operation."""
        b = self.b
        if id(op) in self.plan.saved:
            self.put_back(op)
            b.loc = op.loc.acting("adjoint")
            if not self.on(op.args[0]):
                return
        if op.name in ("store", "addto", "fill", "copyto", "push"):
            target = _var(op.args[0])
        match op.name:
            case "load":
                g = self.adj.pop(_var(op.out), None)
                if g is not None and self.on(op.args[0]):
                    index = [self.primal(x) for x in op.args[1:]]
                    b.do("addto", self.shadow[_var(op.args[0])], self.leftout.strict(g), *index, **known(op))
            case "store" | "addto":
                index = [self.primal(x) for x in op.args[2:]]
                bar = self.shadow[target]
                if self.on(op.args[1]):
                    g = b.op("load", bar, *index, type=op.args[1].type, hint="bar", **known(op))
                    if id(op) in self.unread:
                        self.leftout.element(g)
                    self.add(op.args[1], g)
                if op.name == "store" and id(op) not in self.needless:
                    assert isinstance(op.args[1].type, Scalar)
                    b.do("store", bar, const(0, op.args[1].type.dtype), *index, **known(op))
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
                if self.demand.undoes(op):
                    self.undo(op)
            case "push" | "pop":
                self.stacked(op)
            case "call":
                self.called(op)
            case "keep":
                site = site_of(op, self.demand.sites)
                place = list(site.kept)[int(op.attr("slot"))]  # type: ignore[call-overload]
                value, *at = (self.primal(x) for x in op.args)
                b.do("store", self.rebuilt[op.attr("site"), place], value, *at, safe=True)
            case _:
                g = self.adj.pop(_var(op.out), None)
                if g is not None:
                    self.pull(op, g)

    def pull(self, op: Op, g: Operand) -> None:
        """Write a scalar operation's adjoint."""
        text = self.demand.pullback(op)
        if self.apart:
            self.b.loc = op.loc.acting("bar")
            whole = self.b.op("cast", g, type=text.seed.type, hint=text.seed.name)
            self.leftout.product(whole, g, False)
            g = whole
            self.b.loc = op.loc.acting("adjoint")
        values: dict[Var, Operand] = {text.seed: g}
        lookup = Lookup(self, values)
        for inner in text.ops:
            self.b.append(replace(clone(inner, lookup), loc=self.b.loc))
        made_by = {inner.out: inner for inner in text.ops}
        for x, term in text.terms:
            made = lookup.get(term, term) if isinstance(term, Var) else term
            if isinstance(made, Var):
                self.leftout.product(made, g, bool(text.needs))
                self.leftout.choice(made, made_by.get(_var(term)), lambda y: lookup.get(y, y))
            self.add(x, made)

    def called(self, op: Op) -> None:
        """Reverse a call: add to the operands' cotangents, then clear those of what it wrote over."""
        b = self.b
        site = site_of(op, self.demand.sites)
        outs, ins = parts(op)
        arrays: dict[Place, Var] = dict(site.direct)
        arrays |= {place: self.rebuilt[op.attr("site"), place] for place in site.kept}
        if self.demand.undoes(op):
            arrays["out", 0] = self.undone[op.attr("site")]
        arrays |= {("bar", k): self.shadow[_var(x)] for k, x in enumerate(outs) if self.on(x)}
        targets = {k: self.shadow[_var(x)] for k, x in enumerate(ins) if self.on(x)}
        if site.text.program is None:
            write_terms(b, site.text, arrays, targets)
        else:
            values: dict[tuple[Any, ...], Operand] = dict(arrays.items())
            values |= {key: self.primal(n) for key, n in site.lengths.items()}
            write_program(b, site.text, values, targets, adds=True)
        for x in outs:
            if self.on(x) and not op.attr("adds") and id(op) not in self.needless:
                b.do("fill", self.shadow[_var(x)], const(0, x.type.dtype))

    def undo(self, op: Op) -> None:
        """Take a call's output, which has replaced its first operand, back to that operand."""
        site = site_of(op, self.demand.sites)
        state, number = _var(site.state), op.attr("site")
        self.b.loc = op.loc.acting("undo")
        self.undone[number] = out = self.b.op("copy", state)
        others = (place for place in (*site.text.reads, *site.others) if place[0] == "in" and place[1] > 0)
        rest = [site.direct.get(place) or self.rebuilt[number, place] for place in sorted(others)]
        self.b.do("call", state, out, *rest, row=site.inverse, outs=1, settings=())
        self.b.loc = op.loc.acting("adjoint")

    def stacked(self, op: Op) -> None:
        """Reverse a push or a pop of a program that is itself a reversal."""
        stack = _var(op.args[0])
        assert isinstance(stack.type, Stack)
        if stack not in self.shadow:
            self.shadow[stack] = Var(stack.type, bar_name(stack))
            self.stacks.append(Op("stack", (), self.shadow[stack]))
        if op.name == "push":
            g = self.b.op("pop", self.shadow[stack], type=Scalar(stack.type.dtype))
            self.add(op.args[1], g)
        else:
            g2 = self.adj.pop(_var(op.out), const(0, stack.type.dtype))
            self.b.do("push", self.shadow[stack], self.leftout.strict(g2))


def _var(x: Operand | None) -> Var:
    assert isinstance(x, Var)
    return x
