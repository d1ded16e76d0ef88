"""``numpy.fft`` and ``scipy.fft``: transforms recorded as calls of one row, of complex arrays.

Transforms of real arrays take the complex transform and keep half of it; inverse ones fill in
the other half.  That costs a factor of two over a real transform and keeps one rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.calls.fft import transform_settings
from revtrace.program.nodes import Const, Operand, const
from revtrace.program.types import BOOL, Scalar
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, on, signature
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.ndarray.convert import as_array
from revtrace.trace.ndarray.elementwise import primitive
from revtrace.trace.ndarray.rows import call_row
from revtrace.trace.objects.containers import as_known_int, items_of
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Num, Static, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["register"]

_COMPLEX = {"f4": "c8", "c8": "c8"}


def _transform(t: Tracer, view: View, axes: Sequence[int], inverse: bool, norm: str | None) -> View:
    """Append a transform of a complex array."""
    dtype = _COMPLEX.get(view.dtype, "c16")
    if view.dtype != dtype:
        view = arrays.materialise(t, view, dtype)
    settings = transform_settings(tuple(k - view.ndim for k in axes), inverse, norm)
    return call_row(t, "fft", (view,), ((dtype, view.shape),), settings, ("spectrum",))[0]


def _resized(t: Tracer, view: View, axis: int, n: Operand) -> View:
    """Cut an axis to a length, or fill it up with zeros."""
    have = view.shape[axis]
    if have is n or isinstance(have, Const) and isinstance(n, Const) and have.value == n.value:
        return view
    t.check(t.b.compare("gt", n, const(0)), "ValueError")
    shape = (*view.shape[:axis], n, *view.shape[axis + 1 :])
    out = arrays.new_array(t, view.dtype, shape, zeros=True)
    least = t.b.op("min", have, n)
    part = (*view.shape[:axis], least, *view.shape[axis + 1 :])
    arrays.for_each(t, part, lambda ix: arrays.store_at(t, out, ix, arrays.load_at(t, view, ix)))
    return out


def _length(t: Tracer, value: Any) -> Operand | None:
    value = t.use(value)
    if isinstance(value, Static) and value.value is None:
        return None
    return numbers.integer(t, value)


def _axes(
    t: Tracer, st: State, view: View, s: Any, axes: Any, default: tuple[int, ...] | None
) -> tuple[list[int], Any]:
    """Return the axes of a transform of several, and the lengths asked for along them."""
    lengths = None
    if not (isinstance(s, Static) and s.value is None):
        lengths = [_length(t, x) for x in items_of(t, st, s)]
    given = t.use(axes)
    if isinstance(given, Static) and given.value is None:
        chosen = list(default or range(view.ndim))
        if lengths is not None:
            chosen = list(range(view.ndim - len(lengths), view.ndim))
    else:
        chosen = [as_known_int(t, x) for x in items_of(t, st, given)]
    if any(not -view.ndim <= k < view.ndim for k in chosen):
        raise PythonRaise(np.exceptions.AxisError("axes exceed dimensionality of input"))
    return [k % view.ndim for k in chosen], lengths


def _norm(t: Tracer, value: Any) -> str | None:
    if not isinstance(value, Static) or value.value not in (None, "backward", "ortho", "forward"):
        raise t.unsupported("this norm of a transform", "it must be known when tracing", "use 'ortho' or 'backward'")
    return None if value.value == "backward" else value.value


def _checked(t: Tracer, view: View, axes: Sequence[int]) -> None:
    """NumPy takes no empty axis."""
    for k in axes:
        t.check(t.b.compare("gt", view.shape[k], const(0)), "ValueError")


def _many(t: Tracer, st: State, args: Args, kwargs: Kwargs, inverse: bool, default: tuple[int, ...] | None) -> Any:
    a, s, axes, norm = signature("a", s=NONE, axes=Static(default), norm=NONE)(args, kwargs)
    view = as_array(t, a, st)
    chosen, lengths = _axes(t, st, view, s, axes, default)
    for k, n in zip(chosen, lengths or [], strict=False):
        if n is not None:
            view = _resized(t, view, k, n)
    _checked(t, view, chosen)
    return _transform(t, view, chosen, inverse, _norm(t, norm))


def _one(t: Tracer, st: State, args: Args, kwargs: Kwargs, inverse: bool) -> Any:
    view, axis, norm = _single(t, st, args, kwargs)
    return _transform(t, view, (axis,), inverse, norm)


def _single(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> tuple[View, int, str | None]:
    a, n, axis, norm = signature("a", n=NONE, axis=Static(-1), norm=NONE)(args, kwargs)
    view = as_array(t, a, st)
    k = as_known_int(t, axis)
    if not -view.ndim <= k < view.ndim:
        raise PythonRaise(np.exceptions.AxisError(k, view.ndim))
    k %= view.ndim
    length = _length(t, n)
    if length is not None:
        view = _resized(t, view, k, length)
    _checked(t, view, (k,))
    return view, k, _norm(t, norm)


def _half(t: Tracer, view: View, axis: int) -> View:
    """Keep the first half of a spectrum and the middle."""
    n = view.shape[axis]
    count = numbers.fold(t, "add", numbers.fold(t, "floordiv", n, const(2), "i8"), const(1), "i8")
    shape = (*view.shape[:axis], count, *view.shape[axis + 1 :])
    return arrays.materialise(t, subscripts.part_of(view, view.maps, shape))


def _real_input(t: Tracer, view: View) -> View:
    if view.dtype[0] == "c":
        raise PythonRaise(TypeError("ufunc 'rfft_n_even' did not contain a loop with signature matching types"))
    return view


def _rfft(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    view, axis, norm = _single(t, st, args, kwargs)
    return _half(t, _transform(t, _real_input(t, view), (axis,), False, norm), axis)


def _rfftn(t: Tracer, st: State, args: Args, kwargs: Kwargs, default: tuple[int, ...] | None) -> Any:
    a, s, axes, norm = signature("a", s=NONE, axes=Static(default), norm=NONE)(args, kwargs)
    view = _real_input(t, as_array(t, a, st))
    chosen, lengths = _axes(t, st, view, s, axes, default)
    for k, n in zip(chosen, lengths or [], strict=False):
        if n is not None:
            view = _resized(t, view, k, n)
    _checked(t, view, chosen)
    return _half(t, _transform(t, view, chosen, False, _norm(t, norm)), chosen[-1])


def _whole_spectrum(t: Tracer, view: View, axis: int, n: Operand) -> View:
    """Fill in the half of a spectrum that is the mirror image of the other."""
    have = view.shape[axis]
    shape = (*view.shape[:axis], n, *view.shape[axis + 1 :])
    dtype = _COMPLEX.get(view.dtype, "c16")
    out = arrays.new_array(t, dtype, shape)
    real = {"c8": "f4", "c16": "f8"}[dtype]
    half = numbers.fold(t, "floordiv", n, const(2), "i8")
    zero, nothing = const(0), const(0, real)

    def one(ix: tuple[Operand, ...]) -> None:
        k = ix[axis]
        mirrored = t.b.compare("gt", k, half)
        at = t.b.op("select", mirrored, t.b.op("sub", n, k), k, type=Scalar("i8"))
        there = t.b.compare("lt", at, have)
        at = t.b.op("select", there, at, zero, type=Scalar("i8"))
        value = t.b.cast(arrays.load_at(t, view, (*ix[:axis], at, *ix[axis + 1 :])), dtype)
        re, im = (t.b.op(name, value, type=Scalar(real)) for name in ("real", "imag"))
        # The first number and, for an even length, the middle one count as real.
        twice = t.b.op("eq", t.b.op("add", k, k), n, type=BOOL)
        alone = t.b.op("or", t.b.compare("eq", k, zero), twice, type=BOOL)
        im = t.b.op("select", mirrored, t.b.op("neg", im), im, type=Scalar(real))
        im = t.b.op("select", alone, nothing, im, type=Scalar(real))
        re, im = (t.b.op("select", there, x, nothing, type=Scalar(real)) for x in (re, im))
        arrays.store_at(t, out, ix, t.b.op("complex", re, im, type=Scalar(dtype)))

    arrays.for_each(t, shape, one)
    return out


def _double(t: Tracer, n: Operand) -> Operand:
    """Return the even length that a half spectrum has come from."""
    return numbers.fold(t, "mul", numbers.fold(t, "sub", n, const(1), "i8"), const(2), "i8")


def _irfft(t: Tracer, st: State, args: Args, kwargs: Kwargs) -> Any:
    a, n, axis, norm = signature("a", n=NONE, axis=Static(-1), norm=NONE)(args, kwargs)
    view = arrays.settle(t, as_array(t, a, st))
    k = as_known_int(t, axis) % view.ndim
    length = _length(t, n) or _double(t, view.shape[k])
    return _back(t, view, (k,), length, _norm(t, norm))


def _back(t: Tracer, view: View, axes: Sequence[int], n: Operand, norm: str | None) -> Any:
    t.check(t.b.compare("gt", n, const(0)), "ValueError")
    _checked(t, view, axes)
    if len(axes) > 1:
        view = _transform(t, view, axes[:-1], True, norm)
    full = _transform(t, _whole_spectrum(t, view, axes[-1], n), axes[-1:], True, norm)
    return arrays.materialise(t, arrays.apply(t, lambda x: primitive(t, "real", x), (full,)))


def _irfftn(t: Tracer, st: State, args: Args, kwargs: Kwargs, default: tuple[int, ...] | None) -> Any:
    a, s, axes, norm = signature("a", s=NONE, axes=Static(default), norm=NONE)(args, kwargs)
    view = arrays.settle(t, as_array(t, a, st))
    chosen, lengths = _axes(t, st, view, s, axes, default)
    for k, n in zip(chosen[:-1], lengths or [], strict=False):
        if n is not None:
            view = _resized(t, view, k, n)
    last = lengths[-1] if lengths else None
    return _back(t, view, chosen, last or _double(t, view.shape[chosen[-1]]), _norm(t, norm))


def _shift(t: Tracer, st: State, args: Args, kwargs: Kwargs, inverse: bool) -> Any:
    from revtrace.trace.callables.calls import call

    x, axes = signature("a", axes=NONE)(args, kwargs)
    view = arrays.settle(t, as_array(t, x, st))
    given = t.use(axes)
    if isinstance(given, Static) and given.value is None:
        chosen = list(range(view.ndim))
    elif isinstance(given, Num) or isinstance(given, Static) and isinstance(given.value, int):
        chosen = [as_known_int(t, given)]
    else:
        chosen = [as_known_int(t, k) for k in items_of(t, st, given)]
    found: Any = view
    for k in chosen:
        half = numbers.fold(t, "floordiv", view.shape[k], const(2), "i8")
        by = numbers.fold(t, "sub", const(0), half, "i8") if inverse else half
        shift = Static(int(by.value.real)) if isinstance(by, Const) else Num(by, True)
        found = call(t, st, Static(np.roll), (found, shift), {"axis": Static(k)})
    return found


def register(module: Any) -> None:
    """Enter the functions of ``numpy.fft`` or a module like it."""

    def enter(name: str, how: Any, *more: Any) -> None:
        f = getattr(module, name, None)
        if f is not None:

            def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
                # How SciPy is to compute says nothing of what.
                named = {("a" if k == "x" else k): v for k, v in kwargs.items() if k not in ("overwrite_x", "workers")}
                return how(t, st, args, named, *more)

            on(f)(handler)

    for name, inverse in (("fft", False), ("ifft", True)):
        enter(name, _one, inverse)
        enter(f"{name}2", _many, inverse, (-2, -1))
        enter(f"{name}n", _many, inverse, None)
    enter("rfft", _rfft)
    enter("rfft2", _rfftn, (-2, -1))
    enter("rfftn", _rfftn, None)
    enter("irfft", _irfft)
    enter("irfft2", _irfftn, (-2, -1))
    enter("irfftn", _irfftn, None)
    enter("fftshift", _shift, False)
    enter("ifftshift", _shift, True)


register(np.fft)
