"""Kernels shared between runs of the suite: the same source is loaded, another is compiled, as is one in a share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import revtrace
from revtrace import codegen
from revtrace.cache import kernels
from revtrace.config import Settings, override
from revtrace.program.nodes import Program
from tests import shared_kernels
from tests.shared_kernels import shared


def squares(x: np.ndarray) -> float:
    out = 0.0
    for i in range(len(x)):
        out += x[i] ** 2
    return out


def cubes(x: np.ndarray) -> float:
    out = 0.0
    for i in range(len(x)):
        out += x[i] ** 3
    return out


def value(function: Callable[..., float]) -> float:
    # As a process that has compiled nothing.
    kernels.forget()
    x = np.arange(3.0)
    return kernels.obtain(program(function, x), Settings(cache=False)).kernel(x)[0]


def program(function: Callable[..., float], x: np.ndarray) -> Program:
    with override(cache=False, interpret=True):
        return revtrace.wrap(function).program(x)


@pytest.mark.parametrize("share", [1 << 40, 1])
def test_what_is_the_same_is_compiled_once_but_for_a_share(
    share: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_kernels, "_SHARE", share)
    with shared(tmp_path) as first:
        assert value(squares) == 5.0
    assert (first.compiled, first.loaded) == (1, 0)
    with shared(tmp_path) as second:
        assert value(squares) == 5.0
        assert value(cubes) == 9.0
    assert (second.compiled, second.loaded) == ((2, 0) if share == 1 else (1, 1))


def test_what_was_loaded_can_be_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_kernels, "_SHARE", 1 << 40)
    with shared(tmp_path):
        value(squares)
    with shared(tmp_path) as counts:
        kernels.forget()
        x = np.arange(3.0)
        settings = Settings(cache=True, cache_dir=str(tmp_path / "disk"))
        found = kernels.obtain(program(squares, x), settings)
        kernels.forget()
        again = kernels.obtain(program(squares, x), settings)
    assert (counts.loaded, found.where, again.where) == (1, "built", "disk")
    assert again.kernel(x) == (5.0,)


def test_key_names_the_types_the_build_and_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = program(squares, np.ones(2)), program(squares, np.ones(2, np.float32))
    source = codegen.emit(one)
    keys = [shared_kernels.key_of(source, p, careful) for p in (one, other) for careful in (False, True)]
    monkeypatch.setattr(shared_kernels, "version", lambda name: "0")
    assert len({*keys, shared_kernels.key_of(source, one, False)}) == 5
