"""Calls of functions that have a user's rule, recorded as calls of a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.calls.core import row_named
from revtrace.calls.structure import LEAVES, Spec, leaves, spec_of
from revtrace.calls.users import NotImplementedTangent, UserRule
from revtrace.calls.users_forms import not_implemented
from revtrace.calls.users_rows import arguments_of, row_for
from revtrace.program.nodes import Const, Var, const
from revtrace.trace import numbers
from revtrace.trace.callables.functions import on
from revtrace.trace.ndarray import arrays
from revtrace.trace.ndarray.rows import call_row
from revtrace.trace.signals import NeedStatic
from revtrace.trace.state import DictBox, ListBox, State
from revtrace.trace.values import NONE, Num, Ref, Static, Tup, View, is_number

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["call_rule", "opaque"]


def call_rule(t: Tracer, st: State, f: Any, rule: UserRule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record the call of a function that has a rule."""
    try:
        given = arguments_of(f, args, kwargs)
    except (TypeError, ValueError) as error:
        raise t.unsupported(
            f"these arguments of {rule.name}", f"it has a rule, and {error}", "pass them by position"
        ) from None
    operands: list[Any] = []
    spec: Spec = ("tuple", tuple(_spec(t, st, t.use(x), operands) for x in given), None)
    sample = _sample(t, rule, spec, operands)
    out = spec_of(sample)
    strange = _strange(out) if operands else None
    if strange is not None:
        raise t.unsupported(
            f"{type(strange).__name__} in what {rule.name} returns",
            "it has a rule, and its result is made of numbers, arrays and containers of them",
            "return numbers, or arrays",
        )
    row = row_for(rule, spec, out)
    shapes = [(leaf[2], _lengths(x)) for leaf, x in zip(leaves(out), _arrays(sample), strict=True)]
    made = call_row(t, row.name, operands, shapes)
    return _value(t, st, out, iter(made))


def _spec(t: Tracer, st: State, x: Any, operands: list[Any]) -> Spec:
    """Return an argument's structure; its numbers and arrays go to ``operands``."""
    if arrays.is_array(x):
        view = arrays.settle(t, x)
        operands.append(view)
        return ("array", view.ndim, view.dtype)
    if isinstance(x, Num):
        operands.append(x)
        return ("number" if x.weak else "scalar", 0, x.dtype)
    if isinstance(x, Static):
        if is_number(x.value) and not isinstance(x.value, bool):
            number = numbers.as_num(t, x)
            if number.dtype[0] in "fc":
                operands.append(number)
                return ("number" if number.weak else "scalar", 0, number.dtype)
        return ("static", x.value)
    if isinstance(x, Tup):
        return ("tuple", tuple(_spec(t, st, t.use(v), operands) for v in x.items), x.cls)
    if isinstance(x, Ref):
        box = st.box(x)
        if isinstance(box, ListBox):
            return ("list", tuple(_spec(t, st, t.use(v), operands) for v in box.items), None)
        if isinstance(box, DictBox):
            parts = tuple(_spec(t, st, t.use(v), operands) for _, v in box.items)
            return ("dict", parts, tuple(k for k, _ in box.items))
    raise t.unsupported(
        f"{t.describe(x)} as an argument of a function with a rule",
        "numbers, arrays and containers of them are",
        "pass its numbers",
    )


def _strange(spec: Spec) -> Any:
    """Return an object in a result that may hold numbers of its own, or None."""
    if spec[0] in LEAVES:
        return None
    if spec[0] == "static":
        return None if spec[1] is None or isinstance(spec[1], (str, bytes, type)) else spec[1]
    return next((found for part in spec[1] if (found := _strange(part)) is not None), None)


def _sample(t: Tracer, rule: UserRule, spec: Spec, operands: Sequence[Any]) -> Any:
    """Call the function, or what stands for it, to find what it returns."""
    from revtrace.calls.structure import rebuilt

    values = []
    for x in operands:
        shape = _shape(t, x)
        values.append(_known_value(t, x, shape))
    ask = rule.like or rule.function
    try:
        with np.errstate(all="ignore"):
            return ask(*rebuilt(spec, values))
    except Exception as error:
        raise t.unsupported(
            f"finding what {rule.name} returns",
            f"it was called with samples of its arguments, and raised {type(error).__name__}: {error}",
            "give its rule like=, a function of the same arguments that returns an example",
        ) from error


def _shape(t: Tracer, x: Any) -> tuple[int, ...]:
    if not isinstance(x, View):
        return ()
    wanting = tuple(n for n in x.shape if not isinstance(n, Const))
    if wanting:
        raise NeedStatic(wanting, "the shape of what a function with a rule returns", t.b.loc)
    return tuple(int(n.value) for n in x.shape)  # type: ignore[union-attr,arg-type]


def _known_value(t: Tracer, x: Any, shape: tuple[int, ...]) -> Any:
    """The argument's value in this call where it is at hand, else something like it."""
    operand = x.root if isinstance(x, View) else x.operand
    dtype = np.dtype({"b1": "?"}.get(x.dtype, x.dtype))
    if isinstance(operand, Const):
        return np.asarray(operand.value, dtype)
    found = t.pins.values.get(operand) if isinstance(operand, Var) else None
    if found is not None and (not isinstance(x, View) or x.whole):
        return np.array(found, dtype)
    size = int(np.prod(shape))
    return (0.5 + 0.4 * np.arange(size) / max(1, size)).reshape(shape).astype(dtype)


def _arrays(sample: Any) -> list[Any]:
    from revtrace.calls.structure import flat

    return flat(spec_of(sample), sample, "")


def _lengths(x: Any) -> tuple[Const, ...]:
    return tuple(const(n, "i8") for n in np.shape(x))


def _value(t: Tracer, st: State, spec: Spec, made: Any) -> Any:
    """Return the traced value of a result."""
    kind = spec[0]
    if kind == "static":
        return Static(spec[1])
    if kind == "array":
        return next(made)
    if kind in ("number", "scalar"):
        return Num(arrays.load_at(t, next(made), ()), kind == "number")
    parts = tuple(_value(t, st, part, made) for part in spec[1])
    if kind == "tuple":
        return Tup(parts, spec[2])
    if kind == "list":
        return st.new(ListBox(parts))
    return st.new(DictBox(tuple(zip(spec[2], parts, strict=True))))


@on(not_implemented)
def _not_implemented(t: Tracer, st: State, args: tuple[Any, ...], kwargs: dict[str, Any], fr: Frame | None) -> Any:
    why = (*args, *kwargs.values())
    text = why[0].value if why and isinstance(why[0], Static) else "it is not implemented"
    return Static(NotImplementedTangent(text))


def opaque(row: str, wanted: Sequence[int], count: int) -> Callable[..., Any]:
    """Return a function that the tracer records as a call of a row, with results shaped as some of its operands."""

    def stand_in(*xs: Any) -> Any:
        """Do what the row does: what calls this can be run as it stands, too."""
        found = row_named(row).run(*xs)
        made = iter(found if isinstance(found, tuple) else (found,))
        return tuple(next(made) if k in wanted else None for k in range(count))

    def handler(t: Tracer, st: State, args: tuple[Any, ...], kwargs: dict[str, Any], fr: Frame | None) -> Any:
        operands = [arrays.settle(t, x) if arrays.is_array(x) else x for x in args]
        made = iter(call_row(t, row, operands, [(operands[k].dtype, operands[k].shape) for k in wanted]))
        return Tup(tuple(next(made) if k in wanted else NONE for k in range(count)))

    on(stand_in)(handler)
    return stand_in
