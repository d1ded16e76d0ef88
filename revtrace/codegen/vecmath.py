"""Elementary functions that LLVM's loop vectoriser can vectorise.

Two kinds.  `exp` and `tanh` are written out in arithmetic, without branches and calls; errors are
below 1 and 2 ulp.  The others call the C library, with the name of the vector form in glibc's
libmvec attached for loops that get vectorised; only those whose vector form was
measured to stay below 2 ulp are listed.  Imports numba.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import signature
from numba.extending import intrinsic

__all__ = ["available", "functions"]

_F64 = ir.DoubleType()
_I64 = ir.IntType(64)

_LIBRARY = "libmvec.so.1"

# Largest errors found on a million samples per range, in ulp: AVX2, AVX-512.
_MEASURED = {
    "log": (1.59, 1.59),
    "log2": (1.94, 1.89),
    "log10": (1.94, 1.89),
    "log1p": (1.65, 1.89),
    "exp2": (1.63, 1.02),
    "sinh": (1.87, 1.87),
    "cosh": (1.45, 1.93),
    "acos": (1.69, 1.74),
    "asinh": (2.74, 1.44),
    "acosh": (2.82, 1.70),
    "atanh": (2.50, 1.40),
}
_MOST = 2.0


@functools.cache
def available() -> bool:
    """Whether the C library's vector functions can be called; loads them."""
    try:
        llvm.load_library_permanently(_LIBRARY)
    except (OSError, RuntimeError):
        return False
    return llvm.address_of_symbol("_ZGVdN4v_acosh") is not None


@functools.cache
def _features() -> frozenset[str]:
    return frozenset(name for name, on in llvm.get_host_cpu_features().items() if on)


def _variants(name: str) -> list[tuple[int, str]]:
    """Return the vector forms of a function that this machine has: lanes and symbol."""
    errors = _MEASURED[name]
    out = []
    if "avx2" in _features() and errors[0] <= _MOST:
        out.append((4, f"_ZGVdN4v_{name}"))
    if "avx512f" in _features() and errors[1] <= _MOST:
        out.append((8, f"_ZGVeN8v_{name}"))
    return out


def _declare(module: Any, lanes: int, symbol: str) -> None:
    """Declare a vector function, and keep the declaration until the vectoriser looks for it."""
    if symbol in module.globals:
        return
    vector = ir.VectorType(_F64, lanes)
    function = ir.Function(module, ir.FunctionType(vector, [vector]), symbol)
    used = module.globals.get("llvm.compiler.used")
    kept = [*(used.initializer.constant if used is not None else ()), function]
    kind = ir.ArrayType(function.type, len(kept))
    if used is None:
        used = ir.GlobalVariable(module, kind, "llvm.compiler.used")
        used.linkage, used.section = "appending", "llvm.metadata"
    used.value_type, used.type = kind, kind.as_pointer()
    used.initializer = ir.Constant(kind, kept)


def _library(name: str) -> Any:
    """Return a function of the C library with its vector forms."""

    def build(builder: Any, x: Any) -> Any:
        module = builder.module
        function = module.globals.get(name) or ir.Function(module, ir.FunctionType(_F64, [_F64]), name)
        variants = _variants(name)
        for lanes, symbol in variants:
            _declare(module, lanes, symbol)
        call = builder.call(function, [x])
        mapped = ",".join(f"_ZGV_LLVM_N{lanes}v_{name}({symbol})" for lanes, symbol in variants)
        # llvmlite's own list of attributes lacks these.
        for attribute in ("nounwind", "willreturn", "memory(none)", f'"vector-function-abi-variant"="{mapped}"'):
            set.add(call.attributes, attribute)
        return call

    return build


# Arithmetic ----------------------------------------------------------------------------


class _Arithmetic:
    """Short names for building floating-point instructions."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def number(self, x: float) -> Any:
        return ir.Constant(_F64, x)

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        return self.builder.fma(x, y, z)

    def polynomial(self, x: Any, coefficients: list[float]) -> Any:
        """Evaluate, pairing terms so that products overlap; the constant term comes first."""
        terms = [self.number(c) for c in coefficients]
        power = x
        while len(terms) > 1:
            paired = [
                self.fma(terms[k + 1], power, terms[k]) if k + 1 < len(terms) else terms[k]
                for k in range(0, len(terms), 2)
            ]
            terms = paired
            power = self.builder.fmul(power, power)
        return terms[0]


_MAGIC = float(3 << 51)
_LN2_HIGH = float.fromhex("0x1.62e42fefa39efp-1")
_LN2_LOW = float.fromhex("0x1.abc9e3b39803fp-56")
# The same with a high part short enough for products with small integers to be exact.
_LN2_SHORT = float.fromhex("0x1.62e42fefa3800p-1")
_LN2_REST = float.fromhex("0x1.ef35793c76730p-45")


def _reduced(a: _Arithmetic, x: Any, *, exact: bool = False) -> tuple[Any, Any]:
    """Return k and ``exp(r) - 1`` where ``x = k log(2) + r``, both as floats.

    ``exact`` keeps the rounding error of r, for k below 2**11.
    """
    b = a.builder
    k = b.fsub(b.fadd(b.fmul(x, a.number(1 / math.log(2.0))), a.number(_MAGIC)), a.number(_MAGIC))
    minus = b.fneg(k)
    error = None
    if exact:
        high = a.fma(minus, a.number(_LN2_SHORT), x)
        r = a.fma(minus, a.number(_LN2_REST), high)
        error = a.fma(minus, a.number(_LN2_REST), b.fsub(high, r))
    else:
        r = a.fma(minus, a.number(_LN2_LOW), a.fma(minus, a.number(_LN2_HIGH), x))
    tail = a.polynomial(r, [1 / math.factorial(n) for n in range(2, 14)])
    square = b.fmul(r, r)
    if error is None:
        return k, a.fma(square, tail, r)
    return k, b.fadd(r, a.fma(square, tail, error))


def _power_of_two(a: _Arithmetic, k: Any) -> Any:
    """Return ``2**k`` for an integral float between -1022 and 1023."""
    b = a.builder
    # The sum's low bits are the integer and the exponent's bias.
    bits = b.bitcast(b.fadd(k, a.number(_MAGIC + 1023)), _I64)
    return b.bitcast(b.shl(bits, ir.Constant(_I64, 52)), _F64)


def _clamped(a: _Arithmetic, x: Any, low: float, high: float) -> Any:
    """Limit a number; NaN stays."""
    b = a.builder
    x = b.select(b.fcmp_ordered(">", x, a.number(high)), a.number(high), x)
    return b.select(b.fcmp_ordered("<", x, a.number(low)), a.number(low), x)


def _exp(builder: Any, x: Any) -> Any:
    a = _Arithmetic(builder)
    k, p = _reduced(a, _clamped(a, x, -760.0, 720.0))
    # In two steps, as 2**k itself may overflow, or the result be subnormal.
    half = builder.fsub(builder.fadd(builder.fmul(k, a.number(0.5)), a.number(_MAGIC)), a.number(_MAGIC))
    first, second = _power_of_two(a, half), _power_of_two(a, builder.fsub(k, half))
    return builder.fmul(a.fma(first, p, first), second)


def _tanh(builder: Any, x: Any) -> Any:
    a = _Arithmetic(builder)
    absolute = builder.call(builder.module.declare_intrinsic("llvm.fabs", [_F64]), [x])
    y = _clamped(a, builder.fadd(absolute, absolute), 0.0, 44.0)
    k, p = _reduced(a, y, exact=True)
    scale = _power_of_two(a, k)
    # expm1(2 |x|), from which tanh keeps its relative accuracy near zero.
    e = a.fma(scale, p, builder.fsub(scale, a.number(1.0)))
    two = a.number(2.0)
    d = builder.fadd(e, two)
    t = builder.fdiv(e, d)
    # What the divisor lost in rounding; its reciprocal is (1 - t) / 2.
    lost = builder.fsub(e, builder.fsub(d, two))
    inverse = a.fma(a.number(-0.5), t, a.number(0.5))
    t = _clamped(a, a.fma(builder.fneg(builder.fmul(t, lost)), inverse, t), 0.0, 1.0)
    sign = builder.module.declare_intrinsic("llvm.copysign", [_F64], ir.FunctionType(_F64, [_F64, _F64]))
    return builder.call(sign, [t, x])


def _function(name: str, build: Any, scalar: Any) -> Any:
    """Return a function for generated code; single precision is left to numba."""

    @intrinsic
    def function(typingctx: Any, x: Any) -> Any:
        kind = types.float32 if x == types.float32 else types.float64

        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            if kind == types.float64:
                return build(builder, args[0])
            return context.get_function(scalar, signature(kind, kind))(builder, args)

        return kind(kind), lower

    return function


@functools.cache
def functions() -> dict[str, Any]:
    """Return the functions to use instead of ``math``'s, by name."""
    out: dict[str, Any] = {}
    if "fma" in _features():
        out |= {"exp": _function("exp", _exp, math.exp), "tanh": _function("tanh", _tanh, math.tanh)}
    if available():
        for name in _MEASURED:
            if _variants(name):
                out[name] = _function(name, _library(name), getattr(math, name))
    return out
