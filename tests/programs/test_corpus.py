"""The corpus itself, before revtrace sees it: programs run, repeat, and their oracles can be trusted."""

from __future__ import annotations

import numpy as np
import pytest

from tests import oracles
from tests.programs.corpus import FAMILIES, Program, corpus

PROGRAMS = corpus()


def _argnums(program: Program) -> tuple[int, ...]:
    return program.argnums if isinstance(program.argnums, tuple) else (program.argnums,)


def test_every_family_has_programs() -> None:
    assert {program.family for program in PROGRAMS} == set(FAMILIES)
    assert len(PROGRAMS) >= 110


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_program_repeats(program: Program) -> None:
    once = program.function(*oracles.copied(program.args), **program.kwargs)
    again = program.function(*oracles.copied(program.args), **program.kwargs)
    assert oracles.ulps(once, again) == 0
    assert np.all(np.isfinite(oracles.vector(once)))
    if program.value is not None:
        assert once == pytest.approx(program.value, rel=program.figures)


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.oracle != "given"], ids=str)
def test_oracle_can_be_trusted(program: Program) -> None:
    argnums = _argnums(program)
    size = oracles.vector(tuple(program.args[k] for k in argnums)).size

    def function(*args):
        return program.function(*args, **program.kwargs)

    for direction in oracles.directions(size, most=6):
        real, imaginary = oracles.restricted(function, program.args, argnums, direction)
        estimate = oracles.along(real, program.step)
        if program.oracle == "complex":
            exact = oracles.complex_step(imaginary)
            assert estimate.value == pytest.approx(exact, rel=1e-6, abs=1e-8)
        else:
            assert estimate.error <= 3 * program.rtol * max(abs(estimate.value), 1e-3)


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.oracle == "given"], ids=str)
def test_given_gradient_has_the_shape_of_the_argument(program: Program) -> None:
    argnums = _argnums(program)
    active = tuple(program.args[k] for k in argnums)
    given = program.gradient if isinstance(program.argnums, tuple) else (program.gradient,)
    assert oracles.vector(given).shape == oracles.vector(active).shape
