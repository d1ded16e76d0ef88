"""Running programs in the ways that must agree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from revtrace import replay
from revtrace.codegen import Bail, Deopt, build, emit, plain
from revtrace.program import Program
from revtrace.program.parse import parse
from revtrace.program.types import Array
from revtrace.program.verify import verify

__all__ = ["agree", "outcome", "program", "typed"]


def program(text: str) -> Program:
    """Return a program from its text, checked."""
    out = parse(text)
    verify(out)
    return out


def typed(p: Program, inputs: Sequence[Any]) -> list[Any]:
    """Return inputs as generated code takes them: numpy scalars, fresh arrays."""
    return [
        np.array(x, v.type.dtype, order="C") if isinstance(v.type, Array) else np.dtype(v.type.dtype).type(x)
        for v, x in zip(p.inputs, inputs, strict=True)
    ]


def outcome(f: Any, *args: Any) -> Any:
    """Return what a call gives: results, ``"bail"`` or ``"deopt"``."""
    with np.errstate(all="ignore"):
        try:
            return f(*args)
        except (Bail, replay.Bail):
            return "bail"
        except Deopt:
            return "deopt"


def agree(p: Program, *inputs: Any, compiled: bool = False) -> list[Any]:
    """Run both builds, as plain Python or compiled, and compare with the interpreter; return what each gave."""
    want = outcome(replay.run, p, typed(p, inputs))
    found = []
    for careful in (False, True):
        # Limits on magnitudes are assumptions, and the careful build makes none.
        assert not careful or not re.search(r"\b(small|medium|tiny)\(", emit(p, careful=True).text)
        run = build(p, careful=careful).dispatch if compiled else plain.load(emit(p, careful=careful))
        got = outcome(run, *typed(p, inputs))
        found.append(got)
        if isinstance(got, str) and got == "deopt" and not careful:
            continue
        if isinstance(want, str) or isinstance(got, str):
            assert isinstance(want, str) and isinstance(got, str), (want, got, careful)
            continue
        assert len(got) == len(want)
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6 if np.asarray(b).dtype in ("f4", "c8") else 1e-13, atol=1e-300)
            assert np.shape(a) == np.shape(b)
    return found
