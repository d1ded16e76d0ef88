"""Products of arrays of any number of axes against differences, and the form they take in programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.passes.calls import pull_text
from revtrace.program.nodes import Op, Program, walk
from revtrace.program.parse import parse
from revtrace.program.show import show
from revtrace.program.verify import problems, verify
from revtrace.trace.entry import trace
from tests.calls.laws import checked, weighted

RNG = np.random.default_rng(3)


def real(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


def complex_(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape) + 1j * RNG.standard_normal(shape)


SHAPES = {
    "matrices": ((4, 5), (5, 3)),
    "matrix and vector": ((4, 5), (5,)),
    "vector and matrix": ((5,), (5, 3)),
    "longer matrix and vector": ((9, 5), (5,)),
    "vector and longer matrix": ((5,), (5, 9)),
    "vectors": ((5,), (5,)),
    "stacks": ((2, 4, 5), (2, 5, 3)),
    "stack and matrix": ((2, 4, 5), (5, 3)),
    "matrix and stack": ((4, 5), (2, 5, 3)),
    "vector and stack": ((5,), (2, 5, 3)),
    "stack and vector": ((2, 4, 5), (5,)),
    "stacks that broadcast": ((2, 1, 4, 5), (3, 5, 2)),
    "a stack of one": ((1, 4, 5), (3, 5, 2)),
    "nothing to sum": ((4, 0), (0, 3)),
    "no rows": ((0, 5), (5, 3)),
    "size 1": ((1, 1), (1, 1)),
    "an empty stack": ((0, 2, 3), (0, 3, 2)),
}


@pytest.mark.parametrize("kind", [real, complex_], ids=["real", "complex"])
@pytest.mark.parametrize("name", SHAPES)
def test_matmul(name: str, kind: Any) -> None:
    checked(lambda a, b: weighted(np.atleast_1d(a @ b)), *(kind(*s) for s in SHAPES[name]))


@pytest.mark.parametrize("name", ["matrices", "stacks", "stack and matrix", "nothing to sum"])
def test_matmul_of_single_precision(name: str) -> None:
    checked(lambda a, b: weighted(a @ b), *(real(*s).astype(np.float32) for s in SHAPES[name]))


OTHERS: dict[str, tuple[Any, ...]] = {
    "transposed": (lambda a, b: weighted(b.T @ a.T), real(4, 5), real(5, 3)),
    "one transposed": (lambda a, b: weighted(a.T @ b), real(5, 4), real(5, 3)),
    "stacks transposed": (
        lambda a, b: weighted(np.swapaxes(b, 1, 2) @ np.swapaxes(a, 1, 2)),
        real(2, 4, 5),
        real(2, 5, 3),
    ),
    "strided": (lambda a, b: weighted(a @ b), real(8, 5)[::2, ::-1], np.asfortranarray(real(5, 3))),
    "parts": (lambda a, b: weighted(a[:, 1:4] @ b[:3]), real(4, 5), real(5, 3)),
    "part and vector": (lambda a, b: weighted(a[1:, ::2] @ b[:3]), real(4, 5), real(4)),
    "with itself": (lambda a: weighted(a @ a.T) + weighted(a.T @ a), real(3, 4)),
    "dot of stacks": (lambda a, b: weighted(np.dot(a, b)), real(2, 4, 5), real(2, 5, 3)),
    "dot method": (lambda a, b: weighted(a.dot(b)), real(4, 5), real(5)),
    "inner": (lambda a, b: weighted(np.inner(a, b)), real(2, 3, 4), real(5, 4)),
    "mixed dtypes": (lambda a, b: weighted(a @ (2 * b).astype(np.complex128)), complex_(3, 4), real(4, 2)),
    "integers": (lambda a: weighted(np.arange(12).reshape(3, 4) @ a), real(4, 2)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_products(name: str) -> None:
    function, *args = OTHERS[name]
    checked(function, *args)


def network(w: Any, x: Any) -> Any:
    h = x
    for _ in range(3):
        h = np.tanh(w @ h)
    return np.sum(h * h)


def powers(a: Any) -> Any:
    p = a
    k = 0
    while k < 3:
        p = p @ a
        if p[0, 0] > 0:
            p = p @ p * 0.1
        k += 1
    return np.sum(p**2)


def written_over(a: Any, b: Any) -> Any:
    c = a @ b
    total = np.sum(c**2)
    c[:] = c * c
    d = c @ c.T
    c *= 2.0
    return total + np.sum(d * d) + np.sum(c)


LOOPS: dict[str, tuple[Any, ...]] = {
    "network": (network, real(5, 5) / 3, real(5)),
    "powers": (powers, real(3, 3) / 2),
    "written over": (written_over, real(4, 5), real(5, 3)),
}


@pytest.mark.parametrize("name", LOOPS)
def test_products_in_loops(name: str) -> None:
    function, *args = LOOPS[name]
    checked(function, *args)


@pytest.mark.parametrize("name", LOOPS)
def test_products_in_loops_compiled(name: str) -> None:
    function, *args = LOOPS[name]
    checked(function, *args, compiled=True, second=False)


@pytest.mark.parametrize("kind", [real, complex_], ids=["real", "complex"])
def test_products_by_blas(kind: Any) -> None:
    """Large enough for each of BLAS's functions, both ways round."""

    def every(a: Any, b: Any, x: Any) -> Any:
        return (
            weighted(a @ b) + weighted(a @ x) + weighted(x @ a) + weighted(a.T @ b.T) + weighted(np.outer(x, x) @ b.T)
        )

    checked(every, kind(20, 20), kind(20, 20), kind(20), compiled=True, second=False)


def test_stacks_by_blas() -> None:
    def every(a: Any, b: Any, c: Any) -> Any:
        return weighted(a @ b) + weighted(a @ c) + weighted(c @ a) + weighted(np.swapaxes(a, 1, 2) @ b)

    checked(every, real(3, 12, 12), real(3, 12, 12), real(12, 12), compiled=True, second=False)


# the operation ----------------------------------------------------------------------------------


def product() -> Program:
    return trace(lambda a, b: a @ b, (real(4, 5), real(5, 3))).program


def test_text_form_is_lossless() -> None:
    text = show(product())
    assert "call" in text
    verify(parse(text))
    assert show(parse(text)) == text


def test_ill_formed_calls_are_found() -> None:
    text = show(product())
    line = next(x for x in text.splitlines() if " call " in x)
    c, a, b = line.split("call ")[1].split(" row")[0].split(", ")
    assert problems(parse(text.replace(f"call {c}, {a}", f"call {a}, {a}")))
    assert problems(parse(text.replace("outs=1", "outs=9")))
    assert problems(parse(text.replace('row="dot" ', "")))


def test_cotangents_of_a_product_are_products_that_add() -> None:
    program = product()
    (call,) = [s for s in walk(program.body) if isinstance(s, Op) and s.name == "call"]
    text = pull_text(call, lambda x: True)
    assert [t.row for t in text.terms] == ["dot", "dot"]
    assert text.reads == (("in", 1), ("in", 0))


def test_short_products_of_known_shape_are_loops() -> None:
    def rotated(x: Any) -> Any:
        turn = np.array([[0.6, -0.8], [0.8, 0.6]])
        return turn @ np.array([x, 1.0])

    program = trace(rotated, (0.5,)).program
    assert not any(isinstance(s, Op) and s.name == "call" for s in walk(program.body))


def test_products_of_short_arguments_are_loops_for_short_ones_only() -> None:
    """What was traced for short arrays does not serve long ones, for which it would be slow."""

    def calls(m: int, n: int) -> bool:
        program = trace(lambda a, x: a @ x, (real(m, n), real(n))).program
        return any(isinstance(s, Op) and s.name == "call" for s in walk(program.body))

    assert not calls(3, 3)
    assert calls(30, 30)
    with revtrace.config.override(interpret=True, cache=False):
        gradient = revtrace.grad(lambda a, x: np.sum(np.sin(a @ x)))
        for n in (3, 12, 3, 5):
            a, x = real(n, n), real(n)
            np.testing.assert_allclose(gradient(a, x), np.outer(np.cos(a @ x), x))
        assert gradient.stats.specialisations == 2


def test_wrong_shapes_raise_numpys_error() -> None:
    with revtrace.config.override(interpret=True, cache=False), pytest.raises(ValueError, match="matmul"):
        revtrace.grad(lambda a, b: np.sum(a @ b))(real(3, 4), real(3, 4))
