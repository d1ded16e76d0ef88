"""SciPy in every argument form: value, shape and dtype are SciPy's, the derivative that of differences.

The expressions are data (`scipy_forms.txt`).  All run in the interpreter; `test_compiled` compiles some of each kind.
"""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("scipy")

import scipy
from scipy import fft, linalg, signal, special, stats

from revtrace.config import override
from tests.trace.forms import check

MODULES = {"scipy": scipy, "fft": fft, "linalg": linalg, "signal": signal, "special": special, "stats": stats}
_LINES = (Path(__file__).parent / "scipy_forms.txt").read_text().splitlines()
FORMS = [line for line in _LINES if line and not line.startswith("#")]


@pytest.mark.parametrize("expression", FORMS)
def test_form(expression: str) -> None:
    with override(interpret=True, cache=False):
        check(expression, **MODULES)


@pytest.mark.parametrize("expression", FORMS[::23])
def test_compiled(expression: str) -> None:
    with override(interpret=False, cache=False):
        check(expression, **MODULES)
