"""Every program of the corpus: value, gradient, untouched inputs, both executors, dumps, second order.

What is computed about a program is computed once per session (`Known`); the tests of
one program run together.  Compilation dominates: one gradient is compiled per
program, the rest runs in the interpreter.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.program import parse, show
from tests import oracles
from tests.programs.corpus import Program, corpus
from tests.shared_kernels import VARIABLE, note_of

PROGRAMS = corpus()


class Known:
    """What the tests of one program share, each computed when first asked for."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.argnums = program.argnums if isinstance(program.argnums, tuple) else (program.argnums,)
        self.active = tuple(program.args[k] for k in self.argnums)

    def plain(self, *args: Any) -> Any:
        return getattr(self.program.function, "py_func", self.program.function)(*args, **self.program.kwargs)

    @functools.cached_property
    def value(self) -> Any:
        return self.plain(*oracles.copied(self.program.args))

    @functools.cached_property
    def scalar(self) -> bool:
        return isinstance(self.value, (float, np.floating))

    @functools.cached_property
    def gradient(self) -> Any:
        """The compiled gradient with the value."""
        with override(cache=False, interpret=False):
            return revtrace.value_and_grad(self.program.function, argnums=self.argnums)

    def derive(self, **settings: Any) -> tuple[Any, tuple[Any, ...], bool]:
        """Return value, gradients by argument, and whether the arguments are as they were."""
        args = oracles.copied(self.program.args)
        before = oracles.fingerprint(args)
        with override(cache=False, **settings):
            if self.scalar:
                compiled = not settings["interpret"]
                handle = self.gradient if compiled else revtrace.value_and_grad(self.program.function, self.argnums)
                value, gradients = handle(*args, **self.program.kwargs)
            else:
                value, pullback = revtrace.vjp(self.program.function, *args, **self.program.kwargs)
                given = pullback(oracles.scalarised(value)[1])
                gradients = tuple(given[k] for k in self.argnums)
        return value, gradients, oracles.fingerprint(args) == before

    @functools.cached_property
    def interpreted(self) -> tuple[Any, tuple[Any, ...], bool]:
        return self.derive(interpret=True, verify=True)

    @functools.cached_property
    def compiled(self) -> tuple[Any, tuple[Any, ...], bool]:
        return self.derive(interpret=False)

    def note(self, test: str) -> Path | None:
        """Return where it is noted that a test has passed for the very program of the gradient, see `note_of`."""
        if VARIABLE not in os.environ:
            return None
        with override(cache=False, interpret=False):
            program = self.gradient.program(*oracles.copied(self.program.args), **self.program.kwargs)
        return note_of(test, str(self.program), show.show(program))

    def directions(self, most: int = 10) -> list[np.ndarray]:
        return oracles.directions(oracles.vector(self.active).size, most=most)


def _parameters() -> list[Any]:
    return [pytest.param(p, id=str(p), marks=[pytest.mark.slow] if "slow" in p.tags else []) for p in PROGRAMS]


@pytest.fixture(scope="module", params=_parameters())
def known(request: pytest.FixtureRequest) -> Known:
    return Known(request.param)


def _close(given: tuple[Any, ...], expected: tuple[Any, ...], rtol: float) -> None:
    a, b = oracles.vector(given), oracles.vector(expected)
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1e-300, float(np.max(np.abs(b), initial=0.0))))


def test_value_is_the_plain_functions(known: Known) -> None:
    for value, _, _ in (known.interpreted, known.compiled):
        assert oracles.same(value, known.value) or "either-float" in known.program.tags
        assert oracles.ulps(value, known.value) <= known.program.ulp


def test_gradient_has_structure_of_argument(known: Known) -> None:
    for gradient, argument in zip(known.compiled[1], known.active, strict=True):
        assert oracles.same(gradient, argument)


def test_gradient(known: Known) -> None:
    program, gradients = known.program, known.compiled[1]
    if program.gradient is not None:
        given = program.gradient if isinstance(program.argnums, tuple) else (program.gradient,)
        _close(gradients, given, program.figures)
    if program.oracle == "given":
        return
    scale = float(np.max(np.abs(oracles.vector(gradients)), initial=1e-6))
    for direction in known.directions():
        real, imaginary = oracles.restricted(known.plain, program.args, known.argnums, direction)
        ours = oracles.pairing(gradients, direction)
        if program.oracle == "complex":
            assert ours == pytest.approx(oracles.complex_step(imaginary), rel=1e-10, abs=1e-12 * scale)
        else:
            estimate = oracles.along(real, program.step)
            slack = 10 * estimate.error + program.rtol * scale
            assert ours == pytest.approx(estimate.value, rel=program.rtol, abs=slack)


def test_arguments_are_untouched(known: Known) -> None:
    assert known.interpreted[2]
    assert known.compiled[2]


def test_interpreter_equals_compiled(known: Known) -> None:
    (value, gradients, _), (other, others, _) = known.interpreted, known.compiled
    single = any(np.asarray(leaf).dtype.itemsize == 4 for leaf in oracles.numbers((value, gradients)))
    assert oracles.ulps(value, other) <= known.program.ulp
    # Sums of adjoints may be reassociated; the values they add may cancel.
    _close(gradients, others, 1e-4 if single else max(1e-11, 1e-4 * known.program.rtol))


def test_dump_parses_back(known: Known) -> None:
    with override(cache=False, interpret=True):
        program = revtrace.wrap(known.program.function).program(
            *oracles.copied(known.program.args), **known.program.kwargs
        )
    text = show.show(program)
    again = parse.parse(text)
    assert show.show(again) == text


def test_second_order(known: Known) -> None:
    program = known.program
    if not program.smooth or not known.scalar or any(np.iscomplexobj(n) for n in oracles.numbers(known.active)):
        pytest.skip("no second derivative is claimed")
    note = known.note("second order")
    if note is not None and note.exists():
        return
    rng = np.random.default_rng(0)
    start = oracles.vector(known.active)
    v, w = rng.uniform(0.5, 1.0, start.size), rng.uniform(-1, 1, start.size)

    def slope(t: float) -> float:
        args = oracles.copied(program.args)
        full = list(args)
        for k, value in zip(known.argnums, oracles.with_vector(known.active, start + t * v), strict=True):
            full[k] = value
        _, gradients = known.gradient(*full, **program.kwargs)
        return oracles.pairing(gradients, w)

    estimate = oracles.along(slope, program.step, levels=4)
    tangents = [oracles.tangent(a) for a in program.args]
    for k, part in zip(known.argnums, oracles.tangent(known.active, v), strict=True):
        tangents[k] = part
    function = functools.partial(program.function, **program.kwargs)
    with override(cache=False, interpret=True, verify=True):
        product = revtrace.hvp(function, oracles.copied(program.args), tuple(tangents), argnums=known.argnums)
    ours = oracles.pairing(product, w)
    scale = max(float(np.max(np.abs(oracles.vector(product)), initial=0.0)), abs(estimate.value), 1e-6)
    assert ours == pytest.approx(estimate.value, rel=1e-6, abs=10 * estimate.error + 1e-6 * scale)
    if program.second is not None:
        assert ours == pytest.approx(program.second * v[0] * w[0], rel=program.figures)
    if note is not None:
        note.touch()


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.jax is not None], ids=str)
def test_jax_agrees(program: Program) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    args = oracles.copied(program.args)
    value, gradient = jax.value_and_grad(functools.partial(program.jax, jax.numpy), argnums=program.argnums)(*args)
    with override(cache=False, interpret=True):
        ours, mine = revtrace.value_and_grad(program.function, argnums=program.argnums)(*args)
    rtol = max(1e-9, program.rtol)
    np.testing.assert_allclose(ours, value, rtol=rtol)
    theirs = gradient if isinstance(program.argnums, tuple) else (gradient,)
    scale = max(float(np.max(np.abs(b), initial=0.0)) for b in theirs)
    for a, b in zip(mine if isinstance(program.argnums, tuple) else (mine,), theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * scale)
