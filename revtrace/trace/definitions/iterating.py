"""Iterators of the library as plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

__all__ = [
    "accumulated",
    "accumulated_one_by_one",
    "after_first",
    "before_first",
    "called_with",
    "chained",
    "each",
    "filled_up",
    "flagged",
    "found_in",
    "found_out",
    "kept",
    "neighbours",
    "not_kept",
    "pairs",
    "products",
    "sliced",
    "until",
]  # fmt: skip


def until(function: Callable[[], Any], sentinel: Any) -> Iterator[Any]:
    """Yield what a function returns until it returns something equal to ``sentinel``."""
    while True:
        value = function()
        if value == sentinel:
            return
        yield value


def pairs(items: Any) -> Iterator[Any]:
    """Yield ``itertools.combinations(items, 2)`` of an array or list."""
    for i in range(len(items)):
        for j in range(i + 1, len(items)):
            yield items[i], items[j]


def products(first: Any, second: Any) -> Iterator[Any]:
    """Yield ``itertools.product(first, second)`` of arrays or lists."""
    for a in first:
        for b in second:
            yield a, b


def accumulated(items: Any, function: Callable[[Any, Any], Any], total: Any = None) -> Iterator[Any]:
    """Yield ``itertools.accumulate(items, function, initial=total)`` of an array or list that is not empty."""
    if total is None:
        total, items = items[0], items[1:]
    yield total
    for x in items:
        total = function(total, x)
        yield total


def each(items: Iterable[Any]) -> Iterator[Any]:
    """Yield items one by one."""
    for item in items:  # noqa: UP028
        yield item


def found_out(items: Iterable[Any], answer: bool) -> bool:
    """``any`` (by a True) and ``all`` (by a False) of an iterator, whose later items are left to others."""
    for item in items:
        if bool(item) == answer:
            return answer
    return not answer


def found_in(items: Iterable[Any], sought: Any) -> bool:
    """``sought in items`` of an iterator, whose later items are left to others."""
    for item in items:  # noqa: SIM110
        if item is sought or item == sought:
            return True
    return False


def accumulated_one_by_one(items: Iterable[Any], function: Callable[[Any, Any], Any], total: Any) -> Iterator[Any]:
    """Yield ``itertools.accumulate(items, function, initial=total)``."""
    started = total is not None
    if started:
        yield total
    for x in items:
        total = function(total, x) if started else x
        started = True
        yield total


def kept(test: Callable[[Any], Any] | None, items: Iterable[Any]) -> Iterator[Any]:
    """Yield ``filter(test, items)``."""
    for x in items:
        if x if test is None else test(x):
            yield x


def not_kept(test: Callable[[Any], Any] | None, items: Iterable[Any]) -> Iterator[Any]:
    """Yield ``itertools.filterfalse(test, items)``."""
    for x in items:
        if not (x if test is None else test(x)):
            yield x


def before_first(test: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """Yield ``itertools.takewhile(test, items)``."""
    for x in items:
        if not test(x):
            return
        yield x


def after_first(test: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """Yield ``itertools.dropwhile(test, items)``."""
    dropping = True
    for x in items:
        if dropping and test(x):
            continue
        dropping = False
        yield x


def flagged(items: Iterable[Any], flags: Iterable[Any]) -> Iterator[Any]:
    """Yield ``itertools.compress(items, flags)``."""
    for x, flag in zip(items, flags):  # noqa: B905
        if flag:
            yield x


def called_with(function: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
    """Yield ``itertools.starmap(function, items)``."""
    for args in items:
        yield function(*args)


def chained(parts: Iterable[Iterable[Any]]) -> Iterator[Any]:
    """Yield ``itertools.chain.from_iterable(parts)``."""
    for part in parts:
        yield from part


def neighbours(items: Iterable[Any]) -> Iterator[Any]:
    """Yield ``itertools.pairwise(items)``."""
    before, started = None, False
    for x in items:
        if started:
            yield before, x
        before, started = x, True


def sliced(items: Iterable[Any], start: int, stop: int | None, step: int) -> Iterator[Any]:
    """Yield ``itertools.islice(items, start, stop, step)``, which takes no more items than ``stop``."""
    if stop == 0:
        return
    k = 0
    for x in items:
        if k == start:
            yield x
            start += step
        k += 1  # noqa: SIM113
        if k == stop:
            return


def filled_up(fill: Any, *parts: Iterable[Any]) -> Iterator[Any]:
    """Yield ``itertools.zip_longest(*parts, fillvalue=fill)``."""
    iterators = [iter(part) for part in parts]
    going = [True] * len(iterators)
    while True:
        row = []
        for k, iterator in enumerate(iterators):
            x = fill
            if going[k]:
                try:
                    x = next(iterator)
                except StopIteration:
                    going[k] = False
            row.append(x)
        if not any(going):
            return
        yield tuple(row)
