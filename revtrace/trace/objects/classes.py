"""Classes defined inside a traced function: made while tracing, where nothing in them is known only when running."""

from __future__ import annotations

import builtins
import dataclasses
import types
from typing import TYPE_CHECKING, Any

from revtrace.errors import UnsupportedError
from revtrace.trace.callables.functions import on
from revtrace.trace.external import external
from revtrace.trace.objects.containers import as_static
from revtrace.trace.record import Global
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import CellBox, State
from revtrace.trace.values import Static, Undef

if TYPE_CHECKING:
    from revtrace.trace.callables.traced_function import TracedFunction
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__: list[str] = []


@on(builtins.__build_class__)
def _build(t: Tracer, st: State, args: Any, kwargs: Any, fr: Frame | None) -> Any:
    body, *rest = args
    known = [_known(t, st, x, "a base of a class") for x in rest]
    named = {k: _known(t, st, v, "an argument of a class") for k, v in kwargs.items()}
    refusals: list[UnsupportedError] = []
    function = _real(t, st, body.value, refusals)
    try:
        return Static(builtins.__build_class__(function, *known, **named))
    except Exception as error:
        if isinstance(error, NameError) and refusals:
            # The body itself reads a variable, not only the methods.
            raise refusals[0] from None
        raise PythonRaise(error) from None


def _known(t: Tracer, st: State, value: Any, what: str) -> Any:
    found = as_static(t, st, value)
    if not isinstance(found, Static) or _is_traced(found.value):
        raise t.unsupported(
            f"{what} defined inside the function that is known only when running",
            "a class is made while tracing",
            "define the class outside the function and pass the numbers to its __init__",
        )
    return found.value


def _is_traced(value: Any) -> bool:
    from revtrace.trace.callables.traced_function import TracedFunction

    return isinstance(value, TracedFunction)


def _real(t: Tracer, st: State, made: TracedFunction, refusals: list[UnsupportedError]) -> types.FunctionType:
    """Return the function that a function made while tracing stands for.

    It reads known objects from its cells when it runs; functions made in it that are traced read what the cells of
    the function around them hold (`Tracer.cells`).
    """
    what = f"a variable of the function around it in the class {made.code.co_name},"
    cells = []
    for name in made.code.co_freevars:
        box = st.box(made.captured[name])
        assert isinstance(box, CellBox)
        cell = types.CellType()
        if isinstance(box.value, Static) and _is_traced(box.value.value):
            cell.cell_contents = _real(t, st, box.value.value, refusals)
        elif not isinstance(box.value, Undef):
            try:
                cell.cell_contents = _known(t, st, box.value, what)
            except UnsupportedError as refusal:
                refusals.append(refusal)
        t.cells[id(cell)] = (cell, made.captured[name])
        cells.append(cell)
    _watch(t, st, made.code, made.globals)
    function = types.FunctionType(made.code, made.globals, made.__name__, None, tuple(cells))
    function.__defaults__ = tuple(_known(t, st, x, what) for x in made.defaults) or None
    function.__kwdefaults__ = {k: _known(t, st, v, what) for k, v in made.kwdefaults.items()} or None
    function.__qualname__ = made.__qualname__
    return function


def _watch(t: Tracer, st: State, code: types.CodeType, namespace: dict[str, Any]) -> None:
    """Guard the globals that a class body reads: it is run, not traced."""
    for name in code.co_names:
        if name in namespace:
            external(t, st, namespace[name], Global(namespace, name), "const")


@on(dataclasses.dataclass)
def _dataclass(t: Tracer, st: State, args: Any, kwargs: Any, fr: Frame | None) -> Any:
    settings = {k: _known(t, st, v, "a setting of a dataclass") for k, v in kwargs.items()}
    if not args or (isinstance(args[0], Static) and args[0].value is None):
        return Static(_Deferred(settings))
    cls = _known(t, st, args[0], "a dataclass")
    try:
        return Static(dataclasses.dataclass(cls, **settings))
    except Exception as error:
        raise PythonRaise(error) from None


class _Deferred:
    """``dataclass(frozen=True)``: waits for its class."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def __call__(self, cls: type) -> type:
        """Return the class as a dataclass."""
        return dataclasses.dataclass(cls, **self.settings)
