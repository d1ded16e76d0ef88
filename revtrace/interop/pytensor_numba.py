"""A call inside a graph of PyTensor's that numba compiles.

Where the shapes of the results follow from those of the operands, and the function reads no data besides its arguments,
the graph calls the compiled code itself, without Python; see `revtrace.interop.native`.  Otherwise, where compiled code
gives up (an index out of bounds, say) and once a rule has changed, the call is made in object mode, where all that
revtrace watches (globals, closures) is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from pytensor.link.numba.dispatch import basic

from revtrace.codegen.linked import WORDS, linked
from revtrace.interop.common import Call
from revtrace.interop.flat import Flat
from revtrace.interop.native import Link, native
from revtrace.interop.shapes import Spec
from revtrace.trace.record import shape_differs

__all__ = ["function_of"]


def function_of(flat: Flat, node: Any, specs: Sequence[Spec], outs: Sequence[Spec]) -> Callable[..., Any]:
    """Return the function that numba compiles for a node.

    Parameters
    ----------
    flat : Flat
        What the node runs.
    node : Apply
    specs, outs : sequence of Spec
        Operands for which it can be traced, and what it gives for them.
    """
    watched = _in_object_mode(flat, node)
    fixed = all(None not in x.type.shape for x in node.inputs)
    shapes = _shapes(flat, outs, fixed)
    function = native(flat, specs, outs) if shapes is not None and isinstance(flat, Call) else None
    if function is None or shapes is None:
        return watched
    # Numba wants one parameter for each operand, so the function is made as text.
    names = [f"x{k}" for k in range(len(specs))]
    lines = [f"def call({', '.join(names)}):"]
    for k, guard in function.facts:
        # Of other lengths, of which there may be many, Python knows the programs.
        lines += [
            f"    if {shape_differs(guard.kind, f'x{k}.shape', guard.value)}:",
            f"        return watched({', '.join(names)})",
        ]
    lines += [f"    {x} = np.ascontiguousarray({x})" for x, spec in zip(names, specs, strict=True) if spec.shape]
    results = [f"y{k}" for k in range(len(outs))]
    for y, shape, spec in zip(results, shapes, outs, strict=True):
        lines.append(f"    {y} = np.empty({shape}, np.{spec.dtype.name.replace('bool', 'bool_')})")
    lines += [
        f"    if enter(({', '.join((*names, *results))},)) == 0:",
        f"        return {', '.join(results)}",
        f"    return watched({', '.join(names)})",
    ]
    link = Link(function, np.zeros(WORDS, np.int64))
    scope = {"np": np, "enter": linked(link.record, function.inputs), "watched": watched, "link": link}
    exec("\n".join(lines), scope)
    return basic.numba_njit(scope["call"])  # type: ignore[no-any-return]


def _shapes(flat: Flat, outs: Sequence[Spec], fixed: bool) -> list[str] | None:
    """Return the shapes of the results as expressions, None where they are not known before the call."""
    if isinstance(flat, Call) and flat.kind == "pullback":
        return [f"x{k}.shape" if spec.shape else "()" for k, spec in zip(flat.active, outs, strict=True)]
    return [repr(spec.shape) for spec in outs] if fixed or not any(spec.shape for spec in outs) else None


def _in_object_mode(flat: Flat, node: Any) -> Callable[..., Any]:
    """Return the function that calls through Python."""
    kinds = [basic.get_numba_type(out.type) for out in node.outputs]
    answer = kinds[0] if len(kinds) == 1 else numba.types.Tuple(kinds)

    def run(inputs: Any) -> Any:
        outs = flat.run(inputs)
        return outs[0] if len(outs) == 1 else outs

    @basic.numba_njit
    def call(*inputs: Any) -> Any:
        with numba.objmode(out=answer):
            out = run(inputs)
        return out  # noqa: RET504 - leaves object mode

    return call  # type: ignore[no-any-return]
