"""Which arguments a derivative is asked for, leaf by leaf, and what cannot be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from revtrace.containers import (
    Slot,
    describe,
    float_slots,
    is_float,
    map_leaves,
    slots,
    structure_guards,
    tree_of,
)
from revtrace.errors import GradientError, UnsupportedError
from revtrace.loc import Loc
from revtrace.program.types import Array, Scalar, Type
from revtrace.trace.record import Guard, Made, Source, StaticLeaf, rendered

__all__ = ["Request", "request", "type_of"]


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments to differentiate by.

    Attributes
    ----------
    roots : tuple of pairs
        Path and value of each argument.
    trees : tuple
        One tree of slots per argument.
    single : bool
        Whether the answer is one gradient rather than a tuple of them.
    arguments : dict
        The call that is being traced, by parameter.
    here : Loc
        Where the function is.
    seeds : tuple of Slot
        Seeds and tangents of earlier derivatives, further leaves that may be chosen.
    chosen : tuple of int, optional
        Which floats of the arguments, then of the seeds; None for all of the arguments'.
    """

    roots: tuple[tuple[Source, Any], ...]
    trees: tuple[Any, ...]
    single: bool
    arguments: Mapping[str, Any]
    here: Loc
    seeds: tuple[Slot, ...] = ()
    chosen: tuple[int, ...] | None = None

    @property
    def floats(self) -> tuple[Slot, ...]:
        """The leaves that have a gradient."""
        found = tuple(slot for tree in self.trees for slot in float_slots(tree))
        return found if self.chosen is None else tuple((*found, *self.seeds)[k] for k in self.chosen)

    def shaped(self, leaf: Callable[[Slot], Any]) -> Any:
        """Return the answer's tree: one leaf per slot, None where there is no gradient."""
        wanted = {slot.source for slot in self.floats}
        given: tuple[Any, ...] = self.trees
        if self.seeds:
            given = (*given, Made(tuple, tuple((k, cast(Any, slot)) for k, slot in enumerate(self.seeds))))
        trees = tuple(map_leaves(lambda s: leaf(s) if s.source in wanted else StaticLeaf(None), t) for t in given)
        return trees[0] if self.single else Made(tuple, tuple(enumerate(trees)))

    def guards(self) -> Iterator[Guard]:
        """Yield the facts that keep the structure of the answer."""
        for (path, value), tree in zip(self.roots, self.trees, strict=True):
            yield from structure_guards(path, value)
            for slot in slots(tree):
                if not is_float(slot.value):
                    yield Guard(slot.source, "type", type(slot.value))


def request(
    paths: tuple[Source, ...],
    spelled: tuple[str, ...],
    values: tuple[Any, ...],
    *,
    single: bool,
    arguments: Mapping[str, Any],
    here: Loc,
    strict: bool = True,
) -> Request:
    """Return the request for some arguments.

    Parameters
    ----------
    paths, spelled, values
        Where each argument is, how the user calls it, what it is now.
    single : bool
        Whether the answer is one gradient rather than a tuple.
    arguments : dict
        The call's arguments by parameter.
    here : Loc
        Where the function is.
    strict : bool
        Whether an argument without a float in it is an error; `vjp` gives None for it.

    Raises
    ------
    GradientError
        An argument has no gradient, with ``strict``.
    """
    trees = tuple(tree_of(path, value) for path, value in zip(paths, values, strict=True))
    if strict:
        for name, tree, value in zip(spelled, trees, values, strict=True):
            empty = not isinstance(tree, Slot) and next(slots(tree), None) is None
            if not float_slots(tree) and not empty:
                _refuse(name, value, here)
    for slot in (s for tree in trees for s in float_slots(tree)):
        type_of(slot, here)
    return Request(tuple(zip(paths, values, strict=True)), trees, single, arguments, here)


def _refuse(name: str, value: Any, here: Loc) -> None:
    if isinstance(value, (bool, int, np.integer, np.bool_)):
        instead = f"pass {name} as a float: float({name})"
    elif isinstance(value, np.ndarray) and value.dtype.kind in "iub":
        instead = f"pass {name}.astype(float)"
    elif isinstance(value, (list, tuple)) and value and all(isinstance(v, (int, np.integer)) for v in value):
        instead = f"pass the entries of {name} as floats: [float(v) for v in {name}], or np.asarray({name}, float)"
    else:
        instead = "differentiate by floats, arrays of floats, or nested containers of them"
    raise GradientError(
        f"{name} is {describe(value)}, which has no gradient",
        "gradients are by floats and complex numbers: an integer or an object cannot change by a little",
        f"{instead}; or choose another argument with argnums or argnames",
        here,
    )


def type_of(slot: Slot, here: Loc) -> Type:
    """Return the program type of a slot's value."""
    value, name = slot.value, rendered(slot.source)
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        raise UnsupportedError(
            f"{name} is a {type(value).__name__}", "only plain arrays are handled", f"pass np.asarray({name})", here
        )
    dtype = value.dtype if isinstance(value, (np.ndarray, np.generic)) else np.dtype(type(value))
    spelled = f"{dtype.kind}{dtype.itemsize}"
    if spelled not in ("f8", "f4", "c16", "c8"):
        raise UnsupportedError(
            f"{name} is {describe(value)}",
            "compiled code has float32 and float64, and complex numbers of them",
            f"pass {name}.astype(float)" if isinstance(value, np.ndarray) else f"pass float({name})",
            here,
        )
    return Array(spelled, value.ndim) if isinstance(value, np.ndarray) else Scalar(spelled)
