"""numpy functions that tell facts of arrays and types: shape, ndim, iscomplexobj, result_type, finfo."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Operand
from revtrace.program.types import BOOL, Scalar, real_dtype
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays
from revtrace.trace.ndarray.convert import as_array_or_number, shape_tuple, size_of
from revtrace.trace.ndarray.subscripts import is_none
from revtrace.trace.objects import containers
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import DictBox, State
from revtrace.trace.values import NONE, Elementwise, Num, Ref, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.errors import UnsupportedError
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


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
    a, axis = signature("a", axis=NONE)(args, kwargs)
    value = as_array_or_number(t, st, a)
    if not is_none(axis):
        from revtrace.trace.ndarray.convert import length_value

        return length_value(value.shape[containers.as_known_int(t, axis)])
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
        raise t.unsupported("np.issubdtype of something other than dtypes", "it asks about dtypes only", "pass x.dtype")
    return Static(np.issubdtype(*(k.value for k in known)))


@on(np.errstate, warnings.catch_warnings)
def _errstate(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if not any(isinstance(v, Static) and v.value == "raise" for k, v in kwargs.items() if k != "under"):
        return Static(NOTHING)
    if any(frame.trying for frame in t.frames):
        raise _not_followed(t, "inside of try")
    return Static(RAISING)


class _NullContext:
    """Stands for ``np.errstate`` while tracing: what it sets concerns warnings only."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *args: object) -> None:
        return None


NOTHING = _NullContext()


class _Raising(_NullContext):
    """Stands for ``np.errstate`` with ``"raise"``: what is not finite at its end is for the plain function to judge."""

    def __exit__(self, *args: object) -> None:
        return None


RAISING = _Raising()


_CATCHING = {"FloatingPointError", "ArithmeticError", "Exception", "BaseException"}


def _not_followed(t: Tracer, where: str) -> UnsupportedError:
    return t.unsupported(
        f"np.errstate(...='raise') {where}",
        "whether a floating-point operation raises there is not followed",
        "test the numbers with if, or leave np.errstate out",
    )


@on(_Raising.__enter__)
def _begin_raising(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    # SciPy's own handlers raise another exception in its place.
    frame = t.frames[-1]
    if _CATCHING.intersection(frame.shape.code.co_names) and not frame.globals["__name__"].startswith("scipy."):
        raise _not_followed(t, "in a function that catches FloatingPointError")
    t.before_raising = {_operand(value) for value in _floats(st)}
    return NONE


@on(_Raising.__exit__)
def _all_finite(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    given = {var for var, _ in t.inputs.values()} - t.written | (t.before_raising - t.written)
    for value in _floats(st):
        if _operand(value) in given:
            continue
        if isinstance(value, Num):
            _finite(t, value.operand)
        else:
            _finite_elements(t, arrays.settle(t, value))
    return NONE


def _floats(st: State) -> list[Any]:
    """List the numbers and arrays that a frame names."""
    found: list[Any] = []
    todo = [*st.locals.values(), *st.stack]
    while todo:
        value = todo.pop()
        if isinstance(value, Tup):
            todo += value.items
        elif isinstance(value, (Elementwise, View, Num)) and value.dtype[0] in "fc":
            found.append(value)
    return found


def _operand(value: Any) -> Any:
    return value.operand if isinstance(value, Num) else getattr(value, "root", None)


def _finite_elements(t: Tracer, view: View) -> None:
    arrays.for_each(t, view.shape, lambda ix: _finite(t, arrays.load_at(t, view, ix)))


def _finite(t: Tracer, x: Operand) -> None:
    kind = Scalar(real_dtype(x.type.dtype))
    for part in [x] if x.type.dtype[0] == "f" else [t.b.op(k, x, type=kind) for k in ("real", "imag")]:
        t.check(t.b.op("isfinite", part, type=BOOL), "FloatingPointError", soft=True)


@on(np.seterr, np.geterr)
def _error_state(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    callers: dict[str, Any] = dict(np.geterr())
    before = t.numpy_errors or callers
    known = {k: containers.as_static(t, st, v) for k, v in zip(("all", *before), args, strict=False)}
    known |= {k: containers.as_static(t, st, v) for k, v in kwargs.items()}
    given = {k: v.value for k, v in known.items() if isinstance(v, Static) and v.value is not None}
    changed = {**before, **dict.fromkeys(before, given.pop("all"))} if "all" in given else before
    t.numpy_errors = {**changed, **given}
    if "raise" in (t.numpy_errors[k] for k in before if k != "under" and t.numpy_errors[k] != callers[k]):
        raise t.unsupported(
            "np.seterr(...='raise')", "it holds for the rest of the process", "use with np.errstate(...='raise')"
        )
    return st.new(DictBox(tuple((k, Static(v)) for k, v in before.items())))


@on(__import__("warnings").simplefilter, __import__("warnings").filterwarnings)
def _silent(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return NONE
