"""A real fit: GARCH(1,1) on the S&P 500's returns that the `arch` package ships, by a plain loop.

``python -m tools.garch`` fits it with our gradient and with SciPy's differences, beside arch's own fit, and writes
README's table; ``--print`` prints it only.
"""

from __future__ import annotations

import argparse
import importlib
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

import revtrace
from tools import readme

__all__ = ["Fit", "fits", "negative_log_likelihood", "returns"]

NAMES = ("mu", "omega", "alpha", "beta")
START = np.array([0.0, 0.05, 0.05, 0.9])
BOUNDS = ((-1.0, 1.0), (1e-6, 10.0), (0.0, 1.0), (0.0, 1.0))
OPTIONS = {"ftol": 1e-13, "gtol": 1e-7, "maxiter": 500}


def negative_log_likelihood(p: Any, r: Any, before: Any) -> Any:
    """Return minus the log-likelihood of returns ``r`` (Bollerslev 1986), from the variance before the first."""
    mu, omega, alpha, beta = p[0], p[1], p[2], p[3]
    v = omega + (alpha + beta) * before
    s = 0.0
    for t in range(len(r)):
        e = r[t] - mu
        s += np.log(v) + e * e / v
        v = omega + alpha * e * e + beta * v
    return 0.5 * s + 0.5 * len(r) * np.log(2.0 * np.pi)


@dataclass(frozen=True)
class Fit:
    """How one fit went."""

    name: str
    estimates: np.ndarray
    value: float
    evaluations: int
    seconds: float


def returns() -> np.ndarray:
    """Return daily returns in percent, 1999 to 2018."""
    table = importlib.import_module("arch.data.sp500").load()
    return np.asarray(100.0 * table["Adj Close"].pct_change().dropna())


def fits(repeats: int = 5) -> list[Fit]:
    """Return arch's fit, then SciPy's with our gradient and with its own differences; least times, taken in turns."""
    from arch import arch_model
    from scipy.optimize import minimize

    r = returns()
    model: Any = arch_model(r, mean="Constant", vol="GARCH", p=1, q=1)
    start = time.perf_counter()
    theirs = model.fit(disp="off", tol=1e-10)
    took = time.perf_counter() - start
    estimates = np.asarray(theirs.params)
    found = [Fit("arch", estimates, -float(theirs.loglikelihood), 0, took)]
    before = float(model.volatility.backcast(r - estimates[0]))
    function, gradient = revtrace.wrap(negative_log_likelihood), revtrace.value_and_grad(negative_log_likelihood)
    ways: dict[str, dict[str, Any]] = {
        "SciPy with our gradient": {"fun": gradient, "jac": True},
        "SciPy with differences": {"fun": function},
    }
    function(START, r, before), gradient(START, r, before)
    outcome: dict[str, Any] = {}
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            outcome[name] = minimize(
                x0=START, args=(r, before), method="L-BFGS-B", bounds=BOUNDS, options=OPTIONS, **way
            )
            least[name] = min(least[name], time.perf_counter() - start)
    found += [Fit(name, o.x, float(o.fun), int(o.nfev), least[name]) for name, o in outcome.items()]
    return found


def table(found: list[Fit]) -> str:
    """Return the table in Markdown."""
    lines = [f"| fit | {' | '.join(NAMES)} | log-likelihood | evaluations | ms |", "| --- |" + " ---: |" * 7]
    for fit in found:
        cells = [f"{x:.5f}" for x in fit.estimates]
        cells += [f"{-fit.value:.3f}", str(fit.evaluations) if fit.evaluations else "", f"{fit.seconds * 1e3:.3g}"]
        lines.append(f"| {fit.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="print the table only")
    text = table(fits())
    if parser.parse_args().print:
        print(text)
    else:
        readme.write_part("garch", text)
