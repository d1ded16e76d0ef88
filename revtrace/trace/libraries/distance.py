"""``scipy.spatial.distance``: distances of all pairs of points."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import finish, refuse
from revtrace.trace.libraries.register import stands_for

__all__: list[str] = []


def _between(a: Any, b: Any, metric: Any, p: Any, w: Any, V: Any, VI: Any) -> Any:
    """Distances of the vectors along the last axes, which broadcast."""
    metric = metric.lower()
    weights = 1.0 if w is None else np.asarray(w)
    d = a - b
    if metric in ("euclidean", "euclid", "eu", "e"):
        return np.sqrt(np.sum(weights * d * d, axis=-1))
    if metric in ("sqeuclidean", "sqe", "sqeuclid"):
        return np.sum(weights * d * d, axis=-1)
    if metric in ("cityblock", "cblock", "cb", "c", "manhattan"):
        return np.sum(weights * np.abs(d), axis=-1)
    if metric in ("chebyshev", "chebychev", "cheby", "cheb", "ch") and w is None:
        return np.max(np.abs(d), axis=-1)
    if metric in ("minkowski", "mi", "m", "pnorm"):
        return np.sum(weights * np.abs(d) ** p, axis=-1) ** (1.0 / p)
    if metric in ("seuclidean", "se", "s") and V is not None:
        return np.sqrt(np.sum(d * d / np.asarray(V), axis=-1))
    if metric in ("mahalanobis", "mahal", "mah") and VI is not None:
        return np.sqrt(np.sum((d @ np.asarray(VI)) * d, axis=-1))
    if metric in ("canberra",):
        size = np.abs(a) + np.abs(b)
        return np.sum(np.where(size > 0, weights * np.abs(d) / np.where(size > 0, size, 1.0), 0.0), axis=-1)
    if metric in ("braycurtis",):
        return np.sum(weights * np.abs(d), axis=-1) / np.sum(weights * np.abs(a + b), axis=-1)
    if metric in ("correlation", "co") and w is None:
        a = a - np.mean(a, axis=-1, keepdims=True)
        b = b - np.mean(b, axis=-1, keepdims=True)
    elif metric not in ("cosine", "cos"):
        refuse(f"distances of the metric {metric!r} with these arguments", instead="write its formula with numpy")
    both = np.sum(weights * a * b, axis=-1)
    return 1.0 - both / np.sqrt(np.sum(weights * a * a, axis=-1) * np.sum(weights * b * b, axis=-1))


@stands_for("scipy.spatial.distance.cdist")
def cdist(
    XA: Any, XB: Any, metric: Any = "euclidean", *, out: Any = None, p: Any = 2, w: Any = None, V: Any = None,
    VI: Any = None,
) -> Any:  # fmt: skip
    """Distances of each point of one set from each of another."""
    a, b = np.asarray(XA), np.asarray(XB)
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError("XA and XB must be 2-dimensional arrays.")
    if a.shape[1] != b.shape[1]:
        raise ValueError("XA and XB must have the same number of columns (i.e. feature dimension.)")
    if callable(metric):
        found = np.zeros((a.shape[0], b.shape[0]))
        for i in range(a.shape[0]):
            for j in range(b.shape[0]):
                found[i, j] = metric(a[i], b[j])
        return finish(found, out)
    a, b = a * 1.0, b * 1.0
    return finish(_between(a[:, None, :], b[None, :, :], metric, p, w, V, VI), out)


@stands_for("scipy.spatial.distance.pdist")
def pdist(
    X: Any, metric: Any = "euclidean", *, out: Any = None, p: Any = 2, w: Any = None, V: Any = None, VI: Any = None
) -> Any:
    """Distances of each two points of a set, in the order of the upper triangle of their matrix."""
    x = np.asarray(X)
    if x.ndim != 2:
        raise ValueError("A 2-dimensional array must be passed.")
    if callable(metric):
        refuse("pdist with a function", instead="loop over the pairs")
    i, j = np.triu_indices(x.shape[0], 1)
    x = x * 1.0
    return finish(_between(x[i], x[j], metric, p, w, V, VI), out)


@stands_for("scipy.spatial.distance.squareform")
def squareform(X: Any, force: Any = "no", checks: Any = True) -> Any:
    """The matrix of distances from the condensed form, or the other way round."""
    x = np.asarray(X)
    if x.ndim == 2:
        i, j = np.triu_indices(x.shape[0], 1)
        return x[i, j]
    n = int(np.ceil(np.sqrt(x.shape[0] * 2)))
    if n * (n - 1) // 2 != x.shape[0]:
        raise ValueError("the number of distances must be that of pairs")
    i, j = np.triu_indices(n, 1)
    found = np.zeros((n, n), x.dtype)
    found[i, j] = x
    found[j, i] = x
    return found
