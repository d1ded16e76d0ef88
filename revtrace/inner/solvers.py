"""Solvers of SciPy inside of a traced function: SciPy's own is run, on the user's function as a program.

What the function refers to is passed along as operands, so that the answer is SciPy's for the values of each call.
The answer is held fixed; `revtrace.trace.libraries.equations` says how it depends on those values.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace import config, replay
from revtrace.calls.core import Row, enter
from revtrace.dispatch.executors import executor
from revtrace.dispatch.records import Executor, Stats
from revtrace.inner.calls import called
from revtrace.inner.inline import Asked, record
from revtrace.passes import cleaned, prepared
from revtrace.program.nodes import Operand, Program
from revtrace.program.types import Array
from revtrace.trace.callables.functions import on
from revtrace.trace.libraries.equations import BRACKETED, answer, parameters
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.ndarray.convert import as_array
from revtrace.trace.ndarray.rows import call_row
from revtrace.trace.objects.containers import as_static
from revtrace.trace.state import State
from revtrace.trace.values import Num, Static

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__: list[str] = []

_counter = itertools.count(1)


class _Callable:
    """A program of one number or array and of fixed operands, as a function of the first."""

    def __init__(self, program: Program) -> None:
        self.program = cleaned(prepared(program))
        self._executor: Executor | None = None

    def __call__(self, x: Any, fixed: tuple[Any, ...]) -> Any:
        """Return the program's one result."""
        if self._executor is None:
            self._executor = executor(self.program, config.current(), Stats())
        kind = self.program.inputs[0].type
        x = np.ascontiguousarray(x, np.float64) if isinstance(kind, Array) else float(x)
        try:
            return self._executor.run(x, *fixed)[0]
        except (*self._executor.bail, *self._executor.deopt):
            # The interpreter raises what the function does.
            return replay.run(self.program, (x, *fixed))[0]


def _row(solver: Callable[..., Any], program: Program, options: dict[str, Any]) -> Row:
    function = _Callable(program)
    scalars = [not isinstance(v.type, Array) for v in program.inputs[1:]]

    def run(start: Any, *others: Any) -> Any:
        fixed = tuple(x.item() if scalar else np.array(x) for x, scalar in zip(others, scalars, strict=True))
        return np.asarray(solver(lambda x: function(x, fixed), start, **options), np.float64)

    name = f"solver:{solver.__name__}:{next(_counter)}"
    return enter(Row(name, run, why_zero="the answer is held", raises=True, fixed=False))


@on(answer)
def _answer(t: Tracer, st: State, args: tuple[Any, ...], kwargs: dict[str, Any], fr: Frame | None) -> Any:
    solver, function, start, settings = args
    view = arrays.materialise(t, as_array(t, start, st), "f8")
    found = as_static(t, st, settings)
    if not isinstance(found, Static):
        raise t.unsupported(
            "settings of a solver that are known only when running", "they decide what is run", "write constants"
        )
    run = solver.value
    example: Any = view
    if run in BRACKETED:
        example = Num(arrays.load_at(t, view, (arrays.ZERO,)), True)
    elif view.ndim == 2:
        example = arrays.materialise(t, subscripts.basic(t, view, [Static(0), Static(slice(None))]))
    asked = Asked((0,), True, strict=False, name="the function that is solved")
    taken = record(t, st, function, (example,), {}, asked)
    program = taken.traced.program
    row = _row(run, program, dict(found.value))
    others = [_value(t, x) for x in program.inputs[1:]]
    return call_row(t, row.name, (view, *others), (("f8", view.shape),), (), ("answer",))[0]


def _value(t: Tracer, x: Operand) -> Any:
    if isinstance(x.type, Array):
        return arrays.whole(t, x, [t.b.dim(x, k) for k in range(x.type.ndim)])
    return Num(x, False)


@on(parameters)
def _parameters(t: Tracer, st: State, args: tuple[Any, ...], kwargs: dict[str, Any], fr: Frame | None) -> Any:
    return Static(len(called(args[0])[1]))
