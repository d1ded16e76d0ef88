"""Functions that revtrace must refuse, by name and line, and functions it may refuse or get right.

The line that an error must name carries the comment ``# refused``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["BORDERLINE", "REFUSED", "Refusal"]

REFUSED: list[Refusal] = []
BORDERLINE: list[Refusal] = []


@dataclass(frozen=True)
class Refusal:
    """A function, arguments, and one of the words its refusal must contain."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    says: tuple[str, ...]

    @property
    def line(self) -> int:
        """The line with the comment."""
        lines, first = inspect.getsourcelines(self.function)
        marked = [first + k for k, text in enumerate(lines) if "# refused" in text]
        if len(marked) != 1:
            raise AssertionError(f"{self} marks {len(marked)} lines")
        return marked[0]

    def __str__(self) -> str:
        return self.function.__name__


def refuse(*args: Any, says: str) -> Callable[[Any], Any]:
    """Enter a function that must be refused; ``says`` holds alternatives separated by bars."""

    def enter(function: Any) -> Any:
        REFUSED.append(Refusal(function, args, tuple(says.split("|"))))
        return function

    return enter


def either(*args: Any) -> Callable[[Any], Any]:
    """Enter a function that is refused with a line, or right."""

    def enter(function: Any) -> Any:
        BORDERLINE.append(Refusal(function, args, ()))
        return function

    return enter


_X = np.array([0.5, -1.5, 2.0, 0.25])


# must be refused --------------------------------------------------------------------------


@refuse(_X, says="generator|yield")
def is_a_generator(x):
    for v in x:
        yield v * v  # refused


@refuse(_X, says="generator")
def returns_a_generator(x):
    squares = (v * v for v in x)
    return squares  # refused


@refuse(0.5, says="async|coroutine")
async def is_a_coroutine(x):  # refused
    return x * x


@refuse(0.5, says="async|coroutine|await")
def calls_a_coroutine(x):
    async def later(v):
        return v

    return later(x)  # refused


@refuse(1.25, says="string|str|format|text")
def text_of_a_number(x):
    label = f"{x:.1f}"
    if label == "1.2":  # refused
        return x
    return 2 * x


@refuse(1.25, says="string|str|text")
def digits_of_a_number(x):
    digits = str(x)
    return x * len(digits)  # refused


@refuse(1.5, says="key|dict")
def dict_keyed_by_a_number(x):
    table = {}
    table[x] = 1.0  # refused
    return table[x] * x


@refuse(_X, says="set|hash|unique")
def set_of_numbers(x):
    seen = set()
    for v in x:
        seen.add(v)  # refused
    return len(seen) * x[0]


@refuse(0.5, says="open|file|call")
def reads_a_file(x):
    with open("/dev/null") as file:  # refused
        return x * len(file.read())


@refuse(0.5, says="eval")
def evaluates_text(x):
    return eval("x * x")  # refused


@refuse(0.5, says="class")
def makes_a_class_of_its_numbers(x):
    class Doubled:  # refused
        value = 2 * x

    return Doubled.value


@refuse(0.5, says="object|dtype")
def object_array(x):
    box = np.array([x, None], dtype=object)  # refused
    return box[0] * 2


@refuse(0.5, says="id|identity|address")
def address_of_a_number(x):
    return x * (id(x) % 2)  # refused


# refused or right ---------------------------------------------------------------------------


_last = 0.0


@either(1.5)
def writes_a_global(x):
    global _last
    _last = x * x
    return _last * x


@either(0.5)
def prints(x):
    print("x is", x)
    return x * x


@either(_X)
def none_until_first(x):
    best = None
    for v in x:
        if best is None or v < best:
            best = v
    return best * best


@either(_X)
def appends_some(x):
    kept = []
    for v in x:
        if v > 0:
            kept.append(v)
    total = 0.0
    for v in kept:
        total += v * v
    return total / len(kept)


@either(37.0)
def appends_until_small(x):
    parts = []
    while x > 1:
        parts.append(x)
        x = x / 3
    return sum(parts) * parts[-1]


@either(_X)
def catches_a_domain_error(x):
    s = 0.0
    for v in x:
        try:
            s += math.log(v)
        except ValueError:
            s -= 1.0
    return s


@either(_X)
def catches_an_index_error(x):
    s = 0.0
    for i in range(6):
        try:
            s += x[i] ** 2
        except IndexError:
            break
    return s


@either(_X)
def generator_used_twice(x):
    squares = (v * v for v in x)
    first = next(squares)
    return first * sum(squares)


@either(_X)
def iterator_by_hand(x):
    it = iter(x)
    a = next(it)
    b = next(it)
    return a * b


def _pairs(x):
    for i in range(len(x) - 1):
        yield x[i], x[i + 1]


@either(_X)
def generator_helper(x):
    s = 0.0
    for a, b in _pairs(x):
        s += a * b
    return s


@either(_X)
def sorted_builtin(x):
    s = 0.0
    for k, v in enumerate(sorted(x)):
        s += k * v
    return s


@either(_X)
def extremes_with_key(x):
    return max(x, key=abs) * min(x, key=lambda v: -v)


@either(_X[:-1], _X[1:])
def writes_overlapping_arguments(a, b):
    for i in range(len(a)):
        a[i] += 0.5 * b[i]
    return a[0] * b[0] + b[-1]


@either(_X, _X)
def writes_aliased_arguments(a, b):
    a[0] = 3.0 * b[1]
    b[2] += a[0]
    return a[2] * b[0] + a[1]


@either(_X)
def chooses_an_array(x):
    y = np.ones(4)
    z = x if x[0] > 0 else y
    z[1] = 2.0 * x[2]
    return z[1] * x[1] + y[1] + z[3]


@either(_X)
def list_of_growing_rows(x):
    rows = []
    for i in range(len(x)):
        rows.append([x[i], float(i)])
    return rows[1][0] * rows[-1][0] + rows[2][1]


@either(_X)
def integer_dict_counts(x):
    counts = {0: 0.0, 1: 0.0}
    for i, v in enumerate(x):
        counts[i % 2] += v
    return counts[0] * counts[1]


@either(_X)
def type_changes_in_loop(x):
    s = 1
    for v in x:
        s = s * v if v > 0 else complex(s, v).real
    return s


_memo: dict[int, float] = {}


@either(1.5)
def memoised(x):
    if 3 in _memo:
        return _memo[3] * x
    return x**3


@either(_X)
def deep_copy(x):
    import copy

    y = copy.copy(x)
    y[0] = x[1]
    return y[0] * x[0]


@either(_X)
def whole_array_expression(x):
    return float((x * x).sum())


@either(_X)
def numpy_reduction(x):
    return np.sum(x) * np.max(x)
