"""Stored numbers that may have no share in the results, with slopes that may not be finite.

After ``y = np.sqrt(x); y[x < 0] = 0`` the adjoints of the roots written over are zero, and so is their share of ``x``,
though the slope there is not a number.  Where something else may be written over a stored number, or no loop reads all
that a loop stored, an adjoint of zero counts whatever it is multiplied with.  Comparing costs time in the innermost
loops, so it is asked for only where the number may be infinite or not a number: it comes out of a division, say, or
of data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from revtrace.passes.activity import Activity
from revtrace.passes.effects import Access, Buffers
from revtrace.passes.scopes import TOP, Scopes, is_array
from revtrace.passes.subscripts import Offset, Subscripts, subscripts_of
from revtrace.passes.writes import Writes
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Var, While

__all__ = ["unread"]

_TAME = frozenset(
    {
        "abs", "accum", "add", "atan", "cast", "complex", "conj", "copysign", "cos", "cosh", "erf", "erfc", "exp",
        "exp2", "expit", "expm1", "imag", "load", "max", "maximum", "min", "minimum", "mul", "neg", "real", "select",
        "sin", "sinh", "softplus", "square", "sub", "tanh",
    }
)  # fmt: skip
"""Operations that are finite, with finite slopes, where their operands are."""

_MOST = 300
"""Accesses to one buffer beyond which they are not compared with one another: the program was unrolled at length."""


def unread(program: Program, where: Scopes, memory: Buffers, on: Activity) -> set[int]:
    """Return the stores, by identity, whose adjoints of zero stay zero whatever they are multiplied with."""
    steep, wild = _Wild(program, where, memory, data=False), _Wild(program, where, memory, data=True)
    results = {memory.find(x) for x in program.body.results if is_array(x)}
    subscripts = Subscripts(where)
    found: set[int] = set()
    for cls, accesses in memory.accesses.items():
        if not on.is_active(cls) or len(accesses) > _MOST:
            continue
        stores = [a for a in accesses if a.op.name == "store" and a.writes and on.is_active(a.op.args[1])]
        others = [a for a in accesses if a.writes and a.op.name != "addto" and not _again(where, a.op)]
        for store in stores:
            if not wild.stores(store):
                continue
            reads = [a for a in accesses if _reads_all(where, subscripts, a, store)]
            over = [w for w in others if w.op is not store.op and _partly(where, subscripts, w, store, reads)]
            if Writes(subscripts, over).over(store, TOP) is not None or (
                not reads and cls not in results and steep.stores(store)
            ):
                found.add(id(store.op))
    return found


class _Wild:
    """Which numbers may not be finite where others beside them are; what is given may be so where ``data``.

    What stays the same while a loop runs is the same for all that its iterations store, so it is not such a number.
    """

    def __init__(self, program: Program, where: Scopes, memory: Buffers, data: bool) -> None:
        self.where, self.memory = where, memory
        self.classes: set[Var] = {memory.find(x) for x in program.inputs if is_array(x)} if data else set()
        self.numbers: set[Operand] = set()
        before = -1
        while len(self.classes) != before:
            before = len(self.classes)
            self.block(program.body, TOP)

    def block(self, block: Block, loop: int) -> None:
        """Find those of a block, which is in a loop."""
        for stmt in block.stmts:
            match stmt:
                case Op(name="load", out=Var() as out):
                    self.put((out,), self.memory.find(stmt.args[0]) in self.classes)
                case Op(name="store" | "addto" | "copyto"):
                    if self.said(stmt.args[1], loop):
                        self.classes.add(self.memory.find(stmt.args[0]))
                case Op(out=Var() as out):
                    self.put((out,), stmt.name not in _TAME or any(self.said(x, loop) for x in stmt.args))
                case If():
                    for arm in (stmt.then, stmt.orelse):
                        self.block(arm, loop)
                        self.put(stmt.outs, *(self.said(x, loop) for x in arm.results))
                case For() | While():
                    inside = self.where.scope(stmt.body).index
                    self.block(stmt.body, inside)
                    self.put(stmt.outs, *(self.said(x, inside) for x in stmt.body.results[: len(stmt.outs)]))

    def put(self, made: Sequence[Var], *found: bool) -> None:
        """Note what values are."""
        self.numbers.update(x for x, wild in zip(made, found, strict=True) if wild)

    def said(self, x: Operand, loop: int) -> bool:
        """Whether an operand of a statement in a loop is such a number, or an array of them."""
        if is_array(x):
            return self.memory.find(x) in self.classes
        return x in self.numbers and self.where.inside(self.where.home[_var(x)], loop)

    def stores(self, access: Access) -> bool:
        """Whether a store stores such a number."""
        loop = max((s for s, _ in access.path if self.where.all[s].role == "body"), default=TOP)
        return self.said(access.op.args[1], loop)


def _span(subscripts: Subscripts, x: Operand) -> tuple[Offset, Offset]:
    """Return the least and the greatest value of a subscript, as far as the loop that counts it tells."""
    at = subscripts.offset(x)
    loop = subscripts.loop_of(at.base)
    if loop is None or abs(loop.step) != 1:
        return at, at
    first, last = subscripts.offset(loop.start), subscripts.offset(loop.stop)
    last = replace(last, constant=last.constant - loop.step)
    ends = (first, last) if loop.step > 0 else (last, first)
    return (
        replace(ends[0], constant=ends[0].constant + at.constant),
        replace(ends[1], constant=ends[1].constant + at.constant),
    )


def _disjoint(subscripts: Subscripts, a: Access, b: Access) -> bool:
    """Whether two accesses never touch one element."""
    for x, y in zip(subscripts_of(a.op) or (), subscripts_of(b.op) or (), strict=False):
        p, q = _span(subscripts, x), _span(subscripts, y)
        for most, least in ((p[1], q[0]), (q[1], p[0])):
            if most.base is least.base and most.constant < least.constant:
                return True
    return False


def _always(where: Scopes, access: Access, other: Access) -> bool:
    """Whether no condition is around an access that is not around another as well."""
    around = {s for s, _ in other.path}
    return all(where.all[s].role not in ("then", "orelse") or s in around for s, _ in access.path)


def _reaches_all(where: Scopes, subscripts: Subscripts, access: Access, stored: Access) -> bool:
    """Whether an access comes by every element that a store in loops does."""
    if not _always(where, access, stored):
        return False
    own, others = subscripts_of(access.op), subscripts_of(stored.op)
    if own is None or others is None:
        return own is None
    for x, y in zip(own, others, strict=True):
        (first, last), (least, most) = _span(subscripts, x), _span(subscripts, y)
        low = subscripts.least(y) if first.base is None else None
        early = first == least or (low is not None and first.constant <= low)
        if not early or last.base is not most.base or last.constant < most.constant:
            return False
    return True


def _reads_all(where: Scopes, subscripts: Subscripts, read: Access, stored: Access) -> bool:
    """Whether an access reads, after a store, every element that it stored."""
    return not read.writes and subscripts.follows(read, stored) and _reaches_all(where, subscripts, read, stored)


def _partly(where: Scopes, subscripts: Subscripts, write: Access, stored: Access, reads: list[Access]) -> bool:
    """Whether a write may replace some of what a store stored, unread; ``reads`` come by all of it."""
    if _disjoint(subscripts, write, stored):
        return False
    between = not subscripts.follows(write, stored) or any(subscripts.follows(write, read) for read in reads)
    return not (between and reads and _reaches_all(where, subscripts, write, stored))


def _again(where: Scopes, op: Op) -> bool:
    """Whether what is written is made of what was there before."""
    todo, seen = list(op.args[1:2]), set[Operand]()
    while op.name == "store" and todo:
        made = where.definition.get(x) if isinstance(x := todo.pop(), Var) and x not in seen else None
        seen.add(x)
        if isinstance(made, Op):
            if made.name == "load" and made.args == (op.args[0], *op.args[2:]):
                return True
            todo += made.args if made.name != "load" else ()
    return False


def _var(x: Operand) -> Var:
    assert isinstance(x, Var)
    return x
