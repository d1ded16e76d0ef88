"""FUNCTIONS.md is what the registrations say, and what they say is true."""

from __future__ import annotations

import platform

import numpy as np
import pytest

from revtrace.trace.callables import functions
from tools import functions as tool


def _listed(text: str) -> set[str]:
    return set(text.replace(",", " ").split("`")[1::2])


def test_page_is_up_to_date() -> None:
    """On every CPython and numpy what this one has is listed; where the page was made, nothing else is."""
    written, now = tool.PAGE.read_text(), tool.page()
    assert not (_listed(now) - _listed(written)), "run python -m tools.functions"
    if written == now:
        return
    newer = {name for name in _listed(written) - _listed(now)}
    present = {n for n in newer if n.startswith("np.") and hasattr(np, n.split(".")[1]) and n.count(".") == 1}
    assert not present, f"{platform.python_version()}: run python -m tools.functions"


@pytest.mark.parametrize(
    "name", ["sum", "einsum", "kron", "pad", "unique", "histogram", "nanmedian", "take_along_axis"]
)
def test_registered_functions_are_listed(name: str) -> None:
    assert getattr(np, name) in functions.known()
    assert f"`np.{name}`" in tool.PAGE.read_text()


def test_what_is_only_refused_is_not_listed() -> None:
    assert eval not in functions.known()
    assert "`eval`" not in tool.PAGE.read_text()
