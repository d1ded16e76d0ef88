"""Writing into the primal what adjoint formulas compute from primal values alone.

A cosine for a sine, the comparison in a maximum: as operations of the primal they
take part in the plan like any other value, so that one byte is kept for a
comparison rather than the numbers compared.  Those not kept are dead in the forward
sweep and are removed.
"""

from __future__ import annotations

import math
from collections import Counter

from revtrace.passes.activity import Activity
from revtrace.passes.fold import folded, key
from revtrace.passes.products import products, usage
from revtrace.passes.pullback import Pullback, pullback
from revtrace.passes.scopes import is_float
from revtrace.program.nodes import Block, Const, Op, Operand, Program, Stmt, Var, const
from revtrace.program.rebuild import map_blocks
from revtrace.program.types import BOOL, Scalar
from revtrace.rules.core import RULES

__all__ = ["expose"]

_MEMORY = frozenset({"load", "copy", "pop", "alloc", "stack"})


Known = dict[object, Operand]


def expose(program: Program, on: Activity) -> tuple[Program, dict[Var, Pullback], set[Var]]:
    """Return the program with the seed-free parts of its adjoint formulas.

    Returns
    -------
    Program
        Computes the same.
    dict
        The rest of the formulas, by the result of the operation they belong to.
    set
        The values that were added.
    """
    writer = _Writer(on, usage(program))
    return Program(program.name, program.inputs, writer.block(program.body, {})), writer.texts, writer.added


class _Writer:
    def __init__(self, on: Activity, uses: Counter[Var]) -> None:
        self.on = on
        self.uses = uses
        self.texts: dict[Var, Pullback] = {}
        self.added: set[Var] = set()

    def block(self, old: Block, known: Known) -> Block:
        """Write a block; ``known`` maps expressions to values visible in it."""
        known = dict(known)
        stmts: list[Stmt] = []
        active: list[Op] = []
        made: dict[Var, Op] = {}
        for stmt in old.stmts:
            match stmt:
                case Op():
                    stmts.append(stmt)
                    if stmt.out is not None:
                        made[stmt.out] = stmt
                    if stmt.name == "check":
                        _learn(stmt.args[0], True, made, known)
                    if _named(stmt):
                        known.setdefault(_name(stmt), _var(stmt.out))
                    if stmt.out is not None and stmt.name not in _MEMORY and self.on.is_active(stmt.out):
                        active.append(stmt)
                case _:
                    stmts.append(map_blocks(stmt, lambda inner: self.block(inner, known)))
        # At the end, where all values of the block can be used.
        whole = products(made, self.uses, self.on.is_active)
        texts = [
            (op, whole.get(_var(op.out)) or pullback(op, self.on.is_active)) for op in active if is_float(_var(op.out))
        ]
        often = Counter(
            o.args[1] for _, text in texts for o in text.ops if o.name == "div" and isinstance(o.args[0], Var)
        )
        for op, text in texts:
            early, self.texts[_var(op.out)] = self.split(text, known, often)
            stmts += early
        return Block(tuple(stmts), old.results)

    def split(self, text: Pullback, known: Known, often: Counter[Operand]) -> tuple[list[Op], Pullback]:
        """Separate what does not depend on the seed, and use values that are there."""
        tainted: set[object] = {text.seed}
        same: dict[Var, Operand] = {}
        early: list[Op] = []
        late: list[Op] = []

        def now(x: Operand) -> Operand:
            return same.get(x, x) if isinstance(x, Var) else x

        def ahead(op: Op) -> None:
            assert op.out is not None
            if _name(op) in known:
                same[op.out] = known[_name(op)]
                return
            known[_name(op)] = op.out
            self.added.add(op.out)
            early.append(Op(op.name, op.args, op.out, op.attrs, op.loc.acting("keep")))

        selects: dict[Var, Op] = {}
        for raw in text.ops:
            op = Op(raw.name, tuple(map(now, raw.args)), raw.out, raw.attrs, raw.loc)
            plain = folded(op)
            if plain is not None:
                same[_var(op.out)] = plain
                continue
            if op.name == "select":
                selects[_var(op.out)] = op
            for part in self.divided(op, known, often, selects):
                part = Op(part.name, tuple(map(now, part.args)), part.out, part.attrs, part.loc)
                if any(x in tainted for x in part.args):
                    tainted.add(part.out)
                    late.append(part)
                else:
                    ahead(part)
        terms = tuple((x, now(t)) for x, t in text.terms)
        made = {op.out for op in late}
        needs: dict[Var, None] = {}
        for x in [x for op in late for x in op.args] + [t for _, t in terms]:
            if isinstance(x, Var) and x is not text.seed and x not in made:
                needs.setdefault(x)
        return early, Pullback(text.seed, tuple(late), terms, tuple(needs))

    def divided(self, op: Op, known: Known, often: Counter[Operand], selects: dict[Var, Op]) -> list[Op]:
        """Return what computes an operation; a quotient by its divisor's reciprocal where there is one.

        Adjoints may differ from the quotient in the last digit; the primal's quotients stay.
        """
        if op.name != "div" or not isinstance(op.args[1], Var) or not isinstance(_var(op.out).type, Scalar):
            return [op]
        y = op.args[1]
        if y.type.dtype[0] != "f":
            return [op]
        one = const(1.0, y.type.dtype)
        whole = Op("div", (one, y), Var(y.type), (), op.loc)
        ready = known.get(_name(whole))
        if ready is not None:
            return [Op("mul", (op.args[0], ready), op.out, (), op.loc)]
        guard = selects.get(y)
        if guard is not None and isinstance(guard.args[1], Const) and guard.args[1].value == math.inf:
            # Zero where the divisor is, else the quotient by it.
            inner = Op("div", (one, guard.args[2]), Var(y.type), (), op.loc)
            ready = known.get(_name(inner))
            if ready is not None:
                product = Op("mul", (op.args[0], ready), Var(y.type), (), op.loc)
                zero = const(0.0, y.type.dtype)
                return [product, Op("select", (guard.args[0], zero, _var(product.out)), op.out, (), op.loc)]
        if often[y] > 1:
            return [whole, Op("mul", (op.args[0], _var(whole.out)), op.out, (), op.loc)]
        return [op]


def _learn(condition: Operand, holds: bool, made: dict[Var, Op], known: Known) -> None:
    """Enter what a check that was passed says of comparisons; when it was not, no result is used."""
    op = made.get(condition) if isinstance(condition, Var) else None
    if op is None:
        return
    if op.name == "not":
        _learn(op.args[0], not holds, made, known)
    elif op.name == ("and" if holds else "or"):
        for x in op.args:
            _learn(x, holds, made, known)
    elif op.name == "ne" and holds or op.name == "eq" and not holds:
        for name, value in (("eq", False), ("ne", True)):
            known[_name(Op(name, op.args, Var(BOOL)))] = const(value)
    else:
        known[_name(op)] = const(holds)


def _named(op: Op) -> bool:
    """Whether an operation is a function of its operands alone."""
    return op.out is not None and (op.name in RULES or op.name in ("select", "cast"))


def _name(op: Op) -> object:
    assert op.out is not None
    return (op.name, tuple(map(key, op.args)), op.out.type, op.attrs)


def _var(x: object) -> Var:
    assert isinstance(x, Var)
    return x
