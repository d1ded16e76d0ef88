"""Enters the rows of this package, by importing their modules."""

from __future__ import annotations

from revtrace.calls import clocks, draws, factorisations, fft, scipy_linalg, sparse, spectra, systems

__all__ = ["clocks", "draws", "factorisations", "fft", "scipy_linalg", "sparse", "spectra", "systems"]
