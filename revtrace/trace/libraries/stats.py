"""``scipy.stats``: distributions with their parameters given."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.libraries.register import stands_for

__all__: list[str] = []


class _Frozen:
    """A distribution with parameters; its functions are the distribution's own."""

    def __init__(self, dist: Any, args: Any, kwds: Any) -> None:
        self.dist, self.args, self.kwds = dist, args, kwds

    def pdf(self, x: Any) -> Any:
        return self.dist.pdf(x, *self.args, **self.kwds)

    def logpdf(self, x: Any) -> Any:
        return self.dist.logpdf(x, *self.args, **self.kwds)

    def pmf(self, k: Any) -> Any:
        return self.dist.pmf(k, *self.args, **self.kwds)

    def logpmf(self, k: Any) -> Any:
        return self.dist.logpmf(k, *self.args, **self.kwds)

    def cdf(self, x: Any) -> Any:
        return self.dist.cdf(x, *self.args, **self.kwds)

    def logcdf(self, x: Any) -> Any:
        return self.dist.logcdf(x, *self.args, **self.kwds)

    def sf(self, x: Any) -> Any:
        return self.dist.sf(x, *self.args, **self.kwds)

    def logsf(self, x: Any) -> Any:
        return self.dist.logsf(x, *self.args, **self.kwds)

    def ppf(self, q: Any) -> Any:
        return self.dist.ppf(q, *self.args, **self.kwds)

    def isf(self, q: Any) -> Any:
        return self.dist.isf(q, *self.args, **self.kwds)

    def mean(self) -> Any:
        return self.dist.mean(*self.args, **self.kwds)

    def var(self) -> Any:
        return self.dist.var(*self.args, **self.kwds)

    def std(self) -> Any:
        return self.dist.std(*self.args, **self.kwds)

    def median(self) -> Any:
        return self.dist.median(*self.args, **self.kwds)

    def stats(self, moments: Any = "mv") -> Any:
        return self.dist.stats(*self.args, **{**self.kwds, "moments": moments})

    def moment(self, order: Any = None) -> Any:
        return self.dist.moment(order, *self.args, **self.kwds)

    def entropy(self) -> Any:
        return self.dist.entropy(*self.args, **self.kwds)

    def interval(self, confidence: Any = None) -> Any:
        return self.dist.interval(confidence, *self.args, **self.kwds)

    def support(self) -> Any:
        return self.dist.support(*self.args, **self.kwds)


@stands_for(
    "scipy.stats._distn_infrastructure.rv_continuous_frozen", "scipy.stats._distn_infrastructure.rv_discrete_frozen"
)
def frozen(dist: Any, *args: Any, **kwds: Any) -> Any:
    """A distribution with parameters."""
    return _Frozen(dist, args, kwds)


class _Positive:
    """A covariance of full rank as ``scipy.stats`` keeps it, by Cholesky's factor: equal eigenvalues do no harm."""

    def __init__(self, M: Any) -> None:
        self._M = np.asarray(M) * 1.0
        n = self._M.shape[0]
        factor = np.linalg.cholesky(self._M)
        self.U = np.linalg.inv(factor).T
        self.V = np.zeros((n, 0))
        self.eps = 0.0
        self.rank = n
        self.log_pdet = 2.0 * np.sum(np.log(np.diag(factor)))

    @property
    def pinv(self) -> Any:
        return self.U @ self.U.T

    def _support_mask(self, x: Any) -> Any:
        return np.ones(np.shape(x)[:-1], dtype=bool)


@stands_for("scipy.stats._multivariate._PSD")
def positive(
    M: Any, cond: Any = None, rcond: Any = None, lower: Any = True, check_finite: Any = True, allow_singular: Any = True
) -> Any:
    """A covariance; singular ones raise."""
    return _Positive(M)


# functions of distributions that SciPy has from Boost ----------------------------------------


@stands_for("scipy.special._ufuncs._beta_pdf")
def beta_pdf(x: Any, a: Any, b: Any) -> Any:
    """Density of the beta distribution."""
    from scipy import special  # type: ignore[import-untyped,unused-ignore]

    return np.exp(special.xlog1py(b - 1.0, -x) + special.xlogy(a - 1.0, x) - special.betaln(a, b))


@stands_for("scipy.special._ufuncs._beta_ppf")
def beta_ppf(q: Any, a: Any, b: Any) -> Any:
    """Quantiles of the beta distribution."""
    from scipy import special

    return special.betaincinv(a, b, q)


@stands_for("scipy.special._ufuncs._cauchy_ppf")
def cauchy_ppf(q: Any, loc: Any, scale: Any) -> Any:
    """Quantiles of Cauchy's distribution."""
    return loc - scale / np.tan(np.pi * q)


@stands_for("scipy.special._ufuncs._cauchy_isf")
def cauchy_isf(q: Any, loc: Any, scale: Any) -> Any:
    """Quantiles of Cauchy's distribution, counted from above."""
    return loc + scale / np.tan(np.pi * q)


@stands_for("scipy.special._ufuncs._binom_pmf")
def binom_pmf(k: Any, n: Any, p: Any) -> Any:
    """Probabilities of the binomial distribution."""
    from scipy import special

    ways = special.gammaln(n + 1.0) - special.gammaln(k + 1.0) - special.gammaln(n - k + 1.0)
    return np.exp(ways + special.xlogy(k, p) + special.xlog1py(n - k, -p))


@stands_for("scipy.special._ufuncs._binom_cdf")
def binom_cdf(k: Any, n: Any, p: Any) -> Any:
    """Distribution function of the binomial distribution."""
    from scipy import special

    whole = k >= n
    return np.where(whole, 1.0, special.betaincc(k + 1.0, np.where(whole, 1.0, n - k), p))[()]


@stands_for("scipy.special._ufuncs._binom_sf")
def binom_sf(k: Any, n: Any, p: Any) -> Any:
    """The complement of `binom_cdf`."""
    from scipy import special

    whole = k >= n
    return np.where(whole, 0.0, special.betainc(k + 1.0, np.where(whole, 1.0, n - k), p))[()]


@stands_for("scipy.special._ufuncs._nbinom_pmf")
def nbinom_pmf(k: Any, n: Any, p: Any) -> Any:
    """Probabilities of the negative binomial distribution."""
    from scipy import special

    ways = special.gammaln(n + k) - special.gammaln(k + 1.0) - special.gammaln(n)
    return np.exp(ways + special.xlogy(n, p) + special.xlog1py(k, -p))


@stands_for("scipy.special._ufuncs._nbinom_cdf")
def nbinom_cdf(k: Any, n: Any, p: Any) -> Any:
    """Distribution function of the negative binomial distribution."""
    from scipy import special

    return special.betainc(n, k + 1.0, p)


@stands_for("scipy.special._ufuncs._nbinom_sf")
def nbinom_sf(k: Any, n: Any, p: Any) -> Any:
    """The complement of `nbinom_cdf`."""
    from scipy import special

    return special.betaincc(n, k + 1.0, p)


# estimates of densities ---------------------------------------------------------------------


def _gaussians(points: Any, xi: Any, cho_cov: Any) -> Any:
    """Logarithms of normal densities around points, a row for each place."""
    d = points.shape[1]
    scale = np.linalg.inv(cho_cov)
    p, q = points @ scale.T, xi @ scale.T
    square = np.zeros((xi.shape[0], points.shape[0]))
    for k in range(d):
        square = square + (q[:, k, None] - p[None, :, k]) ** 2
    return -0.5 * square - (0.5 * d * np.log(2.0 * np.pi) + np.sum(np.log(np.diag(cho_cov))))


@stands_for("scipy.stats._stats.gaussian_kernel_estimate")
def gaussian_kernel_estimate(points: Any, values: Any, xi: Any, cho_cov: Any, dtype: Any, _: Any = 0) -> Any:
    """Sums of normal densities around points times their values."""
    return np.exp(_gaussians(points, xi, cho_cov)) @ values


@stands_for("scipy.stats._stats.gaussian_kernel_estimate_log")
def gaussian_kernel_estimate_log(points: Any, values: Any, xi: Any, cho_cov: Any, dtype: Any, _: Any = 0) -> Any:
    """The logarithm of `gaussian_kernel_estimate`."""
    terms = _gaussians(points, xi, cho_cov)[:, :, None] + np.log(values)[None]
    top = np.max(terms, axis=1, keepdims=True)
    return np.log(np.sum(np.exp(terms - top), axis=1)) + top[:, 0]
