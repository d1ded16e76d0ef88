"""Scripts hold all that their library calls need."""

from __future__ import annotations

import builtins
import dis
from types import CodeType, FunctionType
from typing import Any

import pytest

import revtrace.trace.libraries  # noqa: F401 - enters rows
from revtrace.calls import core
from revtrace.calls.bridge import Spec
from revtrace.codegen.emit import Source
from revtrace.codegen.script import script

core._load()
ROWS = sorted(name for name, row in core.ROWS.items() if row.fixed and isinstance(row.run, FunctionType))


def names_read(code: CodeType) -> set[str]:
    """Return the global names that a function reads, and those inside of it."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return found.union(*(names_read(inner) for inner in code.co_consts if isinstance(inner, CodeType)))


@pytest.mark.parametrize("row", ROWS)
def test_what_a_row_calls_is_there(row: str) -> None:
    call = ("call", Spec(row, (), False, 1, ()))
    text = script(Source("def f(x):\n    call(x)\n", "f", (), (), (), False, calls=(call,)))
    assert "revtrace" not in text
    scope: dict[str, Any] = {}
    exec(compile(text, "script", "exec"), scope)
    read = set().union(*(names_read(f.__code__) for f in scope.values() if isinstance(f, FunctionType)))
    assert {name for name in read if name not in scope and not hasattr(builtins, name)} == set()
