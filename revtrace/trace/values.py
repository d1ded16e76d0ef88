"""What the tracer knows of a Python value.

Values are immutable.  Whatever is not a number or an array is known exactly when
tracing (`Static`); numbers and arrays are program operands with the Python type they
stand for.  Mutable Python objects live in the state's heap and are named by `Ref`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from revtrace.program.nodes import Const, Operand, const
from revtrace.program.types import real_dtype
from revtrace.trace.record import Source

__all__ = [
    "NULL",
    "UNDEF",
    "Along",
    "At",
    "Bound",
    "Conflict",
    "Elementwise",
    "Fold",
    "InstanceKey",
    "Keys",
    "Maybe",
    "Null",
    "Num",
    "Ref",
    "Slice",
    "Static",
    "Tup",
    "Undef",
    "Value",
    "Vectorized",
    "View",
    "of_key",
    "same_key",
]


@dataclass(frozen=True, slots=True, eq=False)
class Static:
    """A Python object known when tracing; ``source`` says where it was read, if anywhere."""

    value: Any
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Num:
    """A number in the program.

    ``weak`` says it is a Python number (which gives way to numpy's dtypes and
    raises ZeroDivisionError), not a numpy scalar.
    """

    operand: Operand
    weak: bool

    @property
    def dtype(self) -> str:
        """The number's dtype."""
        return self.operand.type.dtype


@dataclass(frozen=True, slots=True)
class At:
    """A root axis fixed at an index (a raw Python index)."""

    index: Operand


@dataclass(frozen=True, slots=True)
class Along:
    """A root axis that view axis ``axis`` runs along: ``start + step * i``; start is not negative."""

    axis: int
    start: Operand
    step: Operand
    whole: bool


@dataclass(frozen=True, slots=True)
class Fold:
    """Another shape given to a view: its elements in C order are those of an array of ``shape``."""

    shape: tuple[Operand, ...]
    under: View


TRUE = const(True)


@dataclass(frozen=True, slots=True)
class View:
    """An array: a buffer and how the view's axes run through the buffer's.

    ``maps`` has one entry per axis of ``root``, or per axis of ``fold``'s shape where the view
    is one of a reshaped array; ``shape`` holds an i8 operand per axis of the view.  A view axis in no map is broadcast.
    ``writeable`` is numpy's flag, a boolean operand.  ``part`` is ``"real"`` or ``"imag"`` where the elements are those
    parts of the buffer's.
    """

    root: Operand
    maps: tuple[At | Along, ...]
    shape: tuple[Operand, ...]
    source: Source | None = None
    fold: Fold | None = None
    writeable: Operand = TRUE
    part: str | None = None

    @property
    def dtype(self) -> str:
        """The elements' dtype."""
        dtype: str = self.root.type.dtype
        return dtype if self.part is None else real_dtype(dtype)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def whole(self) -> bool:
        """Whether the view is its root, axis for axis."""
        return (
            self.fold is None
            and self.part is None
            and len(self.maps) == len(self.shape)
            and all(isinstance(m, Along) and m.whole and m.axis == k for k, m in enumerate(self.maps))
        )


@dataclass(frozen=True, slots=True, eq=False)
class Elementwise:
    """An array expression not yet computed: ``at(indices)`` appends the operations of one element.

    ``reads`` are the arrays it is computed from, each element from those at its own place unless it is ``moved``.
    ``regular`` says that numpy lays the result out as the operands are.

    Lives on the value stack only; whoever keeps it computes it first, so that
    fusing never moves a read past a write.
    """

    shape: tuple[Operand, ...]
    dtype: str
    at: Callable[[tuple[Operand, ...]], Operand]
    reads: tuple[View, ...] = ()
    regular: bool = False
    moved: bool = False

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


@dataclass(frozen=True, slots=True)
class Tup:
    """A tuple; ``cls`` is a named tuple's class."""

    items: tuple[Value, ...]
    cls: type | None = None


@dataclass(frozen=True, slots=True)
class Keys(Tup):
    """What ``dict.keys`` gives: walked over like a tuple, compared and combined like the set ``known``."""

    known: frozenset[Any] = frozenset()


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice with a bound known only when running."""

    start: Value
    stop: Value
    step: Value


@dataclass(frozen=True, slots=True)
class Ref:
    """A mutable object in the heap."""

    id: int


@dataclass(frozen=True, slots=True)
class Bound:
    """A method or built-in operation with the value it is bound to."""

    function: Value
    self: Value


@dataclass(frozen=True, slots=True, eq=False)
class Vectorized:
    """What a `Static` holds for an ``np.vectorize`` made while tracing."""

    function: Value
    signature: str | None
    excluded: frozenset[int | str]
    """Places and names of the arguments that are given to each call as they are."""
    otypes: str
    """The dtypes of the results, a character for each; none where they are those of the numbers."""


@dataclass(frozen=True, slots=True)
class Maybe:
    """``value`` if ``flag`` holds while running, else ``missing`` (None, or nothing assigned)."""

    value: Value
    flag: Operand
    missing: Value


@dataclass(frozen=True, slots=True)
class Undef:
    """A variable that holds nothing."""


@dataclass(frozen=True, slots=True)
class Null:
    """The empty slot of CPython's call layout."""


@dataclass(frozen=True, slots=True, eq=False)
class Conflict:
    """A variable whose two possible values have no common form; an error only when used."""

    left: Value
    right: Value
    cond: tuple[Operand, ...] = ()
    loops: tuple[object, ...] = ()
    """The loops that carry it."""


Value = Static | Num | View | Elementwise | Tup | Slice | Ref | Bound | Maybe | Undef | Null | Conflict

UNDEF = Undef()
NULL = Null()
NONE = Static(None)


@dataclass(frozen=True, slots=True)
class InstanceKey:
    """An instance as a key, where its class says which are equal: equal ones have one number."""

    ref: Ref = field(compare=False)
    number: int
    hash: int

    def __hash__(self) -> int:
        return self.hash


def of_key(key: Any) -> Value:
    """Return the value of a key of a dict, or of an item of a set: instances are their own keys."""
    if isinstance(key, tuple) and _holds_instance(key):
        return Tup(tuple(of_key(k) for k in key))
    if isinstance(key, InstanceKey):
        return key.ref
    return key if isinstance(key, Ref) else Static(key)


def _holds_instance(key: tuple[Any, ...]) -> bool:
    return any(isinstance(k, (Ref, InstanceKey)) or (isinstance(k, tuple) and _holds_instance(k)) for k in key)


def same_key(a: Any, b: Any) -> bool:
    """Whether two keys are equal and what was entered as them is one."""
    return bool(a == b) and (not isinstance(a, (tuple, InstanceKey)) or of_key(a) == of_key(b))


def is_number(value: object) -> bool:
    """Whether a Python object is a number the tracer computes with."""
    import numpy as np

    return isinstance(value, (bool, int, float, complex, np.number, np.bool_)) and not isinstance(value, np.timedelta64)


def is_numeric(value: object) -> bool:
    """Whether a traced value is a number, known while tracing or not."""
    return isinstance(value, Num) or (isinstance(value, Static) and is_number(value.value))


def constant(operand: Operand) -> Any:
    """Return a literal operand's number, else None."""
    return operand.value if isinstance(operand, Const) else None
