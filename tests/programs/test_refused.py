"""What revtrace does not take is refused by name, with the user's line and a way out."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.errors import UnsupportedError
from tests import oracles
from tests.programs.refused import BORDERLINE, REFUSED, Refusal


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_is_refused_by_name_and_line(case: Refusal) -> None:
    with override(cache=False), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # coroutines that nobody awaits
        with pytest.raises(UnsupportedError) as caught:
            revtrace.grad(case.function)(*oracles.copied(case.args))
    error = caught.value
    assert error.loc.file == inspect.getsourcefile(case.function)
    assert error.loc.line == case.line
    message = str(error).lower()
    assert any(word in message for word in case.says), message
    assert error.instead, "a refusal says what to write instead"


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_no_handler_of_the_user_catches_a_refusal(case: Refusal) -> None:
    def guarded(*args):
        try:
            return case.function(*args)
        except Exception:
            return args[0] * 0.0

    with override(cache=False), pytest.raises(UnsupportedError), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        revtrace.grad(guarded)(*oracles.copied(case.args))


@pytest.mark.parametrize("case", BORDERLINE, ids=str)
def test_is_refused_or_right(case: Refusal) -> None:
    args = oracles.copied(case.args)
    with override(cache=False, interpret=True):
        try:
            value, gradient = revtrace.value_and_grad(case.function)(*args)
        except UnsupportedError as error:
            first = inspect.getsourcelines(case.function)[1]
            assert error.loc.file == inspect.getsourcefile(case.function)
            assert error.loc.line >= first or error.loc.function != case.function.__name__
            assert error.what
            assert error.instead
            return
    assert oracles.ulps(value, case.function(*oracles.copied(case.args))) <= 2
    if len(args) > 1 and np.shares_memory(*case.args):
        return  # the derivative by one of two names of the same memory is a matter of definition
    for direction in oracles.directions(oracles.vector(args[:1]).size):
        real, _ = oracles.restricted(case.function, case.args, (0,), direction)
        estimate = oracles.along(real)
        assert oracles.pairing((gradient,), direction) == pytest.approx(estimate.value, rel=1e-7, abs=1e-8)


def test_every_refusal_has_its_own_line() -> None:
    lines = [case.line for case in REFUSED]
    assert len(set(lines)) == len(lines)
