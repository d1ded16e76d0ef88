"""Programs of the corpus as hosts see them: a host's values for their floats, and weights for their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import revtrace
from revtrace.config import override
from revtrace.containers import build, is_float, tree_of
from revtrace.trace.record import Arg, Made
from tests import oracles
from tests.programs.corpus import Program, corpus

__all__ = ["CHOSEN", "Case", "cases", "decay", "noise", "noisy", "norm2", "replaced"]

CHOSEN = (
    "while_loops.newton_square_root",
    "while_loops.exponential_series",
    "while_loops.kepler_equation",
    "while_loops.while_true",
    "while_loops.adaptive_steps",
    "arrays_inplace.prefix_sums",
    "arrays_inplace.gauss_seidel",
    "arrays_inplace.returns_its_argument",
    "arrays_inplace.lax_wendroff",
    "arrays_inplace.convolution",
    "containers.named_tuples",
    "containers.dataclass_argument",
    "containers.list_argument",
    "containers.nested_argument",
    "complex_numbers.complex_array_argument",
    "dtypes.float32_in_place",
    "published.gram_schmidt",
    "published.box_muller",
    "published.leapfrog_two_bodies",
    "physics.lennard_jones",
    "physics.orbital_elements_to_position",
    "dynamic_programming.crf_negative_loglik",
    "algorithms.clenshaw",
    "finance.black_scholes_put",
    "objects.object_holding_arrays",
)
"""While loops, writes in place, array code, containers in and out, float32, complex numbers."""


def replaced(tree: Any, leaf: Callable[[Any], Any]) -> Any:
    """Return nested containers with another value for every float and float array."""
    return build(tree_of(Arg("x"), tree), lambda slot: leaf(slot.value) if is_float(slot.value) else slot.value)


@dataclass(frozen=True)
class Case:
    """One program with what a host needs of it."""

    program: Program

    def __str__(self) -> str:
        return str(self.program)

    @property
    def argnums(self) -> tuple[int, ...]:
        """Which arguments are differentiated."""
        given = self.program.argnums
        return given if isinstance(given, tuple) else (given,)

    @property
    def leaves(self) -> list[Any]:
        """The floats and float arrays among the active arguments, in order."""
        return [x for k in self.argnums for x in oracles.numbers(oracles.copied(self.program.args)[k])]

    @property
    def single(self) -> bool:
        """Whether numbers of 32 bits are among arguments or results."""
        numbers = oracles.numbers((self.program.args, self.plain()))
        return any(np.asarray(x).dtype in (np.float32, np.complex64) for x in numbers)

    def plain(self) -> Any:
        """Return what the plain function returns."""
        function = getattr(self.program.function, "py_func", self.program.function)
        return function(*oracles.copied(self.program.args), **self.program.kwargs)

    def call(self, handle: Any, values: Sequence[Any]) -> list[Any]:
        """Call with these values for the leaves; return the floats of the result, in order."""
        given = iter(values)
        args = list(oracles.copied(self.program.args))
        for k in self.argnums:
            args[k] = replaced(args[k], lambda _: next(given))
        out = handle(*args, **self.program.kwargs)
        found: list[Any] = []
        expected = tree_of(Arg("out"), self.plain())
        _gather(expected, out, found)
        return found

    def weights(self) -> list[np.ndarray]:
        """Return one weight per float of the result."""
        return [np.asarray(w) for w in oracles.numbers(oracles.scalarised(self.plain())[1])]

    def expected(self) -> tuple[list[Any], list[Any]]:
        """Return revtrace's own results and gradients of the weighted sum."""
        with override(cache=False):
            value, pullback = revtrace.vjp(
                self.program.function, *oracles.copied(self.program.args), **self.program.kwargs
            )
            gradients = pullback(oracles.scalarised(value)[1])
        return list(oracles.numbers(value)), [x for k in self.argnums for x in oracles.numbers(gradients[k])]

    def close(self, found: Sequence[Any], expected: Sequence[Any]) -> None:
        """Assert that numbers are equal to 1e-12 of the largest, or to what 32 bits allow."""
        rtol = 1e-5 if self.single else 1e-12
        largest = max([float(np.max(np.abs(x), initial=0.0)) for x in expected], default=0.0)
        for a, b in zip(found, expected, strict=True):
            a, b = np.asarray(a), np.asarray(b)
            assert a.shape == b.shape
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * largest)


def _gather(tree: Any, value: Any, found: list[Any]) -> None:
    """Append the entries of a value that stand where a tree has floats."""
    if not isinstance(tree, Made):
        if is_float(tree.value):
            found.append(value)
        return
    for key, entry in tree.fields:
        inside = value[key] if isinstance(value, (tuple, list, dict)) else getattr(value, key)
        _gather(entry, inside, found)


def cases(names: Sequence[str] = CHOSEN) -> list[Case]:
    """Return the chosen programs."""
    known = {str(program): program for program in corpus()}
    return [Case(known[name]) for name in names]


def norm2(x: Any) -> Any:
    """The sum of squares, as a loop."""
    out = 0.0
    for i in range(len(x)):
        out += x[i] ** 2
    return out


def decay(p: Any, t: Any, n: int) -> Any:
    """A function of a dict, an array and a static number, which returns containers."""
    y = np.zeros(len(t))
    s = 0.0
    for k in range(n):
        for i in range(len(t)):
            y[i] += p["a"] * np.exp(-p["k"][0] * t[i]) * (k + 1)
            s = s + y[i] * y[i]
    return {"y": y, "s": s}, (s * p["a"], n)


GENERATOR = np.random.default_rng()


def noisy(x: Any) -> Any:
    """An array of cubes with factors that are drawn, differently in each call."""
    return x**3 * GENERATOR.standard_normal(len(x))


def noise(n: int) -> np.ndarray:
    """Return the factors of the next call, which draws them."""
    state = GENERATOR.bit_generator.state
    found = GENERATOR.standard_normal(n)
    GENERATOR.bit_generator.state = state
    return found
