"""Which statements are reversed, and which values of the primal their reversal reads.

Facts for the plan pass; where those values come from is decided there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from revtrace.calls.core import parts
from revtrace.passes.activity import Activity
from revtrace.passes.pullback import Pullback
from revtrace.passes.residuals import Site, site_of
from revtrace.passes.scopes import Scopes, is_array, is_float
from revtrace.passes.shapes import shape
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, While

__all__ = ["Demand", "permutation"]


class Demand:
    """What the backward sweep of a program does; answers are computed once."""

    def __init__(
        self,
        program: Program,
        scopes: Scopes,
        activity: Activity,
        texts: Mapping[Var, Pullback],
        restored: frozenset[Var] = frozenset(),
        sites: Mapping[int, Site] | None = None,
    ) -> None:
        self.sites = dict(sites or {})
        self.scopes = scopes
        self.restored = restored
        self.activity = activity
        self.texts = texts
        self._works: dict[int, bool] = {}
        self.works_in(program.body)

    def pullback(self, op: Op) -> Pullback:
        """Return the adjoint text of a scalar operation."""
        assert op.out is not None
        return self.texts[op.out]

    def restores(self, op: Op) -> bool:
        """Whether reversing an operation puts back what it wrote over."""
        if not self.restored or op.name not in ("store", "addto", "fill", "copyto") or self.undoes(op):
            return False
        return self.activity.buffers.find(op.args[0]) in self.restored

    def undoes(self, op: Op) -> bool:
        """Whether reversing a write, or a call, has an array again by the inverse of the call's row."""
        if not self.restored or op.attr("site") is None:
            return False
        state = site_of(op, self.sites).state
        return state is not None and self.activity.buffers.find(state) in self.restored

    def works_in(self, block: Block) -> bool:
        """Whether reversing a block does anything."""
        # No short circuit: every statement's answer is wanted later.
        return any([self.works(s) for s in block.stmts])  # noqa: C419

    def works(self, stmt: Stmt) -> bool:
        """Whether reversing a statement does anything."""
        found = self._works.get(id(stmt))
        if found is None:
            found = self._works[id(stmt)] = self._find(stmt)
        return found

    def _find(self, stmt: Stmt) -> bool:
        on = self.activity.is_active
        match stmt:
            case Op():
                if stmt.name in ("store", "addto", "fill", "copyto", "push"):
                    return on(stmt.args[0]) or self.restores(stmt)
                if stmt.name == "call":
                    return any(map(on, parts(stmt)[0]))
                if stmt.name == "keep":
                    site = site_of(stmt, self.sites)
                    return site.wants(list(site.kept)[int(stmt.attr("slot"))], self.undoes(stmt))  # type: ignore[call-overload]
                if stmt.name == "copy":
                    assert stmt.out is not None
                    return on(stmt.out)
                return stmt.out is not None and is_float(stmt.out) and on(stmt.out)
            case If():
                inner = [self.works_in(stmt.then), self.works_in(stmt.orelse)]
                return any(inner) or any(on(v) for v in stmt.outs if not is_array(v))
            case For() | While():
                inner = [self.works_in(stmt.body)]
                return any(inner) or any(on(v) for v in stmt.outs if not is_array(v))

    def reads(self, stmt: Stmt) -> Iterator[Var]:
        """Yield the primal numbers a statement's own reversal reads, without its blocks'."""
        for x in self._reads(stmt):
            if isinstance(x, Var):
                yield x

    def _reads(self, stmt: Stmt) -> Iterator[Operand]:
        on = self.activity.is_active
        match stmt:
            case Op():
                if stmt.name == "alloc":
                    assert stmt.out is not None
                    if on(stmt.out):
                        yield from stmt.args
                elif not self.works(stmt):
                    return
                elif stmt.name == "call":
                    yield from site_of(stmt, self.sites).reads()
                elif stmt.name == "keep":
                    yield from stmt.args
                elif stmt.name == "copy":
                    found = shape(self.scopes, stmt.args[0])
                    if isinstance(found, tuple):
                        yield from found
                elif stmt.name == "load":
                    yield from stmt.args[1:]
                elif stmt.name in ("store", "addto"):
                    yield from stmt.args[2:]
                elif stmt.name not in ("fill", "copy", "copyto", "push", "pop"):
                    yield from self.pullback(stmt).needs
            case If():
                if self.works(stmt) or any(on(v) for v in stmt.outs if is_array(v)):
                    yield stmt.cond
            case For():
                if self.works(stmt):
                    yield stmt.start
                    if stmt.exits:
                        yield stmt.count
                    else:
                        yield stmt.stop
                if self.turns(stmt):
                    yield stmt.count
            case While():
                if self.works(stmt) or self.turns(stmt):
                    yield stmt.count

    def turns(self, stmt: For | While) -> bool:
        """Whether a loop permutes active arrays."""
        order = permutation(stmt)
        return any(k != order[k] and self.activity.is_active(stmt.params[k]) for k in order)


def permutation(stmt: For | While) -> dict[int, int]:
    """Return which array param each array result of a loop's body is, by position."""
    at = {p: k for k, p in enumerate(stmt.params) if is_array(p)}
    order = {}
    for k, p in enumerate(stmt.params):
        if is_array(p):
            y = stmt.body.results[k]
            assert isinstance(y, Var)
            order[k] = at[y]
    return order
