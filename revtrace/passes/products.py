"""Adjoints of products with repeated factors.

``m * r * r * r`` is three multiplications, whose adjoints one by one are three terms for ``r``, all
of them ``g * m * r * r``.  Taken as one product its adjoint by ``r`` is ``3 * g * (m * r * r)``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from revtrace.passes.pullback import Pullback, pruned
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Op, Operand, Program, Var, const, regions
from revtrace.program.types import Scalar

__all__ = ["products", "usage"]

Activity = Callable[[Operand], bool]


def usage(program: Program) -> Counter[Var]:
    """Count how often each value is read."""
    found: Counter[Var] = Counter()

    def visit(block: Block) -> None:
        for stmt in block.stmts:
            if isinstance(stmt, Op):
                found.update(x for x in stmt.args if isinstance(x, Var))
                continue
            for name in ("cond", "start", "stop"):
                x = getattr(stmt, name, None)
                if isinstance(x, Var):
                    found[x] += 1
            found.update(x for x in getattr(stmt, "inits", ()) if isinstance(x, Var))
            for inner in regions(stmt):
                visit(inner)
        found.update(x for x in block.results if isinstance(x, Var))

    visit(program.body)
    return found


def products(made: Mapping[Var, Op], uses: Counter[Var], is_active: Activity) -> dict[Var, Pullback]:
    """Return the adjoints of a block's products with repeated factors, and empty ones for their parts.

    Parameters
    ----------
    made : mapping
        The block's operations by what they define, in order.
    uses : Counter
        What `usage` returned.
    is_active : callable
        Whether a value carries a derivative.
    """
    found: dict[Var, Pullback] = {}
    inside: set[Var] = set()

    def part(x: Operand, kind: object) -> bool:
        op = made.get(x) if isinstance(x, Var) else None
        return op is not None and op.name == "mul" and x.type == kind and uses[_var(x)] == 1 and is_active(x)

    for out, op in reversed(list(made.items())):
        if op.name != "mul" or out in inside or not is_active(out):
            continue
        # The product as (what was multiplied so far, next factor), outermost first.
        steps: list[tuple[Operand, Operand]] = []
        parts: list[Var] = []
        node = op
        while True:
            rest, factor = node.args
            if not part(rest, out.type):
                rest, factor = factor, rest
            steps.append((rest, factor))
            if not part(rest, out.type):
                break
            parts.append(_var(rest))
            node = made[_var(rest)]
        factors = Counter(x for x in (*(f for _, f in steps), steps[-1][0]) if isinstance(x, Var) and is_active(x))
        if not parts or max(factors.values(), default=0) < 2:
            continue
        inside.update(parts)
        found[out] = _adjoint(op, steps, factors)
        for x in parts:
            found[x] = Pullback(Var(x.type, "bar"), (), (), ())
    return found


def _adjoint(op: Op, steps: list[tuple[Operand, Operand]], factors: Counter[Var]) -> Pullback:
    """Write the adjoint of a product: each factor's share where it was multiplied last, as often as it occurs."""
    assert op.out is not None and isinstance(op.out.type, Scalar)
    dtype = op.out.type.dtype
    b = Builder(op.loc)
    seed = Var(op.out.type, f"{op.out.name}_bar" if op.out.name else "bar")
    terms: list[tuple[Var, Operand]] = []
    done: set[Operand] = set()

    def share(factor: Operand, others: Operand, g: Operand) -> None:
        if not isinstance(factor, Var) or factor not in factors or factor in done:
            return
        done.add(factor)
        if factors[factor] > 1:
            g = b.op("mul", const(factors[factor], dtype), g, type=_var(g).type)
        terms.append((factor, b.op("mul", g, others, type=factor.type)))

    g: Operand = seed
    for rest, factor in steps:
        share(factor, rest, g)
        if rest is steps[-1][0]:
            share(rest, factor, g)
        g = b.op("mul", g, factor, type=op.out.type)
    return pruned(seed, [s for s in b.stmts if isinstance(s, Op)], terms)


def _var(x: Operand) -> Var:
    assert isinstance(x, Var)
    return x
