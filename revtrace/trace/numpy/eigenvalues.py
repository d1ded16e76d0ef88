"""``numpy.linalg.eig`` and ``eigvals``: of a real matrix they return real or complex numbers by their values.

A program returns one kind, so which one it is is a fact that a trace relies on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays
from revtrace.trace.ndarray.rows import call_row
from revtrace.trace.numpy.matrix_arguments import given, matrices, named
from revtrace.trace.state import State
from revtrace.trace.values import View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__: list[str] = []

_COMPLEX = {"f8": "c16", "f4": "c8"}


def eig(t: Tracer, st: State, a: Any) -> tuple[View, View]:
    """Append eigenvalues and vectors of matrices."""
    view = matrices(t, st, a, square=True)
    dtype, real = view.dtype, False
    if dtype in _COMPLEX:
        (fact,) = call_row(t, "real_eigenvalues", (view,), (("i8", ()),))
        why = "whether all eigenvalues are real must be known when tracing"
        real = bool(t.pins.known(t, arrays.load_at(t, fact, ()), why).value)
        dtype = dtype if real else _COMPLEX[dtype]
    outs = ((dtype, view.shape[:-1]), (dtype, view.shape))
    w, v = call_row(t, "eig", (view,), outs, (("real", real),), ("w", "v"))
    return w, v


@on(np.linalg.eig)
def _eig(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    (a,) = given(t, signature("a"), args, kwargs)
    return named(type(np.linalg.eig(np.eye(1))), eig(t, st, a))


@on(np.linalg.eigvals)
def _eigvals(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    (a,) = given(t, signature("a"), args, kwargs)
    return eig(t, st, a)[0]
