"""Calls of rows in generated code: products through BLAS, the rest through Python.

Imports numba.  numba's own helpers reach SciPy's BLAS; where SciPy is missing, products run
through NumPy like any other row.  Short products are loops: a BLAS call costs as much as a few
hundred multiplications.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from revtrace.calls import bridge
from revtrace.calls.bridge import Spec
from revtrace.codegen.memory import field

__all__ = ["function", "prepare"]

I64 = ir.IntType(64)
I32 = ir.IntType(32)
I8 = ir.IntType(8)
VOID = ir.PointerType(I8)
_KINDS = {"f8": "d", "f4": "s", "c16": "z", "c8": "c"}
_FEW = 256
"""Multiplications that a loop does sooner than BLAS."""


def prepare(specs: Sequence[Spec]) -> None:
    """Make what compiled code calls known in this process."""
    if specs:
        llvmlite.binding.add_symbol(bridge.SYMBOL, bridge.address())
    for spec in specs:
        bridge.enter_spec(spec)


def function(spec: Spec) -> Any:
    """Return the function of arrays that generated code calls; it returns whether all went well."""
    if spec.row == "dot" and importlib.util.find_spec("scipy") is not None:
        return _product(spec)
    return _through_python(spec)


def _through_python(spec: Spec) -> Any:
    number = bridge.enter_spec(spec)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        words = cgutils.alloca_once(builder, I64, size=max(spec.words, 1))
        at = 0

        def put(value: Any) -> None:
            nonlocal at
            builder.store(value, builder.gep(words, [ir.Constant(I64, at)]))
            at += 1

        for kind, value in zip(sig.args, args, strict=True):
            put(builder.ptrtoint(field(context, builder, kind, value, "data"), I64))
            for axis in range(kind.ndim):
                put(field(context, builder, kind, value, "shape", axis))
        kind = ir.FunctionType(I64, [I64, I64])
        run = cgutils.get_or_insert_function(builder.module, kind, bridge.SYMBOL)
        found = builder.call(run, [ir.Constant(I64, number), builder.ptrtoint(words, I64)])
        return builder.icmp_signed("!=", found, ir.Constant(I64, 0))

    return _intrinsic(len(spec.types), build)


def _intrinsic(count: int, build: Callable[..., Any]) -> Any:
    """Return an intrinsic of so many arrays."""
    names = ", ".join(f"a{k}" for k in range(count))
    namespace: dict[str, Any] = {"build": build, "types": types}
    exec(  # an intrinsic's arguments are named
        f"def call(typingctx, {names}):\n    return types.boolean({names}), build\n", namespace
    )
    return intrinsic(namespace["call"])


def _product(spec: Spec) -> Any:
    """Return the product of `revtrace.calls.dot`."""
    settings = dict(spec.settings)
    splits = [settings[k] for k in "cab"]
    ta, tb = bool(settings["ta"]), bool(settings["tb"])
    stacked = [split[0] > 0 for split in splits]
    kind = _KINDS[spec.types[0][0]]

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        arrays = list(zip(sig.args, args, strict=True))

        def length(kind: Any, array: Any, first: int, count: int) -> Any:
            total = ir.Constant(I64, 1)
            for axis in range(first, first + count):
                total = builder.mul(total, field(context, builder, kind, array, "shape", axis))
            return total

        sizes = [[length(*x, sum(s[:k]), s[k]) for k in range(3)] for x, s in zip(arrays, splits, strict=True)]
        _, m, n = sizes[0]
        k = sizes[1][1] if ta else sizes[1][2]
        stack = sizes[1][0] if stacked[1] else sizes[2][0]
        element = sig.args[0].dtype
        one = cgutils.alloca_once_value(builder, context.get_constant_generic(builder, element, 1))
        beta = cgutils.alloca_once_value(builder, context.get_constant_generic(builder, element, 1 if spec.adds else 0))
        data = [field(context, builder, *x, "data") for x in arrays]
        state = _Product(context, builder, kind, m, n, k, ta, tb, one, beta, spec.adds)
        if not any(stacked[1:]):
            state.one(*data)
        else:
            if not stacked[0] and not spec.adds:
                # The products of the stack are added up.
                width = ir.Constant(I64, context.get_abi_sizeof(context.get_value_type(element)))
                cgutils.memset(builder, data[0], builder.mul(builder.mul(m, n), width), 0)
                builder.store(context.get_constant_generic(builder, element, 1), beta)
                state.adds = True
            areas = [builder.mul(s[1], s[2]) for s in sizes]
            with cgutils.for_range(builder, stack) as loop:
                state.one(
                    *(
                        builder.gep(p, [builder.mul(loop.index, area)]) if is_stacked else p
                        for p, area, is_stacked in zip(data, areas, stacked, strict=True)
                    )
                )
        return ir.Constant(ir.IntType(1), 1)

    return _intrinsic(3, build)


class _Product:
    """Writes one matrix product."""

    def __init__(
        self,
        context: Any,
        builder: Any,
        kind: str,
        m: Any,
        n: Any,
        k: Any,
        ta: bool,
        tb: bool,
        one: Any,
        beta: Any,
        adds: bool,
    ) -> None:
        self.context, self.builder, self.kind = context, builder, kind
        self.m, self.n, self.k, self.ta, self.tb = m, n, k, ta, tb
        self.alpha, self.beta, self.adds = one, beta, adds

    def one(self, c: Any, a: Any, b: Any) -> None:
        """Write ``c = a @ b``, or ``c += a @ b``."""
        builder = self.builder
        few = ir.Constant(I64, _FEW if self.kind in "ds" else 0)
        work = builder.mul(builder.mul(self.m, self.n), self.k)
        unit = ir.Constant(I64, 1)
        thin = builder.icmp_signed("==", self.k, unit)
        if self.kind not in "ds":
            thin = ir.Constant(ir.IntType(1), 0)
        with builder.if_else(builder.or_(builder.icmp_signed("<=", work, few), thin)) as (short, long):
            with short:
                self.loops(c, a, b)
            with long:
                vector = builder.icmp_signed("==", self.n, unit)
                with builder.if_else(vector) as (column, other):
                    with column:
                        self.gemv(a, self.m, self.k, self.ta, b, c)
                    with other:
                        row = builder.icmp_signed("==", self.m, unit)
                        with builder.if_else(row) as (line, matrix):
                            with line:
                                self.gemv(b, self.n, self.k, not self.tb, a, c)
                            with matrix:
                                self.gemm(a, b, c)

    def loops(self, c: Any, a: Any, b: Any) -> None:
        """Write a product out; of complex numbers only an empty one."""
        builder, m, n, k = self.builder, self.m, self.n, self.k
        if self.kind not in "ds":
            if not self.adds:
                width = ir.Constant(I64, 16 if self.kind == "z" else 8)
                cgutils.memset(builder, c, builder.mul(builder.mul(m, n), width), 0)
            return
        zero = ir.Constant(c.type.pointee, 0.0)
        with cgutils.for_range(builder, m) as i, cgutils.for_range(builder, n) as j:
            to = builder.gep(c, [builder.add(builder.mul(i.index, n), j.index)])
            total = cgutils.alloca_once(builder, c.type.pointee)
            builder.store(builder.load(to) if self.adds else zero, total)
            with cgutils.for_range(builder, k) as p:
                at = (p.index, m, i.index) if self.ta else (i.index, k, p.index)
                bt = (j.index, k, p.index) if self.tb else (p.index, n, j.index)
                x, y = (
                    builder.load(builder.gep(v, [builder.add(builder.mul(r, width), s)]))
                    for v, (r, width, s) in ((a, at), (b, bt))
                )
                builder.store(builder.fadd(builder.load(total), builder.fmul(x, y)), total)
            builder.store(builder.load(total), to)

    def void(self, pointer: Any) -> Any:
        return self.builder.bitcast(pointer, VOID)

    def letter(self, text: str) -> Any:
        return ir.Constant(I8, ord(text))

    def gemv(self, matrix: Any, rows: Any, k: Any, transposed: bool, x: Any, y: Any) -> None:
        """Write ``y = op(matrix) x``, with a matrix of ``rows`` by ``k``, stored by rows, or transposed."""
        builder = self.builder
        signature = ir.FunctionType(I32, [I8, I8, I64, I64, VOID, VOID, I64, VOID, VOID, VOID])
        run = cgutils.get_or_insert_function(builder.module, signature, "numba_xxgemv")
        # BLAS stores by columns: it sees the transpose of what is stored by rows.
        letter, first, second = ("n", rows, k) if transposed else ("t", k, rows)
        builder.call(
            run,
            [
                self.letter(self.kind),
                self.letter(letter),
                first,
                second,
                self.void(self.alpha),
                self.void(matrix),
                first,
                self.void(x),
                self.void(self.beta),
                self.void(y),
            ],
        )

    def gemm(self, a: Any, b: Any, c: Any) -> None:
        """Write a product of matrices: by columns, ``c' = b' a'``."""
        builder = self.builder
        args = [I8, I8, I8, I64, I64, I64, VOID, VOID, I64, VOID, I64, VOID, VOID, I64]
        run = cgutils.get_or_insert_function(builder.module, ir.FunctionType(I32, args), "numba_xxgemm")
        builder.call(
            run,
            [
                self.letter(self.kind),
                self.letter("t" if self.tb else "n"),
                self.letter("t" if self.ta else "n"),
                self.n,
                self.m,
                self.k,
                self.void(self.alpha),
                self.void(b),
                self.k if self.tb else self.n,
                self.void(a),
                self.m if self.ta else self.k,
                self.void(self.beta),
                self.void(c),
                self.n,
            ],
        )
