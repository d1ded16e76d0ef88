"""Spectra of segments, peaks of signals, estimates of densities, and rotations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.trace.libraries.checks import like_the_library

pytest.importorskip("scipy")
from scipy import signal, stats
from scipy.spatial.transform import Rotation

X = np.array([0.61, -0.43, 1.37, 0.07, -1.21, 0.83, 0.29, -0.71, 0.52, 1.31, 0.73, 2.11, 0.34])
LEVEL = np.array([0.1, 0.9, 0.9, 0.2, 0.4, 0.3, 1.4, 1.4, 1.4, 0.5, 0.6, 0.0])


def of_short_transforms(x):
    both = signal.stft(x, nperseg=4)[2]
    return (
        np.abs(both), signal.istft(both, nperseg=4)[1], signal.spectrogram(x, fs=2.0, nperseg=8)[2],
        np.abs(signal.stft(x, nperseg=8, noverlap=6, boundary=None, padded=False)[2]),
    )  # fmt: skip


def of_spectra(x):
    y = x[::-1] ** 2
    cross = signal.csd(x, y, fs=3.0, nperseg=8)[1]
    return (
        np.real(cross), np.imag(cross), signal.coherence(x, y, nperseg=4)[1],
        signal.welch(x, nperseg=4, average="median")[1], signal.welch(x, nperseg=8, detrend="linear")[1],
        signal.welch(x, nperseg=8, return_onesided=False)[1], signal.welch(x, window=("tukey", 0.25), nperseg=8)[1],
        signal.periodogram(x, window="flattop", scaling="spectrum")[1],
    )  # fmt: skip


def of_peaks(x):
    peaks, about = signal.find_peaks(x, height=0.2, prominence=0.1, width=0.1)
    near, _ = signal.find_peaks(x, distance=4)
    strong = signal.peak_prominences(x, peaks, wlen=5)[0]
    names = ("peak_heights", "prominences", "widths", "width_heights", "left_ips", "right_ips")
    return x[peaks] * x[0], [about[name] for name in names], x[near], strong, signal.peak_widths(x, peaks)[0]


def of_densities(x):
    places = np.array([0.1, 0.4])
    estimate = stats.gaussian_kde(x)
    plane = stats.gaussian_kde(np.reshape(x[:10], (2, 5)), bw_method="silverman")
    heavy = stats.gaussian_kde(np.sort(x), weights=np.exp(x), bw_method=0.3)
    return estimate(places), estimate.logpdf(places), plane(np.zeros((2, 1))), heavy.evaluate(x[0])


def of_frozen(a):
    dist = stats.norm(a, 1.0 + a)
    return dist.entropy(), dist.median(), dist.interval(0.9), stats.gamma(1.0 + a, scale=2.0).stats()


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (of_short_transforms, (X,)), (of_spectra, (X,)), (of_peaks, (X,)), (of_peaks, (LEVEL,)),
        (of_densities, (X,)), (of_frozen, (0.73,)),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)  # fmt: skip
def test_values_and_gradients(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    like_the_library(function, *args)


def test_rotations() -> None:
    pytest.importorskip("scipy.spatial.transform._rotation_xp", reason="this SciPy has them in compiled form only")
    fixed = Rotation.from_euler("zyx", [0.3, -0.2, 0.5])

    def f(v, q, points):
        one, two = Rotation.from_rotvec(v), Rotation.from_quat(q)
        turned = (one * two.inv() * fixed).apply(points)
        return (
            turned, two.as_euler("ZXZ"), Rotation.from_euler("xyz", v * 30.0, degrees=True).as_quat(), one.magnitude(),
            fixed.as_matrix() @ v, Rotation.from_matrix(one.as_matrix()).as_rotvec(), (one**0.5).as_mrp(),
        )  # fmt: skip

    like_the_library(f, X[:3], X[3:7], np.reshape(X[7:13], (2, 3)))
