"""Variables that numba holds as values, with no place in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numba.core.compiler import run_frontend

from revtrace.codegen import build
from revtrace.codegen.pipeline import Lower
from revtrace.codegen.single import single
from tests.codegen.run import agree, program
from tests.codegen.test_kernel import _held


def _found(function: Callable[..., Any], *names: str) -> dict[str, bool | None]:
    """Return, of each name, whether it is used in other blocks; None of one that needs a place."""
    found = single(run_frontend(function, emit_dels=True).blocks)  # type: ignore[no-untyped-call]
    return {name: found.get(name) for name in names}


def test_a_variable_assigned_once_needs_no_place_where_the_assignment_comes_before_each_use() -> None:
    def f(x: Any, n: Any) -> Any:
        a = x + 1.0
        b = a * a
        for _ in range(n):
            c = a + n
            if c > 2.0:
                b = b + c
        return b

    # ``b`` is assigned twice; what is freed after the loop or in a branch is used there.
    assert _found(f, "a", "b", "c") == {"a": True, "b": None, "c": True}


def test_a_variable_assigned_in_one_way_only_needs_a_place() -> None:
    def f(x: Any) -> Any:
        if x > 0.0:
            d = x
        if x > 1.0:
            return d
        return x

    assert _found(f, "d") == {"d": None}


def test_a_value_of_one_block_is_not_used_in_others() -> None:
    def f(x: Any) -> Any:
        a = x + 1.0
        return a * a

    assert _found(f, "a", "x") == {"a": False, "x": False}


def _checked(count: int) -> Any:
    """Return a program that makes an array, and checks and reads ``count`` elements of it, in a loop."""
    lines = []
    for k in range(count):
        lines += [f"a{k}: f8[:] = copy x", f"v{k}: f8 = load a{k}[i]", f"c{k}: b1 = lt v{k}, 9.0"]
        lines += [f'check c{k} kind="range" soft=false', f"t{k}: f8 = add {f't{k - 1}' if k else 's'}, v{k}"]
    return program(
        "\n".join(
            [
                "f(x: f8[:], n: i8) {",
                "for i in range(0, n, 1) carry (s: f8 = 0.0) -> (total: f8) {",
                *lines,
                f"yield t{count - 1}",
                "}",
                "return total",
                "}",
            ]
        )
    )


def test_the_number_of_places_does_not_grow_with_checks_and_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[str] = []
    make = Lower.alloca_lltype

    def counting(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        places.append(name)
        return make(self, name, *args, **kwargs)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(Lower, "alloca_lltype", counting)
    counts = []
    for n in (2, 8):
        places.clear()
        build(_checked(n))
        counts.append(len(places))
    assert counts[0] == counts[1] > 0


def test_arrays_used_in_other_blocks_are_freed_once() -> None:
    from numba.core.runtime import _nrt_python

    p = _checked(3)
    kernel = build(p)
    _nrt_python.memsys_enable_stats()
    before = _held()
    assert kernel.dispatch(np.array([1.0, 2.0, 4.0]), 3) == (21.0,)
    for args in ((np.array([1.0, 10.0]), 2), (np.ones(2), 0), (np.ones(2), 5)):
        try:
            kernel.dispatch(*args)
        except Exception as e:
            assert type(e).__module__ == "revtrace.codegen.signals"
    assert _held() == before
    agree(p, np.array([1.0, 2.0, 4.0]), 3, compiled=True)
