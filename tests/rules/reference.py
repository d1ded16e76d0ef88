"""What each primitive means, written with mpmath: the laws' oracle, independent of revtrace."""

from __future__ import annotations

import mpmath as mp


def _clip_power(x, y):
    return mp.power(x, y)


def _trunc(x):
    return mp.floor(x) if x >= 0 else mp.ceil(x)


def _nearest(x):
    return mp.nint(x)


def _logarithm(base):
    return lambda x: mp.log(x) / mp.log(base)


REFERENCE = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "accum": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "pow": mp.power,
    "powi": mp.power,
    "mod": lambda x, y: x - y * mp.floor(x / y),
    "fmod": lambda x, y: x - y * _trunc(x / y),
    "remainder": lambda x, y: x - y * _nearest(x / y),
    "floordiv": lambda x, y: mp.floor(x / y),
    "abs": abs,
    "max": max,
    "min": min,
    "maximum": max,
    "minimum": min,
    "fmax": max,
    "fmin": min,
    "copysign": lambda x, y: abs(x) if y > 0 else -abs(x),
    "hypot": lambda x, y: mp.sqrt(x * x + y * y),
    "select": lambda c, a, b: a if c else b,
    "cast": lambda x: x,
    "real": mp.re,
    "imag": mp.im,
    "conj": mp.conj,
    "complex": lambda a, b: a + mp.mpc(0, 1) * b,
    "angle": mp.arg,
    "exp": mp.exp,
    "expm1": mp.expm1,
    "exp2": lambda x: mp.power(2, x),
    "log": mp.log,
    "log2": _logarithm(2),
    "log10": _logarithm(10),
    "log1p": lambda x: mp.log(1 + x),
    "sqrt": mp.sqrt,
    "cbrt": lambda x: mp.cbrt(x) if x >= 0 else -mp.cbrt(-x),
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "asinh": mp.asinh,
    "acosh": mp.acosh,
    "atanh": mp.atanh,
    "deg2rad": lambda x: x * mp.pi / 180,
    "rad2deg": lambda x: x * 180 / mp.pi,
    "sinc": mp.sincpi,
    "atan2": mp.atan2,
    "logaddexp": lambda x, y: mp.log(mp.exp(x) + mp.exp(y)),
    "logaddexp2": lambda x, y: mp.log(mp.power(2, x) + mp.power(2, y)) / mp.log(2),
    "heaviside": lambda x, h: h if x == 0 else mp.mpf(int(x > 0)),
    "nextafter": lambda x, y: x,
    "ldexp": lambda x, n: x * mp.power(2, int(n)),
    "mantissa": lambda x: x / mp.power(2, mp.frexp(x)[1]),
    "erf": mp.erf,
    "erfc": mp.erfc,
    "erfinv": mp.erfinv,
    "erfcinv": lambda x: mp.findroot(lambda t: mp.log(mp.erfc(t)) - mp.log(x), _guess_erfcinv(x)),
    "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
    "ndtr": mp.ncdf,
    "ndtri": lambda p: -mp.sqrt(2) * REFERENCE["erfcinv"](2 * p),
    "log_ndtr": lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2),
    "gamma": mp.gamma,
    "lgamma": lambda x: mp.log(abs(mp.gamma(x))),
    "digamma": mp.digamma,
    "polygamma": lambda n, x: mp.psi(int(n), x),
    "beta": mp.beta,
    "betaln": lambda a, b: mp.log(abs(mp.gamma(a) * mp.gamma(b) / mp.gamma(a + b))),
    "expit": lambda x: 1 / (1 + mp.exp(-x)),
    "logit": lambda p: mp.log(p / (1 - p)),
    "log_expit": lambda x: -mp.log(1 + mp.exp(-x)),
    "softplus": lambda x: mp.log(1 + mp.exp(x)),
    "xlogy": lambda x, y: mp.mpf(0) if x == 0 else x * mp.log(y),
    "xlog1py": lambda x, y: mp.mpf(0) if x == 0 else x * mp.log(1 + y),
    "entr": lambda x: -x * mp.log(x),
    "i0": lambda x: mp.besseli(0, x),
    "i1": lambda x: mp.besseli(1, x),
    "i0e": lambda x: mp.besseli(0, x) * mp.exp(-abs(x)),
    "i1e": lambda x: mp.besseli(1, x) * mp.exp(-abs(x)),
    "j0": lambda x: mp.besselj(0, x),
    "j1": lambda x: mp.besselj(1, x),
    "y0": lambda x: mp.bessely(0, x),
    "y1": lambda x: mp.bessely(1, x),
    "k0": lambda x: mp.besselk(0, x),
    "k1": lambda x: mp.besselk(1, x),
}


def _guess_erfcinv(x):
    if x > 1.5:
        return -_guess_erfcinv(2 - x)
    if x > 0.5:
        return mp.erfinv(1 - x)
    return mp.sqrt(-mp.log(x * mp.sqrt(-mp.pi * mp.log(x))))


def slope(name, args, direction):
    """Directional derivative at ``args``, by mpmath's differences in 50 digits."""
    f = REFERENCE[name]
    with mp.workdps(50):
        moved = [a if isinstance(a, bool | int) else mp.mpmathify(a) for a in args]
        scale = max((abs(m) for m, d in zip(moved, direction, strict=True) if d != 0), default=1) or mp.mpf(1)

        def along(t):
            return f(*[m if d == 0 else m + t * scale * d for m, d in zip(moved, direction, strict=True)])

        return mp.diff(along, 0, h=mp.mpf(10) ** -20) / scale


def value(name, args):
    """Value at ``args`` in 50 digits."""
    with mp.workdps(50):
        return REFERENCE[name](*[a if isinstance(a, bool | int) else mp.mpmathify(a) for a in args])
