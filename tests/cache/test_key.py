"""What the key of a kernel sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace import codegen, config
from revtrace.cache import key
from revtrace.codegen import machine
from revtrace.program.nodes import Block, Program, Var, const
from revtrace.program.types import F64, Scalar


def key_of(f: Any, *args: Any, **options: Any) -> str:
    with config.override(interpret=True):
        program = revtrace.grad(f, **options).program(*args)
    return key.key_of(codegen.emit(program), program, careful=False)


def test_one_program_has_one_key() -> None:
    assert key_of(lambda x: x * x, 1.0) == key_of(lambda x: x * x, 2.0)


def test_constants_closures_defaults_and_types_are_seen() -> None:
    def make(factor: Any) -> Any:
        def f(x: Any, power: Any = 2) -> Any:
            return factor * x**power if factor != "none" else x

        return f

    keys = [
        key_of(lambda x: x * x * 2.0, 1.0),
        key_of(lambda x: x * x * 3.0, 1.0),
        key_of(lambda x: x * x * 3.0, np.float32(1.0)),
        key_of(lambda x: x[0] * 3.0, np.ones(1)),
        key_of(lambda x: x[0, 0] * 3.0, np.ones((1, 1))),
        key_of(lambda x: x[0] * 3.0, np.ones(1, "f4")),
        key_of(make("none"), 1.0),
        key_of(lambda x, y: x * y, 1.0, 2.0),
        key_of(lambda x, y: x * y, 1.0, 2.0, argnums=1),
    ]
    assert len(set(keys)) == len(keys)


def test_the_types_of_unused_inputs_are_seen() -> None:
    keys = set()
    for dtype in ("f8", "f4"):
        program = Program("f", (Var(Scalar(dtype), "x"),), Block((), (const(1.0),)))
        keys.add(key.key_of(codegen.emit(program), program, careful=False))
    assert len(keys) == 2


def test_both_builds_have_keys_of_their_own() -> None:
    program = Program("f", (Var(F64, "x"),), Block((), (const(1.0),)))
    source = codegen.emit(program)
    assert key.key_of(source, program, careful=False) != key.key_of(source, program, careful=True)


def test_versions_the_cpu_and_numbas_switches_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program("f", (Var(F64, "x"),), Block((), (const(1.0),)))
    source = codegen.emit(program)
    before = key.key_of(source, program, careful=False)
    words = " ".join(machine.machine())
    assert f"numpy {np.__version__}" in words and "numba 0." in words and "llvmlite 0." in words
    monkeypatch.setattr(machine, "machine", lambda: ("another cpu",))
    other = key.key_of(source, program, careful=False)
    monkeypatch.setattr(key, "own_text", lambda: "another code generator")
    third = key.key_of(source, program, careful=False)
    monkeypatch.setenv("NUMBA_OPT", "1")
    assert len({before, other, third, key.key_of(source, program, careful=False)}) == 4
