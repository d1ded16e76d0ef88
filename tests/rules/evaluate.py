"""Running formulas as programs, and sources as numba functions."""

from __future__ import annotations

import cmath
import math

import numba
import numpy as np

from revtrace.codegen.external import linked
from revtrace.program.build import Builder
from revtrace.program.nodes import Const, Var
from revtrace.program.types import Scalar
from revtrace.rules import RULES
from revtrace.rules.formula import Expr
from revtrace.rules.runtime import NAMES

_linked = {}


def dtype_of(value):
    return {bool: "b1", int: "i8", float: "f8", complex: "c16"}[type(value)]


def compiled(rule, args):
    """Return the rule's source as a numba function for operands like ``args``."""
    names = [f"a{k}" for k in range(rule.arity)]
    template = rule.complex_source if any(isinstance(a, complex | np.complexfloating) for a in args) else rule.source
    namespace = {"math": math, "cmath": cmath, "np": np}
    jit = numba.njit(error_model="numpy")
    code = compile(f"def call({', '.join(names)}):\n    return {template.format(*names)}\n", "<rule>", "exec")
    exec(code, namespace)  # noqa: S102 - the rule's own source
    for used in namespace["call"].__code__.co_names:
        if used in NAMES:
            namespace[used] = linked(used, jit, _linked)
    return jit(namespace["call"])


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
