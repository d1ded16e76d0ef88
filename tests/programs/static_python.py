"""Programs where strings, types, options and other Python that carries no derivative decide."""

import math
import sys
import typing

import numpy as np

from tests.programs.corpus import case, normal

METHODS = {"fast": 1, "exact": 4}
UNITS = {"m": 1.0, "km": 1000.0, "cm": 0.01}
_REGISTRY = {}


def register(name):
    def add(f):
        _REGISTRY[name] = f
        return f

    return add


@register("gauss")
def _gauss(r):
    return math.exp(-r * r)


@register("inverse")
def _inverse(r, eps=0.5):
    return 1 / (r + eps)


@case(0.7, kwargs={"kernel": "inverse"}, argnums=0, smooth=True)
def registry_of_functions(r, kernel="gauss"):
    try_name = kernel.strip().lower()
    if try_name not in _REGISTRY:
        raise KeyError(f"unknown kernel {kernel!r}; known: {', '.join(sorted(_REGISTRY))}")
    return _REGISTRY[try_name](r) + _REGISTRY["gauss"](2 * r)


@case(0.3, argnums=0, kwargs={"method": "EXACT"}, smooth=True)
def string_option(x, method="fast"):
    method = method.lower()
    if method not in METHODS:
        raise ValueError(f"method must be one of {list(METHODS)}, not {method!r}")
    terms = METHODS[method]
    s = 0.0
    for k in range(terms):
        s += (-1) ** k * x ** (2 * k + 1) / math.factorial(2 * k + 1)
    return s if method.startswith("ex") else s + x


@case(2.5, "km", argnums=0)
def unit_conversion(value, unit):
    factor = UNITS.get(unit)
    if factor is None:
        raise ValueError("unknown unit " + unit)
    return value * factor + len(unit)


@case(normal(4), None, None, argnums=0, smooth=True)
def none_options(x, weights=None, scale=None):
    if weights is None:
        weights = np.ones(len(x))
    scale = 1.0 if scale is None else scale
    s = 0.0
    for v, w in zip(x, weights):
        s += w * v * v
    return s / scale


@case(normal(4), np.array([1.0, 2.0, 0.5, 1.5]), 2.0, argnums=(0, 1, 2), name="none_options_given", smooth=True)
def none_options_given(x, weights, scale):
    return none_options(x, weights=weights, scale=scale)


def _as_pair(v):
    if isinstance(v, (tuple, list)):
        return v[0], v[1]
    if isinstance(v, (int, float)) and not isinstance(v, bool):
        return v, v
    if hasattr(v, "shape"):
        return v[0], v[1]
    raise TypeError(f"cannot make a pair of {type(v).__name__}")


@case(0.4, normal(2, seed=1), argnums=(0, 1), smooth=True)
def dispatch_on_type(x, arr):
    a, b = _as_pair(x)
    c, d = _as_pair((x, 2))
    e, f = _as_pair(arr)
    return a * b + c * d + e * f


@case(0.9, smooth=True)
def attributes_by_name(x):
    f = getattr(math, "sin")  # noqa: B009
    g = getattr(math, "no_such_function", None)
    y = f(x)
    if g is not None:
        y += g(x)
    if hasattr(math, "erf") and callable(math.erf):
        y *= math.erf(x)
    return y


@case(0.5, smooth=True)
def imports_inside(x):
    import math as m
    from math import cos, pi as half_turn

    from tests.programs.library import SCALE, soft_sign

    return m.exp(x) * cos(half_turn * x) * SCALE + soft_sign(x, width=2)


@case(1.5, argnums=0, smooth=True)
def messages_not_taken(x):
    if x < 0:
        raise ValueError(f"x must be positive, got {x:.3f} ({x!r})")
    assert x < 1e3, "x is %g, too large" % x
    if not math.isfinite(x):
        raise OverflowError("value {} of type {}".format(x, type(x).__name__))
    return math.log(x) * x


@case(0.6, argnums=0, kwargs={"options": {"order": 3, "sign": "-"}}, oracle="complex", smooth=True)
def options_dict(x, options=None):
    opts = {"order": 2, "sign": "+", "shift": 0.5}
    if options:
        opts.update(options)
    order = opts.pop("order")
    y = x**order
    y = -y if opts["sign"] == "-" else y
    if "shift" in opts and opts.get("verbose", False) is False:
        y += opts["shift"] * x
    for key in sorted(opts):
        y *= 1.1 if key == "sign" else 1.0
    return y


@case(0.8, smooth=True)
def strings_around(x):
    formula = "2*a + 3*b"
    total = 0.0
    for term in formula.split("+"):
        factor, name = term.strip().split("*")
        total += int(factor) * (x if name == "a" else x * x)
    label = f"{len(formula)}:{formula[0]}" + "!" * 2
    if label.endswith("!!") and label[:2] == "9:" and "".join(["a", "b"]) == "ab":
        total += 1.5
    return total * ord("A") / 65


@case(0.7, True, argnums=0, smooth=True)
def keyword_only(x, flag):
    def apply(value, *, power=2, negate=False):
        result = value**power
        return -result if negate else result

    return apply(x) + apply(x, power=3, negate=flag) + apply(x, negate=not flag)


@case(0.25, smooth=True)
def errstate(x):
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(x) / x
    with np.errstate(all="raise"):
        z = np.sqrt(y * y)
    return y + 2 * z


@case(0.9, smooth=True)
def platform_constants(x):
    eps = np.finfo(float).eps
    tiny = sys.float_info.min
    if typing.TYPE_CHECKING:
        return None
    y = x / (x + eps) + tiny
    return y * np.pi + math.e * x + math.tau - math.inf * 0 if eps > 1 else y * np.pi + math.e * x


@case(0.4, "c", argnums=0, oracle="complex", smooth=True)
def membership(x, code):
    y = x
    if code in "abc":
        y += 1
    if code in {"c", "d"}:
        y *= 2
    if code not in ("x", "y") and code in ["c"]:
        y = y * y
    if 3 in range(5) and None is None and () == ():
        y -= 0.5
    return y


@case(2.0, 3, argnums=0, oracle="complex", smooth=True)
def type_checks(x, n):
    if type(n) is int and isinstance(n, (int, np.integer)):
        x = x**n
    if isinstance(n, str) or n is None:
        return 0.0
    if issubclass(bool, int) and callable(type_checks):
        x += 1
    return x


def _scalar_or_array(x):
    """The kind of argument handling every scientific package has."""
    if np.isscalar(x) or np.ndim(x) == 0:
        return float(x)
    return float(x[0])


@case(0.8, normal(2, seed=3), argnums=(0, 1), smooth=True)
def scalar_or_array(a, b):
    return math.sin(_scalar_or_array(a)) * _scalar_or_array(b)


@case(normal(3, seed=4), smooth=True)
def values_pass_through_asarray(x):
    x = np.asarray(x, dtype=float)
    y = np.atleast_1d(np.asanyarray(x))
    z = np.array(y, copy=True)
    z[0] = 2.0 * float(y[1])
    s = 0.0
    for i in range(len(x)):
        s += x[i] * z[i]
    return s


_calls = []
DEPTH: typing.Final = 3


@case(0.5, oracle="complex", smooth=True)
def module_constants(x):
    """Globals of several kinds; annotations and a docstring do nothing."""
    y: float = x
    z: complex
    for _ in range(DEPTH):
        y = y * x + METHODS["exact"]
    if _calls:
        y = 0.0
    if __name__ == "__main__" or __debug__ is False:
        y = -1.0
    ...
    return y


@case(0.3, 2, argnums=0, smooth=True)
def derivative_order(x, n=0):
    """The n-th derivative of sin, chosen by a static number."""
    table = [math.sin, math.cos, lambda t: -math.sin(t), lambda t: -math.cos(t)]
    name = ["sin", "cos", "-sin", "-cos"][n % 4]
    sign = -1 if name[0] == "-" else 1
    return table[n % 4](x) + sign * x
