"""Python's built-in functions of numbers, and ``len``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import const
from revtrace.program.types import Scalar, real_dtype
from revtrace.trace import comparisons, numbers, operators
from revtrace.trace.callables.functions import Args, Kwargs, on
from revtrace.trace.ndarray import arrays
from revtrace.trace.ndarray.elementwise import as_float
from revtrace.trace.objects import containers
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import IterBox, ObjectBox, State
from revtrace.trace.values import NONE, Num, Ref, Static, Tup, is_number

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


def is_generator(st: State, v: Any) -> bool:
    """Whether a traced value is a generator."""
    return isinstance(v, Ref) and isinstance(st.box(v), IterBox) and st.box(v).kind == "generator"  # type: ignore[union-attr]


@on(float)
def _float(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if not args:
        return Static(0.0)
    value = t.use(args[0])
    if isinstance(value, Static):
        try:
            return Static(float(value.value))
        except (TypeError, ValueError) as error:
            raise PythonRaise(error) from None
    return as_float(t, st, value)


def scalar_of(t: Tracer, st: State, value: Any) -> Num:
    """Return a number or an array of one element as a number."""
    value = t.use(value)
    if arrays.is_array(value):
        if value.ndim and not all(arrays.is_one(n) for n in value.shape):
            for n in value.shape:
                arrays.agree(t, n, const(1, "i8"))
        return Num(arrays.operand_at(t, value, (arrays.ZERO,) * value.ndim), False)
    return numbers.as_num(t, value)


def _asked(t: Tracer, st: State, value: Any, *names: str) -> Any:
    """Return what an instance says that it is as a number; other values as they are."""
    from revtrace.trace.callables.calls import call_method

    value = t.use(value)
    box = st.box(value) if isinstance(value, Ref) else None
    known = (name for name in names if isinstance(box, ObjectBox) and hasattr(box.cls, name))
    name = next(known, None)
    return value if name is None else t.use(call_method(t, st, value, name, ()))


@on(int)
def _int(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if not args:
        return Static(0)
    value = _asked(t, st, args[0], "__int__", "__index__", "__trunc__")
    if isinstance(value, Static) or len(args) > 1:
        try:
            return Static(int(value.value, *(a.value for a in args[1:])))
        except (TypeError, ValueError, OverflowError) as error:
            raise PythonRaise(error) from None
    number = scalar_of(t, st, value)
    if number.dtype[0] == "f":
        return numbers.whole(t, t.b.op("trunc", number.operand))
    if number.dtype[0] == "c":
        raise PythonRaise(TypeError("int() argument must be a real number, not 'complex'"))
    return Num(t.b.cast(number.operand, "i8"), True)


@on(bool)
def _bool(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return comparisons.truth(t, st, args[0]) if args else Static(False)


@on(complex)
def _complex(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    parts = [_asked(t, st, a, "__complex__", "__float__", "__index__") for a in (*args, *kwargs.values())]
    if all(isinstance(p, Static) for p in parts):
        return Static(complex(*(p.value for p in parts)))
    nums = [scalar_of(t, st, p) for p in parts]
    first = nums[0]
    if len(nums) == 1:
        return Num(t.b.cast(first.operand, "c16"), True)
    if any(n.dtype[0] == "c" for n in nums):
        unit = Num(const(1j, "c16"), True)
        return numbers.binary(t, "+", first, numbers.binary(t, "*", unit, nums[1]))
    real, imag = (t.b.cast(n.operand, "f8") for n in nums)
    return Num(t.b.op("complex", real, imag, type=Scalar("c16")), True)


@on(abs)
def _abs(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return absolute(t, st, args[0])


def absolute(t: Tracer, st: State, value: Any) -> Any:
    """``abs(value)``."""
    value = t.use(value)
    if isinstance(value, Static) and is_number(value.value):
        return Static(abs(value.value))
    if isinstance(value, Ref):
        from revtrace.trace.callables.calls import call_method

        return call_method(t, st, value, "__abs__", ())
    if arrays.is_array(value):
        from revtrace.trace.ndarray.elementwise import ufunc

        return ufunc(t, st, "abs", (value,))
    number = numbers.as_num(t, value)
    if number.dtype == "b1":
        return Num(t.b.cast(number.operand, "i8"), True)
    if number.dtype == "i8" and number.weak:
        return Num(numbers.python_int(t, "abs", number.operand), True)
    return Num(t.b.op("abs", number.operand, type=Scalar(real_dtype(number.dtype))), number.weak)


@on(pow)
def _pow(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    args = (*args, *(kwargs[k] for k in ("base", "exp", "mod") if k in kwargs))
    if len(args) == 3 and not (isinstance(args[2], Static) and args[2].value is None):
        known = [containers.as_static(t, st, t.use(a)) for a in args]
        if all(isinstance(k, Static) for k in known):
            try:
                return Static(pow(*(k.value for k in known)))
            except (TypeError, ValueError) as error:
                raise PythonRaise(error) from None
        raise NeedStatic(
            tuple(a.operand for a in known if isinstance(a, Num)),
            "pow with a modulus needs integers known when tracing",
            t.b.loc,
        )
    args = args[:2]
    return operators.binary(t, st, "**", *args)


@on(divmod)
def _divmod(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return Tup((operators.binary(t, st, "//", *args), operators.binary(t, st, "%", *args)))


@on(round)
def _round(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    value = t.use(args[0])
    digits = t.use(args[1] if len(args) > 1 else kwargs.get("ndigits", NONE))
    if isinstance(value, Static) and isinstance(digits, Static):
        return Static(round(value.value, digits.value) if digits.value is not None else round(value.value))
    if arrays.is_array(value):
        from revtrace.trace.numpy.array_choices import round_array

        return round_array(t, st, value, digits)
    number = numbers.as_num(t, value)
    if number.dtype[0] in "iub":
        return Num(t.b.cast(number.operand, "i8"), number.weak)
    if isinstance(digits, Static) and digits.value is None:
        return numbers.whole(t, t.b.op("rint", number.operand), soft=True)
    places = t.b.cast(numbers.as_num(t, digits).operand, number.dtype)
    return Num(t.b.op("round_digits", number.operand, places), number.weak)


@on(len)
def _len(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return containers.length(t, st, args[0])
