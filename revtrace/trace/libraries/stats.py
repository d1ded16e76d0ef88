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
