"""Between which numbers the integers of a program lie.

Demand-driven and without regard to the order of statements: a value's range follows from
what defines it.  Two facts about real runs make most of it work: no array has an axis
of more than ``2**AXIS`` elements, and no run executes more than ``2**STEPS`` operations
(days at one a nanosecond), so a counter stays within that many times its largest step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Var, While, regions
from revtrace.program.types import Scalar

__all__ = ["FULL", "HIGH", "LOW", "Range", "Ranges"]

LOW, HIGH = -(2**63), 2**63 - 1
AXIS, STEPS = 47, 50
_BUDGET = 200_000
_TOO_LONG = 1 << 12


@dataclass(frozen=True, slots=True)
class Range:
    """All integers from ``low`` to ``high``, of any size."""

    low: int
    high: int

    def join(self, other: Range) -> Range:
        """Return the smallest range that holds both."""
        return Range(min(self.low, other.low), max(self.high, other.high))

    @property
    def fits(self) -> bool:
        """Whether all of it are 64-bit integers."""
        return self.low >= LOW and self.high <= HIGH

    @property
    def size(self) -> int:
        """The largest magnitude."""
        return max(abs(self.low), abs(self.high))

    @property
    def clipped(self) -> Range:
        """What of it are 64-bit integers."""
        return Range(min(max(self.low, LOW), HIGH), max(min(self.high, HIGH), LOW))


FULL = Range(LOW, HIGH)
_WIDE = Range(-(2**80), 2**80)
_TYPES = {
    "b1": Range(0, 1),
    **{f"i{n}": Range(-(1 << 8 * n - 1), (1 << 8 * n - 1) - 1) for n in (1, 2, 4)},
    **{f"u{n}": Range(0, (1 << 8 * n) - 1) for n in (1, 2, 4)},
}


@dataclass(frozen=True, slots=True)
class _Carried:
    """A loop's k-th parameter or result."""

    loop: For | While
    k: int


class Ranges:
    """The ranges of one program's integers."""

    def __init__(self, body: Block) -> None:
        self._made: dict[Var, Op | If | For | While | _Carried] = {}
        self._memo: dict[Var, Range] = {}
        self._open: set[Var] = set()
        self._steps = 0
        self._enter(body)

    def _enter(self, block: Block) -> None:
        for stmt in block.stmts:
            match stmt:
                case Op():
                    if stmt.out is not None:
                        self._made[stmt.out] = stmt
                case If():
                    self._made.update(dict.fromkeys(stmt.outs, stmt))
                case For() | While():
                    for k, (p, out) in enumerate(zip(stmt.params, stmt.outs, strict=True)):
                        self._made[p] = self._made[out] = _Carried(stmt, k)
                    self._made[stmt.count] = stmt
                    if isinstance(stmt, For):
                        self._made[stmt.index] = stmt
            for inner in regions(stmt):
                self._enter(inner)

    def of(self, x: Operand) -> Range:
        """Return the range of an integer or boolean."""
        if isinstance(x, Const):
            return Range(int(x.value.real), int(x.value.real))
        found = self._memo.get(x)
        if found is not None:
            return found
        dtype = x.type.dtype
        if not isinstance(x.type, Scalar) or dtype != "i8":
            return _TYPES.get(dtype, FULL)
        self._steps += 1
        if x in self._open or self._steps > _BUDGET:
            return FULL
        made = self._made.get(x)
        self._open.add(x)
        try:
            match made:
                case Op():
                    found = self.raw(made).clipped if made.attr("exact") else _wrapped(self.raw(made))
                case If():
                    k = made.outs.index(x)
                    found = self.of(made.then.results[k]).join(self.of(made.orelse.results[k]))
                case _Carried():
                    found = self._carried(made)
                case For() | While():
                    found = self._index(made) if isinstance(made, For) and x is made.index else Range(0, 1 << STEPS)
                case _:
                    found = FULL
        finally:
            self._open.discard(x)
        self._memo[x] = found
        return found

    def made(self, x: Operand) -> object:
        """Return the operation or loop that defines a value, or None."""
        return self._made.get(x) if isinstance(x, Var) else None

    def _index(self, loop: For) -> Range:
        start, stop, reach = self.of(loop.start), self.of(loop.stop), abs(loop.step) << STEPS
        if loop.step > 0:
            return Range(start.low, max(start.low, min(stop.high - 1, start.high + reach))).clipped
        return Range(min(start.high, max(stop.low + 1, start.low - reach)), start.high).clipped

    # carried values ------------------------------------------------------------------

    def _carried(self, at: _Carried) -> Range:
        p, result = at.loop.params[at.k], at.loop.body.results[at.k]
        first = self.of(at.loop.inits[at.k])
        known = set(self._memo)
        step = self._step(result, p, 24)
        if step is not None:
            reach = Range(first.low + (step.low << STEPS), first.high + (step.high << STEPS))
            if reach.fits:
                self._forget(known)
                return reach
        # Whatever it is at the start of an iteration, this is what it may be at the end.
        self._open.add(p)
        try:
            found = first.join(self.of(result))
        finally:
            self._open.discard(p)
        self._forget(known)
        return found

    def _forget(self, known: set[Var]) -> None:
        """Drop what was found while a parameter was taken to be anything."""
        for x in [x for x in self._memo if x not in known]:
            del self._memo[x]

    def _step(self, x: Operand, p: Var, depth: int) -> Range | None:
        """Return the largest single steps by which a body changes what it carries, or None."""
        if x is p:
            return Range(0, 0)
        made = self.made(x)
        if depth == 0 or made is None:
            return None
        match made:
            case Op(name="add", args=(a, b)):
                for one, other in ((a, b), (b, a)):
                    step = self._step(one, p, depth - 1)
                    if step is not None:
                        return step.join(self.of(other))
                return None
            case Op(name="sub", args=(a, b)):
                step, by = self._step(a, p, depth - 1), self.of(b)
                return None if step is None else step.join(Range(-by.high, -by.low))
            case Op(name="select", args=(_, a, b)):
                return _both(self._step(a, p, depth - 1), self._step(b, p, depth - 1))
            case If():
                k = made.outs.index(x)
                arms = (self._step(arm.results[k], p, depth - 1) for arm in (made.then, made.orelse))
                return _both(*arms)
            case _Carried(loop, k) if x is not loop.params[k]:
                before = self._step(loop.inits[k], p, depth - 1)
                return _both(before, self._step(loop.body.results[k], loop.params[k], depth - 1))
        return None

    # operations ------------------------------------------------------------------------

    def raw(self, op: Op) -> Range:
        """Return what an operation gives in the integers, where 64 bits are no limit."""
        if op.name == "dim":
            return Range(0, 1 << AXIS)
        if op.name == "cast":
            return Range(-(2**62), 2**62) if op.attr("exact") else self.of(op.args[0])
        if op.name == "select":
            return self.of(op.args[1]).join(self.of(op.args[2]))
        rule = _RULES.get(op.name)
        if rule is None or not all(isinstance(x.type, Scalar) and x.type.dtype[0] in "iub" for x in op.args):
            return FULL
        return rule(*(self.of(x) for x in op.args))


def _both(a: Range | None, b: Range | None) -> Range | None:
    return None if a is None or b is None else a.join(b)


def _wrapped(r: Range) -> Range:
    return r if r.fits else FULL


def _corners(f: Callable[[int, int], int], a: Range, b: Range) -> Range:
    found = [f(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    return Range(min(found), max(found))


def _abs(a: Range) -> Range:
    return Range(0 if a.low <= 0 <= a.high else min(abs(a.low), abs(a.high)), a.size)


def _floordiv(a: Range, b: Range) -> Range:
    if b.low > 0:
        return _corners(lambda x, y: x // y, a, b)
    return Range(-a.size, a.size if a.low > LOW or b.low > -1 or b.high < -1 else -LOW)


def _mod(a: Range, b: Range) -> Range:
    if b.low > 0 and a.low >= 0:
        return Range(0, min(a.high, b.high - 1))
    return Range(min(b.low + 1, 0), max(b.high - 1, 0))


def _pow(a: Range, b: Range) -> Range:
    if a.size <= 1:
        return Range(min(a.low, 0), 1)
    if b.high * a.size.bit_length() > _TOO_LONG:
        return _WIDE
    top = a.size ** max(b.high, 0)
    return Range(0 if a.low >= 0 else -top, top)


def _shl(a: Range, b: Range) -> Range:
    return _WIDE if b.high > 128 else _corners(lambda x, y: x << max(y, 0), a, b)


def _shr(a: Range, b: Range) -> Range:
    return Range(min(a.low, 0), max(a.high, 0))


def _and(a: Range, b: Range) -> Range:
    if a.low >= 0 or b.low >= 0:
        return Range(0, min(r.high for r in (a, b) if r.low >= 0))
    return _bits(a, b)


def _bits(a: Range, b: Range) -> Range:
    size = max(x.bit_length() for x in (a.low, a.high, b.low, b.high))
    return Range(0 if a.low >= 0 and b.low >= 0 else -(1 << size), (1 << size) - 1)


_RULES: dict[str, Callable[..., Range]] = {
    "add": lambda a, b: Range(a.low + b.low, a.high + b.high),
    "sub": lambda a, b: Range(a.low - b.high, a.high - b.low),
    "mul": lambda a, b: _corners(lambda x, y: x * y, a, b),
    "neg": lambda a: Range(-a.high, -a.low),
    "abs": _abs,
    "floordiv": _floordiv,
    "mod": _mod,
    "pow": _pow,
    "min": lambda a, b: Range(min(a.low, b.low), min(a.high, b.high)),
    "max": lambda a, b: Range(max(a.low, b.low), max(a.high, b.high)),
    "shl": _shl,
    "shr": _shr,
    "bitand": _and,
    "bitor": _bits,
    "bitxor": _bits,
    "invert": lambda a: Range(-a.high - 1, -a.low - 1),
}
