"""numpy functions that make, convert, choose and test arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, const
from revtrace.program.types import BOOL, Scalar
from revtrace.trace import arrays, containers, numbers, operators
from revtrace.trace.convert import as_array, as_array_or_number, dtype_argument, shape_argument, shape_tuple, size_of
from revtrace.trace.elementwise import delivered, primitive, ufunc
from revtrace.trace.functions import on, signature
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Elementwise, Num, Ref, Static, Tup, View, is_number

if TYPE_CHECKING:
    from revtrace.trace.machine import Frame, Tracer

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


def is_scalar(v: Any) -> bool:
    """Whether a traced value is a number."""
    return isinstance(v, Num) or (isinstance(v, Static) and is_number(v.value))


# making ---------------------------------------------------------------------------------------


def _drop(kwargs: Kwargs, *names: str) -> Kwargs:
    return {k: v for k, v in kwargs.items() if k not in names}


@on(np.zeros, np.empty, np.ones)
def _unused(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    raise AssertionError


def _make(fill: float | None) -> Any:
    bind = signature("shape", dtype=None, order=None)

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        shape, dtype, _ = bind(args, _drop(kwargs, "like", "device"))
        kind = dtype_argument(t, dtype, "f8")
        assert kind is not None
        sizes = shape_argument(t, st, shape)
        out = arrays.new_array(t, kind, sizes, zeros=fill is not None)
        if fill:
            t.b.do("fill", out.root, const(fill, kind))
        return out

    return handler


on(np.zeros)(_make(0.0))
# The contents of np.empty are never meant to be read; zeros keep them from being garbage.
on(np.empty)(_make(None))
on(np.ones)(_make(1.0))


@on(np.full)
def _full(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("shape", "fill_value", dtype=None, order=None)
    shape, value, dtype, _ = bind(args, _drop(kwargs, "like", "device"))
    value = t.use(value)
    if not is_scalar(value):
        value = as_array(t, value, st)
        kind = dtype_argument(t, dtype, value.dtype)
    else:
        kind = dtype_argument(t, dtype, numbers.as_num(t, value).dtype)
    assert kind is not None
    out = arrays.new_array(t, kind, shape_argument(t, st, shape))
    arrays.assign(t, out, value)
    return out


def _like(fill: float | None) -> Any:
    bind = signature("a", dtype=None, shape=None)

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        a, dtype, shape = bind(args, _drop(kwargs, "order", "subok", "device"))
        a = t.use(a)
        like = a if arrays.is_array(a) else as_array(t, a, st)
        kind = dtype_argument(t, dtype, like.dtype)
        assert kind is not None
        sizes = like.shape if shape is None or _is_none(shape) else shape_argument(t, st, shape)
        out = arrays.new_array(t, kind, sizes, zeros=fill is not None)
        if fill:
            t.b.do("fill", out.root, const(fill, kind))
        return out

    return handler


on(np.zeros_like)(_like(0.0))
on(np.empty_like)(_like(None))
on(np.ones_like)(_like(1.0))


@on(np.full_like)
def _full_like(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("a", "fill_value", dtype=NONE, order=NONE, subok=NONE, shape=NONE)
    a, value, dtype, _, _, shape = bind(args, _drop(kwargs, "device"))
    out = _like(None)(t, st, (a, dtype, shape), {}, fr)
    arrays.assign(t, out, t.use(value))
    return out


def _is_none(v: Any) -> bool:
    return v is None or (isinstance(v, Static) and v.value is None)


@on(np.arange)
def _arange(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    dtype = kwargs.get("dtype")
    ends = [t.use(a) for a in args]
    ends += [t.use(kwargs[name]) for name in ("start", "stop", "step") if name in kwargs]
    if len(ends) == 4:
        dtype = ends.pop()
    start, stop, step = (Static(0), ends[0], Static(1)) if len(ends) == 1 else (*ends, Static(1))[:3]
    kinds = [numbers.as_num(t, x) for x in (start, stop, step)]
    kind = (kinds[0].dtype, kinds[0].weak)
    for k in kinds[1:]:
        kind = numbers._promoted(kind, (k.dtype, k.weak))
    if kind[0][0] in "iub":
        from revtrace.trace.iterators import range_length

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
    if any(arrays.is_array(v) and v.ndim for v in ends):
        from revtrace.trace.definitions.calculus import stretches
        from revtrace.trace.definitions.register import traced

        return traced(t, st, stretches, (*ends, num, endpoint, retstep, dtype or NONE, axis or Static(0)), {})
    start, stop = (Num(arrays.operand_at(t, v, ()), False) if arrays.is_array(v) else v for v in ends)
    kind = dtype_argument(t, dtype, "f8")
    n = numbers.integer(t, t.use(num))
    a = Num(t.b.cast(numbers.as_num(t, t.use(start)).operand, "f8"), False)
    b = Num(t.b.cast(numbers.as_num(t, t.use(stop)).operand, "f8"), False)
    last = bool(endpoint.value)
    steps = numbers.fold(t, "sub", n, const(1, "i8"), "i8") if last else n
    div = t.b.cast(steps, "f8")
    step = numbers.binary(t, "/", numbers.binary(t, "-", b, a), Num(div, False))

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
    return Tup((arrays.settle(t, made), step)) if retstep.value else made


@on(np.eye, np.identity)
def _eye(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    n, m, k, dtype = signature("N", M=None, k=Static(0), dtype=None)(args, _drop(kwargs, "order", "like", "device"))
    rows = numbers.integer(t, t.use(n))
    columns = rows if _is_none(m) else numbers.integer(t, t.use(m))
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


def _array_maker(copies: bool) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        allowed = _drop(kwargs, "order", "subok", "ndmin", "like", "copy", "requirements")
        value, dtype = signature("object", dtype=None)(args[:2], allowed)
        value = t.use(value)
        kind = dtype_argument(t, dtype, None)
        if arrays.is_array(value):
            must = copies and not (isinstance(kwargs.get("copy"), Static) and kwargs["copy"].value in (False, None))
            if kind is not None and kind != value.dtype:
                out = arrays.materialise(t, value, kind)
            else:
                out = arrays.copy_of(t, value) if must else arrays.settle(t, value)
        else:
            out = as_array(t, value, st, kind)
        ndmin = containers.as_known_int(t, kwargs.get("ndmin", Static(0)))
        while out.ndim < ndmin:
            out = arrays._new_axis(out, 0)
        return out

    return handler


on(np.array, np.copy)(_array_maker(True))
on(np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.require)(_array_maker(False))


@on(np.asarray_chkfinite)
def _asarray_chkfinite(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return _array_maker(False)(t, st, args, kwargs, fr)


def _at_least(ndim: int) -> Any:
    def one(t: Tracer, st: State, value: Any) -> Any:
        view = as_array(t, value, st)
        if ndim >= 1 and view.ndim == 0:
            view = arrays._new_axis(view, 0)
        if ndim >= 2 and view.ndim == 1:
            view = arrays._new_axis(view, 0)
        if ndim >= 3 and view.ndim == 2:
            view = arrays._new_axis(view, 2)
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
            from revtrace.trace.builtin_functions import scalar_of

            return Num(t.b.cast(scalar_of(t, st, value).operand, code), False)

        on(cls)(handler)


_scalar_types()


# facts -------------------------------------------------------------------------------------------


@on(np.shape)
def _shape(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    value = as_array_or_number(t, st, args[0])
    return shape_tuple(value.shape) if arrays.is_array(value) else Static(())


@on(np.ndim)
def _ndim(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    value = as_array_or_number(t, st, args[0])
    return Static(value.ndim if arrays.is_array(value) else 0)


@on(np.size)
def _size(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    value = as_array_or_number(t, st, args[0])
    if len(args) > 1:
        from revtrace.trace.convert import length_value

        return length_value(value.shape[containers.as_known_int(t, args[1])])
    return size_of(t, value) if arrays.is_array(value) else Static(1)


@on(np.isscalar)
def _isscalar(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    value = t.use(args[0])
    return Static(np.isscalar(value.value) if isinstance(value, Static) else isinstance(value, Num))


@on(np.iterable)
def _iterable(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    value = t.use(args[0])
    if isinstance(value, Static):
        return Static(np.iterable(value.value))
    return Static(isinstance(value, (Tup, Ref)) or (arrays.is_array(value) and value.ndim > 0))


@on(np.iscomplexobj, np.isrealobj)
def _iscomplexobj(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    raise AssertionError


def _complexity(real: bool) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        value = as_array_or_number(t, st, args[0])
        dtype = value.dtype if arrays.is_array(value) else numbers.as_num(t, value).dtype
        return Static((dtype[0] == "c") is not real)

    return handler


on(np.iscomplexobj)(_complexity(False))
on(np.isrealobj)(_complexity(True))


@on(np.result_type)
def _result_type(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    kinds: list[Any] = []
    for a in args:
        a = t.use(a)
        if isinstance(a, Static):
            kinds.append(a.value)
        elif arrays.is_array(a):
            kinds.append(np.dtype(a.dtype))
        else:
            number = numbers.as_num(t, a)
            kinds.append(numbers._SAMPLE[number.dtype] if number.weak else np.dtype(number.dtype))
    return Static(np.result_type(*kinds))


@on(np.finfo, np.iinfo)
def _limits(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    value = t.use(args[0] if args else kwargs["dtype"])
    info = np.iinfo if _is_integer(value) else np.finfo
    if isinstance(value, Static):
        try:
            return Static(info(value.value))
        except ValueError as error:
            raise PythonRaise(error) from None
    return Static(info(np.dtype(value.dtype if arrays.is_array(value) else numbers.as_num(t, value).dtype)))


def _is_integer(value: Any) -> bool:
    if isinstance(value, Static):
        kind = value.value if isinstance(value.value, (type, str, np.dtype)) else type(value.value)
        return bool(np.dtype(kind).kind in "iu")
    return bool(value.dtype[0] in "iu")


@on(np.issubdtype)
def _issubdtype(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    known = [containers.as_static(t, st, t.use(a)) for a in args]
    if not all(isinstance(k, Static) for k in known):
        raise t.unsupported("np.issubdtype of something other than dtypes", "", "pass x.dtype")
    return Static(np.issubdtype(*(k.value for k in known)))


@on(np.errstate, warnings_catch := __import__("warnings").catch_warnings)
def _errstate(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return Static(NOTHING)


class _NullContext:
    """Stands for ``np.errstate`` while tracing: what it sets concerns warnings only."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *args: object) -> None:
        return None


NOTHING = _NullContext()


@on(__import__("warnings").simplefilter, __import__("warnings").filterwarnings, np.seterr)
def _silent(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return NONE


# choosing --------------------------------------------------------------------------------------------


@on(np.where)
def _where(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if len(args) == 1:
        from revtrace.trace.selection import nonzero

        return nonzero(t, as_array(t, args[0], st))
    values = [as_array_or_number(t, st, a) for a in args]
    if isinstance(values[0], Static):
        kinds = [
            Num(t.b.cast(numbers.as_num(t, v).operand, numbers.as_num(t, v).dtype), False) if is_scalar(v) else v
            for v in values[1:]
        ]
        return arrays.apply(t, lambda a, b: numbers.select(t, const(bool(values[0].value)), a, b), kinds)

    def choose(c: Any, a: Any, b: Any) -> Any:
        found = numbers.select(t, numbers.to_bool(t, numbers.as_num(t, c)), a, b)
        return Num(found.operand, False)

    return arrays.apply(t, choose, values)


@on(np.clip)
def _clip(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("a", a_min=None, a_max=None, out=None, min=None, max=None)
    a, low, high, out, low2, high2 = bind(args, _drop(kwargs, "dtype"))
    found = clip(t, st, a, low if not _is_none(low) else low2, high if not _is_none(high) else high2)
    if not _is_none(out):
        arrays.assign(t, out, found)
        return out
    return found


def clip(t: Tracer, st: State, a: Any, low: Any, high: Any) -> Any:
    """Limit values to an interval, as np.clip does."""
    found = as_array_or_number(t, st, a)
    if not _is_none(low):
        found = ufunc(t, st, "maximum", (found, low))
    if not _is_none(high):
        found = ufunc(t, st, "minimum", (found, high))
    return found


@on(np.round, np.around)
def _np_round(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    a, decimals, out = signature("a", decimals=Static(0), out=NONE)(args, kwargs)
    return delivered(t, st, round_array(t, st, a, decimals), out)


def round_array(t: Tracer, st: State, a: Any, decimals: Any) -> Any:
    """Round as np.round does: scale, round to even, scale back."""
    value = as_array_or_number(t, st, a)
    digits = 0 if _is_none(decimals) else containers.as_known_int(t, decimals)
    if digits == 0:
        return ufunc(t, st, "rint", (value,))
    scale = 10.0 ** abs(digits)

    def one(x: Any) -> Any:
        if numbers.as_num(t, x).dtype[0] in "iub":
            return x
        up, down = ("*", "/") if digits > 0 else ("/", "*")
        return numbers.binary(t, down, primitive(t, "rint", numbers.binary(t, up, x, Static(scale))), Static(scale))

    return arrays.apply(t, one, (value,))


@on(np.nan_to_num)
def _nan_to_num(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    x, _, nan, posinf, neginf = signature("x", copy=Static(True), nan=Static(0.0), posinf=NONE, neginf=NONE)(
        args, kwargs
    )
    value = as_array_or_number(t, st, x)

    def one(v: Any) -> Any:
        info = np.finfo(np.dtype(numbers.as_num(t, v).dtype)) if numbers.as_num(t, v).dtype[0] == "f" else None
        if info is None:
            return Num(numbers.as_num(t, v).operand, False)
        high = Static(float(info.max)) if _is_none(posinf) else posinf
        low = Static(float(info.min)) if _is_none(neginf) else neginf
        v = numbers.select(t, numbers.as_num(t, primitive(t, "isnan", v)).operand, nan, v)
        v = numbers.select(t, numbers.compare(t, "==", v, Static(np.inf)).operand, high, v)
        v = numbers.select(t, numbers.compare(t, "==", v, Static(-np.inf)).operand, low, v)
        # numpy's scalar, also of a Python number.
        return Num(numbers.as_num(t, v).operand, False)

    return arrays.apply(t, one, (value,))


@on(np.isclose)
def _isclose(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("a", "b", rtol=Static(1e-5), atol=Static(1e-8), equal_nan=Static(False))
    a, b, rtol, atol, equal_nan = bind(args, kwargs)
    values = [as_array_or_number(t, st, v) for v in (a, b)]

    def near(x: Any, y: Any) -> Any:
        gap = primitive(t, "abs", numbers.binary(t, "-", x, y))
        limit = numbers.binary(t, "+", atol, numbers.binary(t, "*", rtol, primitive(t, "abs", y)))
        close = operators.both(
            t, _truth(t, numbers.compare(t, "<=", gap, limit)), _truth(t, primitive(t, "isfinite", y))
        )
        found = operators.either(t, close, _truth(t, numbers.compare(t, "==", x, y)))
        if equal_nan.value:
            both = operators.both(t, _truth(t, primitive(t, "isnan", x)), _truth(t, primitive(t, "isnan", y)))
            found = operators.either(t, found, both)
        return Num(numbers.as_num(t, found).operand, False)

    return arrays.apply(t, near, values)


def _truth(t: Tracer, x: Any) -> Any:
    return Static(bool(x.value)) if isinstance(x, Static) else Num(numbers.to_bool(t, x), True)


@on(np.allclose)
def _allclose(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.reductions import all_of

    return all_of(t, _isclose(t, st, args, kwargs, fr))


@on(np.array_equal)
def _array_equal(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.reductions import all_of

    first, second, equal_nan = signature("a1", "a2", equal_nan=Static(False))(args, kwargs)
    if equal_nan.value:
        raise t.unsupported(
            "np.array_equal with equal_nan", "it has no rule", "compare with np.isclose(equal_nan=True)"
        )
    a, b = (as_array(t, v, st) for v in (first, second))
    if a.ndim != b.ndim:
        return Static(False)
    for m, n in zip(a.shape, b.shape, strict=True):
        if m is not n and not (isinstance(m, Const) and isinstance(n, Const)):
            raise NeedStatic((m, n), "whether two arrays have the same shape must be known", t.b.loc)
        if isinstance(m, Const) and isinstance(n, Const) and m.value != n.value:
            return Static(False)
    return all_of(t, operators.compare(t, st, "==", a, b))


@on(np.interp)
def _interp(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = signature("x", "xp", "fp", left=NONE, right=NONE, period=NONE)
    x, xp, fp, left, right, period = bind(args, kwargs)
    if not _is_none(period):
        from revtrace.trace.definitions.calculus import periodic
        from revtrace.trace.definitions.register import traced

        return traced(t, st, periodic, (x, xp, fp, period), {})
    knots, values = as_array(t, xp, st), as_array(t, fp, st)
    n = knots.shape[0]
    one = const(1, "i8")

    def at(v: Any) -> Any:
        from revtrace.program.nodes import Block, Var, While
        from revtrace.program.types import INT

        point = Num(t.b.cast(numbers.as_num(t, v).operand, "f8"), False)
        # The interval is found by halving: low <= point < high.
        low, high = Var(INT, "low"), Var(INT, "high")
        last = numbers.fold(t, "sub", n, one, "i8")
        with t.b.block() as test:
            t.b.own(low), t.b.own(high)
            gap = numbers.fold(t, "sub", high, low, "i8")
            more = t.b.compare("gt", gap, one)
        with t.b.block() as body:
            t.b.own(low), t.b.own(high)
            middle = numbers.fold(t, "floordiv", numbers.fold(t, "add", low, high, "i8"), const(2, "i8"), "i8")
            above = t.b.compare("le", arrays.element(t, knots, (middle,)).operand, point.operand)
            new_low = t.b.op("select", above, middle, low, type=INT)
            new_high = t.b.op("select", above, high, middle, type=INT)
        out_low, out_high = Var(INT, "low"), Var(INT, "high")
        t.b.append(
            While((low, high), (const(0, "i8"), last), Block(tuple(test), (more,)),
                  Block(tuple(body), (new_low, new_high)), (out_low, out_high), Var(INT, "count"), False, t.b.loc)
        )  # fmt: skip
        x0, x1 = (arrays.element(t, knots, (k,)) for k in (out_low, out_high))
        y0, y1 = (arrays.element(t, values, (k,)) for k in (out_low, out_high))
        slope = numbers.binary(t, "/", numbers.binary(t, "-", y1, y0), numbers.binary(t, "-", x1, x0))
        inner = numbers.binary(t, "+", numbers.binary(t, "*", slope, numbers.binary(t, "-", point, x0)), y0)
        first_x, last_x = arrays.element(t, knots, (const(0, "i8"),)), arrays.element(t, knots, (last,))
        first = arrays.element(t, values, (const(0, "i8"),)) if _is_none(left) else left
        final = arrays.element(t, values, (last,)) if _is_none(right) else right
        at_end = arrays.element(t, values, (last,))
        inner = numbers.select(t, numbers.compare(t, "==", point, last_x).operand, at_end, inner)
        inner = numbers.select(t, numbers.compare(t, "<", point, first_x).operand, first, inner)
        return numbers.select(t, numbers.compare(t, ">", point, last_x).operand, final, inner)

    return arrays.apply(t, at, (as_array_or_number(t, st, x),))


_ = View
