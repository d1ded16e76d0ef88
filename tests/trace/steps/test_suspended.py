"""Generators into which an exception is thrown, and the context managers made of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.trace.agree import agrees


@contextlib.contextmanager
def counting(store: dict[str, Any]) -> Iterator[dict[str, Any]]:
    try:
        yield store
    except ZeroDivisionError:
        store["failed"] = store.get("failed", 0) + 1
    else:
        store["ok"] = store.get("ok", 0) + 1
    finally:
        store["all"] = store.get("all", 0.0) + store["v"]


@contextlib.contextmanager
def renamed() -> Iterator[None]:
    try:
        yield
    except KeyError as e:
        raise ValueError(str(e)) from e


def handled_by_a_manager(x: float) -> Any:
    store = {"v": x}
    for k in range(3):
        with counting(store) as s:
            s["v"] = s["v"] * 2.0 / (k - 1)
    return store["v"] * store["failed"] + store["ok"] * x * store["all"]


def raised_where_a_number_says(x: float) -> Any:
    store = {"v": x}
    for _ in range(3):
        with counting(store) as s:
            if s["v"] > 1.0:
                raise ZeroDivisionError
            s["v"] = s["v"] * 2.0
    return store["v"] * store["failed"] + store["ok"] * store["all"]


def renamed_by_a_manager(x: float) -> Any:
    try:
        with renamed():
            return {"a": x}["b"]
    except ValueError as e:
        return x * x * len(str(e))


def thrown(x: float) -> Any:
    def values() -> Iterator[float]:
        try:
            yield x
        except TypeError:
            yield x * 5.0
        yield x * x

    it: Any = values()
    total = next(it) * it.throw(TypeError("a")) + next(it)
    try:
        it.throw(KeyError)
    except KeyError:
        total += 1.0
    try:
        next(it)
    except StopIteration:
        total *= x
    unstarted: Any = values()
    try:
        unstarted.throw(ValueError(3))
    except ValueError as e:
        total *= e.args[0]
    return total


def closed(x: float) -> Any:
    def values(factor: float) -> Iterator[float]:
        try:
            while True:
                yield x * factor
        finally:
            log.append(x * x * factor)

    log: list[float] = []
    first: Any = values(2.0)
    total = next(first) + next(first)
    first.close()
    first.close()
    unstarted: Any = values(3.0)
    unstarted.close()
    return total * sum(log) + len(log) + sum(unstarted)


@pytest.mark.parametrize(
    "function",
    [handled_by_a_manager, raised_where_a_number_says, renamed_by_a_manager, thrown, closed],
    ids=lambda f: f.__name__,
)
def test_exceptions_thrown_into_generators(function: Any) -> None:
    agrees(function, 0.7)
