"""Where values are used: what can be folded into its use, and which variables may share a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from revtrace.calls.core import parts
from revtrace.codegen.expressions import INFIX, occurrences
from revtrace.codegen.plan import Plan
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, While, regions
from revtrace.program.types import Scalar
from revtrace.rules.core import RULES

__all__ = ["EFFECTS", "Uses", "writes"]

_SCALAR = frozenset(("select", "cast", "accum", "dim", "load", "neg", "not", *INFIX))

EFFECTS = frozenset(("store", "addto", "fill", "copyto", "alloc", "copy", "check", "stack", "push", "pop", "call"))
"""Operations that are written where they stand."""


def is_expression(op: Op) -> bool:
    """Whether an operation is an expression: no effect, a number for a result."""
    return op.name not in EFFECTS and (op.name in _SCALAR or op.name in RULES)


class Uses:
    """Counts of uses.

    Attributes
    ----------
    count : Counter
        Uses of a value, as many as its expression would be written.
    home : dict
        The block in which a value is defined, by identity.
    folded : set of Var
        Values written where they are used instead of being named.
    """

    def __init__(self, program: Program, plan: Plan) -> None:
        self.count: Counter[Var] = Counter()
        self.home: dict[Var, int] = {}
        self._use_block: dict[Var, int] = {}
        for v in program.inputs:
            self.home[v] = id(program.body)
        self._inside: dict[int, Counter[Var]] = {}
        candidates: list[Var] = []
        self._block(program.body, candidates)
        for x in plan.operands():
            self._use(x, 0, 2)
        self.folded = {v for v in candidates if self.count[v] == 1 and self._use_block[v] == self.home[v]}

    def _use(self, x: Operand, block: int, times: int = 1) -> None:
        if isinstance(x, Var):
            self.count[x] += times
            self._use_block[x] = block

    def _block(self, block: Block, candidates: list[Var]) -> None:
        me = id(block)
        for stmt in block.stmts:
            match stmt:
                case Op():
                    self._op(stmt, me, candidates)
                case If():
                    self._use(stmt.cond, me)
                case For():
                    for x in (stmt.start, stmt.stop, *stmt.inits):
                        self._use(x, me)
                    self._own(me, *stmt.outs, stmt.count)
                    self._own(id(stmt.body), stmt.index, *stmt.params)
                case While():
                    for x in stmt.inits:
                        self._use(x, me)
                    self._own(me, *stmt.outs, stmt.count)
                    # Params are read by both blocks and assigned at the end of the second.
                    self._own(id(stmt.body), *stmt.params)
            if isinstance(stmt, If):
                self._own(me, *stmt.outs)
            for inner in regions(stmt):
                self._block(inner, candidates)
        for r in block.results:
            self._use(r, me)

    def _own(self, block: int, *values: Var) -> None:
        for v in values:
            self.home[v] = block

    def _op(self, op: Op, me: int, candidates: list[Var]) -> None:
        times = occurrences(op)
        for x, n in zip(op.args, times, strict=True):
            self._use(x, me, n)
        if op.out is not None:
            self._own(me, op.out)
            if is_expression(op) and isinstance(op.out.type, Scalar):
                candidates.append(op.out)

    # sharing names ------------------------------------------------------------------------

    def only_within(self, v: Var, stmt: Stmt) -> bool:
        """Whether every use of a value is in a statement or the blocks nested in it."""
        return self.count[v] == self._count_in(stmt)[v]

    def _count_in(self, stmt: Stmt) -> Counter[Var]:
        found = self._inside.get(id(stmt))
        if found is None:
            found = Counter(x for x in _operands(stmt) if isinstance(x, Var))
            self._inside[id(stmt)] = found
        return found


def _operands(stmt: Stmt) -> Iterator[Operand]:
    match stmt:
        case Op():
            for x, n in zip(stmt.args, occurrences(stmt), strict=True):
                yield from (x,) * n
        case If():
            yield stmt.cond
        case For():
            yield from (stmt.start, stmt.stop, *stmt.inits)
        case While():
            yield from stmt.inits
    for block in regions(stmt):
        for inner in block.stmts:
            yield from _operands(inner)
        yield from block.results


def writes(stmt: Stmt) -> frozenset[str]:
    """Return the dtypes of the arrays whose elements a statement may change."""
    out: set[str] = set()
    if isinstance(stmt, Op) and stmt.name in ("store", "addto", "fill", "copyto"):
        out.add(stmt.args[0].type.dtype)
    if isinstance(stmt, Op) and stmt.name == "call":
        out.update(x.type.dtype for x in parts(stmt)[0])
    for block in regions(stmt):
        for inner in block.stmts:
            out |= writes(inner)
    return frozenset(out)
