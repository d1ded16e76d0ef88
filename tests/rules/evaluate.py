"""Running formulas as programs, and sources as machine code."""

from __future__ import annotations

import re

import numpy as np

from revtrace.cache import kernels
from revtrace.cache.key import key_of
from revtrace.codegen import Source
from revtrace.config import Settings
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Const, Program, Var
from revtrace.program.types import Scalar
from revtrace.rules import RULES
from revtrace.rules.formula import Expr
from revtrace.rules.runtime import NAMES


def dtype_of(value):
    return {bool: "b1", int: "i8", float: "f8", complex: "c16"}[type(value)]


def single_dtype_of(value):
    return {np.float32: "f4", np.complex64: "c8"}.get(type(value)) or dtype_of(value)


class compiled:
    """The rule's source in machine code for operands like ``args``; results are numpy scalars."""

    def __init__(self, rule, args):
        names = [f"a{k}" for k in range(rule.arity)]
        complex_ = any(isinstance(a, complex | np.complexfloating) for a in args)
        expression = (rule.complex_source if complex_ else rule.source).format(*names)
        used = tuple(sorted(set(re.findall(r"\w+", expression)) & set(NAMES)))
        name = f"rule_{rule.name}"
        text = f"def {name}({', '.join(names)}):\n    return ({expression},)\n"
        self.source = Source(text, name, (), used, (), False, boxed=(0,), form=0)
        self.kernels = {}

    def __call__(self, *args):
        types = tuple(map(single_dtype_of, args))
        if types not in self.kernels:
            program = Program(self.source.name, tuple(Var(Scalar(t)) for t in types), Block((), ()))
            key = key_of(self.source, program, careful=False)
            wanted = kernels.Wanted(self.source, key, Settings(cache=False))
            self.kernels[types] = kernels.build(program, wanted).kernel
        return self.kernels[types](*args)


def as_program(formula, args):
    """Evaluate ``formula(*exprs)`` by appending it to a builder and running what was appended."""
    builder = Builder()
    variables = [Var(Scalar(dtype_of(a))) for a in args]
    result = formula(*(Expr(builder, v) for v in variables))
    if not isinstance(result, Expr):
        return result
    known = dict(zip(variables, args, strict=True))

    def read(x):
        return x.value if isinstance(x, Const) else known[x]

    for op in builder.stmts:
        value = RULES[op.name].forward(*map(read, op.args))
        kind = op.out.type.dtype[0]
        assert isinstance(value, {"b": bool, "i": int, "f": (float, int), "c": (complex, float, int)}[kind]), op
        known[op.out] = {"b": bool, "i": int, "f": float, "c": complex}[kind](value)
    return read(result.operand)
