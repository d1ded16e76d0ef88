"""Single precision and complex numbers, against central differences in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from revtrace.passes import differentiate, tangent
from revtrace.program import Program
from revtrace.program.parse import parse
from revtrace.program.types import Array
from revtrace.program.verify import verify
from revtrace.replay.interpret import run

COMPLEX = """
f(z: c16, w: c16[:], t: f8) {
  n: i8 = dim w axis=0
  u: c16[:] = alloc n zeros=true
  r: c16 = cast t
  for i in range(0, n, 1) carry (s: c16 = z) -> (s1: c16) {
    a: c16 = load w[i]
    b: c16 = mul s, a
    c: c16 = sin b
    m: f8 = abs a
    d: c16 = cast m
    e: c16 = mul c, d
    g: c16 = conj a
    h: c16 = div e, g
    k: f8 = real h
    l: f8 = imag a
    q: c16 = complex k, l
    store u[i] = q
    p: c16 = mul q, r
    o: c16 = exp p
    y: c16 = mul o, 0.3
    yield y
  }
  v: c16 = load u[0]
  x: c16 = add s1, v
  f: f8 = imag x
  return x, f, u
}
"""


def shifted(args: list[Any], k: int, step: Any, index: tuple[int, ...] | None) -> list[Any]:
    made = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    if index is None:
        made[k] = made[k] + step
    else:
        made[k][index] += step
    return made


def loss(program: Program, args: list[Any], seeds: list[Any]) -> float:
    results = run(program, [a.copy() if isinstance(a, np.ndarray) else a for a in args])
    return float(sum(np.real(np.sum(s * r)) for s, r in zip(seeds, results, strict=True)))


def differences(program: Program, args: list[Any], seeds: list[Any], k: int) -> Any:
    """Return the gradient in the convention ``dL = Re(bar dz)``."""
    h = 1e-6
    array = isinstance(args[k], np.ndarray)
    grad = np.zeros(np.shape(args[k]), complex)
    for index in np.ndindex(grad.shape):
        at = index if array else None
        parts = [
            (loss(program, shifted(args, k, h * u, at), seeds) - loss(program, shifted(args, k, -h * u, at), seeds))
            / (2 * h)
            for u in ((1, 1j) if np.iscomplexobj(args[k]) else (1,))
        ]
        grad[index] = parts[0] - 1j * parts[1] if len(parts) == 2 else parts[0]
    return grad if np.iscomplexobj(args[k]) else grad.real


def test_complex_gradient_is_the_conjugate_free_one() -> None:
    program = parse(COMPLEX.replace("0.3", "(0.3+0.1j)"))
    verify(program)
    rng = np.random.default_rng(3)
    args = [0.3 - 0.4j, rng.standard_normal(3) + 1j * rng.standard_normal(3), 0.7]
    seeds = [0.5 - 1.2j, 0.8, rng.standard_normal(3) + 1j * rng.standard_normal(3)]
    made = differentiate(program, (0, 1, 2), (0, 1, 2))
    verify(made)
    got = run(made, [*[a.copy() if isinstance(a, np.ndarray) else a for a in args], *seeds])
    for k, g in enumerate(got[3:]):
        np.testing.assert_allclose(g, differences(program, args, seeds, k), rtol=1e-6, atol=1e-7)


def test_complex_tangent_is_the_difference() -> None:
    program = parse(COMPLEX.replace("0.3", "(0.3+0.1j)"))
    rng = np.random.default_rng(4)
    args = [0.3 - 0.4j, rng.standard_normal(3) + 1j * rng.standard_normal(3), 0.7]
    dots = [0.2 + 0.1j, rng.standard_normal(3) + 1j * rng.standard_normal(3), -0.6]
    made = tangent(program, (0, 1, 2))
    verify(made)
    got = run(made, [*args, *dots])
    h = 1e-6
    plus = run(program, [a + h * d for a, d in zip(args, dots, strict=True)])
    minus = run(program, [a - h * d for a, d in zip(args, dots, strict=True)])
    for t, p, m in zip(got[3:], plus, minus, strict=True):
        np.testing.assert_allclose(t, (np.asarray(p) - np.asarray(m)) / (2 * h), rtol=1e-6, atol=1e-7)


SINGLE = """
f(x: f4, w: f4[:], y: f8) {
  n: i8 = dim w axis=0
  for i in range(0, n, 1) carry (s: f4 = x, t: f8 = y) -> (s1: f4, t1: f8) {
    a: f4 = load w[i]
    b: f4 = mul s, a
    c: f4 = sin b
    d: f8 = cast c
    e: f8 = mul d, t
    g: f8 = exp e
    h: f4 = cast g
    store w[i] = h
    yield c, g
  }
  return s1, t1, w
}
"""


def test_single_precision_gradients_have_their_own_dtype() -> None:
    program = parse(SINGLE)
    verify(program)
    wide = parse(SINGLE.replace("f4", "f8"))
    rng = np.random.default_rng(5)
    w = rng.standard_normal(4)
    seeds = [0.5, -0.8, rng.standard_normal(4)]
    made = differentiate(program, (0, 1, 2), (0, 1, 2))
    verify(made)
    assert made.body.results[4].type == Array("f4", 1)
    got = run(made, [np.float32(0.4), w.astype("f4"), 0.3, np.float32(seeds[0]), seeds[1], seeds[2].astype("f4")])
    for k, g in enumerate(got[3:]):
        wanted = differences(wide, [0.4, w, 0.3], seeds, k)
        np.testing.assert_allclose(g, wanted, rtol=2e-5, atol=2e-5)
        assert np.asarray(g).dtype == np.dtype(("f4", "f4", "f8")[k])


@pytest.mark.parametrize("active", [(0,), (1,), (2,), (0, 2), ()])
def test_any_choice_of_inputs_gives_the_same_parts(active: tuple[int, ...]) -> None:
    program = parse(SINGLE.replace("f4", "f8"))
    rng = np.random.default_rng(6)
    args = [0.4, rng.standard_normal(3), 0.3]
    seeds = [0.5, -0.8, rng.standard_normal(3)]

    def gradients(wanted: tuple[int, ...]) -> tuple[Any, ...]:
        made = differentiate(program, wanted, (0, 1, 2))
        verify(made)
        return run(made, [0.4, args[1].copy(), 0.3, *seeds])[3:]

    every = gradients((0, 1, 2))
    for k, g in zip(active, gradients(active), strict=True):
        np.testing.assert_allclose(g, every[k], rtol=1e-12)
