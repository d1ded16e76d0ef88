"""What numpy lets nobody write to raises here too, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees, refuses

X = np.array([0.3, -1.2, 2.0, 0.7])


def _assigned(a: Any) -> Any:
    a[0] = 1.0
    return a.sum()


def _added(a: Any) -> Any:
    a += 1.0
    return a.sum()


def _row_of_rows(x: Any) -> Any:
    for row in np.broadcast_to(x, (3, 4)):
        row[0] = 3.0


def _on_one_way(x: Any) -> Any:
    a = np.broadcast_to(x, (3, 4)) if x[0] > 0 else np.zeros((3, 4))
    a[0] = 1.0
    return a.sum()


def _in_the_first_iteration(x: Any) -> Any:
    a = np.broadcast_to(x, (3, 4))
    for _ in range(5):
        a[0] = x[0]
        a = a + x
    return a.sum()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: _assigned(np.broadcast_to(x, (3, 4))),
        lambda x: _added(np.broadcast_to(x, (3, 4)).T[1:]),
        lambda x: _assigned(np.diag(x.reshape(2, 2))),
        lambda x: _added(x.reshape(2, 2).diagonal()),
        lambda x: _assigned(np.linalg.diagonal(x.reshape(2, 2)).reshape(2, 1)),
        lambda x: _assigned(np.lib.stride_tricks.sliding_window_view(x, 2)),
        lambda x: _assigned(x.imag),
        lambda x: np.broadcast_to(x, (3, 4)).sort(axis=0),
        lambda x: np.multiply(x, 2.0, out=np.broadcast_to(x, (3, 4))),
        lambda x: np.add.at(np.broadcast_to(x, (3, 4)), [0], 1.0),
        lambda x: np.copyto(np.broadcast_to(x, (3, 4)), 1.0),
        lambda x: np.putmask(np.diag(x.reshape(2, 2)), True, 1.0),
        _row_of_rows,
        _on_one_way,
        _in_the_first_iteration,
    ],
)
def test_raises(function: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="read-only"):
        function(X.copy())
    with override(interpret=True, cache=False), pytest.raises(ValueError, match="read-only"):
        revtrace.wrap(function)(X.copy())


def _caught(x: Any) -> Any:
    y = x.reshape(2, 2).copy()
    try:
        np.diag(y)[:] = 0.0
    except ValueError:
        y[0] = 7 * x[1]
    return (y * y).sum()


def _copied(x: Any) -> Any:
    y = np.array(np.broadcast_to(x, (3, 4)))
    y[0] = 1.0
    z = np.diag(x)
    z[0, 1] = x[3]
    return (y * y).sum() + (z * x).sum() + (3.0 if np.diag(z).flags.writeable else 5.0) * x[0]


def _on_the_other_way(x: Any) -> Any:
    y = np.broadcast_to(x, (3, 4)) if x[0] < 0 else np.zeros((3, 4))
    y[0] = x
    return (y * y).sum()


def _made_anew_in_a_loop(x: Any) -> Any:
    y = np.broadcast_to(x, (3, 4))
    for _ in range(3):
        y = y + x
    y[0] = x[1]
    return (y * y).sum()


@pytest.mark.parametrize("function", [_caught, _copied, _on_the_other_way, _made_anew_in_a_loop])
def test_followed(function: Callable[..., Any]) -> None:
    agrees(function, X)


def _flagged(x: Any) -> Any:
    x.setflags(write=False)
    return x.sum()


def _flag_set(x: Any) -> Any:
    x.flags.writeable = False
    return x.sum()


@pytest.mark.parametrize("function", [_flagged, _flag_set])
def test_flags_are_refused(function: Callable[..., Any]) -> None:
    refuses(function, X.copy(), match="setting an array's flags")
