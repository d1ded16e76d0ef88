"""Compute the coefficient tables of `revtrace.rules.coefficients` with mpmath.

Run ``python tools/coefficients.py > revtrace/rules/coefficients.py``.  Each table is a Chebyshev
expansion in ``t`` on [-1, 1] by interpolation in 40 digits, highest order first, cut
where the terms fall below 1e-18 of the largest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

mp.mp.dps = 40

HEADER = '''"""Coefficients of the expansions in `kernels` and `bessel`: data, written by tools/coefficients.py."""

# Chebyshev coefficients, highest order first; Taylor ones lowest order first.

'''


def chebyshev(f: Callable[[Any], Any], points: int = 90) -> list[Any]:
    """Return Chebyshev coefficients of ``f`` on [-1, 1], highest order first."""
    nodes = [mp.cos(mp.pi * (k + mp.mpf(1) / 2) / points) for k in range(points)]
    values = [f(t) for t in nodes]
    found = []
    for j in range(points):
        total = sum(v * mp.cos(mp.pi * j * (k + mp.mpf(1) / 2) / points) for k, v in enumerate(values))
        found.append(total * (1 if j == 0 else 2) / points)
    largest = max(abs(c) for c in found)
    while abs(found[-1]) < largest * mp.mpf(10) ** -18:
        found.pop()
    return found[::-1]


def _small(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Take ``t`` to ``x`` on [0, 8] by ``x**2 = 32 (t + 1)``."""
    return lambda t: f(mp.sqrt(32 * (t + 1)))


def _large(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Take ``t`` to ``x`` on [8, inf) by ``x**2 = 128 / (t + 1)``."""
    return lambda t: f(mp.sqrt(128 / (t + 1)))


def _linear(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Take ``t`` to ``x`` on [0, 8] by ``x = 4 (t + 1)``."""
    return lambda t: f(4 * (t + 1))


def _square(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Take ``t`` to ``x`` on [0, 2] by ``x**2 = 2 (t + 1)``."""
    return lambda t: f(mp.sqrt(2 * (t + 1)))


def _inverse(start: int, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Take ``t`` to ``x`` on [start, inf) by ``x = 2 start / (t + 1)``."""
    return lambda t: f(2 * start / (t + 1))


def _phase(n: int, x: Any) -> tuple[Any, Any]:
    """Amplitudes P and Q of DLMF 10.17.3: J = s (P cos c - Q sin c), Y = s (P sin c + Q cos c)."""
    c = x - (2 * n + 1) * mp.pi / 4
    s = mp.sqrt(2 / (mp.pi * x))
    j, y = mp.besselj(n, x), mp.bessely(n, x)
    return (j * mp.cos(c) + y * mp.sin(c)) / s, (y * mp.cos(c) - j * mp.sin(c)) / s


TABLES: dict[str, Callable[[], list[Any]]] = {
    "ERFCX": lambda: chebyshev(_erfcx),
    "J0_SMALL": lambda: chebyshev(_small(lambda x: mp.besselj(0, x))),
    "J1_SMALL": lambda: chebyshev(_small(lambda x: mp.besselj(1, x) / x)),
    "Y0_SMALL": lambda: chebyshev(_small(lambda x: mp.bessely(0, x) - 2 / mp.pi * mp.log(x) * mp.besselj(0, x))),
    "Y1_SMALL": lambda: chebyshev(
        _small(lambda x: (mp.bessely(1, x) - 2 / mp.pi * (mp.log(x) * mp.besselj(1, x) - 1 / x)) / x)
    ),
    "P0": lambda: chebyshev(_large(lambda x: _phase(0, x)[0])),
    "Q0": lambda: chebyshev(_large(lambda x: _phase(0, x)[1] * x)),
    "P1": lambda: chebyshev(_large(lambda x: _phase(1, x)[0])),
    "Q1": lambda: chebyshev(_large(lambda x: _phase(1, x)[1] * x)),
    "I0_SMALL": lambda: chebyshev(_linear(lambda x: mp.exp(-x) * mp.besseli(0, x))),
    "I1_SMALL": lambda: chebyshev(_linear(lambda x: mp.exp(-x) * mp.besseli(1, x) / x * (1 + x))),
    "I0_LARGE": lambda: chebyshev(_inverse(8, lambda x: mp.exp(-x) * mp.sqrt(x) * mp.besseli(0, x))),
    "I1_LARGE": lambda: chebyshev(_inverse(8, lambda x: mp.exp(-x) * mp.sqrt(x) * mp.besseli(1, x))),
    "K0_SMALL": lambda: chebyshev(_square(lambda x: mp.besselk(0, x) + mp.log(x / 2) * mp.besseli(0, x))),
    "K1_SMALL": lambda: chebyshev(_square(lambda x: (mp.besselk(1, x) - mp.log(x / 2) * mp.besseli(1, x) - 1 / x) / x)),
    "K0_LARGE": lambda: chebyshev(_inverse(2, lambda x: mp.exp(x) * mp.sqrt(x) * mp.besselk(0, x))),
    "K1_LARGE": lambda: chebyshev(_inverse(2, lambda x: mp.exp(x) * mp.sqrt(x) * mp.besselk(1, x))),
}


def _erfcx(t: Any) -> Any:
    x = mp.mpf("3.75") * (1 + t) / (1 - t)
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def _table(name: str, values: list[Any]) -> str:
    return f"{name} = (\n" + "".join(f"    {mp.nstr(v, 20, strip_zeros=False)},\n" for v in values) + ")\n"


def main() -> None:
    """Print the module."""
    print(HEADER, end="")
    for name, make in TABLES.items():
        print(_table(name, make()))
    root = mp.findroot(mp.digamma, mp.mpf("1.4616321449683622"))
    high = mp.mpf(float(root))
    print("# The positive zero of digamma in two parts, and the Taylor series there.\n")
    print(f"ROOT = {float(high)!r}\nROOT_LOW = {float(root - high)!r}\n")
    print(_table("DIGAMMA", [mp.psi(k, root) / mp.factorial(k) for k in range(1, 28)]), end="")


if __name__ == "__main__":
    main()
