"""Making one value of two: where the arms of an ``if`` meet, and around a loop.

`Joiner` joins two paths' states and collects what the ``If`` must hand out.
`generalise` finds the form that both a loop variable's entry value and its value at the
end of the body fit; `fit` lists the operands that bring a value into that form.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import compress
from operator import is_not
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, Operand, Stmt, Var, const
from revtrace.program.types import BOOL, INT, Scalar
from revtrace.trace.aliases import Stale
from revtrace.trace.inside import number_in, prune, single, substitute
from revtrace.trace.loop.hoist import hoisted
from revtrace.trace.numbers import as_num, promoted
from revtrace.trace.sameness import (
    DEAD,
    fields,
    filler_of,
    loosen,
    rebuild,
    same,
    same_form,
    same_operand,
    same_origin,
    same_shape,
    view_operands,
    with_operands,
)
from revtrace.trace.signals import Growth, NeedStatic
from revtrace.trace.state import IterBox, ListBox, ObjectBox, State
from revtrace.trace.values import (
    UNDEF,
    Bound,
    Conflict,
    Maybe,
    Num,
    Ref,
    Static,
    Tup,
    Undef,
    Value,
    View,
    is_numeric,
)

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer


__all__ = ["Joiner", "either_misses"]


class Joiner:
    """Joins the states of two arms; ``outs`` collects (result, value of one arm, of the other)."""

    def __init__(self, t: Tracer, left: list[Stmt], right: list[Stmt], cond: Operand) -> None:
        self.t = t
        self.left, self.right = left, right
        self.cond = cond
        self.outs: list[tuple[Var, Operand, Operand]] = []
        self._known: dict[tuple[Any, Any], Var] = {}
        self._objects: dict[tuple[int, int], Ref] = {}
        """What became of two objects, by their places in the heaps of the two arms."""
        self.leaves = False
        """Whether the arms end a loop's body by different ways."""

    def _growth(self, id: int, x: Any, y: Any) -> Growth | None:
        """What a list of different lengths in the two arms may become in a loop around them."""
        from revtrace.trace.objects.growing_items import items_form

        form = items_form(self.t, (self.states[0], x), (self.states[1], y))
        counts = [_count(box) for box in (x, y)]
        known = [n for n in counts if n is not None]
        return None if form is None else Growth(id, form, max(known) - min(known) if len(known) > 1 else 1)

    def operand(self, a: Operand, b: Operand, type: Any, hint: str = "") -> Operand:
        """Join two operands of one type."""
        if same_operand(a, b):
            return a
        key = (a, repr(a)), (b, repr(b))
        if key not in self._known:
            out = Var(type, hint)
            self.outs.append((out, a, b))
            self._known[key] = out
        return self._known[key]

    def _note_kind(self, found: Operand, *arms: Num) -> None:
        """Note which dtype a number has that had another one in each arm."""
        kinds = self.t.kinds
        if kinds is None or isinstance(found, Const):
            return
        left, right = (kinds.get(x.operand, const(np.dtype(x.dtype).num, "i8")) for x in arms)
        if not same_operand(left, right):
            kinds[found] = self.operand(left, right, Scalar("i8"))

    def _cast(self, stmts: list[Stmt], x: Operand, dtype: str) -> Operand:
        with self.t.b.into(stmts):
            return self.t.b.cast(x, dtype)

    def value(self, a: Any, b: Any, hint: str = "") -> Any:
        """Join two values."""
        if a is DEAD and b is DEAD:
            return DEAD
        if a is DEAD:
            return self._export(b, False, hint)
        if b is DEAD:
            return self._export(a, True, hint)
        if same(a, b):
            return a
        if isinstance(a, Conflict) or isinstance(b, Conflict):
            return Conflict(a, b, (self.cond,), (*getattr(a, "loops", ()), *getattr(b, "loops", ())))
        if is_numeric(a) and is_numeric(b):
            x, y = as_num(self.t, a), as_num(self.t, b)
            dtype, weak = promoted((x.dtype, x.weak), (y.dtype, y.weak))
            if x.dtype == "b1" and y.dtype == "b1":
                weak = x.weak and y.weak
            found = self.operand(
                self._cast(self.left, x.operand, dtype), self._cast(self.right, y.operand, dtype), Scalar(dtype), hint
            )
            self._note_kind(found, x, y)
            return Num(found, weak)
        for missing in (UNDEF, Static(None)):
            if either_misses(a, b, missing):
                (va, fa), (vb, fb) = _present(a, missing), _present(b, missing)
                inner = self.value(va, vb, hint)
                if isinstance(inner, Conflict):
                    return inner
                return Maybe(inner, self.operand(fa, fb, BOOL), missing)
        if isinstance(a, Tup) and isinstance(b, Tup) and a.cls is b.cls and len(a.items) == len(b.items):
            return Tup(tuple(self.value(x, y, hint) for x, y in zip(a.items, b.items, strict=True)), a.cls)
        if isinstance(a, View) and isinstance(b, View):
            return self._view(a, b, hint)
        if (single(a) and is_numeric(b)) or (is_numeric(a) and single(b)):
            with self.t.b.into(self.left):
                a = number_in(self.t, a)
            with self.t.b.into(self.right):
                b = number_in(self.t, b)
            return self.value(a, b, hint)
        if isinstance(a, Bound) and isinstance(b, Bound) and same(a.function, b.function):
            inner = self.value(a.self, b.self, hint)
            return Conflict(a, b, (self.cond,)) if isinstance(inner, Conflict) else Bound(a.function, inner)
        if isinstance(a, Ref) and isinstance(b, Ref):
            return self._object(a, b)
        return Conflict(a, b, (self.cond,))

    def _view(self, a: View, b: View, hint: str) -> Any:
        if a.root is not b.root:
            stored = self._stored(a, b, hint)
            if stored is not None:
                return stored
            if (
                self.t.pins.arrays
                and not self._trades(a, b)
                and not all(self.t.b.visible(v.root) for v in (a, b) if isinstance(v.root, Var))
            ):
                return Conflict(a, b, (self.cond,))
        if not same_form(a, b):
            a, b = loosen(a), loosen(b)
            if not same_form(a, b):
                return Conflict(a, b, (self.cond,))
        root = self.operand(a.root, b.root, a.root.type, hint)
        operands = [self.operand(x, y, x.type) for x, y in zip(view_operands(a), view_operands(b), strict=True)]
        return with_operands(a, root, operands)

    def _stored(self, a: View | None, b: View | None, hint: str) -> View | None:
        """Copy arrays made in the arms into storage made before them; None if there is no need or no way."""
        from revtrace.trace.ndarray.arrays import copy_into, new_array

        t = self.t
        views = [v for v in (a, b) if v is not None]
        if self._trades(*views):
            return None
        fresh = [isinstance(v.root, Var) and not t.b.visible(v.root) for v in views]
        if not any(fresh) or len({v.dtype for v in views}) > 1 or len({v.ndim for v in views}) > 1:
            return None
        shapes = [hoisted(t, v.shape) for v in views]
        if any(s is None for s in shapes):
            return None
        shape = [self._length([s[k] for s in shapes if s is not None]) for k in range(views[0].ndim)]
        out = new_array(t, views[0].dtype, shape, hint=hint)
        assert isinstance(out.root, Var)
        for view, stmts, new in zip(
            views, (self.left, self.right) if a is not None else (self.right,), fresh, strict=False
        ):
            with t.b.into(stmts):
                copy_into(t, out.root, view)
            if not new or view.root in t.aliases:
                # Python would have one array with two names here.
                why = "whether an array that is written to has a second name must be known"
                t.alias(out.root, view.root, NeedStatic((self.cond,), why))
        return replace(out, writeable=self.operand(views[0].writeable, views[-1].writeable, BOOL))

    def _trades(self, *views: View) -> bool:
        """Whether arrays are some that trade places in a loop which one of the arms leaves."""
        from revtrace.trace.ndarray.arrays import buffers

        if not (self.leaves and self.t.trading):
            return False
        return all(self.t.b.visible(r) for v in views for r in buffers(self.t, v.root))

    def _length(self, sizes: list[Operand]) -> Operand:
        first = sizes[0]
        if all(same_operand(first, n) for n in sizes):
            return first
        return self.t.b.op("select", self.cond, *sizes, type=INT)

    def _export(self, value: Any, from_left: bool, hint: str) -> Any:
        """Hand a value out of one arm; the other arm's is never read."""
        from revtrace.trace.ndarray.arrays import buffers

        def one(x: Operand) -> Operand:
            if isinstance(x, Const) or self.t.b.visible(x):
                return x
            if not isinstance(x.type, Scalar):
                raise _Unexportable
            filler = filler_of(x.type.dtype)
            return self.operand(x, filler, x.type, hint) if from_left else self.operand(filler, x, x.type, hint)

        def view(v: View) -> View:
            if isinstance(v.root, Var) and not self.t.b.visible(v.root) and self._trades(v):
                # Nothing reads the other arm's: it may be any of them.
                other = buffers(self.t, v.root)[-1]
                root = self.operand(*((v.root, other) if from_left else (other, v.root)), v.root.type, hint)
                return with_operands(v, root, view_operands(v))
            stored = self._stored(v, None, hint) if from_left else self._stored(None, v, hint)
            if stored is None:
                return v
            return stored

        try:
            return substitute(value, one, view)
        except _Unexportable:
            return Conflict(value, value, (self.cond,))

    def _object(self, a: Ref, b: Ref) -> Any:
        """Two objects with one structure become one record, which may be either's (`revtrace.trace.aliases`)."""
        if (a.id, b.id) in self._objects:
            return self._objects[a.id, b.id]
        t = self.t
        x, y = self.states[0].heap.get(a.id), self.states[1].heap.get(b.id)
        if x is None or y is None or not same_shape(x, y) or not same_origin(x, y):
            return Conflict(a, b, (self.cond,))
        older = min(a.id, b.id) <= t.fork_mark
        if a.id in t.originals or b.id in t.originals or (older and isinstance(x, IterBox)):
            return Conflict(a, b, (self.cond,))
        joined = self._objects[a.id, b.id] = self.result.new(x)
        t.choices[joined.id] = self.cond, a.id, b.id
        aliases = t.aliased_objects
        need = NeedStatic((self.cond,), "which of two objects is changed must be known", t.b.loc)
        made = {ref.id for ref in self._objects.values()}
        for one in (a, b):
            aliases.like(joined.id, one.id, need, made)
        for (p, q), other in self._objects.items():
            if p in {a.id, *aliases.of(a.id)} or q in {b.id, *aliases.of(b.id)}:
                aliases.note(joined.id, other.id, need)
        values = [self.value(p, q) for p, q in zip(fields(x) or [], fields(y) or [], strict=True)]
        self.result.heap[joined.id] = rebuild(x, values) if values else x
        return joined

    def one_sided(self, st: State, left: bool) -> State:
        """Hand a state out of the only arm that leads there."""
        prune(st, self.t)
        self.states = (st, st)
        self.result = self.states[0].blank()

        for name, value in st.locals.items():
            self.result.locals[name] = self._given(value, left, name)
        self.result.stack = [self._given(v, left) for v in st.stack]
        for id, box in st.heap.items():
            values = fields(box)
            self.result.heap[id] = box if not values else rebuild(box, [self._given(v, left) for v in values])
        self.result.tag = st.tag if isinstance(st.tag, int) else self._given(st.tag, left)
        return self.result

    def state(self, a: State, b: State) -> State:
        """Join two states."""
        prune(a, self.t)
        prune(b, self.t)
        self.states = (a, b)
        self.leaves = a.tag != b.tag or not isinstance(a.tag, int)
        self.result = self.states[0].blank()
        if len(a.stack) != len(b.stack):
            raise NeedStatic((self.cond,), "the two ways leave different things unfinished", self.t.b.loc)
        heap = self.result.heap = {**a.heap, **b.heap}
        # Few objects are others on the two ways, where the heap is large.
        of_one_arm: dict[int, bool] = {}
        for id in list(compress(heap, map(is_not, map(a.heap.get, heap), map(b.heap.get, heap)))):
            x, y = a.heap.get(id), b.heap.get(id)
            if x is None or y is None:
                original = self.t.originals.get(id)
                if original is None:
                    of_one_arm[id] = y is None
                    continue
                x, y = x or original, y or original
            if x is y or x == y:
                heap[id] = x
                continue
            if isinstance(x, Stale) or isinstance(y, Stale):
                heap[id] = x if isinstance(x, Stale) else y
                continue
            if isinstance(x, ObjectBox) and isinstance(y, ObjectBox) and x.source is not None:
                x, y = self.t.same_fields(x, y)
            if isinstance(x, IterBox) and isinstance(y, IterBox) and not same_shape(x, y):
                # An iterator that was left at different places; nothing sensible goes on with it.
                heap[id] = IterBox("spent", (Num(self.cond, True),))
                continue
            if not same_shape(x, y):
                raise NeedStatic(
                    (self.cond,),
                    "a container gets a different structure on two ways",
                    self.t.b.loc,
                    grows=self._growth(id, x, y),
                )
            xs, ys = fields(x), fields(y)
            assert xs is not None and ys is not None
            heap[id] = rebuild(x, [self.value(p, q) for p, q in zip(xs, ys, strict=True)])
        for name in {**a.locals, **b.locals}:
            value = self.value(a.locals.get(name, UNDEF), b.locals.get(name, UNDEF), name)
            if not isinstance(value, Undef):
                self.result.locals[name] = value
        self.result.stack = [self.value(x, y) for x, y in zip(a.stack, b.stack, strict=True)]
        if a.tag != b.tag or not isinstance(a.tag, int):
            tags = [tag if isinstance(tag, Num) else Static(tag) for tag in (a.tag, b.tag)]
            self.result.tag = self.value(tags[0], tags[1], "exit")
        else:
            self.result.tag = a.tag
        # What two objects of the arms became one from holds what only the arms have.
        prune(self.result, self.t)
        for id, left in of_one_arm.items():
            if id in self.result.heap:
                box = self.result.heap[id]
                self.result.heap[id] = rebuild(box, [self._given(v, left) for v in fields(box) or []])
        return self.result

    def _given(self, value: Any, left: bool, hint: str = "") -> Any:
        """Hand a value out of the only arm that has it."""
        return value if value is DEAD else self._export(value, left, hint)


def _count(box: Any) -> int | None:
    """How many items a list has, if that is known."""
    if isinstance(box, ListBox):
        return len(box.items)
    length = getattr(box, "length", None)
    return int(length.operand.value) if isinstance(length, Num) and isinstance(length.operand, Const) else None  # type: ignore[arg-type]


class _Unexportable(Exception):
    """An array made in one arm cannot be handed out of it alone."""


def _can_miss(value: Any, missing: Value) -> bool:
    if isinstance(value, Maybe):
        return same(value.missing, missing)
    return (
        same(value, missing)
        or not isinstance(value, (Undef, Conflict))
        and not (isinstance(value, Static) and value.value is None)
    )


def either_misses(a: Any, b: Any, missing: Value) -> bool:
    """Whether one of two values is, or may be, the missing one, and the other may be joined with it."""
    some = any(isinstance(v, Maybe) or same(v, missing) for v in (a, b))
    return some and _can_miss(a, missing) and _can_miss(b, missing)


def _present(value: Any, missing: Value) -> tuple[Any, Operand]:
    """Return what a value is when present (DEAD when it never is) and the operand saying so."""
    if isinstance(value, Maybe):
        return value.value, value.flag
    if same(value, missing):
        return DEAD, const(False)
    return value, const(True)
