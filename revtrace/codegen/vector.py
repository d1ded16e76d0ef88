"""Which loops LLVM will vectorise, so that functions in them are worth calling in their vector form.

Decided here from the program, as the choice must be made before LLVM sees it: the vector
forms written in arithmetic are slower where they run one at a time.  Being wrong costs time only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from revtrace.codegen.poly import Poly, Step
from revtrace.program.nodes import Const, For, Op, Operand, Var
from revtrace.program.types import INT, Array, Scalar
from revtrace.rules.core import RULES

__all__ = ["MATH", "Access", "vectorises"]

MATH = frozenset(
    ("exp", "tanh", "log", "log2", "log10", "log1p", "exp2", "sinh", "cosh", "acos", "asinh", "acosh", "atanh")
)
"""Functions that have a vector form."""

_WIDEST = 3
"""Elements between those that neighbouring iterations touch, beyond which memory is not read in order."""

_PLAIN = frozenset(
    (
        *("add", "sub", "mul", "div", "neg", "accum", "select", "cast", "load", "store", "addto", "check", "dim"),
        *("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "xor"),
        *("abs", "sqrt", "square", "min", "max", "powi", "sign", "copysign", "floor", "ceil", "trunc", "rint"),
        *("maximum", "minimum", "fmax", "fmin", "reciprocal", "deg2rad", "rad2deg", "heaviside"),
        *("isnan", "isinf", "isfinite", "signbit"),
    )
)


@dataclass(frozen=True, slots=True)
class Access:
    """A load, store or addto in a loop: the buffers its array may be, its indices and the array's shape."""

    op: Op
    buffers: frozenset[int]
    index: tuple[Poly, ...]
    shape: tuple[Poly, ...]

    def stride(self, step: Step) -> int | None:
        """Return by how many elements it moves on from iteration to iteration, if that is known."""
        stride, unit = 0, 1
        for i, n in zip(reversed(self.index), reversed(self.shape), strict=True):
            if step in i.atoms:
                factor, linear = i.part(step)
                if unit == 0 or not linear or factor.constant is None:
                    return None
                stride += factor.constant * unit
            # The length of the last axis, once it is not known, says nothing of those before it.
            unit *= n.constant or 0
        return stride


def vectorises(loop: For, step: Step, accesses: Sequence[Access], apart: Container[Operand] = ()) -> bool:
    """Whether iterations are independent but for sums in any order, and memory is read in order.

    What is handed on to the next iteration and is in `apart` is not looked at.
    """
    if loop.exits or not all(isinstance(s, Op) and _is_plain(s) for s in loop.body.stmts):
        return False
    uses = Counter(x for s in loop.body.stmts if isinstance(s, Op) for x in s.args if isinstance(x, Var))
    uses.update(r for r in loop.body.results if isinstance(r, Var))
    sums = {s.out: s for s in loop.body.stmts if isinstance(s, Op) and s.name == "accum"}
    for p, r in zip(loop.params, loop.body.results, strict=True):
        if r in apart:
            continue
        if p is r or isinstance(p.type, Array):
            if p is not r:
                return False
            continue
        if p.type == INT or not isinstance(r, Var) or uses[p] != 1 or uses[r] > 2:
            return False
        last = sums.get(r)
        # A chain of sums that starts from the carried value.
        while last is not None and p not in last.args:
            last = next((sums[x] for x in last.args if isinstance(x, Var) and x in sums), None)
        if last is None:
            return False
    loads = {s.out: s for s in loop.body.stmts if isinstance(s, Op) and s.name == "load"}

    def adds(op: Op) -> bool:
        """Whether an access adds to an element, in any order."""
        if op.name != "store":
            return op.name == "addto"
        total = sums.get(op.args[1]) if isinstance(op.args[1], Var) else None
        old = (loads.get(x) for x in total.args if isinstance(x, Var)) if total is not None else ()
        return any(x is not None and x.args == (op.args[0], *op.args[2:]) for x in old)

    return all(_in_order(a, step, adds) for a in accesses) and not _conflict(accesses, step)


def _is_plain(op: Op) -> bool:
    if op.name == "check":
        return bool(op.attr("soft", False))
    if op.out is not None and (not isinstance(op.out.type, Scalar) or op.out.type.dtype not in ("f8", "i8", "b1")):
        return False
    return op.name in _PLAIN or op.name in MATH or op.name == "pow" and _by_roots(op)


def _by_roots(power: Op) -> bool:
    """Whether a power is written with square roots."""
    y = power.args[1]
    rule = RULES["pow"]
    assert rule.short is not None
    return isinstance(y, Const) and rule.short("f8", None, y.value) is not None


def _in_order(access: Access, step: Step, adds: Callable[[Op], bool]) -> bool:
    if any(isinstance(a, Step) and a.loop < 0 for p in access.index for a in p.atoms):
        # The index is tested or counted from the end.
        return False
    stride = access.stride(step)
    # Several coordinates of points side by side are loaded together, and told apart afterwards.
    if stride == 0:
        return access.op.name == "load" or adds(access.op)
    return stride is not None and abs(stride) <= _WIDEST


def _conflict(accesses: Sequence[Access], step: Step) -> bool:
    """Whether an iteration may touch what another writes."""
    return any(
        a is not b and a.buffers & b.buffers and a.index != b.index and not _own(a, b, step)
        for a in accesses
        if a.op.name != "load"
        for b in accesses
    )


def _own(a: Access, b: Access, step: Step) -> bool:
    """Whether two accesses touch the same element in the same iteration only, if at all."""

    def differ(i: Poly, j: Poly) -> bool:
        return step in i.atoms if i == j else step not in i.atoms and bool((i - j).constant)

    return any(map(differ, a.index, b.index))
