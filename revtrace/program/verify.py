"""Checking that a program is well formed.

Owns what "well formed" means: one definition per value, uses in scope, operand and
result types, matching regions, stacks at top level.  Run on every program the
tests build, after every pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from revtrace.errors import InternalError
from revtrace.loc import Loc
from revtrace.program.nodes import (
    NOWHERE,
    Block,
    Const,
    For,
    If,
    Op,
    Operand,
    Program,
    Stmt,
    Var,
    While,
)
from revtrace.program.signatures import STRUCTURAL
from revtrace.program.types import (
    BOOL,
    INT,
    Array,
    Scalar,
    Stack,
    Type,
    is_inexact,
    real_dtype,
)

__all__ = ["problems", "verify"]

_DTYPES = frozenset(("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "c8", "c16"))
_CONST = {"b": bool, "i": int, "u": int, "f": float, "c": complex}


def verify(program: Program) -> None:
    """Raise `InternalError` listing what is wrong with a program, if anything is."""
    found = problems(program)
    if found:
        lines = [f"  {loc}: {text}" if loc != NOWHERE else f"  {text}" for text, loc in found]
        raise InternalError(
            f"program {program.name!r} is not well formed:\n" + "\n".join(lines),
            loc=found[0][1],
        )


def problems(program: Program) -> list[tuple[str, Loc]]:
    """Return what is wrong with a program, each with its place in the source."""
    checker = _Checker()
    checker.program(program)
    return checker.found


class _Checker:
    def __init__(self) -> None:
        self.found: list[tuple[str, Loc]] = []
        self.defined: set[Var] = set()
        self.scope: list[set[Var]] = [set()]
        self.loc = NOWHERE
        self.pure = False

    def wrong(self, text: str) -> None:
        self.found.append((text, self.loc))

    # values ---------------------------------------------------------------------------

    def define(self, var: Var, what: str) -> None:
        if var in self.defined:
            self.wrong(f"{var!r} is defined twice, the second time as {what}")
        self.defined.add(var)
        self.scope[-1].add(var)
        self.type(var.type, what)

    def type(self, type_: Type, what: str) -> None:
        if type_.dtype not in _DTYPES:
            self.wrong(f"{what} has unknown dtype {type_.dtype!r}")

    def use(self, x: Operand, what: str) -> None:
        if isinstance(x, Const):
            self.constant(x, what)
        elif not isinstance(x, Var):
            self.wrong(f"{what} is {x!r}, which is no operand")
        elif not any(x in names for names in self.scope):
            reason = "is used outside its block" if x in self.defined else "is used before it is defined"
            self.wrong(f"{x!r} {reason}, as {what}")

    def constant(self, x: Const, what: str) -> None:
        if not isinstance(x.type, Scalar) or x.type.dtype not in _DTYPES:
            self.wrong(f"{what}: {x!r} has no scalar type")
            return
        kind, size = x.type.dtype[0], int(x.type.dtype[1:])
        if type(x.value) is not _CONST[kind]:
            self.wrong(f"{what}: the value of {x!r} is a {type(x.value).__name__}")
        elif kind in "iu":
            low, high = (-(1 << 8 * size - 1), 1 << 8 * size - 1) if kind == "i" else (0, 1 << 8 * size)
            if not low <= int(x.value.real) < high:
                self.wrong(f"{what}: {x!r} is out of range")

    def expect(self, x: Operand, type_: Type, what: str) -> None:
        self.use(x, what)
        if getattr(x, "type", None) != type_:
            self.wrong(f"{what} is {x!r}, not of type {type_}")

    # structure ------------------------------------------------------------------------

    def program(self, program: Program) -> None:
        for k, var in enumerate(program.inputs):
            self.define(var, f"input {k}")
            if isinstance(var.type, Stack):
                self.wrong(f"input {k} is a stack")
        self.block(program.body, top=True)
        self.loc = NOWHERE
        for k, x in enumerate(program.body.results):
            self.use(x, f"output {k}")
            if isinstance(getattr(x, "type", None), Stack):
                self.wrong(f"output {k} is a stack")

    def block(self, block: Block, top: bool = False) -> None:
        for stmt in block.stmts:
            self.loc = getattr(stmt, "loc", NOWHERE)
            if isinstance(stmt, Op) and stmt.name == "stack" and not top:
                self.wrong("stack is created inside a region")
            self.stmt(stmt)

    def stmt(self, stmt: Stmt) -> None:
        match stmt:
            case Op():
                self.op(stmt)
            case If():
                self.branch(stmt)
            case For():
                self.count(stmt)
            case While():
                self.loop(stmt)
            case _:
                self.wrong(f"{stmt!r} is no statement")

    def nested(
        self,
        block: Block,
        params: Iterable[Var],
        expected: Sequence[Type],
        what: str,
        loc: Loc,
    ) -> None:
        """Check a block in its own scope, and the types of its results."""
        self.scope.append(set())
        for p in params:
            self.define(p, f"parameter of {what}")
        self.block(block)
        self.loc = loc
        if len(block.results) != len(expected):
            self.wrong(f"{what} has {len(block.results)} results, not {len(expected)}")
        for k, (x, type_) in enumerate(zip(block.results, expected, strict=False)):
            self.expect(x, type_, f"result {k} of {what}")
        self.scope.pop()

    def branch(self, stmt: If) -> None:
        self.expect(stmt.cond, BOOL, "the condition of if")
        types = [v.type for v in stmt.outs]
        self.nested(stmt.then, (), types, "the first arm of if", stmt.loc)
        self.nested(stmt.orelse, (), types, "the second arm of if", stmt.loc)
        self.outs(stmt.outs)

    def count(self, stmt: For) -> None:
        self.expect(stmt.start, INT, "the start of for")
        self.expect(stmt.stop, INT, "the stop of for")
        if type(stmt.step) is not int or stmt.step == 0:
            self.wrong(f"the step of for is {stmt.step!r}")
        if stmt.index.type != INT:
            self.wrong(f"the index of for is {stmt.index!r}, not an i8")
        self.carried(stmt)
        self.nested(
            stmt.body,
            (stmt.index, *stmt.params),
            self.yields(stmt),
            "the body of for",
            stmt.loc,
        )
        self.leave(stmt)

    def loop(self, stmt: While) -> None:
        self.carried(stmt)
        outer, self.pure = self.pure, True
        # The body sees the params too; one scope serves both blocks.
        self.scope.append(set())
        for p in stmt.params:
            self.define(p, "parameter of while")
        self.nested(stmt.cond, (), [BOOL], "the condition of while", stmt.loc)
        self.pure = outer
        self.nested(stmt.body, (), self.yields(stmt), "the body of while", stmt.loc)
        self.scope.pop()
        self.leave(stmt)

    def yields(self, stmt: For | While) -> list[Type]:
        return [p.type for p in stmt.params] + ([BOOL] if stmt.exits else [])

    def carried(self, stmt: For | While) -> None:
        """Check a loop's entry values, and that its arrays are permuted."""
        if not len(stmt.params) == len(stmt.inits) == len(stmt.outs):
            self.wrong(f"{len(stmt.params)} params, {len(stmt.inits)} inits and {len(stmt.outs)} outs of a loop")
        for k, (p, x) in enumerate(zip(stmt.params, stmt.inits, strict=False)):
            self.expect(x, p.type, f"init {k} of a loop")
        for k, (p, out) in enumerate(zip(stmt.params, stmt.outs, strict=False)):
            if p.type != out.type:
                self.wrong(f"out {k} of a loop is {out!r}, not of type {p.type}")
        arrays = [p for p in stmt.params if isinstance(p.type, Array)]
        given = [x for x in stmt.body.results if isinstance(getattr(x, "type", None), Array)]
        if len(set(given)) != len(given) or set(given) != set(arrays):
            self.wrong(f"a loop yields arrays {given}, not a permutation of its params {arrays}")

    def leave(self, stmt: For | While) -> None:
        if stmt.count.type != INT:
            self.wrong(f"the count of a loop is {stmt.count!r}, not an i8")
        self.outs((*stmt.outs, stmt.count))

    def outs(self, outs: tuple[Var, ...]) -> None:
        for k, var in enumerate(outs):
            self.define(var, f"out {k} of a region")
            if isinstance(var.type, Stack):
                self.wrong(f"out {k} of a region is a stack")

    # operations -----------------------------------------------------------------------

    def op(self, op: Op) -> None:
        before = len(self.found)
        for k, x in enumerate(op.args):
            self.use(x, f"operand {k} of {op.name}")
        for key, value in op.attrs:
            if not isinstance(key, str) or not _plain(value):
                self.wrong(f"{op.name} has setting {key!r}={value!r}, which cannot be written down")
        if len({key for key, _ in op.attrs}) != len(op.attrs):
            self.wrong(f"{op.name} has one setting twice")
        if len(self.found) == before:
            types = [x.type for x in op.args]
            signature = STRUCTURAL.get(op.name)
            if signature is None:
                self.scalar(op, types)
            else:
                if self.pure and signature.writes:
                    self.wrong(f"{op.name} in the condition of while")
                text = signature.check(op, types)
                if text:
                    self.wrong(f"{op.name} {text}")
                else:
                    self.result(op, signature.result(op, types))
        if op.out is not None:
            self.define(op.out, f"the result of {op.name}")

    def result(self, op: Op, expected: Type | None) -> None:
        actual = op.out.type if op.out is not None else None
        if actual != expected:
            self.wrong(f"{op.name} returns {actual}, not {expected}")

    def scalar(self, op: Op, types: Sequence[Type]) -> None:
        rule = _rules().get(op.name)
        if rule is None:
            self.wrong(f"{op.name} is no operation")
            return
        if len(types) != rule.arity:
            self.wrong(f"{op.name} has {len(types)} operands, not {rule.arity}")
            return
        if not all(isinstance(t, Scalar) for t in types):
            self.wrong(f"{op.name} takes numbers, not {', '.join(map(str, types))}")
            return
        dtype = types[0].dtype
        if op.name == "powi":
            if not is_inexact(dtype) or types[1] != INT:
                self.wrong(f"powi takes a float or complex and an i8, not {types[0]}, {types[1]}")
        elif any(t != types[0] for t in types):
            self.wrong(f"{op.name} mixes {', '.join(map(str, types))}")
        if dtype[0] not in rule.kinds:
            self.wrong(f"{op.name} takes no {dtype}")
        elif dtype[0] == "c" and rule.complex_source is None:
            self.wrong(f"{op.name} takes no complex numbers")
        self.result(op, _result(rule.result, dtype))


def _result(kind: str, dtype: str) -> Scalar:
    if kind == "complex":
        return Scalar({"f4": "c8", "f8": "c16"}.get(dtype, dtype))
    if kind == "bool":
        return BOOL
    if kind == "int":
        return INT
    return Scalar(real_dtype(dtype) if kind == "real" else dtype)


def _plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_plain, value))
    return value is None or type(value) in (bool, int, float, complex, str)


def _rules() -> Mapping[str, Any]:
    # Rules are written with programs, so the program package cannot import them at the top.
    from revtrace.rules.core import RULES

    return RULES
