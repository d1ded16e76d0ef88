"""Inside PyTensor and PyMC: gradients, PyTensor's own checker in every mode, and a model that is sampled."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.errors import UnsupportedError
from revtrace.interop.common import Call
from tests.interop.cases import Case, cases, norm2

pytensor = pytest.importorskip("pytensor")
pt = pytest.importorskip("pytensor.tensor")
verify_grad = pytest.importorskip("pytensor.gradient").verify_grad

pytestmark = pytest.mark.filterwarnings("ignore")

MODES = ["FAST_COMPILE", "NUMBA"]
FACTOR = 2.0


def decay(p: Any, t: Any, n: int) -> Any:
    a, k = p
    y = np.zeros(len(t))
    s = 0.0
    for j in range(n):
        for i in range(len(t)):
            y[i] += a * np.exp(-k * t[i]) * (j + 1)
            s = s + y[i] * y[i]
    return {"y": y, "s": s}, (s * a, n)


DECAY = revtrace.wrap(decay)


def loss(p: Any, t: Any) -> Any:
    out, (weighted, _) = DECAY(p, t, 2)
    return pt.sum(pt.sin(out["y"])) * out["s"] + weighted


def variables(case: Case) -> list[Any]:
    return [pt.tensor(dtype=np.asarray(x).dtype.name, shape=(None,) * np.ndim(x)) for x in case.leaves]


REAL = [case for case in cases() if not any(np.iscomplexobj(x) for x in case.leaves)]


@pytest.mark.parametrize("case", REAL, ids=str)
def test_gradients_of_the_corpus(case: Case) -> None:
    with override(cache=False):
        handle = revtrace.wrap(case.program.function)
    values, expected = case.expected()
    leaves = variables(case)
    outs = case.call(handle, leaves)
    total = sum((w * out).sum() for w, out in zip(case.weights(), outs, strict=True))
    function = pytensor.function(leaves, [*outs, *pytensor.grad(total, leaves)], mode="FAST_COMPILE")
    found = function(*case.leaves)
    case.close(found[: len(outs)], values)
    case.close(found[len(outs) :], expected)


@pytest.mark.parametrize("mode", MODES)
def test_verify_grad(mode: str) -> None:
    rng = np.random.default_rng(0)
    points = [np.array([1.5, 0.3]), np.linspace(0, 1, 4)]
    verify_grad(revtrace.wrap(norm2), [np.array([1.5, 0.3, 2.0])], rng=rng, mode=mode)
    verify_grad(loss, points, rng=rng, mode=mode)
    # The gradient's gradient.
    verify_grad(
        lambda p, t: pytensor.grad(loss(p, t), p)[0] * 2 + pytensor.grad(loss(p, t), t).sum(),
        points,
        rng=rng,
        mode=mode,
    )


@pytest.fixture
def without_python(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a switch: from then on a call through Python fails."""

    def through_python(self: Any, values: Any) -> Any:
        raise AssertionError("called through Python")

    return lambda: monkeypatch.setattr(Call, "run", through_python)


def by_numba(inputs: Any, outs: Any) -> Any:
    return pytensor.function(inputs, outs, mode="NUMBA")


def test_compiled_graphs_call_compiled_code(without_python: Any) -> None:
    def weighted(a: Any, w: Any, k: Any, scale: Any) -> Any:
        total = 0.0
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                total += w[k] * a[i, j] ** 2 * scale
        return total

    f = revtrace.wrap(weighted)
    a, w, k = pt.fmatrix("a"), pt.dvector("w"), pt.lscalar("k")
    function = by_numba([a, w, k], [f(a, w, k, 0.5), *pytensor.grad(f(a, w, k, 0.5), [a, w])])
    without_python()
    rng = np.random.default_rng(0)
    for given in (rng.random((3, 5)), rng.random((5, 8))[::2, ::-2], rng.random((4, 3)).T, np.zeros((0, 4))):
        given = np.asarray(given, np.float32)
        value, by_a, by_w = function(given, np.array([2.0, 3.0]), 1)
        assert value == pytest.approx(1.5 * np.sum(given.astype(float) ** 2), rel=1e-6)
        np.testing.assert_allclose(by_a, 3.0 * given, rtol=1e-6)
        np.testing.assert_allclose(by_w, [0.0, value / 3.0], rtol=1e-6)
        assert by_a.dtype == np.float32


def test_compiled_graphs_raise_what_the_function_raises() -> None:
    def picked(x: Any, k: Any) -> Any:
        return x[k] * 2.0

    x, k = pt.dvector("x"), pt.lscalar("k")
    function = by_numba([x, k], pytensor.grad(revtrace.wrap(picked)(x, k), x))
    np.testing.assert_array_equal(function([1.0, 2.0], 1), [0.0, 2.0])
    with pytest.raises(IndexError):
        function([1.0, 2.0], 2)


def test_compiled_graphs_follow_changes() -> None:
    def scaled(x: Any) -> Any:
        return FACTOR * x[0]

    def halved(x: Any) -> Any:
        return x / 2.0

    def half(x: Any) -> Any:
        return halved(x[0])

    x = pt.dvector("x")
    data = by_numba([x], revtrace.wrap(scaled)(x))
    rule = by_numba([x], pytensor.grad(revtrace.wrap(half)(x), x))
    assert (data([3.0]), rule([3.0])) == (6.0, [0.5])
    globals()["FACTOR"] = 5.0
    revtrace.rule(halved, adjoint=lambda ct, out, x: 7.0 * ct)
    try:
        assert (data([3.0]), rule([3.0])) == (15.0, [7.0])
    finally:
        globals()["FACTOR"] = 2.0


def test_compiled_graphs_know_what_depends_on_lengths() -> None:
    x, y = pt.dmatrix("x"), pt.dvector("y")
    product = revtrace.wrap(lambda x, y: np.sum(x * y))
    function = by_numba([x, y], pytensor.grad(product(x, y), y))
    for rows, columns in ((1, 3), (2, 1), (2, 3), (3, 3)):
        given = np.arange(1.0, 1 + rows * columns).reshape(rows, columns)
        for n in {1, columns}:
            expected = given.sum(axis=0) if n == columns else [given.sum()]
            np.testing.assert_allclose(function(given, np.ones(n)), expected)


def test_the_r_operator() -> None:
    x, t = pt.dvector("x"), pt.dvector("t")
    along = pytensor.gradient.Rop(revtrace.wrap(norm2)(x), x, t, use_op_rop_implementation=True)
    assert pytensor.function([x, t], along)([1.0, 2.0], [1.0, 1.0]) == pytest.approx(6.0)


def test_lengths_that_the_function_needs() -> None:
    def product(x: Any) -> Any:
        a, b, c = x
        return a * b * c

    f = revtrace.wrap(product)
    x = pt.dvector("x")
    np.testing.assert_array_equal(pytensor.function([x], pytensor.grad(f(x), x))([1.0, 2.0, 3.0]), [6.0, 3.0, 2.0])
    fixed = pt.vector("x", shape=(3,), dtype="float64")
    assert pytensor.function([fixed], f(fixed))([1.0, 2.0, 3.0]) == 6.0


def test_what_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="complex"):
        revtrace.wrap(norm2)(pt.zvector("x"))


def test_graphs_pickle() -> None:
    x = pt.dvector("x")
    function = pytensor.function([x], pytensor.grad(revtrace.wrap(norm2)(x), x), mode="FAST_COMPILE")
    again = pickle.loads(pickle.dumps(function))
    np.testing.assert_array_equal(again([1.0, 2.0]), [2.0, 4.0])


def ar_likelihood(theta: Any, y: Any) -> Any:
    """Log-likelihood of y[t] = mu + phi y[t - 1] + noise of size exp(log_sigma), by a loop."""
    mu, phi, log_sigma = theta[0], theta[1], theta[2]
    total = 0.0
    for t in range(1, len(y)):
        z = (y[t] - mu - phi * y[t - 1]) * np.exp(-log_sigma)
        total -= 0.5 * z * z + log_sigma
    return total


@pytest.mark.slow
def test_nuts_recovers_known_parameters() -> None:
    pm = pytest.importorskip("pymc")
    rng = np.random.default_rng(3)
    truth = np.array([0.5, 0.6, np.log(0.4)])
    y = np.zeros(400)
    for t in range(1, len(y)):
        y[t] = truth[0] + truth[1] * y[t - 1] + np.exp(truth[2]) * rng.standard_normal()
    likelihood = revtrace.wrap(ar_likelihood)
    with pm.Model():
        theta = pm.Normal("theta", 0.0, 1.0, shape=3)
        pm.Potential("likelihood", likelihood(theta, y))
        trace = pm.sample(400, tune=400, chains=2, cores=1, random_seed=1, progressbar=False)
    draws = trace.posterior["theta"].values.reshape(-1, 3)
    # Least squares is the mode of this likelihood.
    design = np.stack([np.ones(len(y) - 1), y[:-1]], axis=1)
    mode, *_ = np.linalg.lstsq(design, y[1:], rcond=None)
    spread = draws.std(axis=0)
    np.testing.assert_allclose(draws.mean(axis=0)[:2], mode, atol=3 * float(spread.max()) / 5)
    assert np.all(np.abs(draws.mean(axis=0) - truth) < 4 * spread)
