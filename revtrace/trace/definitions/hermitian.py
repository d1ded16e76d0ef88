"""Fourier transforms of signals that are symmetric in time: ``numpy.fft.hfft`` and its inverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.definitions.register import define, finish

__all__: list[str] = []

_OPPOSITE: Any = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


@define(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    """The real spectrum of a signal that is its mirror image's conjugate."""
    return finish(np.fft.irfft(np.conj(np.asarray(a)), n, axis, norm=_OPPOSITE[norm]), out)


@define(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    """The half of a signal that has a real spectrum."""
    return finish(np.conj(np.fft.rfft(np.asarray(a), n, axis, norm=_OPPOSITE[norm])), out)
