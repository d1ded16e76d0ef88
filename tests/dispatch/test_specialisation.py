"""A specialisation when its fast path does not fit: deopts, bails, layouts, overlaps."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace import config
from revtrace.config import Settings
from revtrace.dispatch.records import Executor, Stats
from revtrace.dispatch.specialisation import Specialisation
from revtrace.dispatch.trampoline import OTHER
from revtrace.errors import InternalError, UnsupportedError
from revtrace.loc import Loc
from revtrace.program.build import Builder
from revtrace.program.nodes import Program, Var, const
from revtrace.program.types import INT, Array
from revtrace.trace.record import Arg, Input, Leaf, Traced


class Bail(Exception):
    """What the executors here raise for the plain function to explain."""


class Subclass(np.ndarray):
    """An array that may behave in another way."""


class Deopt(Exception):
    """What the executors here raise for the careful one to take over."""


def plain(x: Any) -> Any:
    """Return the first element, or raise."""
    return x[0]


def special(
    run: Any, *, careful: Any = None, f: Any = plain, primal: bool = False, written: bool = False, **facts: Any
) -> Specialisation:
    b = Builder()
    x = Var(Array("f8", 1), "x")
    if written:
        b.store(x, const(0.0), const(0))
    out = b.load(x, const(0))
    program = Program("f", (x,), b.close(out))
    traced = Traced(program, (Input(Arg("x"), "array", np.ndarray, written),), Leaf(0, float), (), **facts)
    return Specialisation(
        traced,
        f,
        Executor(run, (Bail,), (Deopt,)),
        lambda program: Executor(careful, (Bail,)),
        lambda program: Executor(careful, ()),
        Settings(),
        Stats(),
        primal=primal,
    )


def raising(error: type[Exception]) -> Any:
    def run(x: Any) -> Any:
        raise error

    return run


X = np.array([1.0, 2.0])


def test_a_deopt_goes_to_the_careful_kernel_and_in_the_end_at_once() -> None:
    fast: list[int] = []

    def run(x: Any) -> Any:
        fast.append(1)
        raise Deopt

    changed: list[int] = []
    s = special(run, careful=lambda x: (x[1],))
    s.changed = lambda: changed.append(1)
    for _ in range(6):
        assert s.trampoline.call(X) == 2.0
    assert s.stats.deopts == len(fast) == 3
    assert changed == [1]


def test_the_careful_kernel_may_bail() -> None:
    s = special(raising(Deopt), careful=raising(Bail))
    with pytest.raises(IndexError) as caught:
        s.trampoline.call(np.zeros(0))
    assert caught.value.__context__ is None
    assert (s.stats.deopts, s.stats.bails) == (1, 1)


def test_a_bail_that_nothing_explains_is_a_defect_or_a_caught_exception() -> None:
    with pytest.raises(InternalError, match="gave up"):
        special(raising(Bail)).trampoline.call(X)
    with pytest.raises(UnsupportedError, match="raised and caught"):
        special(raising(Bail), catches=Loc("f.py", 3)).trampoline.call(X)


def test_the_function_itself_answers_for_its_bails() -> None:
    assert special(raising(Bail), primal=True).trampoline.call(X) == 1.0


def test_a_careful_run_starts_from_the_arguments_as_they_were() -> None:
    def spoil(x: Any) -> Any:
        x[:] = 9.0
        raise Deopt

    def careful(x: Any) -> Any:
        x[0] += 10.0
        return (x[0],)

    x = np.array([1.0, 2.0])
    assert special(spoil, careful=careful, written=True).trampoline.call(x) == 11.0
    assert x.tolist() == [1.0, 2.0]
    assert special(spoil, careful=careful, written=True, primal=True).trampoline.call(x) == 11.0
    assert x.tolist() == [11.0, 2.0]


def test_arrays_are_converted_where_the_kernel_refuses_their_layout() -> None:
    def run(x: Any) -> Any:
        if not (type(x) is np.ndarray and x.ndim == 1 and x.flags.carray and x.dtype == "=f8"):
            raise TypeError
        return (float(x.sum()),)

    s = special(run)
    for x in (X, np.repeat(X, 2)[::2], X.astype(">f8")):
        assert s.trampoline.call(x) == 3.0
    calls = s.trampoline.calls
    for x in (X.astype("f4"), X.reshape(1, 2), X.astype(int), [1.0, 2.0], X.view(Subclass), None):
        assert s.trampoline.call(x) is OTHER
    assert (calls, s.trampoline.calls) == (3, 3)


def test_a_kernel_that_refuses_what_fits_leaves_the_call_to_others() -> None:
    assert special(raising(TypeError)).trampoline.call(X) is OTHER


@pytest.mark.parametrize("error", [MemoryError, ArithmeticError])
def test_other_exceptions_come_through(error: type[Exception]) -> None:
    with pytest.raises(error):
        special(raising(error)).trampoline.call(X)


def test_large_integers_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="64 bits"):
        special(raising(OverflowError)).trampoline.call(X)


def test_executors_without_type_checks_get_converted_arrays() -> None:
    s = special(lambda x: (x[0],))
    s.executor = Executor(lambda x: (float(x.flags.c_contiguous),), (Bail,), checks_types=False)
    s.open()
    assert s.trampoline.call(np.repeat(X, 2)[::2]) == 1.0
    assert s.trampoline.call(X.reshape(1, 2)) is OTHER


def test_results_in_a_form_are_the_same_in_the_careful_kernel() -> None:
    """A careful run builds the result step by step."""

    def f(x: Any, k: Any) -> Any:
        return x[k] * x[k - 1], (x.copy(), x[k])

    x = np.arange(1.0, 4.0)
    with config.override(cache=False):
        g = revtrace.wrap(f)
    for k in (1, 2, 0, -1, 1):
        value, (copied, element) = g(x, k)
        assert (value, element) == (f(x, k)[0], x[k]) and copied.tolist() == x.tolist()
        assert type(value) is type(element) is np.float64
    assert Executor(lambda: (1, (2, ())), (), form=(0, (1, ())))(()) == (1, 2)
    assert Executor(lambda: 5, (), form=0)(()) == (5,)


def twice(x: Any) -> Any:
    return 2.0 * x[0]


def thrice(x: Any) -> Any:
    return 3.0 * x[0]


def overwriting(x: Any) -> Any:
    x[0] = x[0] * x[1]
    return x[0]


@pytest.mark.parametrize("interpret", [False, True])
@pytest.mark.parametrize("old", [twice, overwriting])
def test_other_code_of_a_function_is_seen_whatever_the_arguments(interpret: bool, old: Any) -> None:
    fixed = np.array([1.0, 2.0])
    fixed.flags.writeable = False
    for x in (np.array([1.0, 2.0]), np.arange(1.0, 5.0)[::2], np.array([1.0, 2.0], ">f8"), fixed):
        f = FunctionType(old.__code__, globals(), "f")
        with config.override(cache=False, interpret=interpret):
            g = revtrace.value_and_grad(f)
        arguments = x if old is twice else x.copy()
        for _ in range(2):
            assert g(arguments)[1].tolist() == ([2.0, 0.0] if old is twice else [x[1], 1.0])
        f.__code__ = thrice.__code__
        for _ in range(2):
            value, gradient = g(x)
            assert value == 3.0 and gradient.tolist() == [3.0, 0.0]
        f.__code__ = old.__code__
        assert g(arguments)[1].tolist() == ([2.0, 0.0] if old is twice else [x[1], 1.0])


def test_calls_are_counted_once_through_the_careful_kernel_too() -> None:
    def f(x: Any, k: Any) -> Any:
        out = 0.0
        for i in range(len(x)):
            out += x[i] * x[i - k]
        return out

    with config.override(cache=False):
        g = revtrace.value_and_grad(f)
    x = np.arange(1.0, 5.0)
    for calls, k in enumerate((0, 1, 2, 3, 1, 0, 2), 1):
        g(x, k)
        g(np.repeat(x, 2)[::2], k)
        assert g.stats.calls == 2 * calls


def test_what_is_kept_is_unknown_before_a_call_is_remembered() -> None:
    s = special(lambda x: (x[0],))
    assert s.kept_bytes() is None
    s.remember((X,), {})
    assert s.kept_bytes() == 0


def test_a_real_kernel_deopts_and_answers() -> None:
    """Negative indices that the fast kernel did not expect are right all the same."""

    def f(x: Any, k: Any) -> Any:
        out = 0.0
        for i in range(len(x)):
            out += x[i] * x[i - k]
        return out

    x = np.arange(1.0, 5.0)
    with config.override(cache=False):
        g = revtrace.value_and_grad(f)
    for k in (0, 1, 3, 4, 1, 2):
        value, gradient = g(x, k)
        assert value == f(x, k)
        np.testing.assert_array_equal(gradient, [x[i - k] + x[(i + k) % 4] for i in range(4)])
    with pytest.raises(IndexError):
        g(x, 5)


def test_scalars_are_taken_by_exact_type() -> None:
    b = Builder()
    n = Var(INT, "n")
    program = Program("f", (n,), b.close(b.cast(n, "f8")))
    traced = Traced(program, (Input(Arg("x"), "int", int),), Leaf(0, float), ())
    run = Executor(lambda n: (float(n),), ())
    s = Specialisation(traced, plain, run, lambda program: run, lambda program: run, Settings(), Stats())
    assert s.trampoline.call(3) == 3.0
    for x in (True, 3.0, np.int64(3)):
        assert s.trampoline.call(x) is OTHER
