"""Which callables are known, and that their domains say when Python raises."""

from __future__ import annotations

import cmath
import itertools
import math
import operator
import subprocess
import sys

import numpy as np
import pytest

from revtrace.rules import RULES
from revtrace.rules.callables import find, table

SAMPLE = [
    0.0, -0.0, 5e-324, -1e-310, 1e-9, 0.3, -0.3, 1.0, -1.0, math.nextafter(1, 2), -math.nextafter(1, 2), 1.5, -1.5, 2.0,
    -2.0, 3.0, -3.0, 100.5, -100.5, 170.5, 172.0, -171.5, -200.5, 709.5, 710.0, 711.0, -711.0, 1023.5, 1024.0, -1024.0,
    1e9, 2.0**52, -(2.0**52), 1e15 + 0.5, 1e300, -1e300, 2.5e305, 1.7e308, -1.7e308, math.inf, -math.inf, math.nan,
]  # fmt: skip

MATH = [f for f, e in table().items() if e.style == "math"]
CMATH = [f for f, e in table().items() if e.style == "cmath"]


def raises(function, args):
    try:
        function(*args)
    except (ValueError, OverflowError, ZeroDivisionError):
        return True
    return False


def test_primitives_exist():
    assert {e.primitive for e in table().values() if e.style != "static"} <= set(RULES)


def test_all_of_math_is_known():
    missing = {n for n, f in vars(math).items() if callable(f) and not n.startswith("_") and find(f) is None}
    assert missing <= {"fma"}


def test_all_of_cmath_is_known():
    missing = {n for n, f in vars(cmath).items() if callable(f) and not n.startswith("_") and find(f) is None}
    assert missing <= {"isclose", "polar", "rect"}


@pytest.mark.parametrize("function", MATH, ids=lambda f: f.__name__)
def test_math_domain_is_false_exactly_where_python_raises(function):
    entry = find(function)
    rule = RULES[entry.primitive]
    arguments = itertools.product(SAMPLE, repeat=rule.arity)
    if function is math.ldexp:
        arguments = ((x, float(n)) for x in SAMPLE for n in (-3000, -1, 0, 1, 700, 1500, 3000))
    for args in arguments:
        given = (args[0], int(args[1])) if function is math.ldexp else args
        out = rule.forward(*args)
        ok = entry.domain is None or entry.domain(*args, out=out)
        if entry.result == "int" and not math.isfinite(args[0]):
            # The tracer checks what becomes an int.
            continue
        assert ok != raises(function, given), (args, out)
        if ok:
            want = function(*given)
            assert type(want).__name__ == entry.result
            same = math.isnan(want) and math.isnan(out) or want == out
            assert same, (args, out, want)


@pytest.mark.parametrize("function", CMATH, ids=lambda f: f.__name__)
def test_cmath_domain_on_finite_numbers(function):
    entry = find(function)
    rule = RULES[entry.primitive]
    parts = [x for x in SAMPLE if math.isfinite(x)]
    for x, y in itertools.product(parts, parts):
        z = complex(x, y)
        out = rule.forward(z)
        ok = entry.domain is None or entry.domain(z, out=out)
        if function is cmath.phase and y != 0 and abs(out) < 2.3e-308:
            continue  # CPython raises OverflowError on this underflow
        assert ok != raises(function, (z,)), (z, out)
        if ok:
            want = function(z)
            scale = max(abs(want.real), abs(want.imag))
            assert abs(complex(out) - want) <= 2e-15 * scale, (z, out, want)


def test_numpy_and_operator():
    assert find(np.arctan2).primitive == "atan2"
    assert find(np.maximum).style == "ufunc"
    assert find(np.mod).primitive == "mod"
    assert find(np.abs).primitive == "abs"
    assert find(operator.truediv).primitive == "div"
    assert find(math.factorial).style == "static"
    assert find(len) is None
    assert find([]) is None


def test_ufuncs_compute_what_the_rule_computes():
    sample = np.array([0.3, 0.7, 1.0, 2.5])
    for function, entry in table().items():
        rule = RULES.get(entry.primitive)
        if entry.style != "ufunc" or not isinstance(function, np.ufunc) or "f" not in rule.kinds:
            continue
        if "d->" not in " ".join(t[-4:] for t in function.types) and function.nin == 1:
            continue
        args = [sample] * function.nin
        if function is np.ldexp:
            args = [sample, np.array([1, 2, 3, 4])]
        if function is np.arccosh:
            args = [sample + 1]
        with np.errstate(all="ignore"):
            want = function(*args)
        for k in range(len(sample)):
            got = rule.forward(*(float(a[k]) for a in args))
            np.testing.assert_allclose(got, want[k], rtol=1e-15, err_msg=function.__name__)


def test_scipy_is_found_without_being_imported():
    code = (
        "import sys; from revtrace.rules.callables import find, table; table(); find(len);"
        "assert 'scipy' not in sys.modules; import scipy.special as s;"
        "assert find(s.gammaln).primitive == 'lgamma'; assert find(s.erf).style == 'ufunc'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
