"""Complex numbers: their parts, and what is not holomorphic.

The adjoint of a complex value is JAX's: for a real result ``L``, ``dL = Re(adjoint * dz)``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from revtrace.rules.core import Rule, add
from revtrace.rules.formula import conj, div, imag, is_complex, make_complex, real, safe
from revtrace.rules.formula import fabs as absolute

__all__: list[str] = []

_CASES = ((1.5 + 0.5j,), (-0.75 - 2j,), (0.5 - 3j,))
_EDGES = ((complex(math.inf, math.nan),), (complex(-0.0, -0.0),), (0j,))


def _part(name: str) -> Any:
    def call(z: Any) -> Any:
        return getattr(z, name)

    return call


add(
    Rule(
        name="real",
        arity=1,
        forward=_part("real"),
        source="{0}",
        complex_source="{0}.real",
        kinds="fc",
        result="real",
        partials=lambda z, out: (1,),
        adjoint=lambda g, z, out: (g,),
        tangent=lambda dz, args, out: None if dz is None else real(dz),
        cheap=True,
        show="real({0})",
        cases=(*_CASES, (2.5,)),
        edges=_EDGES,
    )
)

add(
    Rule(
        name="imag",
        arity=1,
        forward=_part("imag"),
        source="({0} * 0)",
        complex_source="{0}.imag",
        kinds="c",
        result="real",
        adjoint=lambda g, z, out: (lambda: make_complex(0, -g),),
        tangent=lambda dz, args, out: None if dz is None else imag(dz),
        cheap=True,
        show="imag({0})",
        cases=_CASES,
        edges=_EDGES,
    )
)

add(
    Rule(
        name="conj",
        arity=1,
        forward=lambda z: z.conjugate(),
        source="{0}",
        complex_source="{0}.conjugate()",
        kinds="fc",
        partials=lambda z, out: (1,),
        adjoint=lambda g, z, out: (lambda: conj(g) if is_complex(z) else g,),
        tangent=lambda dz, args, out: None if dz is None else conj(dz),
        cheap=True,
        show="conj({0})",
        cases=(*_CASES, (2.5,)),
        edges=_EDGES,
    )
)


def _complex(a: Any, b: Any) -> Any:
    if isinstance(a, np.float32):
        return np.complex64(complex(a, b))
    if isinstance(a, int | float) and isinstance(b, int | float):
        return complex(a, b)
    if type(a).__module__.startswith("mpmath") or type(b).__module__.startswith("mpmath"):
        import mpmath

        return mpmath.mpc(a, b)
    return complex(a, b)


def _complex_tangent(da: Any, db: Any, *, args: Any, out: Any) -> Any:
    if da is None and db is None:
        return None
    return make_complex(0 if da is None else da, 0 if db is None else db)


add(
    Rule(
        name="complex",
        arity=2,
        forward=_complex,
        source="complex({0}, {1})",
        result="complex",
        partials=lambda a, b, out: (1, 1j),
        adjoint=lambda g, a, b, out: (lambda: real(g), lambda: -imag(g)),
        tangent=_complex_tangent,
        cheap=True,
        show="complex({0}, {1})",
        cases=((1.5, 0.5), (-0.75, -2.0)),
        edges=((math.inf, math.nan), (-0.0, -0.0)),
    )
)


def _angle(z: Any) -> Any:
    if type(z).__module__.startswith("mpmath"):
        return z.__class__.__module__ and __import__("mpmath").arg(z)
    return math.atan2(z.imag, z.real)


def _angle_adjoint(g: Any, z: Any, *, out: Any) -> tuple[Any, ...]:
    # d angle = Im(conj(z) dz) / |z|**2 = Re(-i conj(z) / |z|**2 dz); the modulus is divided out twice.
    def slope() -> Any:
        r = safe(absolute(z))
        unit = make_complex(-div(imag(z), r), -div(real(z), r))
        return make_complex(div(g, r), 0) * unit

    return (slope,)


def _angle_tangent(dz: Any, *, args: Any, out: Any) -> Any:
    if dz is None:
        return None
    z = args[0]
    r = safe(absolute(z))
    return div(div(real(z), r) * imag(dz) - div(imag(z), r) * real(dz), r)


add(
    Rule(
        name="angle",
        arity=1,
        forward=_angle,
        source="math.atan2(0.0, {0})",
        complex_source="cmath.phase({0})",
        kinds="c",
        result="real",
        adjoint=_angle_adjoint,
        tangent=_angle_tangent,
        show="angle({0})",
        cases=_CASES,
        edges=_EDGES,
    )
)
