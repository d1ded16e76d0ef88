"""``scipy.signal``: spectra as means over overlapping segments (Welch, 1967)."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import require
from revtrace.trace.libraries.register import stands_for

__all__: list[str] = []

#: Cosines of the windows that repeat: these may have a length that is known only when running.
_COSINES = {"boxcar": (1.0,), "hann": (0.5, -0.5), "hamming": (0.54, -0.46), "blackman": (0.42, -0.5, 0.08)}


def _window(window: Any, n: Any) -> Any:
    if not isinstance(window, (str, tuple)):
        return np.asarray(window)
    name = window.removesuffix("_periodic") if isinstance(window, str) else None
    if name not in _COSINES:
        from scipy import signal  # type: ignore[import-untyped,unused-ignore]

        return signal.get_window(window, n)
    angle = 2.0 * np.pi * np.arange(n) / n
    total = np.zeros(n)
    for k, c in enumerate(_COSINES[name]):
        total = total + c * np.cos(k * angle)
    return total


def _segments(x: Any, size: Any, step: Any) -> Any:
    """Parts of signals along their last axis, which becomes two: the parts, and the places in them."""
    first = np.arange((x.shape[-1] - size) // step + 1) * step
    return x[..., first[:, None] + np.arange(size)]


@stands_for("scipy.signal._spectral_py._fft_helper")
def fft_helper(
    x: Any, win: Any, detrend_func: Any, nperseg: Any, noverlap: Any, nfft: Any, sides: Any
) -> Any:  # fmt: skip
    """Transforms of the segments of a signal."""
    parts = win * detrend_func(_segments(x, nperseg, nperseg - noverlap))
    return np.fft.fft(parts, n=nfft) if sides == "twosided" else np.fft.rfft(np.real(parts), n=nfft)


def _detrended(parts: Any, detrend: Any) -> Any:
    if detrend == "constant":
        return parts - np.mean(parts, axis=-1, keepdims=True)
    if detrend == "linear":
        from scipy import signal

        return signal.detrend(parts, axis=-1)
    return parts if detrend is False else detrend(parts)


def _median_bias(count: Any) -> Any:
    """The mean of the median of so many numbers whose distribution is exponential, times their rate."""
    k = 2.0 * np.arange(1.0, (count - 1) // 2 + 1)
    return 1.0 + np.sum(1.0 / (k + 1.0) - 1.0 / k)


def _averaged(power: Any, average: Any) -> Any:
    """The mean or the median over the segments, the axis before the last."""
    if average == "mean":
        return np.mean(power, axis=-2)
    if average != "median":
        raise ValueError(f"Parameter {average=} must be 'median' or 'mean'!")
    if np.iscomplexobj(power):
        found = np.median(np.real(power), axis=-2) + 1j * np.median(np.imag(power), axis=-2)
    else:
        found = np.median(power, axis=-2)
    return found / _median_bias(power.shape[-2])


@stands_for("scipy.signal.csd")
def csd(
    x: Any, y: Any, fs: Any = 1.0, window: Any = "hann", nperseg: Any = None, noverlap: Any = None, nfft: Any = None,
    detrend: Any = "constant", return_onesided: Any = True, scaling: Any = "density", axis: Any = -1,
    average: Any = "mean",
) -> Any:  # fmt: skip
    """The spectrum of two signals, or the power spectrum of one where the second is None."""
    alone = y is None
    x = np.moveaxis(np.asarray(x) * 1.0, axis, -1)
    y = x if alone else np.moveaxis(np.asarray(y) * 1.0, axis, -1)
    require(x.shape[-1] == y.shape[-1], "the spectrum of two signals of different lengths")
    n = x.shape[-1]
    if isinstance(window, (str, tuple)):
        nperseg = min(256 if nperseg is None else nperseg, n)
    elif nperseg is None:
        nperseg = len(window)
    require(nperseg <= n, "a spectrum of segments longer than the signal")
    overlap = nperseg // 2 if noverlap is None else noverlap
    nfft = nperseg if nfft is None else nfft
    shape, step = _window(window, nperseg), nperseg - overlap
    onesided = return_onesided and not (np.iscomplexobj(x) or np.iscomplexobj(y))
    parts = _detrended(_segments(x, nperseg, step), detrend) * shape
    first = np.fft.rfft(parts, nfft) if onesided else np.fft.fft(parts, nfft)
    if alone:
        power: Any = np.real(first) ** 2 + np.imag(first) ** 2
    else:
        parts = _detrended(_segments(y, nperseg, step), detrend) * shape
        power = np.conj(first) * (np.fft.rfft(parts, nfft) if onesided else np.fft.fft(parts, nfft))
    scale = 1.0 / (fs * np.sum(shape**2)) if scaling == "density" else 1.0 / np.sum(shape) ** 2
    found = _averaged(power, average) * scale
    if onesided:
        # Each frequency but zero and the last of an even length stands for its negative one, too.
        half = np.arange(nfft // 2 + 1)
        found = found * np.where((half == 0) | (2 * half == nfft), 1.0, 2.0)
    freqs = np.fft.rfftfreq(nfft, 1.0 / fs) if onesided else np.fft.fftfreq(nfft, 1.0 / fs)
    return freqs, np.moveaxis(found, -1, axis)


@stands_for("scipy.signal.welch")
def welch(
    x: Any, fs: Any = 1.0, window: Any = "hann", nperseg: Any = None, noverlap: Any = None, nfft: Any = None,
    detrend: Any = "constant", return_onesided: Any = True, scaling: Any = "density", axis: Any = -1,
    average: Any = "mean",
) -> Any:  # fmt: skip
    """The power spectrum of a signal."""
    return csd(x, None, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, average)


@stands_for("scipy.signal.periodogram")
def periodogram(
    x: Any, fs: Any = 1.0, window: Any = "boxcar", nfft: Any = None, detrend: Any = "constant",
    return_onesided: Any = True, scaling: Any = "density", axis: Any = -1,
) -> Any:  # fmt: skip
    """The power spectrum of a signal as one segment."""
    return welch(x, fs, window, np.shape(x)[axis], 0, nfft, detrend, return_onesided, scaling, axis)
