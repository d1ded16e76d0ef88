"""What is accepted as a function, and which argument is which."""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.callee import locate, parameters, unwrap
from revtrace.errors import GradientError
from revtrace.trace.record import Arg, Item


def plain(a: Any, b: Any = 2.0, /, c: Any = 3.0, *rest: Any, d: Any = 4.0, **more: Any) -> Any:
    return a


class Callable:
    def __call__(self, x: Any) -> Any:
        return x

    def method(self, x: Any) -> Any:
        return x

    @staticmethod
    def static(x: Any) -> Any:
        return x

    @classmethod
    def of_class(cls, x: Any) -> Any:
        return x


def test_plain_functions_are_themselves() -> None:
    assert unwrap(plain).function is plain and unwrap(plain).bare


def test_methods_and_instances_bring_their_instance() -> None:
    it = Callable()
    assert unwrap(it.method).function is Callable.method and unwrap(it.method).prefix == (it,)
    assert unwrap(it).function is Callable.__call__ and unwrap(it).prefix == (it,)
    assert unwrap(it.static).bare
    assert unwrap(it.of_class).prefix == (Callable,)


def test_partials_nest() -> None:
    inner = functools.partial(plain, 1.0, d=5.0)
    callee = unwrap(functools.partial(inner, 2.0, d=6.0))
    assert callee.function is plain and callee.prefix == (1.0, 2.0) and callee.keywords == {"d": 6.0}


def test_numba_dispatchers_give_their_function() -> None:
    class Dispatcher:
        py_func = staticmethod(plain)

        def __call__(self) -> None: ...

    assert unwrap(Dispatcher()).function is plain


def test_builtins_and_classes_are_called_through_a_plain_function() -> None:
    assert unwrap(math.sin).function(0.5) == math.sin(0.5)
    assert unwrap(np.float64).function(0.5) == 0.5
    assert unwrap(math.sin).function.__name__ == "sin"


def test_handles_bring_their_derivatives() -> None:
    assert unwrap(revtrace.wrap(plain)).steps == ()
    callee = unwrap(functools.partial(revtrace.grad(plain), 1.0))
    assert callee.function is plain and callee.prefix == (1.0,) and [s.kind for s in callee.steps] == ["gradient"]


def test_what_is_not_callable_is_refused() -> None:
    with pytest.raises(TypeError, match="expected a function, got int"):
        unwrap(3)


def test_parameters() -> None:
    found = parameters(plain)
    assert found.positional == ("a", "b", "c") and found.keyword_only == ("d",)
    assert (found.star, found.double_star, found.required) == ("rest", "more", 1)


def _locate(numbers: tuple[int, ...] = (), names: tuple[str, ...] = (), count: int = 5, skipped: int = 0) -> Any:
    arguments = {"a": 0.0, "b": 1.0, "c": 2.0, "rest": (3.0, 4.0)[: max(0, count - 3)], "d": 5.0, "more": {"e": 6.0}}
    return locate(plain, count, numbers, names, arguments, skipped)[0]


def test_positions_count_from_either_end_and_into_star() -> None:
    assert _locate((0, 3, -1)) == (Arg("a"), Item(Arg("rest"), 0), Item(Arg("rest"), 1))
    assert _locate((-1,), count=2) == (Arg("b"),)


def test_positions_skip_what_is_not_the_callers() -> None:
    assert _locate((0,), skipped=1) == (Arg("b"),)
    with pytest.raises(GradientError, match="argnums=4 is out of range"):
        _locate((4,), skipped=1)


def test_names_reach_keyword_only_and_double_star() -> None:
    assert _locate(names=("c", "d", "e")) == (Arg("c"), Arg("d"), Item(Arg("more"), "e"))


@pytest.mark.parametrize("number", [5, -6])
def test_out_of_range(number: int) -> None:
    with pytest.raises(GradientError, match=f"argnums={number} is out of range"):
        _locate((number,))


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(GradientError, match=r"no argument 'q'\n.*'a', 'b', 'c', 'd'"):
        _locate(names=("q",))


def test_a_decorated_function_of_any_arguments() -> None:
    def f(a, b, c=2.0):
        return a * b * c

    @functools.wraps(f)
    def decorated(*args, **kwargs):
        return f(*args, **kwargs)

    assert revtrace.grad(decorated, argnums=(0, 1))(2.0, 3.0) == (6.0, 4.0)
    assert revtrace.grad(decorated)(2.0, 3.0, c=5.0) == 15.0
    # What is noted of the parameters for readers is not what the code takes.
    decorated.__signature__ = inspect.signature(f)  # type: ignore[attr-defined]
    assert revtrace.grad(decorated)(2.0, 3.0) == 6.0
