"""``scipy.fft``: cosine and sine transforms by Fourier transforms, and good lengths for those."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import refuse
from revtrace.trace.libraries.register import stands_for

__all__: list[str] = []


def _cosines(x: Any, n: Any, axis: Any, norm: Any, forward: Any) -> Any:
    """The transform of type 2 (``forward``), or of type 3, which undoes it but for a factor."""
    x = np.moveaxis(np.asarray(x) * 1.0, axis, -1)
    if n is not None:
        known = min(n, x.shape[-1])
        wide = np.zeros((*x.shape[:-1], n), x.dtype)
        wide[..., :known] = x[..., :known]
        x = wide
    size = x.shape[-1]
    turns = np.exp(-0.5j * np.pi / size * np.arange(size))
    scale = np.ones(size)
    if norm == "ortho":
        scale = np.full(size, np.sqrt(0.5 / size))
        scale[0] = np.sqrt(0.25 / size)
    if forward:
        mirrored = np.concatenate((x, x[..., ::-1]), axis=-1)
        found = np.real(np.fft.fft(mirrored)[..., :size] * turns) * scale
    else:
        x = x * (scale if norm != "ortho" else scale * np.where(np.arange(size) == 0, 2.0, 1.0))
        found = 2.0 * np.real(np.fft.fft(x * turns, 2 * size)[..., :size]) - x[..., :1]
    return np.moveaxis(found, -1, axis)


def _transformed(x: Any, type: Any, n: Any, axis: Any, norm: Any, orthogonalize: Any, inverse: Any) -> Any:
    if type not in (2, 3) or orthogonalize is not None:
        refuse(f"a cosine transform of type {type}, or orthogonalize", instead="use type=2 or 3, or write its sum")
    if norm not in (None, "backward", "ortho", "forward"):
        raise ValueError("Invalid norm value")
    forward = (type == 2) != inverse
    x = np.asarray(x)
    kind = x.dtype if x.dtype.kind in "fc" else np.dtype(float)
    if kind.kind == "c":
        found = _cosines(x.real, n, axis, norm, forward) + 1j * _cosines(x.imag, n, axis, norm, forward)
    else:
        found = _cosines(x, n, axis, norm, forward)
    found = found.astype(kind)
    # Both transforms, one after the other, multiply by twice the length.
    divided = norm != "ortho" and (norm == "forward") != inverse
    return found / (2.0 * found.shape[axis]) if divided else found


@stands_for("scipy.fft.dct")
def dct(
    x: Any, type: Any = 2, n: Any = None, axis: Any = -1, norm: Any = None, overwrite_x: Any = False,
    workers: Any = None, orthogonalize: Any = None,
) -> Any:  # fmt: skip
    """The cosine transform along an axis (Makhoul, 1980)."""
    return _transformed(x, type, n, axis, norm, orthogonalize, False)


@stands_for("scipy.fft.idct")
def idct(
    x: Any, type: Any = 2, n: Any = None, axis: Any = -1, norm: Any = None, overwrite_x: Any = False,
    workers: Any = None, orthogonalize: Any = None,
) -> Any:  # fmt: skip
    """The cosine transform along an axis, undone."""
    return _transformed(x, type, n, axis, norm, orthogonalize, True)


def _each_axis(x: Any, type: Any, s: Any, axes: Any, norm: Any, orthogonalize: Any, inverse: Any) -> Any:
    x = np.asarray(x)
    if s is not None:
        refuse("a cosine transform with s", instead="cut or pad the array first")
    for axis in range(x.ndim) if axes is None else (axes if np.iterable(axes) else (axes,)):
        x = _transformed(x, type, None, axis, norm, orthogonalize, inverse)
    return x


@stands_for("scipy.fft.dctn")
def dctn(
    x: Any, type: Any = 2, s: Any = None, axes: Any = None, norm: Any = None, overwrite_x: Any = False,
    workers: Any = None, *, orthogonalize: Any = None,
) -> Any:  # fmt: skip
    """The cosine transform along several axes."""
    return _each_axis(x, type, s, axes, norm, orthogonalize, False)


@stands_for("scipy.fft.idctn")
def idctn(
    x: Any, type: Any = 2, s: Any = None, axes: Any = None, norm: Any = None, overwrite_x: Any = False,
    workers: Any = None, *, orthogonalize: Any = None,
) -> Any:  # fmt: skip
    """The cosine transform along several axes, undone."""
    return _each_axis(x, type, s, axes, norm, orthogonalize, True)


@stands_for("scipy.fft.next_fast_len")
def next_fast_len(target: Any, real: Any = False) -> Any:
    """The least length from ``target`` on that has only small prime factors."""
    n = target
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if not real:
            for prime in (7, 11):
                while rest % prime == 0:
                    rest //= prime
        if rest == 1:
            return n
        n += 1
