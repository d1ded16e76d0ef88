"""Strings made of run-time numbers: harmless in messages, refused elsewhere."""

from __future__ import annotations

import math
import pprint
import re
import sys
import textwrap
import warnings
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees, refuses


def messages(x: float, n: int) -> float:
    text = "bad " + str(x) + f" {x:.3f} {n}" + " %g" % x + " {}".format(x)
    if x < 0:
        raise ValueError(text)
    if x > 100:
        warnings.warn(text, stacklevel=2)
    if text is None:
        return 0.0
    return x * x


def keyed(x: float, n: int) -> float:
    weights = {"1": 2.0, "2": 3.0}
    return x * weights[str(n)] * weights[f"{n}"]


def by_text(x: float) -> float:
    return {"1.0": x}[str(x)]


def caught(x: float) -> float:
    try:
        return math.log(x - 2.0)
    except ValueError:
        return 0.0


def shown(x: float) -> float:
    lines = []
    for k in range(3):
        lines.append(f"{x * k:.3f}")
        if x * k > 5:
            sys.stderr.write(lines[-1] + "\n")
    sys.stdout.write(", ".join(lines))
    return x * x * len(lines)


def decorated(x: float, n: int) -> float:
    label = str(x)
    label += " units"
    rows = [label.rjust(20).upper()[:10], f"{x!r:>10}".replace(".", ",")]
    pprint.pprint({"rows": "\n".join(rows)})
    print("=" * 10 + label * 2, np.array2string(np.array([x, 1.0]), precision=3))
    return x * sum(int(c) for c in str(int(x * 1000))) * len(f"{n + int(x)}")


def test_texts_made_of_texts() -> None:
    agrees(decorated, 1.5, 99)


def test_what_goes_to_the_terminal_is_no_part_of_the_value() -> None:
    agrees(shown, 1.5)


def test_message_is_the_plain_functions() -> None:
    agrees(messages, 3.0, 2)
    with override(interpret=True), pytest.raises(ValueError, match=r"^bad -1.0 -1.000 2 -1 -1.0$"):
        revtrace.grad(messages)(-1.0, 2)


def test_string_of_an_integer_argument_is_a_key() -> None:
    agrees(keyed, 3.0, 2)


def test_string_of_a_float_is_no_key() -> None:
    refuses(by_text, 1.0, match="a string made of run-time values")


def test_an_error_that_is_caught() -> None:
    agrees(caught, 3.0)
    agrees(caught, 1.0)


def molar_mass(x: float, formula: str) -> float:
    weights = {line.split()[0]: float(line.split()[1]) for line in textwrap.dedent(TABLE).strip().splitlines()}
    found = re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    return sum(weights[element] * (int(n) if n else 1) for element, n in found) * x**2


TABLE = """
    H 1.008
    O 15.999
"""


def test_texts_are_taken_apart() -> None:
    re.purge()
    with override(interpret=True, cache=False):
        assert revtrace.grad(molar_mass)(0.5, "H2O") == pytest.approx(2 * 1.008 + 15.999)


def lengths(x: np.ndarray) -> Any:
    n, m = int(abs(x[0]) * 10), int(abs(x[1]) * 10)
    found = len("%d|%03d" % (n, n)) + len("{}-{:04d}".format(n, m)) + len(f"{n}{m}{n!r:>5}")  # noqa: UP031, UP032
    s = str(n)
    found += len("-".join([s, str(m)])) + len("ab" * n) + len(s.zfill(5)) + len(s + "a")
    return found * x[1] + sum(int(c) for c in s) * x[2] + (s == "4") * x[3]


def held(x: np.ndarray) -> Any:
    s = str(int(abs(x[0]) * 10))
    return len("%s" % (s,)) * x[0] + len(f"{[s]}") * x[1] + len(str((s, "a"))) * x[2] + len(repr({s: 1}))  # noqa: UP031


def keys_of_several_kinds(x: np.ndarray) -> Any:
    n = int(abs(x[0]) * 10)
    d = {}
    d["k%d" % n] = x[1]  # noqa: UP031
    d["k{}".format(n + 1)] = x[2]  # noqa: UP032
    d["k" + str(n + 2)] = x[3]
    return d[f"k{n}"] * d[f"k{n + 1}"] + d[f"k{n + 2}"]


@pytest.mark.parametrize("f", [lengths, held, keys_of_several_kinds])
def test_texts_made_of_run_time_integers(f: Any) -> None:
    for x in (np.array([0.42, 1.53, -0.7, 2.0]), np.array([-3.14, 0.21, 0.5, 1.5])):
        agrees(f, x)
