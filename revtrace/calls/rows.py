"""Enters the rows of this package, by importing their modules."""

from __future__ import annotations

import revtrace.calls.draws
import revtrace.calls.fft
import revtrace.calls.linalg
import revtrace.calls.scipy_linalg

__all__: list[str] = []

assert revtrace.calls.draws and revtrace.calls.fft and revtrace.calls.scipy_linalg and revtrace.calls.linalg
