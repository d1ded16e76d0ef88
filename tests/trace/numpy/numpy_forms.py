"""What the expressions of ``numpy_forms.txt`` are about: one array of each kind, by the name it has there.

``x`` and ``y`` have 12 numbers (those of ``y`` are positive), ``M`` and ``N`` are 3 by 4, ``Q`` is 4 by 4, ``B`` is
2 by 3 by 4, ``v`` has 4; ``c`` is complex, ``h`` float32, ``e`` empty, ``s`` 0-d, ``o`` of one element, ``r`` a column,
``a`` a float.  Constants: ``k`` and ``K`` are integers, ``m`` and ``W`` masks, ``n`` an int, ``z`` has NaNs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["CONSTANTS", "arguments", "expressions"]

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


def expressions() -> list[str]:
    """Return the expressions of the list."""
    lines = (Path(__file__).parent / "numpy_forms.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]
