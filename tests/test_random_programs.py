"""Random structured programs: interpreter, compiled code and the complex step agree.

`REVTRACE_TEST_PROFILE=long` draws a thousand instead of a few.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note, settings

import revtrace
from revtrace.config import override
from tests import oracles
from tests.random_source import Tree, load, programs, render

ARGS = (np.array([0.3, -0.8, 1.1, 0.2]), np.array([0.5, -0.4, 0.9]), 0.7, 3)
ARGNUMS = (0, 1, 2)

Loader = Callable[[Tree], tuple[Callable[..., Any], Callable[..., Any]]]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loader:
    """Return what writes a drawn program to files and imports both renderings."""
    folder: pathlib.Path = tmp_path_factory.mktemp("random")
    count = 0

    def both(tree: Tree) -> tuple[Callable[..., Any], Callable[..., Any]]:
        nonlocal count
        count += 1
        source = render(tree)
        note(source)
        return load(source, folder / f"real_{count}.py"), load(
            render(tree, imaginary=True), folder / f"imaginary_{count}.py"
        )

    return both


def _agrees(function: Callable[..., Any], oracle: Callable[..., Any], **chosen: Any) -> None:
    args = oracles.copied(ARGS)
    with override(cache=False, **chosen):
        value, gradients = revtrace.value_and_grad(function, argnums=ARGNUMS)(*args)
    assert oracles.fingerprint(args) == oracles.fingerprint(ARGS)
    plain = function(*oracles.copied(ARGS))
    assert oracles.ulps(value, plain) <= 4
    scale = max(1.0, float(np.max(np.abs(oracles.vector(gradients)))))
    for direction in oracles.directions(oracles.vector(ARGS[:3]).size, most=8):
        _, imaginary = oracles.restricted(oracle, ARGS, ARGNUMS, direction)
        expected = oracles.complex_step(imaginary)
        assert oracles.pairing(gradients, direction) == pytest.approx(expected, rel=1e-9, abs=1e-11 * scale)


@given(tree=programs())
def test_interpreter_agrees_with_complex_step(loaded: Loader, tree: Tree) -> None:
    _agrees(*loaded(tree), interpret=True, verify=True)


@settings(max_examples=max(4, settings().max_examples // 5))
@given(tree=programs())
def test_compiled_agrees_with_complex_step(loaded: Loader, tree: Tree) -> None:
    _agrees(*loaded(tree), interpret=False)


@given(tree=programs())
def test_forward_mode_agrees_with_complex_step(loaded: Loader, tree: Tree) -> None:
    function, oracle = loaded(tree)
    direction = np.linspace(-1.0, 1.0, 8)
    tangents = (*oracles.tangent(ARGS[:3], direction), None)
    with override(cache=False, interpret=True, verify=True):
        _, slope = revtrace.jvp(function, oracles.copied(ARGS), tangents)
    _, imaginary = oracles.restricted(oracle, ARGS, ARGNUMS, direction)
    assert slope == pytest.approx(oracles.complex_step(imaginary), rel=1e-9, abs=1e-11)
