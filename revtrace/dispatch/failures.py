"""Where a program gives up in a call that the plain function serves, and how that is refused."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np

from revtrace.dispatch.draws import on_tape
from revtrace.dispatch.records import Executor
from revtrace.errors import InternalError, RevtraceError, UnsupportedError
from revtrace.loc import Loc
from revtrace.program.deep import deep
from revtrace.program.nodes import Op, Program
from revtrace.trace.record import Traced

__all__ = ["failed_check", "refusal", "stepped"]


def stepped(program: Program) -> Executor:
    """Return what runs a program in the interpreter."""
    from revtrace.replay import Bail, run

    return Executor(run=lambda *inputs: run(program, inputs), bail=(Bail,), checks_types=False)


def failed_check(program: Program, traced: Traced, inputs: tuple[Any, ...]) -> Op | None:
    """Run the interpreter, which says where the program gives up."""
    from revtrace.replay import Bail, run

    given = [x.copy() if isinstance(x, np.ndarray) else x for x in inputs]
    try:
        with deep(), on_tape(traced, given, advances=False) as taped:
            run(program, taped)
    except Bail as bail:
        return bail.op
    return None


def refusal(function: FunctionType, failed: Op | None, kind: str, caught: Loc | None) -> RevtraceError:
    """Return the error of a call that gives up although the plain function raises nothing.

    Parameters
    ----------
    function : function
        The plain function.
    failed : Op or None
        The check that failed; None where the interpreter finds none.
    kind : str
        What it checks.
    caught : Loc or None
        Where the function may catch what the check stands for.
    """
    if kind.startswith("unsupported: ") and failed is not None:
        return UnsupportedError(
            kind.removeprefix("unsupported: "),
            "the numbers of this call take a way that the program does not have",
            "begin with a float (1.0 for 1)"
            if "64 bits" in kind
            else "keep the numbers in the range where this line gives a real number of one kind",
            failed.loc,
        )
    if caught is not None:
        return UnsupportedError(
            "an exception is raised and caught here",
            "which exception is caught could not be found out while tracing",
            "test the condition with if before the operation that fails",
            caught if failed is None else failed.loc,
        )
    if failed is None:
        return InternalError(
            f"the compiled form of {function.__qualname__} gave up, the plain function did not",
            "the interpreter does not give up either",
            "report it with the function, its arguments and the output of `revtrace info`",
            Loc(),
        )
    if kind == "broadcast":
        return UnsupportedError(
            "lengths computed while running that agree only by broadcasting",
            "whether an axis has length one must be known from the shapes and integers passed",
            "index the axis of length one with 0",
            failed.loc,
        )
    return UnsupportedError(
        f"what makes {kind or 'the program'} fail here does not make the plain function fail",
        "revtrace tests more than plain Python does at this line",
        "write the line differently; if its numbers are nothing special, please report it",
        failed.loc,
    )
