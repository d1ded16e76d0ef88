"""The table of what a ``call`` operation may name, and how a row's derivative is said.

A ``call`` runs a function of whole arrays: ``call outs..., ins... row="solve" outs=1``.  The
first ``outs`` operands are arrays made before, which it writes wholly; the rest are arrays it
reads.  With ``adds`` it adds to its one output instead, which needs no old value.  A
number is an array without axes.  The output shares no memory with what is read.

A derivative is said in one of two ways.  ``terms`` of a function that is linear in each
operand are calls themselves: the cotangent of an operand is a call of this or another row, added
to.  Else ``pull`` and ``push`` return plain NumPy functions, which revtrace traces into programs
of their own and writes into both sweeps, so that derivatives of derivatives need nothing more.

Why whole arrays and no scalar results: one form serves the passes, the interpreter and the
generated code, and which values are kept for the way back is decided by the same plan as for
numbers (see `revtrace.passes.residuals`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from revtrace.errors import InternalError
from revtrace.program.nodes import Op, Operand

__all__ = [
    "ROWS",
    "Row",
    "Settings",
    "Term",
    "attempt",
    "compute",
    "enter",
    "failure",
    "parts",
    "passes_on",
    "row_named",
    "row_of",
    "settings_of",
]

Settings = tuple[tuple[str, Any], ...]
"""What a call is told besides arrays: pairs of a name and a number, string or tuple of them."""


@dataclass(frozen=True, slots=True)
class Term:
    """One share of a cotangent or tangent, as a call that adds to it.

    Attributes
    ----------
    target : int
        The operand whose cotangent it is part of; for tangents the output.
    row : str
        What computes it.
    reads : tuple of (str, int)
        Its operands: ``("in", k)``, ``("out", k)`` or ``("bar", k)``, the cotangent of output ``k``
        (for a tangent ``("dot", k)``, the tangent of operand ``k``).
    settings : tuple
    """

    target: int
    row: str
    reads: tuple[tuple[str, int], ...]
    settings: Settings = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A function of arrays that programs may call.

    Attributes
    ----------
    name : str
    run : callable
        ``run(*ins, **settings)`` returns the output, or a tuple of outputs: what the
        interpreter does, and compiled code where it has nothing faster.
    terms : callable, optional
        ``terms(settings, types)`` returns the shares of the operands' cotangents, for a
        function linear in each operand.
    tangents : callable, optional
        The same for tangents; needed with ``terms``.
    pull : callable, optional
        ``pull(**settings)`` returns ``f(*ins, *outs, *bars)``, a plain function of arrays that
        returns a tuple with the cotangent of each operand (None for no derivative).
    push : callable, optional
        ``push(**settings)`` returns ``f(*ins, *outs, *dots)``, which returns a tuple with the
        tangent of each output; ``dots`` are None for operands that do not vary.
    why_zero : str
        Why it has no derivative, where it passes none on.
    why_unknown : str
        Why it gives no derivative, where there is one.
    raises : bool
        Whether it may raise an exception.
    fixed : bool
        Whether the row is the same in every process; kernels that call others are not kept on disk.
    foreign : callable, optional
        What stands for ``pull`` where that cannot be traced.
    transposed : bool
        Whether ``push`` is made from ``pull``, which takes longer than running in reverse.
    inverse : str
        The row that gives the first operand again, from the output in its place and the other operands.
    sparse : bool
        Whether ``pull`` takes None for the cotangent of an output that nothing reads, else zeros.
    stays : bool
        Whether it does more than write its outputs, so that programs call it whether or not these are read.
    """

    name: str
    run: Callable[..., Any]
    terms: Callable[[Settings], Sequence[Term]] | None = None
    tangents: Callable[[Settings], Sequence[Term]] | None = None
    pull: Callable[..., Callable[..., Any]] | None = None
    push: Callable[..., Callable[..., Any]] | None = None
    why_zero: str = ""
    why_unknown: str = "its row gives none"
    raises: bool = False
    fixed: bool = True
    foreign: Callable[..., Callable[..., Any]] | None = None
    transposed: bool = False
    inverse: str = ""
    sparse: bool = False
    stays: bool = False


ROWS: dict[str, Row] = {}


def enter(row: Row) -> Row:
    """Add a row to the table, or replace the one of its name."""
    ROWS[row.name] = row
    return row


def row_of(op: Op) -> Row:
    """Return the row a call names."""
    return row_named(str(op.attr("row")))


def row_named(name: str) -> Row:
    """Return the row of a name."""
    found = ROWS.get(name)
    if found is None:
        _load()
        found = ROWS.get(name)
    if found is None:
        raise InternalError(f"no row of the table of calls is named {name!r}")
    return found


def _load() -> None:
    """Enter the rows of this package."""
    import revtrace.calls.dot
    import revtrace.calls.rows  # noqa: F401


def settings_of(op: Op) -> Settings:
    """Return what a call is told besides arrays."""
    found = op.attr("settings", ())
    assert isinstance(found, tuple)
    return found


def parts(op: Op) -> tuple[tuple[Operand, ...], tuple[Operand, ...]]:
    """Return a call's outputs and what it reads."""
    count = op.attr("outs")
    assert isinstance(count, int)
    return op.args[:count], op.args[count:]


def passes_on(op: Op) -> bool:
    """Whether a call passes derivatives on."""
    return not row_of(op).why_zero


_failed = threading.local()


def attempt(row: Row, settings: Settings, adds: bool, outs: Sequence[Any], ins: Sequence[Any]) -> bool:
    """Run a call on arrays; what it raises is kept for `failure`, and False returned."""
    try:
        with np.errstate(all="ignore"):
            compute(row, settings, adds, outs, ins)
    except BaseException as error:
        _failed.error = error
        return False
    return True


def failure() -> BaseException | None:
    """Return what the last call that failed in this thread raised, once."""
    error: BaseException | None = getattr(_failed, "error", None)
    _failed.error = None
    return error


def compute(row: Row, settings: Settings, adds: bool, outs: Sequence[Any], ins: Sequence[Any]) -> None:
    """Run a call on arrays.

    Raises
    ------
    Exception
        What the function raises.
    ValueError
        A result does not have the shape of its output.
    """
    found = row.run(*ins, **dict(settings))
    results = found if isinstance(found, tuple) else (found,)
    if len(results) != len(outs):
        raise ValueError(f"{row.name} returned {len(results)} results, not {len(outs)}")
    for out, result in zip(outs, results, strict=True):
        value = np.asarray(result)
        if value.shape != out.shape:
            raise ValueError(f"{row.name} returned shape {value.shape}, not {out.shape}")
        if adds:
            out += value
        else:
            out[...] = value
