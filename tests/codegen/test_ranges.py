"""Counted loops as this package writes them, and how little of it there is."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numba.core.codegen import CPUCodeLibrary

from revtrace.codegen import build
from tests.codegen.run import program, typed

_INSTRUCTION = re.compile(r"^  (%\S+ = |store |br |call |ret )", re.MULTILINE)


def visits(step: int) -> str:
    """Return a program that tells how many numbers a range has, the last of them, and their sum."""
    return f"""
    f(start: i8, stop: i8) {{
      for i in range(start, stop, {step}) carry (c: i8 = 0, b: i8 = -7, s: i8 = 0) -> (n: i8, m: i8, t: i8) {{
        d: i8 = add c, 1
        e: i8 = add s, i
        yield d, i, e
      }}
      return n, m, t
    }}"""


@pytest.mark.parametrize("step", [1, 3, -1, -4])
def test_a_loop_visits_what_pythons_range_has(step: int) -> None:
    p = program(visits(step))
    dispatch = build(p, careful=True).dispatch
    for start in (-5, -1, 0, 2, 6, 2**62):
        for offset in (-9, -4, -3, -1, 0, 1, 2, 3, 8):
            numbers = range(start, start + offset, step)
            expected = (len(numbers), numbers[-1] if numbers else -7, sum(numbers))
            if abs(expected[2]) < 2**63:
                assert dispatch(*typed(p, (start, start + offset))) == expected


def written(monkeypatch: pytest.MonkeyPatch, text: str) -> int:
    """Return how many instructions are written for a program before LLVM changes them."""
    modules: list[str] = []
    add = CPUCodeLibrary.add_ir_module

    def noted(self: Any, module: Any) -> None:
        modules.append(str(module))
        add(self, module)

    with monkeypatch.context() as patch:
        patch.setattr(CPUCodeLibrary, "add_ir_module", noted)
        build(program(text))
    return max(len(_INSTRUCTION.findall(module)) for module in modules if "visited" in module)


def test_loops_accesses_and_arrays_take_few_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = (
        "a{0}: i8 = dim x axis=0\n for i{0} in range(0, a{0}, 1) carry () -> () {{\n store x[i{0}] = 1.5\n yield\n }}\n"
    )

    def text(count: int) -> str:
        return f"visited(x: f8[:]) {{\n{''.join(loop.format(k) for k in range(count))}return x\n}}"

    least = written(monkeypatch, text(1))
    # As numba writes them each takes more than a hundred.
    assert (written(monkeypatch, text(5)) - least) / 4 < 70


def test_variables_keep_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    p = program(visits(1))
    monkeypatch.setattr("numba.core.ssa.reconstruct_ssa", None)
    monkeypatch.setattr("numba.core.untyped_passes.reconstruct_ssa", None)
    assert build(p).dispatch(np.int64(0), np.int64(4)) == (4, 3, 6)
