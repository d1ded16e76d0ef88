"""The check of a rule: its adjoint against differences, its tangent against its adjoint, and both through the hosts.

Functions of any result are checked by a weighted sum of what they return, with weights drawn once.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from revtrace.api import jvp, vjp, wrap
from revtrace.calls.structure import filled, total_of
from revtrace.calls.users import find, plain_of
from revtrace.errors import GradientError, InverseDriftError, UnsupportedError

__all__ = ["RuleReport", "test_rule"]

HOSTS = ("autograd", "jax", "torch")


@dataclass(frozen=True, slots=True)
class RuleReport:
    """What `test_rule` found.

    Attributes
    ----------
    adjoint : float
        The largest error of the adjoint, relative to the largest entry of the gradient.
    tangent : float or None
        How far tangent and adjoint disagree, relative; None where there is no tangent.
    hosts : dict of str to str
        For each host ``"checked"``, ``"not installed"``, or why it was not checked.
    """

    adjoint: float
    tangent: float | None
    hosts: dict[str, str]


def test_rule(f: Callable[..., Any], *args: Any, rtol: float = 1e-6, hosts: bool = True, seed: int = 0) -> RuleReport:
    """Check the derivative of a function, with a rule or without, alone and inside every host that is installed.

    Parameters
    ----------
    f : callable
        Returns numbers, arrays, or containers of them.
    *args
        Where to check; not at a kink.
    rtol : float
        Largest error allowed, relative to the largest entry.
    hosts : bool
        Whether to run the hosts' own checkers, in double precision and on arguments that are numbers or arrays.
    seed : int
        Of the weights and directions drawn.

    Returns
    -------
    RuleReport

    Raises
    ------
    GradientError
        Adjoint and differences, or adjoint and tangent, disagree.
    InverseDriftError
        The rule's inverse does not return the first argument, to the last bit.
    AssertionError or RuntimeError
        What a host's checker raises.

    Examples
    --------
    >>> import numpy as np, revtrace
    >>> def scaled(x, a):
    ...     return a * x
    >>> _ = revtrace.rule(scaled, adjoint=lambda ct, out, x, a: (a * ct, np.sum(ct * x)))
    >>> revtrace.testing.test_rule(scaled, np.arange(3.0), 2.0, hosts=False).adjoint < 1e-6
    True
    """
    from revtrace.testing import check_grad

    rng = np.random.default_rng(seed)
    out = f(*args)
    weights = _drawn(out, rng)
    rule = find(plain_of(f))
    if rule is not None and rule.inverse is not None:
        again = rule.inverse(out, *args[1:])
        if not np.array_equal(again, args[0]):
            raise InverseDriftError(f"the inverse of the rule of {rule.name} returns {again!r}, not {args[0]!r}")

    total = total_of(f, weights)
    worst = check_grad(total, args, rtol=rtol).worst
    tangent = _dot_product(total, args, rng, rtol)
    found = {host: _by_host(host, total, args) for host in HOSTS} if hosts else {}
    return RuleReport(worst, tangent, found)


test_rule.__test__ = False  # type: ignore[attr-defined]


def _drawn(value: Any, rng: np.random.Generator) -> Any:
    """Weights of a value's structure; None where there is nothing to weigh."""
    if isinstance(value, (tuple, list)):
        return tuple(_drawn(v, rng) for v in value)
    if isinstance(value, dict):
        return {k: _drawn(v, rng) for k, v in value.items()}
    if isinstance(value, (str, bytes, bool)) or value is None or np.asarray(value).dtype.kind not in "fc":
        return None
    drawn = rng.uniform(0.5, 1.5, np.shape(value))
    return float(drawn) if np.ndim(value) == 0 else drawn


def _dot_product(total: Any, args: tuple[Any, ...], rng: np.random.Generator, rtol: float) -> float | None:
    """How far ``<w, J v>`` is from ``<J' w, v>``, for a function that returns the sum weighed by ``w``."""
    directions = tuple(_drawn(a, rng) for a in args)
    active = [k for k, d in enumerate(directions) if isinstance(d, (float, np.ndarray))]
    of = filled(total, args, active)
    primals, dots = [args[k] for k in active], [directions[k] for k in active]
    try:
        _, forward = jvp(of, tuple(primals), tuple(dots))
    except UnsupportedError:
        return None
    _, pullback = vjp(of, *primals)
    backward = sum(np.sum(np.asarray(c) * d) for c, d in zip(pullback(1.0), dots, strict=True))
    gap = float(abs(forward - backward) / max(abs(forward), abs(backward), 1e-300))
    if not gap <= rtol:
        raise GradientError(f"tangent and adjoint disagree: {forward!r} forward, {backward!r} backward")
    return gap


def _by_host(host: str, total: Callable[..., Any], args: tuple[Any, ...]) -> str:
    if importlib.util.find_spec(host) is None:
        return "not installed"
    if not all(isinstance(a, float) or (isinstance(a, np.ndarray) and a.dtype == np.float64) for a in args):
        return "not checked: arguments that are no float64 numbers or arrays"
    importlib.import_module(f"revtrace.interop.{host}").check(wrap(total), args)
    return "checked"
