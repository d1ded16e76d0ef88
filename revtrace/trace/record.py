"""What tracing hands on: the program, where its inputs come from, and what it relied on.

A `Source` is a path from the call (an argument, a global, a closure cell) through
attributes and items to a Python object.  Inputs of a program are sources read
afresh at every call; guards are facts about sources under which the program is
valid: when one no longer holds, the function is traced again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from revtrace.loc import NOWHERE
from revtrace.program.nodes import Loc, Program
from revtrace.trace.reliance import Reliance

__all__ = [
    "Arg",
    "Attr",
    "Cell",
    "Fixed",
    "Global",
    "Guard",
    "Input",
    "Item",
    "Leaf",
    "Made",
    "Source",
    "StaticLeaf",
    "Traced",
    "rendered",
]


@dataclass(frozen=True, slots=True)
class Arg:
    """A parameter of the traced function, by name (after binding and defaults)."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """An object known when tracing and held strongly, such as a module or the function itself."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fixed) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


@dataclass(frozen=True, slots=True, eq=False)
class Global:
    """A name in a function's globals, or in builtins when it is not there."""

    namespace: dict[str, Any]
    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Global) and other.namespace is self.namespace and other.name == self.name

    def __hash__(self) -> int:
        return hash((id(self.namespace), self.name))

    def __repr__(self) -> str:
        return f"Global({self.namespace.get('__name__')}.{self.name})"


@dataclass(frozen=True, slots=True)
class Cell:
    """Contents of a closure cell: ``function.__closure__[index].cell_contents``."""

    function: Source
    index: int


@dataclass(frozen=True, slots=True)
class Attr:
    """``base.name``."""

    base: Source
    name: str


@dataclass(frozen=True, slots=True)
class Item:
    """``base[key]`` for a list, tuple or dict and a constant key."""

    base: Source
    key: Any


Source = Arg | Fixed | Global | Cell | Attr | Item


def rendered(source: Source) -> str:
    """Return a path as a user would write it."""
    match source:
        case Arg(name) | Global(_, name):
            return name
        case Attr(base, name):
            return f"{rendered(base)}.{name}"
        case Item(base, key):
            return f"{rendered(base)}[{key!r}]"
        case Cell(function, index):
            names = function.value.__code__.co_freevars if isinstance(function, Fixed) else ()
            return names[index] if index < len(names) else f"{rendered(function)}.cell{index}"
        case Fixed(value):
            return getattr(value, "__name__", type(value).__name__)


def fetch(source: Source, arguments: Mapping[str, Any]) -> Any:
    """Read a source now; raises what Python raises when the path is gone."""
    match source:
        case Arg():
            return arguments[source.name]
        case Fixed():
            return source.value
        case Global():
            if source.name in source.namespace:
                return source.namespace[source.name]
            builtins = source.namespace["__builtins__"]
            return (builtins if isinstance(builtins, dict) else vars(builtins))[source.name]
        case Cell():
            return fetch(source.function, arguments).__closure__[source.index].cell_contents
        case Attr():
            return getattr(fetch(source.base, arguments), source.name)
        case Item():
            return fetch(source.base, arguments)[source.key]


SHORT = 8
"""Axes up to this length are short: see `Guard`."""


FEW = 3
"""Elements of a point: last axes up to this length are unrolled."""


def lengths_fixed(shape: Sequence[int]) -> tuple[int | None, ...]:
    """Return the lengths that a program for arrays of a shape is made for, None where it is for any.

    One, as such an axis is broadcast; and that of last axes which hold the coordinates of a point or the entries of a
    small matrix: loops over them would cost more than what they do.
    """
    few = len(shape) > 1
    found: list[int | None] = []
    for n in reversed(shape):
        few = few and 1 <= n <= FEW
        found.append(n if few or n == 1 and len(shape) > 1 else None)
    return tuple(reversed(found))


def shape_differs(kind: str, shape: str, value: Any) -> str:
    """Return the expression that a shape is not as a guard of kind "shape", "lengths" or "short" says.

    ``shape`` is the shape's expression.
    """
    if kind == "shape":
        return f"{shape} != {value!r}"
    if kind == "short":
        return " or ".join(f"({shape}[{k}] <= {SHORT}) is not {is_}" for k, is_ in enumerate(value))
    wrong = []
    few = True
    for k in range(len(value) - 1, -1, -1):
        n = f"{shape}[{k}]"
        wrong.append(f"{n} != {value[k]}" if value[k] else f"1 <= {n} <= {FEW}" if few else f"{n} == 1")
        few = few and value[k] is not None
    return " or ".join(reversed(wrong))


@dataclass(frozen=True, slots=True)
class Guard:
    """A fact about a source.

    ``kind`` is one of ``"is"`` (identity with ``value``), ``"equal"`` (same type and ``==``; used for numbers,
    strings and tuples of them), ``"type"`` (``type(x) is value``), ``"len"``, ``"keys"`` (``tuple(x) == value``, for
    dicts), ``"shape"`` (``x.shape == value``), ``"lengths"`` (``lengths_fixed(x.shape) == value``), ``"short"``
    (``tuple(n <= SHORT for n in x.shape) == value``), ``"order"`` (whether its elements lie in C order), ``"code"``
    (a plain function whose ``__code__``, ``__defaults__`` and ``__kwdefaults__`` are those of ``value``, a tuple of
    the three), ``"members"`` (a set equal to ``value``), ``"lacks"`` (none of the names in ``value`` is in ``x``, an
    instance's ``__dict__``), ``"holds"`` (a module that has the objects in ``value``, pairs of a name and an object),
    ``"absent"`` (reading the source raises), ``"same"`` (the sources in ``value`` are this
    very object), ``"apart"`` (they and this are all different objects), ``"data"`` (tuples and lists of constants as
    in ``value``), ``"contents"`` (an object of a library that holds what is in ``value``, for both see
    `revtrace.trace.constants`).

    ``loc`` is where the function first relied on it.
    """

    source: Source
    kind: str
    value: Any = None
    loc: Loc = field(default=NOWHERE, compare=False)

    def __hash__(self) -> int:
        # The value may be a set, or hold a function's keyword defaults.
        return hash((self.source, self.kind))

    def moved(self, move: Callable[[Source], Source]) -> Guard:
        """Return the same fact with other sources."""
        value = tuple(map(move, self.value)) if self.kind in ("same", "apart") else self.value
        return Guard(move(self.source), self.kind, value, self.loc)


@dataclass(frozen=True, slots=True)
class Input:
    """Where one program input comes from.

    ``kind`` is ``"array"`` (any layout; the caller makes it C-contiguous, of the
    dtype and ndim of the input's type), ``"float"``, ``"int"``, ``"bool"``, ``"complex"`` (Python or
    numpy scalars of exactly type ``python_type``).  ``written`` says the program stores to
    it, so the caller passes a copy, and copies back where the user's function is
    called for its effect.
    """

    source: Source
    kind: str
    python_type: type
    written: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """A result of the program: ``outputs[index]``, as a ``python_type``.

    ``python_type`` is ``float``, ``int``, ``bool``, ``complex``, a numpy scalar type, or
    ``numpy.ndarray``.  ``source`` is set when the result is one of the caller's own arrays.
    """

    index: int
    python_type: type
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class StaticLeaf:
    """A result known when tracing (None, a string ...), and where it came from if it did."""

    value: Any
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A container to build: ``kind`` is tuple, list, dict, or a class.

    ``fields`` pairs keys (indices, dict keys, attribute names) with results.
    """

    kind: Any
    fields: tuple[tuple[Any, Result], ...]


Result = Leaf | StaticLeaf | Made


@dataclass(frozen=True, slots=True)
class Traced:
    """A traced specialisation.

    Attributes
    ----------
    program : Program
    inputs : tuple of Input
        One per program input, in order.
    result : Leaf, StaticLeaf or Made
        How to build the Python result from the program's outputs.
    guards : tuple of Guard
    reliance : Reliance or None
        What was read without a guard, for the disk cache.
    side_effects : Loc or None
        Where the function changes something other than array arguments (an
        attribute or list of the caller's), if it does: calling the compiled primal would lose it.
    catches : Loc or None
        Where a ``try`` block's handlers were not traced.
    pinned : bool
        Whether the program holds for some numbers only, which it checks (`revtrace.trace.pins`).
    once : bool
        Whether it holds for the call that was traced only: a library's function raised there, and was caught.
    returned : Loc
        Where the result is returned; not known of a trace from the disk.
    """

    program: Program
    inputs: tuple[Input, ...]
    result: Result
    guards: tuple[Guard, ...]
    reliance: Reliance | None = None
    side_effects: Loc | None = None
    catches: Loc | None = None
    pinned: bool = False
    once: bool = False
    returned: Loc = NOWHERE
