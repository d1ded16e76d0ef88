"""numpy functions that make, convert, choose and test arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, const
from revtrace.program.types import BOOL, Scalar
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, assignment, subscripts
from revtrace.trace.ndarray.convert import as_array, as_array_or_number, copies, dtype_argument, shape_argument
from revtrace.trace.ndarray.folds import laid_out, note_order, straight
from revtrace.trace.ndarray.subscripts import is_none
from revtrace.trace.objects import containers
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Elementwise, Num, Ref, Static, Tup, View, is_number, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


def without(kwargs: Kwargs, *names: str) -> Kwargs:
    """Leave out keywords that change nothing here."""
    return {k: v for k, v in kwargs.items() if k not in names}


@on(np.zeros, np.empty, np.ones)
def _unused(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    raise AssertionError


def _make(fill: float | None) -> Any:
    bind = signature("shape", dtype=None, order=None)

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        shape, dtype, order = bind(args, without(kwargs, "like", "device"))
        kind = dtype_argument(t, dtype, "f8")
        assert kind is not None
        sizes = shape_argument(t, st, shape)
        out = arrays.new_array(t, kind, sizes, zeros=fill is not None)
        if fill:
            t.b.do("fill", out.root, const(fill, kind))
        return note_order(t, out) if order is None or _is_c(order) else out

    return handler


def _is_c(order: Any) -> bool:
    return isinstance(order, Static) and order.value == "C"


on(np.zeros)(_make(0.0))
# The contents of np.empty are never meant to be read; zeros keep them from being garbage.
on(np.empty)(_make(None))
on(np.ones)(_make(1.0))


@on(np.full)
def _full(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("shape", "fill_value", dtype=None, order=None)
    shape, value, dtype, order = bind(args, without(kwargs, "like", "device"))
    value = t.use(value)
    if not is_numeric(value):
        value = as_array(t, value, st)
        kind = dtype_argument(t, dtype, value.dtype)
    else:
        kind = dtype_argument(t, dtype, numbers.as_num(t, value).dtype)
    assert kind is not None
    out = arrays.new_array(t, kind, shape_argument(t, st, shape))
    assignment.assign(t, out, value)
    return note_order(t, out) if order is None or _is_c(order) else out


def _like(fill: float | None) -> Any:
    bind = signature("a", dtype=None, shape=None)

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        a, dtype, shape = bind(args, without(kwargs, "order", "subok", "device"))
        a = t.use(a)
        like = a if arrays.is_array(a) else as_array(t, a, st)
        kind = dtype_argument(t, dtype, like.dtype)
        assert kind is not None
        sizes = like.shape if shape is None or is_none(shape) else shape_argument(t, st, shape)
        out = arrays.new_array(t, kind, sizes, zeros=fill is not None)
        if fill:
            t.b.do("fill", out.root, const(fill, kind))
        if t.sharing and set(kwargs) <= {"dtype", "subok", "device"} and isinstance(like, View) and straight(t, like):
            note_order(t, out)
        return out

    return handler


on(np.zeros_like)(_like(0.0))
on(np.empty_like)(_like(None))
on(np.ones_like)(_like(1.0))


@on(np.full_like)
def _full_like(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("a", "fill_value", dtype=NONE, order=NONE, subok=NONE, shape=NONE)
    a, value, dtype, _, _, shape = bind(args, without(kwargs, "device"))
    out = _like(None)(t, st, (a, dtype, shape), {}, fr)
    assignment.assign(t, out, t.use(value))
    return out


@on(np.arange)
def _arange(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    dtype = kwargs.get("dtype")
    ends = [t.use(a) for a in args]
    ends += [t.use(kwargs[name]) for name in ("start", "stop", "step") if name in kwargs]
    if len(ends) > 1 and is_none(ends[1]):
        ends = [ends[0], *ends[2:]] if len(ends) == 2 else [Static(0), ends[0], *ends[2:]]
    if len(ends) == 4:
        dtype = ends.pop()
    start, stop, step = (Static(0), ends[0], Static(1)) if len(ends) == 1 else (*ends, Static(1))[:3]
    kinds = [numbers.as_num(t, x) for x in (start, stop, step)]
    kind = (kinds[0].dtype, kinds[0].weak)
    for k in kinds[1:]:
        kind = numbers.promoted(kind, (k.dtype, k.weak))
    if kind[0][0] in "iub":
        from revtrace.trace.objects.rolling import range_length

        n = range_length(t, *(numbers.integer(t, x) for x in (start, stop, step)))
    else:
        span = numbers.binary(t, "/", numbers.binary(t, "-", Num(kinds[1].operand, False), kinds[0]), kinds[2])
        size = numbers.as_num(t, span)
        if isinstance(span, Static):
            n = const(max(0, int(np.ceil(span.value))), "i8")
        else:
            n = t.b.op("max", t.b.cast(t.b.op("ceil", size.operand), "i8"), const(0, "i8"))
    out_kind = dtype_argument(t, dtype, kind[0])
    assert out_kind is not None

    def at(ix: Any) -> Any:
        k = Num(ix[0], True)
        item = numbers.binary(t, "+", start, numbers.binary(t, "*", k, step))
        return t.b.cast(numbers.as_num(t, item).operand, out_kind)

    return Elementwise((n,), out_kind, at)


@on(np.linspace)
def _linspace(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature(
        "start", "stop", num=Static(50), endpoint=Static(True), retstep=Static(False), dtype=None, axis=None
    )
    start, stop, num, endpoint, retstep, dtype, axis = bind(args, kwargs)
    ends = [as_array_or_number(t, st, v) for v in (start, stop)]
    if any(
        arrays.is_array(v) and v.ndim or (v if arrays.is_array(v) else numbers.as_num(t, v)).dtype[0] == "c"
        for v in ends
    ):
        from revtrace.trace.definitions.calculus import stretches
        from revtrace.trace.definitions.register import traced

        return traced(t, st, stretches, (*ends, num, endpoint, retstep, dtype or NONE, axis or Static(0)), {})
    start, stop = (Num(arrays.operand_at(t, v, ()), False) if arrays.is_array(v) else v for v in ends)
    # NumPy computes in the dtype of a NumPy number, here in double precision, rounded at the end.
    given = [numbers.as_num(t, t.use(v)) for v in (start, stop)]
    single = any(v.dtype == "f4" and not v.weak for v in given) and all(v.dtype == "f4" or v.weak for v in given)
    kind = dtype_argument(t, dtype, "f4" if single else "f8")
    n = numbers.integer(t, t.use(num))
    a = Num(t.b.cast(numbers.as_num(t, t.use(start)).operand, "f8"), False)
    b = Num(t.b.cast(numbers.as_num(t, t.use(stop)).operand, "f8"), False)
    last = bool(endpoint.value)
    steps = numbers.fold(t, "sub", n, const(1, "i8"), "i8") if last else n
    # A single number is the start.
    parts = const(max(1, int(steps.value)), "i8") if isinstance(steps, Const) else t.b.op("max", steps, const(1, "i8"))  # type: ignore[arg-type]
    step = numbers.binary(t, "/", numbers.binary(t, "-", b, a), Num(t.b.cast(parts, "f8"), False))

    def at(ix: Any) -> Any:
        k = Num(t.b.cast(ix[0], "f8"), False)
        item = numbers.as_num(t, numbers.binary(t, "+", numbers.binary(t, "*", k, step), a)).operand
        if last:
            # numpy puts the end itself in the last place.
            is_last = t.b.op(
                "and", t.b.compare("eq", ix[0], steps), t.b.compare("gt", steps, const(0, "i8")), type=BOOL
            )
            item = t.b.op("select", is_last, b.operand, item, type=Scalar("f8"))
        return t.b.cast(item, kind or "f8")

    made = Elementwise((n,), kind or "f8", at)
    if not retstep.value:
        return made
    some = t.b.compare("gt", steps, const(0, "i8"))
    gap = numbers.as_num(t, numbers.select(t, some, step, Num(const(float("nan"), "f8"), False))).operand
    return Tup((arrays.settle(t, made), Num(t.b.cast(gap, "f4" if single else "f8"), False)))


@on(np.eye, np.identity)
def _eye(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    n, m, k, dtype = signature("N", M=None, k=Static(0), dtype=None)(args, without(kwargs, "order", "like", "device"))
    rows = numbers.integer(t, t.use(n))
    columns = rows if is_none(m) else numbers.integer(t, t.use(m))
    offset = numbers.integer(t, t.use(k))
    kind = dtype_argument(t, dtype, "f8") or "f8"

    def at(ix: Any) -> Any:
        on_diagonal = t.b.compare("eq", numbers.fold(t, "add", ix[0], offset, "i8"), ix[1])
        return t.b.op("select", on_diagonal, const(1, kind), const(0, kind), type=Scalar(kind))

    return Elementwise((rows, columns), kind, at)


@on(
    np.array,
    np.asarray,
    np.asanyarray,
    np.ascontiguousarray,
    np.require,
    np.asfarray if hasattr(np, "asfarray") else None,
)
def _unused_array(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    raise AssertionError


def _array_maker(makes_one: bool, order: str | None = None) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        allowed = without(kwargs, "order", "subok", "ndmin", "like", "copy", "requirements")
        value, dtype = signature("object", dtype=None)(args[:2], allowed)
        value = t.use(value)
        kind = dtype_argument(t, dtype, None)
        if arrays.is_array(value):
            must = makes_one and copies(t, kwargs.get("copy", Static(True)))
            if kind is not None and kind != value.dtype:
                out = arrays.materialise(t, value, kind)
            else:
                out = arrays.copy_of(t, value) if must else arrays.settle(t, value)
            how = order or getattr(kwargs.get("order", NONE), "value", None)
            if how in ("C", "F"):
                out = laid_out(t, out, how)
        else:
            out = note_order(t, arrays.settle(t, as_array(t, value, st, kind)))
        # np.ascontiguousarray and np.asfortranarray give at least one axis.
        ndmin = containers.as_known_int(t, kwargs.get("ndmin", Static(int(order is not None))))
        while out.ndim < ndmin:
            out = subscripts.new_axis(out, 0)
        return out

    return handler


on(np.array, np.copy)(_array_maker(True))
on(np.asarray, np.asanyarray, np.require)(_array_maker(False))
on(np.ascontiguousarray)(_array_maker(False, "C"))
on(np.asfortranarray)(_array_maker(False, "F"))


@on(np.asarray_chkfinite)
def _asarray_chkfinite(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return _array_maker(False)(t, st, args, kwargs, fr)


def _at_least(ndim: int) -> Any:
    def one(t: Tracer, st: State, value: Any) -> Any:
        view = as_array(t, value, st)
        if ndim >= 1 and view.ndim == 0:
            view = subscripts.new_axis(view, 0)
        if ndim >= 2 and view.ndim == 1:
            view = subscripts.new_axis(view, 0)
        if ndim >= 3 and view.ndim == 2:
            view = subscripts.new_axis(view, 2)
        return view

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        found = [one(t, st, a) for a in args]
        return found[0] if len(found) == 1 else Tup(tuple(found))

    return handler


on(np.atleast_1d)(_at_least(1))
on(np.atleast_2d)(_at_least(2))
on(np.atleast_3d)(_at_least(3))


def _scalar_types() -> None:
    for cls in (np.float64, np.float32, np.int64, np.int32, np.int16, np.int8, np.uint64, np.uint32, np.uint16,
                np.uint8, np.bool_, np.complex128, np.complex64):  # fmt: skip
        code = np.dtype(cls).str[1:]

        def handler(
            t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None, cls: Any = cls, code: str = code
        ) -> Any:
            value: Any = t.use(args[0]) if args else Static(0)
            known = containers.as_static(t, st, value)
            if isinstance(known, Static) and not isinstance(known.value, np.ndarray):
                try:
                    return Static(cls(known.value)) if is_number(cls(known.value)) else as_array(t, known, st, code)
                except (TypeError, ValueError, OverflowError) as error:
                    raise PythonRaise(error) from None
            if arrays.is_array(value) and value.ndim:
                return arrays.materialise(t, value, code)
            if isinstance(value, (Ref, Tup)):
                return as_array(t, value, st, code)
            from revtrace.trace.callables.builtin_functions import scalar_of

            number = scalar_of(t, st, value)
            if number.dtype[0] == "c" and code[0] in "f" and number.weak:
                raise PythonRaise(TypeError("float() argument must be a string or a real number, not 'complex'"))
            return Num(t.b.cast(number.operand, code), False)

        on(cls)(handler)


_scalar_types()
