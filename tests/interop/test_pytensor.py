"""Inside PyTensor and PyMC: gradients, PyTensor's own checker in every mode, and a model that is sampled."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.errors import UnsupportedError
from tests.interop.cases import Case, cases, norm2

pytensor = pytest.importorskip("pytensor")
pt = pytest.importorskip("pytensor.tensor")
verify_grad = pytest.importorskip("pytensor.gradient").verify_grad

pytestmark = pytest.mark.filterwarnings("ignore")

MODES = ["FAST_COMPILE", "NUMBA"]


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
