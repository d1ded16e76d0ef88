"""Expressions in whole-array numpy, in every argument form: what the tests evaluate as they stand.

The names they use: ``x`` (12 numbers), ``y`` (12, positive), ``M`` (3, 4), ``N`` (3, 4), ``Q`` (4, 4), ``B`` (2, 3, 4),
``v`` (4), ``c`` (complex, 6), ``h`` (float32, 3 by 4), ``e`` (no element), ``s`` (0-d), ``o`` (one element),
``r`` (a column, 3 by 1), ``a`` (a float), and constants ``k`` (int array), ``K`` (int matrix 3 by 2), ``m`` (mask of 12),
``W`` (mask of 3 by 4), ``n`` (an int, 3), ``z`` (with NaNs, a constant).
"""

from __future__ import annotations

import numpy as np

__all__ = ["FORMS", "arguments", "CONSTANTS"]

FORMS = {
    "elementwise": """
        x + y; x - 1; 2 * x; x / y; y ** 2; y ** x; y ** 0.5; 2.0 ** x; x // y; x % y; -x; +x; abs(x); x @ y; M + v; M + r; M * a
        r * v; M[:, :1] + v; s + x; s * s; np.add(x, y); np.subtract(x, 1); np.multiply(x, y); np.divide(x, y); np.power(y, x)
        np.exp(x); np.expm1(x); np.exp2(x); np.log(y); np.log2(y); np.log10(y); np.log1p(y); np.sqrt(y); np.cbrt(x); np.square(x)
        np.reciprocal(y); np.sin(x); np.cos(x); np.tan(x); np.arcsin(x / 9); np.arccos(x / 9); np.arctan(x); np.sinh(x); np.cosh(x)
        np.tanh(x); np.arcsinh(x); np.arccosh(1 + y); np.arctanh(x / 9); np.abs(x); np.absolute(x); np.fabs(x); np.sign(x) * x
        np.floor(x) * x; np.ceil(x) * x; np.rint(x) * x; np.trunc(x) * x; np.fix(x) * x; np.round(x, 1) * x; np.round(x) + x
        np.around(x, decimals=2) + x; x.round(1) + x; np.maximum(x, y); np.minimum(x, 0.1); np.fmax(x, y); np.fmin(x, y)
        np.clip(x, -0.5, 0.5); np.clip(x, None, 0.5); np.clip(x, a_min=-0.5, a_max=None); np.clip(x, -y, y); x.clip(-0.5, 0.5)
        x.clip(min=0); x.clip(max=0.2); np.where(m, x, y); np.where(x > 0, x, 0); np.where(W, M, v); np.where(m, 1.0, x)
        np.hypot(x, y); np.arctan2(x, y); np.logaddexp(x, y); np.logaddexp2(x, y); np.sinc(x); np.deg2rad(x); np.rad2deg(x)
        np.degrees(x); np.radians(x); np.heaviside(x, 0.5) * x; np.copysign(y, x); np.fmod(x, y); np.mod(x, y); np.remainder(x, y)
        np.floor_divide(x, y) * x; np.positive(x); np.negative(x); np.float_power(y, x); np.ldexp(x, 3); np.nan_to_num(z) * v
        np.nan_to_num(z, nan=2.0, posinf=1.0) * v; np.real(c).sum(); np.conj(c); np.conjugate(c); np.abs(c); np.angle(c)
        c.real * c.imag; c.conj(); c * c; c / (1 + c); np.exp(c); np.sqrt(c); np.log(c); c ** 2; c + x[:6]; 1j * x; x[:6] * c
        np.sin(c); np.cos(c); np.tanh(c); np.square(c); np.reciprocal(c); np.imag(c); np.real(x); np.imag(x); x.real; x.imag; abs(c)
        (x > 0) * x; np.logical_and(x > 0, y > 1) * x; np.logical_not(m) * x; ~m * x; (m & (x > 0)) * x; (m | (x > 0)) * x
        np.isnan(x) * x; np.isfinite(x) * x; np.isinf(x) + x; np.isclose(x, y) * x; np.isclose(x, x, equal_nan=True) * x
        np.greater(x, y) * x; np.less_equal(x, y) * x; np.equal(x, x) * x; np.not_equal(x, y) * x; (x > y).sum() * x; k * x[:5]
        x[:5] / k; k ** 2 * x[:5]; x[:5] ** k; k + 0.5 * a; k * a; a ** 2 * k; np.exp(a) * k; 2 * k + x[:5]; h + 1; h * h; h * a
        h + M; h * np.float32(2); h / 3; h ** 2; np.exp(h); np.sqrt(np.abs(h)); h.astype(np.float64) * M; h @ h.T; e + 1; e * e
        np.exp(e); np.exp(s); np.add(s, a); np.modf(x)[0]; np.modf(x)[1] + x; np.divmod(x, y)[1]; np.spacing(x) + x
        np.exp(x, dtype=np.float64); np.add(x, y, dtype=float); np.unwrap(x); np.cumulative_sum(x); np.piecewise(x, [x < 0], [0.0, lambda t: t * t])
        np.piecewise(x, [x < 0, x > 1], [lambda t: -t, 1.0, lambda t: t ** 3]); np.piecewise(x, x < 0, [1.0, 2.0]) * x
        np.select([x < 0, x > 1], [x, y]); np.select([x < 0, x > 1], [x, y], default=2.0); np.select([W, M > 0], [M, N], M * N)
        np.choose(k % 2, [x[:5], y[:5]]); np.choose(k, (x[:5], y[:5]), mode="wrap"); np.choose([1, 0], [v[:2], v[2:]])
        np.choose([[1, 0], [0, 1]], [a, v[:2]]); np.sign(x); np.vectorize(lambda t: t * t)(x); np.i0(x)
    """,
    "out and where": """
        np.add(x, y, out=np.zeros(12)); np.add(x, y, np.empty(12)); np.exp(x, out=np.empty_like(x)); np.log(x, out=np.zeros(12), where=x > 0)
        np.sqrt(x, where=x > 0, out=np.ones(12)); np.divide(x, y, out=np.zeros_like(x), where=y > 0.5); np.multiply(M, v, out=np.empty((3, 4)))
        np.clip(x, 0, 1, out=np.zeros(12)); np.sum(M, axis=0, out=np.zeros(4)); np.max(M, axis=1, out=np.zeros(3)); np.cumsum(x, out=np.empty(12))
        np.mean(M, 0, out=np.zeros(4)); np.var(M, axis=0, out=np.zeros(4)); np.ptp(M, axis=0, out=np.zeros(4)); np.dot(x, y, out=None)
        np.prod(M, axis=0, out=np.zeros(4)); np.round(x, 1, out=np.zeros(12)) * x; np.take(x, k, out=np.zeros(5)); np.median(M, axis=0, out=np.zeros(4))
        np.nansum(M, axis=0, out=np.zeros(4)); np.compress(m, x, out=np.zeros(6)); np.maximum(x, 0, x.copy()); np.concatenate([x, y], out=np.zeros(24))
        np.stack([x, y], out=np.zeros((2, 12))); np.argmax(M, axis=0, out=np.zeros(4, dtype=np.int64)) * v; np.trace(Q, out=np.zeros(()))
    """,
    "reductions": """
        x.sum(); np.sum(x); M.sum(axis=0); M.sum(0); M.sum(1); M.sum(axis=-1); M.sum(axis=(0, 1)); M.sum(axis=None); B.sum(axis=(0, 2))
        B.sum(axis=(-1, 0)); B.sum((0, 1), keepdims=True); M.sum(axis=1, keepdims=True); np.sum(M, 0); np.sum(M, axis=-2); np.sum(a); np.sum(s)
        np.sum(M, axis=()); np.sum(h, dtype=np.float64); np.sum(h, dtype="f8"); np.sum(h, dtype="float64"); np.sum(h); h.sum(axis=0); np.sum(x, dtype=np.float32)
        np.sum(x, initial=2.0); np.sum(x, initial=a); np.sum(x, where=m); np.sum(M, axis=0, where=W); np.sum(M, where=W, initial=1.0, keepdims=True)
        np.sum(M, axis=1, where=[True, False, True, True]); np.sum(e); np.sum([x, y]); np.sum([a, 2.0, a]); np.sum([t * t for t in x]); np.sum(c); c.sum()
        np.sum(k) * a; np.sum(m) * a; np.sum(K, axis=0) * a; np.sum(B[:, ::2, ::-1], axis=1); np.sum(M.T, axis=0); np.sum(o); np.sum(r, axis=1)
        x.prod(); M.prod(axis=0); np.prod(M, axis=(0, 1), keepdims=True); np.prod(x, initial=2.0); np.prod(x, where=m); np.prod(e); np.prod(k) * a; np.prod(c)
        np.prod(M, axis=1, dtype=np.float64); x.mean(); M.mean(axis=0); M.mean(1, keepdims=True); np.mean(B, axis=(0, -1)); np.mean(M, where=W); np.mean(M, axis=0, where=W)
        np.mean(k) * a; np.mean(h); np.mean(h, dtype=np.float64); np.mean(c); h.mean(axis=1); np.mean([a, 1.0]); x.var(); M.var(axis=0); M.var(axis=1, ddof=1)
        np.var(M, axis=(0, 1)); np.var(M, 0, keepdims=True); np.var(M, where=W); np.var(M, axis=0, where=W, ddof=1); np.var(c); np.var(h); np.var(h, dtype=np.float64)
        np.var(x, correction=1); np.var(M, axis=0, mean=np.mean(M, axis=0, keepdims=True)); x.std(); M.std(axis=0, ddof=1); np.std(M, axis=1, keepdims=True); np.std(M, where=W)
        np.std(k) * a; x.max(); x.min(); M.max(axis=0); M.min(axis=-1, keepdims=True); np.max(B, axis=(0, 1)); np.amax(M, 0); np.amin(M, 1); np.max(x, initial=0.3)
        np.min(x, initial=-9.0); np.max(M, axis=0, initial=a); np.max(x, where=m, initial=-5.0); np.min(M, axis=1, where=W, initial=5.0); np.max(k) * a; np.max(h, axis=0)
        np.max(h, initial=0); np.max(K, axis=0) * a; max(x); min(x); np.ptp(x); np.ptp(M, axis=0); np.ptp(M, axis=1, keepdims=True); np.ptp(M, axis=(0, 1)); x[x.argmax()] * a
        np.argmax(x) * x; np.argmin(M, axis=0) * v; np.argmax(M, axis=1, keepdims=True) * r; M.argmin() * a; M.argmax(axis=-1) * M[:, 0]; np.argmax(M, keepdims=True) * M
        np.any(x > 0) * x; np.all(M > 0, axis=0) * v; (M > 0).any(axis=1, keepdims=True) * r; np.all(x > 0, where=m) * x; np.any(M > 1, axis=(0, 1)) * a; (x > 9).any() * x; np.all(e) * a
        np.cumsum(x); np.cumsum(M); np.cumsum(M, axis=0); np.cumsum(M, 1); M.cumsum(axis=-1); x.cumsum(); np.cumsum(h, axis=0); np.cumsum(h, dtype=np.float64); np.cumsum(k) * x[:5]
        np.cumprod(x); np.cumprod(M, axis=1); M.cumprod(0); np.cumulative_sum(M, axis=0); np.cumulative_prod(x); np.cumulative_sum(x, include_initial=True); np.diff(x)
        np.diff(x, n=2); np.diff(M, axis=0); np.diff(M, 1, -1); np.diff(x, prepend=0.0); np.diff(x, append=y[:2]); np.diff(M, axis=0, prepend=v[None]); np.diff(x, prepend=a, append=a)
        np.ediff1d(x); np.ediff1d(M, to_begin=a); np.ediff1d(x, to_end=[a, 1.0], to_begin=0); np.median(x); np.median(x[:5]); np.median(M, axis=0); np.median(M, axis=1, keepdims=True)
        np.median(B, axis=(0, 2)); np.median(h, axis=0); np.quantile(x, 0.3); np.quantile(M, 0.3, axis=0); np.quantile(M, [0.2, 0.7], axis=1); np.quantile(x, [[0.1], [0.8]])
        np.percentile(x, 30); np.percentile(M, [10, 50], axis=0, keepdims=True); np.percentile(M, 25.0, axis=(0, 1)); np.quantile(x, a / 9); np.trace(Q); Q.trace(); np.trace(Q, offset=1)
        np.trace(M, -1); np.trace(B, axis1=1, axis2=2); np.trace(B, 1, 0, 2); np.average(x); np.average(x, weights=y); np.average(M, axis=0); np.average(M, axis=1, weights=v)
        np.average(M, weights=N); np.average(M, axis=0, weights=N, keepdims=True); np.average(x, weights=y, returned=True)[1]; np.count_nonzero(x > 0) * x; np.count_nonzero(M > 0, axis=0) * v
        np.count_nonzero(M, axis=1, keepdims=True) * r; np.nansum(z) * a; np.nansum(M * z); np.nansum(M * z, axis=0); np.nanmean(M * z); np.nanmean(M * z, axis=1, keepdims=True)
        np.nanvar(M * z); np.nanvar(M * z, axis=1, ddof=1); np.nanstd(M * z, axis=1); np.nanmax(M * z); np.nanmax(M * z, axis=1); np.nanmin(M * z, 1, keepdims=True); np.nanprod(M * z)
        np.nanmedian(M * z); np.nanmedian(M * z, axis=1); np.nanquantile(M * z, 0.4, axis=1); np.nanpercentile(M * z, [20, 60]); np.nancumsum(M * z, axis=1); np.nancumprod(v * z)
        np.nanargmax(v * z) * a; np.nanargmin(M * z, axis=1) * M[:, 0]; np.nansum(x, where=m); np.nanmax(k) * a; np.nanmean(k) * a; np.nanstd(h); np.nansum(c); np.nanmean(c)
        np.add.reduce(x); np.add.reduce(M); np.add.reduce(M, axis=1); np.add.reduce(M, axis=None); np.add.reduce(M, axis=(0, 1), keepdims=True); np.multiply.reduce(M, axis=1); np.maximum.reduce(M)
        np.minimum.reduce(M, axis=-1); np.logaddexp.reduce(x); np.logaddexp.reduce(M, axis=1); np.hypot.reduce(x); np.subtract.reduce(x); np.subtract.reduce(M, axis=1); np.fmax.reduce(M, axis=0)
        np.logical_and.reduce(x > 0) * x; np.logical_or.reduce(M > 0, axis=0) * v; np.add.reduce(x, initial=a); np.maximum.reduce([x, y]); np.add.accumulate(x); np.add.accumulate(M, axis=1)
        np.multiply.accumulate(M); np.maximum.accumulate(x); np.maximum.accumulate(M, axis=1); np.minimum.accumulate(M, axis=0); np.logaddexp.accumulate(x); np.subtract.accumulate(x)
        np.add.reduceat(x, [0, 4, 7]); np.add.reduceat(x, [4, 2, 7]); np.multiply.reduceat(M, [0, 2], axis=1); np.maximum.reduceat(x, k); np.add.outer(x, y); np.multiply.outer(M, v); np.maximum.outer(x, y)
        np.subtract.outer(v, x); np.hypot.outer(v, v); np.less.outer(v, v) * Q; np.log(np.sum(np.exp(x - x.max()))) + x.max(); np.log(np.exp(M - M.max(1, keepdims=True)).sum(1)) + M.max(1)
        np.exp(M) / np.exp(M).sum(axis=-1, keepdims=True); sum(x); sum(M); sum(t * t for t in x); np.sqrt((x ** 2).sum()); np.linalg.norm(x); np.linalg.norm(M); np.linalg.norm(M, axis=0)
        np.linalg.norm(M, axis=1, keepdims=True); np.linalg.norm(x, 1); np.linalg.norm(x, np.inf); np.linalg.norm(x, -np.inf); np.linalg.norm(x, 3); np.linalg.norm(M, "fro"); np.linalg.norm(x, ord=2)
        np.linalg.norm(M, ord=1, axis=1); np.linalg.norm(c); np.linalg.vector_norm(M, axis=0); np.linalg.norm(x - y) ** 2; np.linalg.norm(B, axis=(0, 1)); np.all([a > 0, True]) * a
    """,
    "indexing": """
        x[3]; x[-1]; x[n]; x[2:5]; x[::2]; x[::-1]; x[-3:]; x[:-3]; x[5:2]; x[8:2:-2]; x[:n]; x[n:]; x[-n:]; x[n:2 * n]; x[...]; x[None]; x[:, None]; x[np.newaxis, :, np.newaxis]
        M[1]; M[1, 2]; M[-1, -1]; M[:, 1]; M[1:, :2]; M[::-1, ::2]; M[..., 0]; M[0, ...]; M[..., None]; M[:, None, :]; M[None, 1, :, None]; B[0]; B[:, 1]; B[:, :, 1]; B[..., 1, :]; B[1, ..., -1]
        B[0, 1:, ::-1]; B[:, ::2, None]; M.T[1]; M.T[1:3, 0]; M[1][2]; M[1:][0][1:]; B.transpose(2, 0, 1)[1]; x[[0, 3, 3]]; x[k]; x[np.array([1, -1, 0])]; x[[[0, 1], [2, 0]]]; x[K]; M[[0, 2, 2]]; M[:, [1, 0]]
        M[[0, 1], [2, 3]]; M[[0, 1], 2]; M[0, [1, 2]]; M[[[0], [2]], [1, 3]]; M[np.ix_([0, 2], [1, 3])]; B[:, [0, 2], 1]; B[[0, 1], :, [2, 3]]; B[0, :, [1, 2]]; B[[1, 0], 1:]; B[:, [1, 2], :][..., 0]
        B[..., [0, 1]]; B[[0, 1], ..., [1, 1]]; B[None, [0, 1]]; B[:, None, [0, 1]]; M[1:, [0, 0, 1]]; M[::-1, k[:2]]; x[m]; M[W]; M[W[:, 0]]; M[:, W[0]]; x[x > 0]; M[M > 0.2]; M[W[:, 0], 1]; M[W[:, 0], :2]
        B[0, W]; B[:, W]; x[~m]; x[m & (x > 0)]; x[m][1]; x[m].sum(); M[W].mean() * a; x[np.nonzero(x > 0)]; M[np.nonzero(W)]; M[np.where(W)]; x[np.flatnonzero(m)]; x[np.argsort(x)]; x[np.argsort(-x)][:3]
        M[np.arange(3), np.argmax(M, axis=1)]; M[np.arange(3), [0, 1, 0]]; M[np.arange(3)[:, None], K]; x[np.arange(n)]; np.take(x, 2); np.take(x, k); np.take(x, [[0, 1], [2, 3]]); np.take(M, [0, 2], axis=0)
        np.take(M, k[:2], axis=-1); np.take(M, 5); M.take([0, 5]); np.take(x, [13, -14], mode="wrap"); np.take(x, [50, -3], mode="clip"); np.take_along_axis(M, np.argsort(M, axis=1), axis=1)
        np.take_along_axis(M, K, 1); np.take_along_axis(M, np.argmin(M, axis=0)[None], axis=0); np.take_along_axis(x, k, axis=0); np.take_along_axis(x, k, None); np.compress(m, x); np.compress([True, False, True], M, axis=0)
        np.compress([True, False], x); np.extract(x > 0, x); np.extract(W, M); M.compress([True, False, True, True], axis=1); np.sort(x); np.sort(M); np.sort(M, axis=0); np.sort(M, axis=None); np.sort(M, -1)
        np.sort(x)[::-1]; np.argsort(x) * x; np.argsort(M, axis=0) * M; x.argsort() * x; np.partition(x, 3)[3]; np.partition(x, 4)[:4].sum(); x[np.argpartition(x, 3)[:3]].sum(); np.searchsorted(np.sort(x), y) * x
        np.searchsorted([0.0, 0.5, 1.0], x, side="right") * x; np.sort(x).searchsorted(0.2) * x; np.lexsort((x, m)) * x; np.lexsort((y, x)) * x; np.unique(x); np.unique(k) * 1.0; np.unique(x, return_index=True)[1] * x
        np.unique(k, return_inverse=True)[1] * x[:5]; np.unique(k, return_counts=True)[1] * x[:4]; np.unique(M); np.digitize(x, [-0.5, 0.0, 0.5]) * x; np.digitize(x, [0.5, 0.0, -0.5], right=True) * x
        np.digitize(x, bins=np.linspace(-1, 1, 5), right=True) * x; np.argwhere(x > 0)[:, 0] * a; np.argwhere(W)[:, 1] * a; np.nonzero(W)[1] * a; np.flatnonzero(W) * a; W.nonzero()[0] * a; np.trim_zeros(np.maximum(x, 0))
        np.unravel_index(5, (3, 4))[1] * x; np.unravel_index(k, (3, 4))[0] * x[:5]; np.ravel_multi_index((K[:, 0], K[:, 1]), (5, 5)) * x[:3]; x.item(3); M.item(1, 2); M.item(5); x.tolist()[2]; M.tolist()[1][2]
        np.ndarray.item(x, 2); M[np.tril_indices(3)]; M[np.triu_indices(3, 1)]; Q[np.diag_indices(4)]; Q[np.diag_indices_from(Q)]; Q[np.tril_indices_from(Q, -1)]; x.flat[3]; M.flat[5]; M.flat[2:7]; [t for t in M.flat][4]
        np.fromiter((t * t for t in x), float); np.array([t * 2 for t in x]); np.array([row.sum() for row in M]); np.stack([row * 2 for row in M]); np.array([[a, 1.0], [2.0, a]]); np.array([x[:2], [a, a]]); x[()]; s[()]; s[...]
        x[True]; x[None, m]; x[np.int64(2)]; x[np.array(2)]; M[(1, 2)]; M[(slice(None), 1)]; M[tuple([0, 1])]; x[[]]; x[np.array([], dtype=int)]; e[:0]; h[1]; h[W]; c[::2]; c[[0, 0]]; np.split(x, 3)[1]
    """,
    "shape": """
        x.reshape(3, 4); x.reshape((3, 4)); x.reshape(2, -1); x.reshape([4, 3]); np.reshape(x, (3, -1)); np.reshape(M, 12); np.reshape(M, -1, order="C"); M.reshape(-1); M.reshape(2, 6); M.reshape(2, 2, 3); M.reshape(4, 3)
        x.reshape(3, 4, order="F"); np.reshape(M, (4, 3), order="F"); M.ravel(); np.ravel(M); M.ravel("F"); M.flatten(); M.flatten(order="F"); M.T.ravel(); M.T.reshape(2, 6); M[:, ::2].reshape(-1); M[::-1].ravel(); B.reshape(6, 4)
        B.reshape(2, -1); B.transpose(0, 2, 1).reshape(-1, 3); x.reshape(12, 1); x.reshape(1, 12, 1); x.reshape(-1, 1) + v; M.reshape(3, 4, 1).sum(-1); M.reshape(x.shape[0]); M.reshape(M.shape[1], M.shape[0]); s.reshape(1); o.reshape(())
        e.reshape(0, 3).sum(axis=0); M.T; M.transpose(); M.transpose(1, 0); M.transpose((1, 0)); np.transpose(B, (2, 0, 1)); np.transpose(B, axes=[1, 2, 0]); B.T; B.mT; np.permute_dims(B, (1, 0, 2)); np.matrix_transpose(B)
        np.swapaxes(B, 0, 2); B.swapaxes(-1, 0); np.swapaxes(M, axis1=0, axis2=1); np.moveaxis(B, 0, -1); np.moveaxis(B, [0, 1], [1, 2]); np.moveaxis(B, source=-1, destination=0); np.rollaxis(B, 2); np.rollaxis(B, 0, 3)
        np.expand_dims(x, 0); np.expand_dims(x, axis=-1); np.expand_dims(M, (0, 3)); np.squeeze(r); np.squeeze(r, axis=1); r.squeeze(); r.squeeze(-1); np.squeeze(x[None, :, None], (0, 2)); np.broadcast_to(v, (3, 4)); np.broadcast_to(r, (3, 4))
        np.broadcast_to(a, (2, 2)); np.broadcast_to(s, 3); np.broadcast_to(v, shape=(2, 3, 4)).sum(axis=1); np.broadcast_arrays(r, v)[0]; np.broadcast_arrays(M, v)[1] * M; np.concatenate([x, y]); np.concatenate((M, N), axis=1)
        np.concatenate([M, v[None]]); np.concatenate([M, N], axis=-1); np.concatenate([M, N], axis=None); np.concatenate([x, k]); np.concatenate([h, M]); np.concatenate([M, N], 0); np.concatenate([x[:3], [1.0, 2.0], [a]]); np.concat([x, y])
        np.concatenate([x, y], dtype=np.float32); np.stack([x, y]); np.stack((x, y), axis=1); np.stack([x, y], axis=-1); np.stack([M, N], 1); np.stack([a, 1.0]); np.hstack([x, y]); np.hstack((M, N)); np.hstack([a, x]); np.vstack([x, y])
        np.vstack((M, v)); np.column_stack([x, y]); np.column_stack((x, M.reshape(12, 1))); np.dstack([x, y]); np.dstack((M, N)); np.block([[M, N], [N, M]]); np.block([x, y]); np.block([[Q, Q[:, :1]], [v, a]]); np.block([[np.eye(2), x[:2, None]], [x[2:4], a]])
        np.split(x, 3)[0]; np.split(x, [2, 5])[1]; np.split(M, 2, axis=1)[1]; np.array_split(x, 5)[4]; np.array_split(M, 2)[0]; np.hsplit(M, 2)[0]; np.vsplit(Q, 2)[1]; np.hsplit(x, 2)[1]; np.dsplit(B, 2)[0]; sum(np.split(x, 3)); np.unstack(M)[1]
        np.tile(x, 2); np.tile(M, (2, 1)); np.tile(M, (2, 2, 1)); np.tile(v, (3, 1)); np.tile(a, 3); np.tile(B, 2); np.repeat(x, 2); np.repeat(M, 2, axis=0); np.repeat(M, 3, axis=-1); np.repeat(v, [1, 0, 2, 1]); np.repeat(M, [2, 1, 1], axis=0)
        np.repeat(M, 2); x.repeat(2); np.repeat(a, 3); np.roll(x, 2); np.roll(x, -n); np.roll(M, 1); np.roll(M, 1, axis=0); np.roll(M, -1, axis=1); np.roll(M, (1, 2), axis=(0, 1)); np.roll(M, 1, axis=(0, 1)); np.roll(M, shift=1, axis=-1)
        np.flip(x); np.flip(M); np.flip(M, 0); np.flip(M, axis=1); np.flip(B, (0, 2)); np.fliplr(M); np.flipud(M); np.rot90(M); np.rot90(M, 2); np.rot90(M, k=3); np.rot90(M, -1); np.rot90(B, 1, (1, 2)); np.rot90(B, axes=(0, 2))
        np.pad(x, 2); np.pad(x, (1, 2)); np.pad(M, ((1, 0), (0, 2))); np.pad(M, 1, mode="constant", constant_values=2.0); np.pad(M, ((1, 2), (0, 1)), constant_values=((1.0, 2.0), (3.0, 4.0))); np.pad(x, 2, constant_values=a); np.pad(M, ((1, 1),))
        np.pad(x, (2, 1), "edge"); np.pad(M, 1, "edge"); np.pad(M, ((0, 2), (1, 0)), mode="wrap"); np.pad(x, 15, mode="wrap"); np.pad(x, 3, mode="reflect"); np.pad(M, 1, "reflect"); np.pad(x, 25, "reflect"); np.pad(M, 2, "symmetric")
        np.pad(x, 30, mode="symmetric"); np.pad(x, (2, 3), "linear_ramp"); np.pad(x, 2, "linear_ramp", end_values=(1.0, 2.0)); np.pad(M, 1, "linear_ramp", end_values=a); np.pad(M, 1, "maximum"); np.pad(M, ((1, 0), (0, 1)), "minimum"); np.pad(M, 2, "mean")
        np.tril(Q); np.triu(Q); np.tril(M, 1); np.triu(M, k=-1); np.tril(B); np.triu(Q, n); np.diag(v); np.diag(v, 1); np.diag(v, k=-2); np.diag(Q); np.diag(M, 1); np.diag(M, -1); np.diagonal(M); Q.diagonal(); np.diagonal(B, 1, 1, 2); np.diagonal(B, axis1=0, axis2=2)
        Q.diagonal(offset=-1); np.diagflat(v); np.diagflat(M, 1); np.eye(3) @ M; np.eye(3, 4, k=1) * M; np.eye(n) * a; np.identity(4) * v; np.identity(n) * a; np.eye(4, dtype=int) * v; np.meshgrid(v, x)[0]; np.meshgrid(v, x)[1]; np.meshgrid(v, x, indexing="ij")[0]
        np.meshgrid(v, x, sparse=True)[1]; np.meshgrid(v, v, v)[2]; np.meshgrid(v, v, x, indexing="ij", sparse=True)[1]; np.outer(x, y); np.outer(M, v); np.kron(v, x); np.kron(M, Q); np.kron(v, M); np.kron(np.eye(2), M); np.ix_(k, [0])[0] * a
        np.indices((3, 4))[0] * M; np.indices((3, 4), sparse=True)[1] * M; np.fromfunction(lambda i, j: i - j, (3, 4)) * M; np.fromfunction(lambda i, j: a * i * j, (3, 4)); np.full(3, a); np.full((2, 3), a); np.full((2, 4), v); np.full(3, 2) * a; np.full(shape=3, fill_value=a)
        np.full_like(x, a); np.full_like(M, v); np.zeros(3) + a; np.zeros((2, 2)) + a; np.zeros(n) + a; np.zeros([2, 3], dtype=np.float32) + a; np.zeros(shape=(2,), dtype="float64") + a; np.ones((n, 2)) * a; np.ones(3, int) * a; np.ones_like(M) * v; np.zeros_like(x) + x
        np.zeros_like(x, dtype=int) + x; np.empty_like(x) * 0 + x; np.ones_like(x, shape=(2, 2)) * a; np.arange(5) * a; np.arange(2, 8, 2) * a; np.arange(0.0, 1.0, 0.25) * a; np.arange(n) * a; np.arange(5, dtype=float) * a; np.arange(x.shape[0]) * x; np.arange(10, 0, -3) * a
        np.linspace(0, 1, 5) * a; np.linspace(a, 2 * a, 4); np.linspace(0, a, num=n, endpoint=False); np.linspace(0, 1, 5, retstep=True)[1] * a; np.linspace(v, 2 * v, 3); np.linspace(0, v, 3, axis=-1); np.logspace(0, a, 4); np.geomspace(1, 9 * a, 4); np.tri(3, 4) * M; np.tri(4, k=-1) * Q
        x.astype(float); x.astype(np.float64); x.astype("float64"); x.astype(np.float32); x.astype("f4"); x.astype(complex); x.astype(int) * x; h.astype(np.float64); h.astype(float) * 2; k.astype(float) * a; m.astype(float) * x; x.astype(np.float64, copy=False); x.copy(); np.copy(x); np.array(x)
        np.array(x, copy=True); np.asarray(x); np.asarray(x, dtype=np.float32); np.array([x, y]); np.array((a, a)); np.ascontiguousarray(M.T); np.asfortranarray(M); np.array(M, ndmin=3); np.atleast_1d(a); np.atleast_1d(a, x)[1]; np.atleast_2d(x); np.atleast_3d(M); x.shape[0] * x; M.size * a
        M.ndim * a; len(M) * a; np.shape(M)[1] * a; np.size(M) * a; np.size(M, 1) * a; np.ndim(M) * a; M.nbytes * a; np.insert(x, 2, 1.0); np.insert(x, 2, a); np.insert(x, -1, [a, 1.0]); np.insert(x, [1, 3], [a, 2.0]); np.insert(M, 1, v, axis=0); np.insert(M, 1, a, axis=1); np.insert(M, [0, 2], a, axis=1)
        np.insert(M, 3, 5.0); np.delete(x, 2); np.delete(x, -1); np.delete(x, [0, 3]); np.delete(M, 1, axis=0); np.delete(M, [0, -1], axis=1); np.delete(x, slice(0, 4)); np.delete(x, slice(None, None, 2)); np.delete(M, 1, 1); np.delete(x, m); np.append(x, a); np.append(x, [1.0, a]); np.append(M, v[None], axis=0)
        np.append(M, N); np.resize(x, 5); np.resize(v, (3, 3)); np.apply_along_axis(np.sum, 0, M); np.apply_along_axis(lambda t: t * t.sum(), 1, M); np.apply_along_axis(lambda t: np.outer(t, t), 0, M); np.apply_along_axis(np.cumsum, 1, B); np.apply_along_axis(lambda t, w: t @ w, 1, M, v)
        np.apply_over_axes(np.sum, B, [0, 2]); np.real_if_close(x); np.require(x, dtype=float); x.view(); np.copyto; np.broadcast_shapes((3, 1), (1, 4))[0] * a
    """,
    "products and others": """
        np.dot(x, y); x.dot(y); np.dot(M, v); np.dot(M, N.T); np.dot(a, x); M @ v; v @ M.T; M @ N.T; B @ v; B @ M.T; B @ B.transpose(0, 2, 1); np.matmul(M, v); np.vdot(x, y); np.vdot(M, N); np.vdot(c, c); np.inner(x, y); np.inner(M, N); np.inner(M, v)
        np.outer(v, v); np.tensordot(M, N); np.tensordot(M, N, axes=([1], [1])); np.tensordot(B, M, axes=([1, 2], [0, 1])); np.tensordot(v, v, 0); np.tensordot(M, Q, axes=1); np.tensordot(M, Q, axes=(1, 0)); np.einsum("ij,kj->ik", M, N); np.einsum("i,i", x, x); np.einsum("i,i->", x, y)
        np.einsum("ij->ji", M); np.einsum("ii", Q); np.einsum("ii->i", Q); np.einsum("ij->j", M); np.einsum("ij,j->i", M, v); np.einsum("bij,bkj->bik", B, B); np.einsum("...ij,j->...i", B, v); np.einsum("i,j->ij", v, x); np.einsum("ij,ij->i", M, N); np.einsum("i,ij,j", v, Q, v)
        np.einsum("ijk->k", B); np.einsum("ij,jk", M, Q); np.einsum("i, i ->", x, y); np.vecdot(M, N); np.vecdot(M, N, axis=0); np.vecdot(c, c); np.cross(x[:3], y[:3]); np.cross(M[:, :3], N[:, :3]); np.cross(M[:, :3], x[:3]); np.cross(x[:2], y[:2]); np.cross(M[:3], N[:3], axis=0)
        np.cross(x[:3], y[:2]); np.cross(M[:, :3], N[:, :3], axisc=0); np.convolve(x, v); np.convolve(x, v, "same"); np.convolve(x, v, mode="valid"); np.convolve(v, x, "valid"); np.convolve(x, [1.0, -1.0]); np.correlate(x, v); np.correlate(x, v, "full"); np.correlate(x, v, mode="same"); np.correlate(c, c)
        np.interp(0.3, np.cumsum(y), x); np.interp(v, np.arange(12.0), x); np.interp(x, [0.0, 0.5, 1.0], [a, 2.0, 3.0]); np.interp(x, [-0.5, 0.5], v[:2], left=0.0, right=a); np.interp(x, [0.1, 0.4, 0.7], v[:3], period=1.0); np.interp(a, np.arange(4.0), v); np.polyval(v, a); np.polyval([1.0, 2.0, 3.0], x)
        np.polyval(v, x); np.polyder(v); np.polyint(v); np.polyadd(v, x[:2]); np.polymul(v, v); np.trapezoid(x); np.trapezoid(x, dx=0.5); np.trapezoid(y, np.cumsum(y)); np.trapezoid(M, axis=0); np.trapezoid(M, v.cumsum(), axis=1); np.gradient(x); np.gradient(x, 0.5); np.gradient(M)[0]; np.gradient(M, axis=1)
        np.gradient(x, np.cumsum(y)); np.gradient(M, 0.1, 0.2)[1]; np.cov(M); np.cov(x, y); np.cov(M, rowvar=False); np.cov(M, ddof=0); np.corrcoef(M); np.corrcoef(x, y); np.bincount(k, weights=x[:5]); np.bincount(k, x[:5], minlength=9); np.bincount(k) * a; np.histogram(x, bins=4)[0] * a
        np.histogram(x, bins=4)[1]; np.histogram(x, bins=3, weights=y)[0]; np.histogram(x, bins=[-2.0, 0.0, 0.5, 3.0], weights=y)[0]; np.histogram(x, 5, range=(-1, 1), weights=y)[0]; np.histogram(x, bins=4, weights=y, density=True)[0]; np.histogram_bin_edges(x, 4); np.vander(v); np.vander(v, 3, increasing=True)
        np.hanning(12) * x; np.hamming(12) * x; np.blackman(12) * x; np.bartlett(12) * x; np.allclose(x, x) * x; np.array_equal(x, x) * x; np.array_equal(x, y) * x; np.array_equiv(x, x) * x; np.isscalar(a) * a; np.iscomplexobj(c) * a; np.result_type(h, M).itemsize * a; np.may_share_memory; np.finfo(x.dtype).bits * x
        np.sqrt(np.mean((x - y) ** 2)); ((M - M.mean(0)) / M.std(0)).sum(1); np.exp(-0.5 * ((x[:, None] - v[None, :]) ** 2)); np.maximum(0, M @ Q); (M[:, None, :] - N[None, :, :]) ** 2; np.sum((M[:, None] - N) ** 2, axis=-1); np.tril(Q) @ v; np.linalg.multi_dot
    """,
}

#: Names that are no floats: given, not differentiated.
CONSTANTS = frozenset("k K m W n z".split())


def arguments() -> dict[str, object]:
    """Return what the names stand for."""
    rng = np.random.default_rng(7)
    x = np.array([0.61, -0.43, 1.37, 0.07, -1.21, 0.83, 0.29, -0.71, 1.83, -0.17, 0.47, -1.53])
    return {
        "x": x,
        "y": np.array([0.52, 1.31, 0.73, 2.11, 0.34, 0.91, 1.74, 0.66, 1.12, 0.45, 1.93, 0.81]),
        "M": rng.standard_normal((3, 4)),
        "N": rng.standard_normal((3, 4)),
        "Q": rng.standard_normal((4, 4)),
        "B": rng.standard_normal((2, 3, 4)),
        "v": np.array([0.31, 1.24, -0.57, 0.86]),
        "c": rng.standard_normal(6) + 1j * rng.standard_normal(6),
        "h": rng.standard_normal((3, 4)).astype(np.float32),
        "e": np.zeros(0),
        "s": np.array(0.7),
        "o": np.array([1.3]),
        "r": rng.standard_normal((3, 1)),
        "a": 0.73,
        "k": np.array([0, 2, 2, 1, 4]),
        "K": np.array([[0, 1], [3, 0], [2, 2]]),
        "m": x > -0.5,
        "W": np.array([[True, False, True, True], [False, True, False, True], [True, True, False, False]]),
        "n": 3,
        "z": np.array([1.0, np.nan, 2.0, 3.0]),
    }


def expressions(family: str) -> list[str]:
    """Return the expressions of a family."""
    return [part.strip() for line in FORMS[family].strip().splitlines() for part in line.split(";") if part.strip()]
