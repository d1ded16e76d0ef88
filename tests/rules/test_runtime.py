"""The functions generated code calls, against Python, mpmath and SciPy on many operands."""

from __future__ import annotations

import math
import random

import mpmath as mp
import numba
import pytest
import scipy.special

from revtrace.rules import RULES
from revtrace.rules.runtime import NAMES, link

from .test_laws import distance

RANDOM = random.Random(20)


def spread(low, high, count=120):
    """Operands spread evenly in logarithm between two positive bounds."""
    return [math.exp(RANDOM.uniform(math.log(low), math.log(high))) for _ in range(count)]


def test_round_digits_is_pythons():
    for _ in range(4000):
        digits = RANDOM.randint(-6, 15)
        x = RANDOM.choice([RANDOM.uniform(-10, 10), RANDOM.uniform(-1e7, 1e7), RANDOM.randint(-(10**6), 10**6) / 8])
        assert RULES["round_digits"].forward(x, float(digits)) == round(x, digits), (x, digits)
    for k in range(-999, 1000):
        for digits in (1, 2, 3):
            x = (k + 0.5) / 10**digits
            assert RULES["round_digits"].forward(x, float(digits)) == round(x, digits), (x, digits)


def test_compiled_round_digits_is_pythons():
    call = link("round_digits", numba.njit(error_model="numpy"))
    for k in range(-999, 1000):
        x = (k + 0.5) / 100
        assert call(x, 2.0) == round(x, 2), x


@pytest.mark.parametrize("n", [-3, -2, -1, 2, 3, 4, 5, 17])
def test_powi_is_within_2_ulp_of_pow(n):
    for x in spread(1e-3, 1e3):
        assert distance(NAMES["powi"](-x, n), (-x) ** n) <= 2


def test_complex_powers_are_pythons():
    for _ in range(500):
        z = complex(RANDOM.uniform(-2, 2), RANDOM.uniform(-2, 2))
        w = complex(RANDOM.uniform(-2, 2), RANDOM.uniform(-2, 2))
        assert distance(NAMES["complex_power"](z, w), z**w) <= 6
        for n in (-3, 2, 5, 30):
            assert distance(NAMES["complex_powi"](z, n), z**n) <= 8


def test_complex_division_is_pythons():
    for _ in range(500):
        z = complex(RANDOM.uniform(-2, 2), RANDOM.uniform(-2, 2))
        w = complex(RANDOM.uniform(-2, 2), RANDOM.uniform(-2, 2))
        assert distance(NAMES["complex_div"](z, w), z / w) <= 2


def test_remainder_is_pythons():
    for _ in range(3000):
        x, y = RANDOM.uniform(-50, 50), RANDOM.choice([RANDOM.uniform(-3, 3), 0.5, 2.0, 3.0])
        assert NAMES["remainder"](x, y) == math.remainder(x, y), (x, y)
        assert NAMES["remainder"](round(x), y) == math.remainder(round(x), y), (x, y)


# name, exact, operands, ulps, absolute error allowed near zeros
SPECIAL = [
    ("digamma", mp.digamma, spread(1e-5, 1e6), 8, 0),
    ("digamma", mp.digamma, [-x for x in spread(1e-3, 50)], 40, 2e-14),
    ("erfcx", lambda x: mp.exp(x * x) * mp.erfc(x), spread(1e-3, 1e6), 5, 0),
    ("erfcx", lambda x: mp.exp(x * x) * mp.erfc(x), [-x for x in spread(1e-3, 26)], 8, 0),
    ("erfinv", mp.erfinv, spread(1e-8, 0.999999), 4, 0),
    ("ndtr", mp.ncdf, [-x for x in spread(1e-3, 30)], 2000, 0),
    ("logit", lambda p: mp.log(p / (1 - p)), spread(1e-9, 0.9999), 4, 0),
    ("expit", lambda x: 1 / (1 + mp.exp(-x)), [-x for x in spread(1e-3, 700)], 4, 0),
    ("j0", lambda x: mp.besselj(0, x), spread(1e-3, 500), 4, 3e-16),
    ("j1", lambda x: mp.besselj(1, x), spread(1e-3, 500), 4, 3e-16),
    ("y0", lambda x: mp.bessely(0, x), spread(1e-3, 500), 4, 1e-15),
    ("y1", lambda x: mp.bessely(1, x), spread(1e-3, 500), 4, 1e-15),
    ("i0", lambda x: mp.besseli(0, x), spread(1e-3, 600), 8, 0),
    ("i1", lambda x: mp.besseli(1, x), spread(1e-3, 600), 8, 0),
    ("k0", lambda x: mp.besselk(0, x), spread(1e-3, 600), 8, 0),
    ("k1", lambda x: mp.besselk(1, x), spread(1e-3, 600), 8, 0),
]


@pytest.mark.parametrize(("name", "exact", "operands", "ulps", "absolute"), SPECIAL)
def test_special_functions_are_mpmaths(name, exact, operands, ulps, absolute):
    with mp.workdps(40):
        for x in operands:
            got, want = NAMES[name](x), float(exact(mp.mpf(x)))
            assert distance(got, want) <= ulps or abs(got - want) <= absolute, (x, got, want)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_polygamma_is_mpmaths(n):
    with mp.workdps(40):
        for x in spread(1e-3, 1e5, 60):
            assert distance(NAMES["polygamma"](float(n), x), float(mp.psi(n, x))) <= 8, x
        for x in spread(0.01, 30, 60):
            got, want = NAMES["polygamma"](float(n), -x), float(mp.psi(n, -x))
            # the terms of the sum on either side of zero may cancel
            scale = abs(float(mp.psi(n, mp.mpf(x) - math.floor(x)))) + abs(
                float(mp.psi(n, 1 - (mp.mpf(x) - math.floor(x))))
            )
            assert abs(got - want) <= 4e-15 * scale + 1e-14 * abs(want), (x, got, want)


@pytest.mark.parametrize("name", ["erfcinv", "ndtri"])
def test_inverses_invert(name):
    inverse = {"erfcinv": mp.erfc, "ndtri": mp.ncdf}[name]
    with mp.workdps(40):
        for p in [*spread(1e-300, 0.999), *(1 - x for x in spread(1e-12, 0.5, 50))]:
            x = mp.mpf(NAMES[name](p))
            # relative error of the operand that the last bits of the result account for
            tolerance = 4 * 2.0**-52 * max(1, float(x * x) * 3)
            assert abs(float(inverse(x) / p) - 1) <= tolerance, (p, x)


@pytest.mark.parametrize(
    "name",
    ["digamma", "erfinv", "erfcinv", "erfcx", "ndtr", "ndtri", "log_ndtr", "i0", "i1", "j0", "y1", "k1", "expit"],
)
def test_edges_are_scipys(name):
    scipy_name = {"digamma": "psi"}.get(name, name)
    for x in (0.0, 1.0, 2.0, -0.5, math.inf, -math.inf, math.nan):
        if math.isinf(x) and name[0] in "ijky":
            continue  # SciPy gives NaN for some of the limits
        got, want = RULES[name].forward(x), float(getattr(scipy.special, scipy_name)(x))
        same = math.isnan(got) and math.isnan(want) or got == want or abs(got - want) <= 1e-14 * abs(want)
        assert same, (x, got, want)


def test_link_compiles_what_a_function_calls():
    done = {}
    link("betaln", numba.njit, done)
    assert set(done) == {"betaln", "at_pole", "stirling"}
