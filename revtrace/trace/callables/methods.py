"""Methods of arrays, numbers, lists, dicts, sets and tuples."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.errors import UnsupportedError
from revtrace.program.types import Scalar, real_dtype
from revtrace.trace import comparisons, numbers, operators
from revtrace.trace.callables.builtin_functions import scalar_of
from revtrace.trace.callables.functions import method_handler, on, refused
from revtrace.trace.ndarray import arrays, assignment, subscripts
from revtrace.trace.ndarray.convert import as_array, copies, dtype_argument, shape_argument
from revtrace.trace.ndarray.folds import laid_out, note_order
from revtrace.trace.objects import containers, indexing
from revtrace.trace.objects.texts import TEXT_METHODS, run_time_text
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import Growing, ListBox, Numbers, State
from revtrace.trace.values import NONE, Num, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

# arrays -------------------------------------------------------------------------------------

_SAME = {
    "sum": np.sum, "prod": np.prod, "mean": np.mean, "var": np.var, "std": np.std, "max": np.max, "min": np.min,
    "argmax": np.argmax, "argmin": np.argmin, "all": np.all, "any": np.any, "cumsum": np.cumsum, "cumprod": np.cumprod,
    "dot": np.dot, "ravel": np.ravel, "swapaxes": np.swapaxes, "squeeze": np.squeeze, "repeat": np.repeat,
    "round": np.round, "ptp": np.ptp, "clip": np.clip, "trace": np.trace, "diagonal": np.diagonal,
    "conj": np.conjugate, "conjugate": np.conjugate, "take": np.take, "choose": np.choose,
    "put": np.put, "argpartition": np.argpartition,
}  # fmt: skip


def _as_functions() -> None:
    for name, f in _SAME.items():

        def handler(t: Tracer, st: State, self: Any, *args: Any, f: Any = f, **kwargs: Any) -> Any:
            from revtrace.trace.callables.calls import call

            return call(t, st, Static(f), (self, *args), kwargs)

        method_handler("array", name)(handler)


_as_functions()


@method_handler("array", "copy", "__copy__", "__deepcopy__")
def _copy(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
    if not arrays.is_array(self):
        return self
    copied = arrays.copy_of(t, self)
    order = (*args, *kwargs.values(), Static("C"))[0]
    if isinstance(order, Static) and order.value == "C":
        return note_order(t, copied)
    t.in_c_order.discard(copied.root)
    return copied


@method_handler("array", "flatten")
def _flatten(t: Tracer, st: State, self: Any, order: Any = Static("C")) -> Any:
    from revtrace.trace.ndarray.shaping import in_order

    # A copy of its own: what numpy would have made a view is copied first.
    return in_order(
        t, note_order(t, arrays.copy_of(t, self if arrays.is_array(self) else as_array(t, self, st))), None, order
    )


@method_handler("array", "reshape")
def _reshape(t: Tracer, st: State, self: Any, *shape: Any, order: Any = Static("C"), copy: Any = NONE) -> Any:
    from revtrace.trace.ndarray.shaping import in_order

    value = self if arrays.is_array(self) else as_array(t, self, st)
    if isinstance(copy, Static) and copy.value:
        value = arrays.copy_of(t, value)
    return in_order(t, value, shape_argument(t, st, shape[0] if len(shape) == 1 else Tup(shape)), order)


@method_handler("array", "transpose")
def _transpose(t: Tracer, st: State, self: Any, *axes: Any) -> Any:
    from revtrace.trace.callables.calls import call

    if not axes:
        return call(t, st, Static(np.transpose), (self,), {})
    return call(t, st, Static(np.transpose), (self, axes[0] if len(axes) == 1 else Tup(axes)), {})


@method_handler("array", "astype")
def _astype(t: Tracer, st: State, self: Any, dtype: Any, **kwargs: Any) -> Any:
    kind = dtype_argument(t, dtype, "f8")
    assert kind is not None
    if not arrays.is_array(self):
        return Num(t.b.cast(numbers.as_num(t, self).operand, kind), False)
    if self.dtype[0] == "c" and kind[0] != "c":
        raise t.unsupported("astype from complex to real", "it drops the imaginary part", "take .real first")
    if kind == self.dtype and not copies(t, kwargs.get("copy", Static(True))):
        # The array itself, unless it must lie otherwise.
        order = getattr(kwargs.get("order", NONE), "value", None)
        view = arrays.settle(t, self)
        return laid_out(t, view, order) if order in ("C", "F") else view
    return arrays.materialise(t, self, kind)


@method_handler("array", "fill")
def _fill(t: Tracer, st: State, self: Any, value: Any) -> Any:
    assignment.assign(t, self, t.use(value))
    return NONE


@method_handler("array", "tolist")
def _tolist(t: Tracer, st: State, self: Any) -> Any:
    if not arrays.is_array(self) or self.ndim == 0:
        return _item(t, st, self)
    if self.ndim == 1:
        from revtrace.trace.callables.calls import call

        kind = numbers.wide(self.dtype)
        made = call(t, st, Static(list), (self if self.dtype == kind else arrays.materialise(t, self, kind),), {})
        box = st.box(made)
        if isinstance(box, Growing):
            st.set(made, replace(box, form=Numbers(kind, True)))
        elif isinstance(box, ListBox):
            st.set(made, ListBox(tuple(numbers.as_python(t, numbers.as_num(t, v)) for v in box.items)))
        return made
    return st.new(ListBox(tuple(_tolist(t, st, row) for row in containers.items_of(t, st, self))))


@method_handler("array", "item", "__float__")
def _item(t: Tracer, st: State, self: Any, *args: Any) -> Any:
    if args:
        key = args[0] if len(args) == 1 else Tup(args)
        if len(args) == 1 and isinstance(args[0], (Num, Static)) and arrays.is_array(self) and self.ndim != 1:
            from revtrace.trace.ndarray.shaping import ravel

            if not (isinstance(args[0], Static) and isinstance(args[0].value, tuple)):
                self = ravel(t, self)
        return numbers.as_python(t, numbers.as_num(t, subscripts.subscript(t, self, key)))
    return numbers.as_python(t, scalar_of(t, st, self))


def _refused_kind(t: Tracer, kind: type) -> UnsupportedError:
    """Return the refusal of arrays of a class of their own."""
    instead = "compute with plain arrays: np.asarray(x)"
    if issubclass(kind, np.ma.MaskedArray):
        instead = "keep the mask in an array of its own: np.where(mask, 0.0, x), x[~mask], x.sum(where=~mask)"
    elif issubclass(kind, np.matrix):
        instead = "use np.array, with @ for the product"
    why = "operations of theirs mean something else than those of plain arrays"
    return t.unsupported(f"arrays of type {kind.__module__.removesuffix('.core')}.{kind.__name__}", why, instead)


@method_handler("array", "view")
def _view(t: Tracer, st: State, self: Any, *args: Any) -> Any:
    kind = args[0].value if args and isinstance(args[0], Static) else None
    if isinstance(kind, type) and issubclass(kind, np.ndarray) and kind is not np.ndarray:
        raise _refused_kind(t, kind)
    if args and kind is not np.ndarray:
        raise t.unsupported(
            "a view of another type", "numbers are not reinterpreted", "use x.astype(dtype), which converts the numbers"
        )
    return self


@on(np.ndarray.view)
def _unbound_view(t: Tracer, st: State, args: Any, kwargs: Any, fr: Frame | None) -> Any:
    return _view(t, st, as_array(t, args[0], st), *args[1:], **kwargs)


@method_handler("array", "__array__")
def _array(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
    return self


@method_handler("array", "__len__")
def _array_len(t: Tracer, st: State, self: Any) -> Any:
    return containers.length(t, st, self)


@method_handler("array", "__getitem__")
def _array_item(t: Tracer, st: State, self: Any, key: Any) -> Any:
    return indexing.get_item(t, st, self, key)


@method_handler("array", "compress")
def _compress(t: Tracer, st: State, self: Any, condition: Any, *args: Any, **kwargs: Any) -> Any:
    from revtrace.trace.callables.calls import call

    return call(t, st, Static(np.compress), (condition, self, *args), kwargs)


@method_handler("array", "partition")
def _partition(t: Tracer, st: State, self: Any, kth: Any, axis: Any = Static(-1), **kwargs: Any) -> Any:
    from revtrace.trace.callables.calls import call

    assignment.assign(t, self, call(t, st, Static(np.partition), (self, kth, axis), kwargs))
    return NONE


@method_handler("array", "resize")
@refused
def _in_place(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
    raise t.unsupported("resizing an array in place", "other names of it would see it", "use x = np.resize(x, shape)")


# strings made of run-time numbers --------------------------------------------------------------------


@method_handler("text", *TEXT_METHODS)
def _another_text(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
    return run_time_text(t, self, *args, *kwargs.values())


# numbers --------------------------------------------------------------------------------------------


@method_handler("number", "conjugate", "__pos__")
def _conjugate(t: Tracer, st: State, self: Any) -> Any:
    if self.dtype[0] == "c":
        return Num(t.b.op("conj", self.operand), self.weak)
    return self


@method_handler("number", "is_integer")
def _is_integer(t: Tracer, st: State, self: Any) -> Any:
    if self.dtype[0] in "iub":
        return Static(True)
    return comparisons.compare(t, st, "==", Num(t.b.op("floor", self.operand), True), self)


def _of_known_int(name: str) -> None:
    @method_handler("number", name)
    def handler(t: Tracer, st: State, self: Any) -> Any:
        if self.dtype[0] not in "iub":
            raise PythonRaise(AttributeError(f"'float' object has no attribute {name!r}"))
        return Static(getattr(containers.as_known_int(t, self), name)())


for _name in ("bit_length", "bit_count"):
    _of_known_int(_name)


def _dunders() -> None:
    for symbol, name in operators.DUNDER.items():

        def handler(t: Tracer, st: State, self: Any, other: Any, symbol: str = symbol) -> Any:
            return operators.binary(t, st, symbol, self, other)

        def reflected(t: Tracer, st: State, self: Any, other: Any, symbol: str = symbol) -> Any:
            return operators.binary(t, st, symbol, other, self)

        for kind in ("number", "array"):
            method_handler(kind, f"__{name}__")(handler)
            method_handler(kind, f"__r{name}__")(reflected)


_dunders()


@method_handler("number", "__float__")
def _to_float(t: Tracer, st: State, self: Any) -> Any:
    return Num(t.b.cast(self.operand, "f8"), True)


@method_handler("number", "__abs__")
def _to_abs(t: Tracer, st: State, self: Any) -> Any:
    return Num(t.b.op("abs", self.operand, type=Scalar(real_dtype(self.dtype))), True)
