"""Derivatives of programs without the passes: complex step through the interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from revtrace.program import Program
from revtrace.program.types import is_inexact
from revtrace.replay.interpret import run

__all__ = ["copies", "gradients", "seeds_for", "stepped"]

STEP = 1e-40


def copies(args: Sequence[Any]) -> list[Any]:
    """Return arguments a program may write to."""
    return [a.copy() if isinstance(a, np.ndarray) else a for a in args]


def seeds_for(program: Program, args: Sequence[Any], seed: int = 0) -> tuple[list[int], list[Any]]:
    """Return the positions of floating results and a random cotangent for each."""
    rng = np.random.default_rng(seed)
    values = run(program, copies(args))
    at = [k for k, x in enumerate(program.body.results) if is_inexact(x.type.dtype)]
    return at, [
        rng.uniform(-1, 1, values[k].shape) if isinstance(values[k], np.ndarray) else float(rng.uniform(-1, 1))
        for k in at
    ]


def stepped(program: Program, args: Sequence[Any], dots: Sequence[Any]) -> list[Any]:
    """Return the tangents of all results along ``dots``, by complex step."""
    moved = [
        a + 1j * STEP * d if d is not None else (a.copy() if isinstance(a, np.ndarray) else a)
        for a, d in zip(args, dots, strict=True)
    ]
    return [np.imag(r) / STEP for r in run(program, moved)]


def gradients(
    program: Program, args: Sequence[Any], inputs: Sequence[int], at: Sequence[int], seeds: Sequence[Any]
) -> list[Any]:
    """Return the gradients of ``sum(seed * result)``, one complex step per element."""
    found = []
    for k in inputs:
        a = np.asarray(args[k], dtype=float)
        grad = np.zeros(a.shape)
        for index in np.ndindex(a.shape):
            dots: list[Any] = [None if np.asarray(x).dtype.kind in "biu" else 0.0 * x for x in args]
            unit = np.zeros(a.shape)
            unit[index] = 1.0
            dots[k] = unit if a.shape else 1.0
            tangents = stepped(program, args, dots)
            grad[index] = sum(float(np.sum(s * tangents[j])) for j, s in zip(at, seeds, strict=True))
        found.append(grad)
    return found
