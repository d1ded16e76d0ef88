"""Python's integers have no largest one; the program's do.

The tracer marks every operation on Python ints that may leave 64 bits with ``exact``.
`exact` takes the marks away: where `Ranges` shows that the result fits there is nothing to do;
in a counted loop whose operands are known before it, their magnitudes are tested once in
front of it; elsewhere the operation is followed by a check of its own.  A check that fails makes
the program give up.  Another is made for the call then, in which sums, differences and products at that place are
Python's, computed while tracing; where others do not fit, plain Python computes the value and a derivative is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from revtrace.loc import Loc
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Stmt, Var, While, const, regions, walk
from revtrace.program.types import BOOL, INT, Scalar
from revtrace.trace.ranges import HIGH, LOW, Ranges

__all__ = ["TOO_LARGE", "exact"]

TOO_LARGE = "unsupported: a Python integer that does not fit in 64 bits"

#: Products of magnitudes are computed in floats; what is below this fits for certain.
_ALMOST = 9.2e18
_SMALL = 1 << 32
_DEPTH = 16


def exact(body: Block) -> Block:
    """Return a program's body with the checks behind its marks, and without the marks."""
    marked = [s for s in walk(body) if isinstance(s, Op) and s.attr("exact")]
    if not marked:
        return body
    ranges = Ranges(body)
    if all(ranges.raw(op).fits for op in marked if op.name != "cast"):
        return _Checker(ranges, False).bare(body)
    return _Checker(ranges, not any(isinstance(s, While) for s in walk(body))).block(body, None)


@dataclass(slots=True)
class _Place:
    """A block being written; ``loop`` says that it is a counted loop's body that always runs to its end."""

    outer: _Place | None
    loop: bool
    level: int
    stmts: list[Stmt] = field(default_factory=list)
    waiting: dict[Var, Op] = field(default_factory=dict)


class _Checker:
    def __init__(self, ranges: Ranges, soft: bool) -> None:
        self.ranges = ranges
        # A wrapped integer may keep a while loop from ending: there the check must come at once.
        self.soft = soft
        self.home: dict[Var, int] = {}

    def bare(self, block: Block) -> Block:
        """Return a block without marks, which all turned out needless."""
        return Block(tuple(_mapped(_unmarked(s), self.bare) for s in block.stmts), block.results)

    def block(self, old: Block, outer: _Place | None, loop: bool = False, owned: tuple[Var, ...] = ()) -> Block:
        here = _Place(outer, loop, 0 if outer is None else outer.level + 1)
        self.home.update(dict.fromkeys(owned, here.level))
        for stmt in old.stmts:
            self.stmt(stmt, here)
        self.flush(here)
        return Block(tuple(here.stmts), old.results)

    def stmt(self, stmt: Stmt, here: _Place) -> None:
        new: Stmt = stmt
        match stmt:
            case Op():
                self.op(stmt, here)
                return
            case If():
                then, orelse = (self.block(b, here) for b in (stmt.then, stmt.orelse))
                new = replace(stmt, then=then, orelse=orelse)
                outs = stmt.outs
            case For():
                whole = not stmt.exits
                new = replace(stmt, body=self.block(stmt.body, here, whole, (stmt.index, *stmt.params)))
                outs = (*stmt.outs, stmt.count)
            case While():
                self.home.update(dict.fromkeys(stmt.params, here.level + 1))
                new = replace(stmt, cond=self.block(stmt.cond, here), body=self.block(stmt.body, here))
                outs = (*stmt.outs, stmt.count)
        self.home.update(dict.fromkeys(outs, here.level))
        self.flush(here)
        here.stmts.append(new)

    def op(self, op: Op, here: _Place) -> None:
        here.stmts.append(_unmarked(op))
        if op.out is not None:
            self.home[op.out] = here.level
        if not op.attr("exact") or op.name == "cast" or self.ranges.raw(op).fits:
            return
        assert op.out is not None
        place = here
        while place.loop and place.outer is not None and self.known(op.out, place.outer, top=True):
            place = place.outer
        if place is here:
            write = _Writer(here.stmts, op.loc)
            self.check(write, self.condition(write, op))
        else:
            place.waiting[op.out] = op

    def check(self, write: _Writer, cond: Operand) -> None:
        write.stmts.append(Op("check", (cond,), None, (("kind", TOO_LARGE), ("soft", self.soft)), write.loc))

    # in front of loops ------------------------------------------------------------------

    def flush(self, place: _Place) -> None:
        """Append the tests of the loop that is about to be appended."""
        waiting, place.waiting = place.waiting, {}
        covered: set[Var] = set()
        for op in reversed(waiting.values()):
            assert op.out is not None
            if op.out in covered:
                continue
            write = _Writer(place.stmts, op.loc)
            size = self.size(write, op.out, place, covered, top=True)
            self.check(write, write.op("lt", size, const(_ALMOST), type=BOOL))

    def known(self, x: Operand, place: _Place, depth: int = _DEPTH, top: bool = False) -> bool:
        """Whether a bound on a magnitude can be computed in a block."""
        if isinstance(x, Const):
            return True
        if not top and (self.visible(x, place) or self.ranges.of(x).size <= _SMALL):
            return True
        if depth == 0:
            return False
        made = self.ranges.made(x)
        match made:
            case Op(name="add" | "sub" | "mul" | "neg" | "abs" | "min" | "max"):
                return all(self.known(y, place, depth - 1) for y in made.args)
            case For() if x is made.index:
                return all(self.known(y, place, depth - 1) for y in (made.start, made.stop))
        return False

    def visible(self, x: Var, place: _Place) -> bool:
        return self.home.get(x, 0) <= place.level

    def size(self, write: _Writer, x: Operand, place: _Place, covered: set[Var], *, top: bool = False) -> Operand:
        """Append a float at least as large as a value's magnitude."""
        if isinstance(x, Const):
            return const(float(abs(x.value)))
        if not top and self.visible(x, place):
            return write.op("abs", write.op("cast", x, type=_FLOAT), type=_FLOAT)
        if not top and (found := self.ranges.of(x).size) <= _SMALL:
            return const(float(found))
        made = self.ranges.made(x)
        if isinstance(made, For):
            ends = [self.size(write, y, place, set()) for y in (made.start, made.stop)]
            return write.op("max", *ends, type=_FLOAT)
        assert isinstance(made, Op)
        sums = made.name in ("add", "sub", "neg")
        if sums or top:
            covered.update(y for y in made.args if isinstance(y, Var) and sums)
        sizes = [self.size(write, y, place, covered if sums else set()) for y in made.args]
        if made.name in ("neg", "abs"):
            return sizes[0]
        name = {"add": "add", "sub": "add", "mul": "mul"}.get(made.name, "max")
        return write.op(name, *sizes, type=_FLOAT)

    # in place -----------------------------------------------------------------------------

    def condition(self, write: _Writer, op: Op) -> Operand:
        """Append what tells whether an operation's result is Python's."""
        out = op.out
        assert out is not None
        a, *rest = op.args
        b = rest[0] if rest else a
        match op.name:
            case "neg" | "abs":
                return write.op("gt", a, const(LOW), type=BOOL)
            case "add" | "sub" if isinstance(b, Const) or isinstance(a, Const):
                return self.beside(write, op.name, a, b)
            case "add":
                both = write.op("bitand", write.op("bitxor", a, out), write.op("bitxor", b, out))
                return write.op("ge", both, const(0), type=BOOL)
            case "sub":
                both = write.op("bitand", write.op("bitxor", a, b), write.op("bitxor", a, out))
                return write.op("ge", both, const(0), type=BOOL)
            case "mul":
                if isinstance(a, Const):
                    a, b = b, a
                if isinstance(b, Const):
                    most = HIGH // max(abs(_int(b)), 1)
                    return self.between(write, a, -most, most)
                if a is b:
                    return self.between(write, a, -math.isqrt(HIGH), math.isqrt(HIGH))
                return write.op("mulfits", a, b, type=BOOL)
            case "pow":
                if isinstance(b, Const):
                    most = _root(HIGH, _int(b))
                    return self.between(write, a, -most, most)
                if isinstance(a, Const):
                    return self.between(write, b, LOW, _log(HIGH, abs(_int(a))))
                return _small(write, a, b)
            case "shl":
                fits = write.op("le", b, const(62), type=BOOL)
                same = write.op("eq", write.op("shr", out, b), a, type=BOOL)
                return write.op("and", fits, same, type=BOOL)
        assert op.name == "floordiv"
        left, right = write.op("gt", a, const(LOW), type=BOOL), write.op("ne", b, const(-1), type=BOOL)
        return write.op("or", left, right, type=BOOL)

    def beside(self, write: _Writer, name: str, a: Operand, b: Operand) -> Operand:
        """A sum or difference one of whose operands is a literal."""
        if isinstance(b, Const):
            by = _int(b) if name == "add" else -_int(b)
            return self.between(write, a, LOW - by, HIGH - by)
        assert isinstance(a, Const)
        first = _int(a)
        if name == "add":
            return self.between(write, b, LOW - first, HIGH - first)
        return self.between(write, b, first - HIGH, first - LOW)

    def between(self, write: _Writer, x: Operand, low: int, high: int) -> Operand:
        known = self.ranges.of(x)
        parts = []
        if known.low < low:
            parts.append(write.op("ge", x, const(low), type=BOOL))
        if known.high > high:
            parts.append(write.op("le", x, const(high), type=BOOL))
        if not parts:
            return const(True)
        return parts[0] if len(parts) == 1 else write.op("and", *parts, type=BOOL)


_FLOAT = Scalar("f8")


@dataclass(slots=True)
class _Writer:
    """Appends operations at one place in the source."""

    stmts: list[Stmt]
    loc: Loc

    def op(self, name: str, *args: Operand, type: Scalar = INT) -> Operand:
        out = Var(type)
        self.stmts.append(Op(name, args, out, (), self.loc))
        return out


def _small(write: _Writer, a: Operand, b: Operand) -> Operand:
    """The power in floats, which is far from exact but says how large the result is."""
    floats = [write.op("cast", x, type=_FLOAT) for x in (a, b)]
    size = write.op("abs", write.op("pow", *floats, type=_FLOAT), type=_FLOAT)
    return write.op("lt", size, const(_ALMOST), type=BOOL)


def _int(x: Const) -> int:
    return int(x.value.real)


def _root(n: int, k: int) -> int:
    """The largest integer whose k-th power is at most n."""
    if k <= 1:
        return n
    low, high = 1, 1 << (n.bit_length() // k + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**k <= n else (low, middle)
    return low


def _log(n: int, base: int) -> int:
    """The largest exponent with which a base is at most n."""
    if base <= 1:
        return HIGH
    k = 0
    while base ** (k + 1) <= n:
        k += 1
    return k


def _unmarked(stmt: Stmt) -> Stmt:
    if isinstance(stmt, Op) and stmt.attr("exact"):
        return replace(stmt, attrs=tuple(a for a in stmt.attrs if a[0] != "exact"))
    return stmt


def _mapped(stmt: Stmt, change: object) -> Stmt:
    if not regions(stmt) or not callable(change):
        return stmt
    match stmt:
        case If():
            return replace(stmt, then=change(stmt.then), orelse=change(stmt.orelse))
        case For():
            return replace(stmt, body=change(stmt.body))
        case While():
            return replace(stmt, cond=change(stmt.cond), body=change(stmt.body))
    return stmt
