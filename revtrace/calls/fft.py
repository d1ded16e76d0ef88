"""Rows of Fourier transforms.

A transform is a symmetric matrix, so its transpose, which makes cotangents, is the transform itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.calls.core import Row, Settings, Term, enter

__all__ = ["transform_settings"]


def transform_settings(axes: tuple[int, ...], inverse: bool, norm: str | None) -> Settings:
    """Return the settings of a transform along some axes."""
    return (("axes", axes), ("inverse", inverse), ("norm", norm))


def _transform(x: Any, *, axes: tuple[int, ...], inverse: bool, norm: Any) -> Any:
    if not x.size:
        return x
    return (np.fft.ifftn if inverse else np.fft.fftn)(x, axes=axes, norm=norm)


enter(
    Row(
        "fft",
        _transform,
        terms=lambda settings: (Term(0, "fft", (("bar", 0),), settings),),
        tangents=lambda settings: (Term(0, "fft", (("dot", 0),), settings),),
    )
)
