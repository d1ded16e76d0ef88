"""Arrays exchanged under a condition in loops that are left, in handlers, and in branches of branches."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from revtrace.passes import cleaned, prepared
from revtrace.passes.choices import choices
from revtrace.program.nodes import If, walk
from revtrace.program.types import Array
from revtrace.program.verify import verify
from revtrace.trace.entry import trace
from tests.trace.agree import agrees

X = np.array([0.5237, -0.3519, 0.8123, 0.15, 1.2, -0.7])


def left(x: Any) -> Any:
    a, b, n = x.copy(), x * 2, 0
    while True:
        n += 1
        a[1] += 0.3
        if a[1] > b[2]:
            break
        if n % 2:
            a, b = b, a
    return a.sum() - 2 * b.sum()


def handled(x: Any) -> Any:
    a, b, n, s = x.copy(), x[::-1].copy(), 0, 0.0
    while n < 50:
        try:
            s = math.sqrt(a[0] - 1.0)
            n = 100
        except ValueError:
            a, b = b, a
            a[0] += 0.5
            b[1] *= 2
        n += 1
    return s + a.sum() + 2 * b.sum()


def lengthened(x: Any) -> Any:
    """Raise a polynomial to a power met at run time."""
    power = int(x[4] * 3)
    if power == 0:
        a = np.ones(1)
    elif power == 1:
        a = x
    else:
        a = x
        for _ in range(power - 1):
            a = np.convolve(a, x)
    return (a * a).sum()


def three(x: Any) -> Any:
    a, b, c = x.copy(), x * 2, x + 1
    for n in range(50):
        a[1] += 0.3
        b[0] *= a[2]
        if n % 3 == 0:
            a, b = b, a
        elif n % 3 == 1:
            b, c = c, b
        if a[1] > 5:
            return c.sum() * a[2]
    return a.sum() - 2 * b.sum() + 3 * c[0]


def nested(x: Any) -> Any:
    a, b, c = x.copy(), x * 2, x + 1
    if x[0] > 0:
        c[1] *= 2
        if x[1] > 0:
            a, b = b, a
        elif x[2] > 0:
            a, b, c = c, a, b
        a[0] *= x[3]
    a[1] *= b[2] + c[3]
    return a.sum() - 2 * b.sum() + 3 * (c * x).sum()


@pytest.mark.parametrize("function", [left, handled, three, nested, lengthened])
def test_arrays_that_branches_exchange(function: Callable[[Any], Any]) -> None:
    agrees(function, X, rtol=1e-6, approx=1e-14)


def test_no_array_is_handed_out_of_two_branches() -> None:
    program = trace(left, (X,)).program
    made = choices(program)
    verify(made)

    def handed(branch: If) -> bool:
        within = {out for arm in (branch.then, branch.orelse) for s in walk(arm) if isinstance(s, If) for out in s.outs}
        return any(
            isinstance(v.type, Array) and v in within for arm in (branch.then, branch.orelse) for v in arm.results
        )

    assert any(handed(s) for s in walk(program.body) if isinstance(s, If))
    assert not any(handed(s) for s in walk(made.body) if isinstance(s, If))
    verify(cleaned(prepared(made)))
