"""What each primitive means, written with mpmath: the laws' oracle, independent of revtrace."""

from __future__ import annotations

import mpmath as mp


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
    # SciPy's own
    "dawsn": lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
    "spence": lambda x: mp.polylog(2, 1 - x).real,
    "exp10": lambda x: mp.power(10, x),
    "erfi": mp.erfi,
    "expi": mp.ei,
    "exp1": mp.e1,
    "cosm1": lambda x: mp.cos(x) - 1,
    "sindg": lambda x: mp.sin(x * mp.pi / 180),
    "cosdg": lambda x: mp.cos(x * mp.pi / 180),
    "wrightomega": lambda x: mp.lambertw(mp.exp(x)).real,
    "lambertw0": lambda x: mp.lambertw(x).real,
    "lambertwm1": lambda x: mp.lambertw(x, -1).real,
    "exprel": lambda x: (mp.exp(x) - 1) / x if x else mp.mpf(1),
    "expn": lambda n, x: mp.expint(n, x),
    "rgamma": mp.rgamma,
    "binom": mp.binomial,
    "poch": mp.rf,
    "gammainc": lambda a, x: mp.gammainc(a, 0, x, regularized=True),
    "gammaincc": lambda a, x: mp.gammainc(a, x, mp.inf, regularized=True),
    "gammaincinv": lambda a, y: mp.findroot(lambda x: mp.gammainc(a, 0, x, regularized=True) - y, a / 2),
    "chdtr": lambda v, x: mp.gammainc(v / 2, 0, x / 2, regularized=True),
    "chdtrc": lambda v, x: mp.gammainc(v / 2, x / 2, mp.inf, regularized=True),
    "gdtr": lambda a, b, x: mp.gammainc(b, 0, a * x, regularized=True),
    "gdtrc": lambda a, b, x: mp.gammainc(b, a * x, mp.inf, regularized=True),
    "betainc": lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True),
    "betaincc": lambda a, b, x: mp.betainc(a, b, x, 1, regularized=True),
    "betaincinv": lambda a, b, y: mp.findroot(
        lambda x: mp.betainc(a, b, 0, x, regularized=True) - y, (0.01, 0.99), solver="anderson"
    ),
    "stdtr": lambda v, t: _student(v, t),
    "ndtri_exp": lambda y: REFERENCE["ndtri"](mp.exp(y)),
    "rel_entr": lambda x, y: x * mp.log(x / y),
    "kl_div": lambda x, y: x * mp.log(x / y) - x + y,
    "huber": lambda d, r: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2),
    "pseudo_huber": lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1),
    "boxcox": lambda x, m: _box_cox(mp.log(x), m),
    "boxcox1p": lambda x, m: _box_cox(mp.log(1 + x), m),
    "inv_boxcox": lambda y, m: mp.exp(y) if m == 0 else mp.power(1 + m * y, 1 / m),
    "inv_boxcox1p": lambda y, m: (mp.exp(y) if m == 0 else mp.power(1 + m * y, 1 / m)) - 1,
    "jv": mp.besselj,
    "yv": mp.bessely,
    "iv": mp.besseli,
    "kv": mp.besselk,
    "ive": lambda v, x: mp.besseli(v, x) * mp.exp(-abs(x)),
    "kve": lambda v, x: mp.besselk(v, x) * mp.exp(x),
    "hyp0f1": mp.hyp0f1,
    "hyp1f1": mp.hyp1f1,
    "hyp2f1": mp.hyp2f1,
    "eval_legendre": mp.legendre,
    "ellipk": mp.ellipk,
    "ellipe": mp.ellipe,
    "ellipkm1": lambda p: mp.ellipk(1 - p),
    "ellipkinc": mp.ellipf,
    "ellipeinc": mp.ellipe,
    "fresnel_s": mp.fresnels,
    "fresnel_c": mp.fresnelc,
    "sine_integral": mp.si,
    "cosine_integral": mp.ci,
    "sinh_integral": mp.shi,
    "cosh_integral": mp.chi,
    "tandg": lambda x: mp.tan(x * mp.pi / 180),
    "cotdg": lambda x: mp.cot(x * mp.pi / 180),
    "k0e": lambda x: mp.besselk(0, x) * mp.exp(x),
    "k1e": lambda x: mp.besselk(1, x) * mp.exp(x),
    "kn": lambda n, x: mp.besselk(int(n), x),
    "yn": lambda n, x: mp.bessely(int(n), x),
    "jve": mp.besselj,
    "yve": mp.bessely,
    "struve": mp.struveh,
    "modstruve": mp.struvel,
    "gammainccinv": lambda a, y: REFERENCE["gammaincinv"](a, 1 - y),
    "chdtri": lambda v, p: 2 * REFERENCE["gammaincinv"](v / 2, 1 - p),
    "pdtr": lambda k, m: mp.gammainc(mp.floor(k) + 1, m, mp.inf, regularized=True),
    "pdtrc": lambda k, m: mp.gammainc(mp.floor(k) + 1, 0, m, regularized=True),
    "betainccinv": lambda a, b, y: REFERENCE["betaincinv"](a, b, 1 - y),
    "fdtri": lambda m, n, p: _of_fisher(REFERENCE["betaincinv"](m / 2, n / 2, p), m, n),
    "stdtrit": lambda v, p: mp.findroot(lambda t: _student(v, t) - p, (-1, 1), solver="anderson"),
    "owens_t": lambda h, a: mp.quad(lambda x: mp.exp(-h * h * (1 + x * x) / 2) / (1 + x * x), [0, a]) / (2 * mp.pi),
    "eval_chebyt": mp.chebyt,
    "eval_chebyu": lambda n, x: mp.chebyu(n, x),
    "eval_laguerre": lambda n, x: mp.laguerre(n, 0, x),
    "eval_genlaguerre": mp.laguerre,
    "eval_gegenbauer": mp.gegenbauer,
    "eval_jacobi": mp.jacobi,
}


def _of_fisher(w, m, n):
    return n * w / (m * (1 - w))


def _student(v, t):
    tail = mp.betainc(v / 2, mp.mpf(1) / 2, 0, v / (v + t * t), regularized=True) / 2
    return 1 - tail if t > 0 else tail


def _box_cox(logarithm, m):
    return logarithm if m == 0 else (mp.exp(m * logarithm) - 1) / m


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
