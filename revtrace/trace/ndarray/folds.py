"""Reshapes that share their elements, as numpy's do: a view under another shape, see `revtrace.trace.values.Fold`.

A reshape is a copy while nothing is written through either name, since a copy is read without divisions.
Where something is, the function is traced again with reshapes that share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from revtrace.program.nodes import Const, For, If, Operand, Var, While, const
from revtrace.program.types import Array
from revtrace.trace.ndarray.arrays import copy_of, is_one, roots
from revtrace.trace.ndarray.subscripts import transpose
from revtrace.trace.values import Along, At, Fold, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["folded", "gives_view", "in_order", "laid_out", "note_order", "straight", "turned"]

ZERO, ONE = const(0, "i8"), const(1, "i8")


def folded(view: View, shape: Sequence[Operand]) -> View:
    """Return a view's elements under another shape, of as many."""
    maps = tuple(Along(k, ZERO, ONE, False) for k in range(len(shape)))
    return replace(view, maps=maps, shape=tuple(shape), source=None, fold=Fold(tuple(shape), view))


def note_order(t: Tracer, view: View) -> View:
    """Note that numpy too has an array's elements in C order, without gaps."""
    t.in_c_order.add(view.root)
    return view


def gives_view(t: Tracer, view: View) -> bool:
    """Whether numpy certainly gives a view another shape without a copy; where the caller's array decides, guarded."""
    return view.ndim == 1 or straight(t, view)


def straight(t: Tracer, view: View, exact: bool = False) -> bool:
    """Whether a view's elements certainly lie in C order without gaps; where the caller's array decides, guarded."""
    along = [m for m in view.maps if isinstance(m, Along)]
    run = [k for k in range(view.ndim) if any(m.axis == k for m in along) or not is_one(view.shape[k])]
    if exact and view.part is not None:
        return False
    if [m.axis for m in along] != run or any(isinstance(m, At) for m in view.maps[-len(along) :]):
        return False
    first, *rest = view.maps[len(view.maps) - len(along) :] or (None,)
    if isinstance(first, Along) and not (isinstance(first.step, Const) and first.step.value == 1):
        return False
    lengths = [] if view.fold is None else view.fold.shape[len(view.maps) - len(rest) :]
    if not all(
        isinstance(m, Along)
        and (m.whole if view.fold is None else view.shape[m.axis] is lengths[k] and m.start is ZERO)
        for k, m in enumerate(rest)
    ):
        return False
    return _in_c_order(t, view.root, exact)


def in_order(t: Tracer, view: View) -> bool:
    """Whether a view's elements certainly lie in C order, with gaps or without."""
    axes = [m.axis for m in view.maps if isinstance(m, Along)]
    return view.ndim < 2 or axes == sorted(set(axes)) and _in_c_order(t, view.root)


def turned(t: Tracer, view: View) -> bool:
    """Whether a view's axes certainly run in another order than its elements lie, so that numpy copies to join them."""
    axes = [m.axis for m in view.maps if isinstance(m, Along) and not is_one(view.shape[m.axis])]
    repeated = [n for k, n in enumerate(view.shape) if k not in axes and isinstance(n, Const) and not is_one(n)]
    return bool(axes and repeated) or (axes != sorted(axes) and _in_c_order(t, view.root))


def laid_out(t: Tracer, view: View, order: str) -> View:
    """The view itself where its elements lie in an order (``"C"`` or ``"F"``), without gaps, else a copy.

    While nothing is written to it, it is the view.
    """
    known = {r for r in roots(t, view.root) if r in t.in_c_order}
    if not t.sharing and not (view.whole and view.root in known and order == "C"):
        t.twin(view.root, view.root)
        return view
    turn = range(view.ndim)[::-1] if order == "F" else range(view.ndim)
    if straight(t, transpose(view, tuple(turn)), exact=True):
        return view
    copy = note_order(t, copy_of(t, view)) if order == "C" else copy_of(t, view)
    if not _in_c_order(t, view.root):
        t.twin(view.root, copy.root)
    return copy


def _in_c_order(t: Tracer, root: Operand, exact: bool = False) -> bool:
    """Whether numpy has a buffer's elements in C order; ``exact`` without gaps if it has one axis, too."""
    made = [r for r in roots(t, root) if not isinstance(t.b.defs.get(r), (If, For, While))]  # type: ignore[arg-type]
    return all(_made_in_c_order(t, r, exact) for r in made)


def _made_in_c_order(t: Tracer, root: Operand, exact: bool) -> bool:
    given = any(var is root for var, _ in t.inputs.values())
    if root in t.in_c_order or (isinstance(root.type, Array) and root.type.ndim < 2 and not (exact and given)):
        return True
    sample = t.pins.values.get(root) if isinstance(root, Var) else None
    source = next((s for s, (var, _) in t.inputs.items() if var is root), None)
    if source is None or sample is None or not sample.flags.c_contiguous:
        return False
    t.guard(source, "order", True)
    return True
