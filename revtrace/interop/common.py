"""A call as a function of flat arrays, with its derivatives of any order: what every host module is made from.

`call_of` takes a host's values out of the arguments of a call. `Call` is the call as a function from those values to
the numbers and arrays in its result; `pullback` and `pushforward` return functions of the same kind, so that a host
that differentiates again asks again. Nothing here knows a host.

Formulas: with ``y = f(x)``, the pullback takes ``(x, ct)`` to ``J(x)^T ct``, the pushforward ``(x, t)`` to ``J(x)
t``. Cotangents of complex numbers are JAX's: not conjugated.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from revtrace.callee import Callee
from revtrace.cotangents import floats_in
from revtrace.derived import shared_table
from revtrace.dispatch.steps import Step
from revtrace.dispatch.table import Table
from revtrace.errors import UnsupportedError
from revtrace.handle import Handle
from revtrace.interop.arguments import Fixed, Hole, apart, together
from revtrace.interop.both import Both
from revtrace.interop.flat import Flat
from revtrace.interop.shapes import Spec, returned
from revtrace.products import VALUE

__all__ = ["Call"]


_TYPED = (np.ndarray, np.generic)


def is_number(value: Any) -> bool:
    """Whether a value in a result is a number or an array of numbers."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fciub"
    return isinstance(value, (float, int, complex, np.number, np.bool_))


def _taken(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a leaf as compiled code takes it: an array that may be written, or a numpy number."""
    if type(value) is np.ndarray and value.dtype is dtype and value.flags.carray:
        return value if value.ndim else value[()]
    array = np.asarray(value, dtype)
    if not array.ndim:
        return array[()]
    array = np.ascontiguousarray(array)
    if array.flags.writeable or not array.size:
        return array
    # Compiled code takes arrays that may be written, and copies those that it writes.
    memory: Any = (ctypes.c_char * array.nbytes).from_address(array.ctypes.data)
    return np.ndarray(array.shape, array.dtype, memory)


@dataclass(frozen=True)
class Site:
    """One call: the function, its arguments with holes, and which of their floats the holes are.

    Attributes
    ----------
    table : Table
        The function's specialisations.
    args, kwargs : trees
        What is passed.
    dtypes : tuple of dtype
        Of the holes.
    numbers : dict
        By hole, its number among the floats that can be asked for.
    floats : int
        How many there are.
    names : tuple of str
        Keyword arguments with holes.
    """

    table: Table
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    dtypes: tuple[np.dtype[Any], ...]
    numbers: dict[int, int]
    floats: int
    names: tuple[str, ...]

    @functools.cached_property
    def plain(self) -> bool:
        """Whether the values are the arguments."""
        return not self.kwargs and self.args == tuple(Hole(k) for k in range(len(self.dtypes)))

    def passed(self, leaves: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments with values in the holes."""
        if self.plain:
            return tuple(leaves), {}
        args = tuple(together(tree, leaves) for tree in self.args)
        return args, {name: together(tree, leaves) for name, tree in self.kwargs.items()} if self.kwargs else {}

    def under(self, steps: tuple[Step, ...]) -> Table:
        """Return the specialisations under further derivatives."""
        table = self.table
        return shared_table(table.function, (*table.steps, *steps), table.settings, table.skipped)

    def step(self, kind: str, chosen: tuple[int, ...]) -> Step:
        """Return a derivative by some of the floats."""
        return Step(kind, self.positions, self.names, single=False, strict=False, chosen=chosen)

    @property
    def positions(self) -> tuple[int, ...]:
        """The positions of the user's arguments that are passed by position."""
        return tuple(range(len(self.args) - self.table.skipped))


class Call(Flat):
    """A call, or a derivative of one.

    Parameters
    ----------
    site : Site
    base : Call, optional
        What this is a derivative of.
    kind : {"value", "pullback", "pushforward"}
    active : tuple of int
        By which inputs of the base.
    """

    def __init__(self, site: Site, base: Call | None = None, kind: str = "value", active: tuple[int, ...] = ()) -> None:
        self.site, self.base, self.kind, self.active = site, base, kind, active
        self.tree: Any = None
        self.asked = False
        self._dtypes: tuple[np.dtype[Any], ...] | None = None
        self._known: dict[tuple[tuple[int, ...], ...], tuple[Spec, ...]] = {}
        self._derived: dict[tuple[str, tuple[int, ...]], Call] = {}
        if base is None:
            self.steps: tuple[Step, ...] = ()
        else:
            chosen = tuple(base.number(k) for k in active)
            self.steps = (*base.steps, site.step(kind, chosen))
            self.linear = len(base.taken) if kind == "pushforward" else None
        self._table: Table | None = None

    @property
    def table(self) -> Table:
        """The specialisations that run this."""
        if self._table is None:
            self._table = self.site.under(self.steps or (VALUE,))
        return self._table

    def number(self, k: int) -> int:
        """Return which float an input is."""
        leaves = len(self.site.dtypes)
        if k >= leaves:
            return self.site.floats + k - leaves
        if k not in self.site.numbers:
            raise UnsupportedError(
                f"a derivative by an argument bound to {self.site.table.function.__qualname__} beforehand",
                "the gradient that is called has chosen its arguments by position after it",
                "pass it as an argument of the call",
                self.site.table.here,
            )
        return self.site.numbers[k]

    @functools.cached_property
    def taken(self) -> tuple[np.dtype[Any], ...]:
        """The dtypes of the inputs."""
        base = self.base
        if base is None:
            return self.site.dtypes
        if self.kind == "pullback":
            return (*base.taken, *(d for d in base.given if d.kind in "fc"))
        return (*base.taken, *(base.taken[k] for k in self.active))

    @property
    def given(self) -> tuple[np.dtype[Any], ...]:
        """The dtypes of the outputs."""
        base = self.base
        if base is None:
            if self._dtypes is None:
                raise UnsupportedError(
                    "the result is not known",
                    "the host asks for the result's shape before anything is computed",
                    "call the function first",
                    self.site.table.here,
                )
            return self._dtypes
        if self.kind == "pullback":
            return tuple(base.taken[k] for k in self.active)
        return tuple(d for d in base.given if d.kind in "fc")

    def run(self, values: Sequence[Any]) -> tuple[np.ndarray, ...]:
        """See `Flat.run`."""
        leaves = len(self.site.dtypes)
        taken = [_taken(value, dtype) for value, dtype in zip(values, self.taken, strict=True)]
        args, kwargs = self.site.passed(taken[:leaves])
        out = self.table.call(tuple(taken[leaves:]), args, kwargs)
        if self.base is None:
            found = self._numbers(out, taken)
        elif type(out) is tuple and len(out) == 1 and type(out[0]) is np.ndarray:
            found = [out[0]]
        else:
            found = floats_in(out)
        return tuple([_owned(x, taken) for x in found])

    def _numbers(self, out: Any, taken: Sequence[Any]) -> list[Any]:
        """Return the numbers and arrays in a result, whose structure is remembered."""
        found: list[Any] = []
        tree = apart(out, is_number, found)
        dtypes = tuple([x.dtype if isinstance(x, _TYPED) else np.asarray(x).dtype for x in found])
        if self.tree != tree or self._dtypes != dtypes:
            self._settle(tree, dtypes)
        shapes = tuple([x.shape for x in taken])
        if shapes not in self._known:
            self._known[shapes] = tuple(Spec(np.shape(x), dtype) for x, dtype in zip(found, dtypes, strict=True))
        return found

    def _settle(self, tree: Any, dtypes: tuple[np.dtype[Any], ...]) -> None:
        """Remember the structure of the result; refuse another one than a host has put into its graph."""
        if self.asked and (self.tree != tree or self._dtypes != dtypes):
            raise UnsupportedError(
                "the result has another structure than when the host traced the call",
                "something that the function reads has changed since",
                "trace again",
                self.site.table.here,
            )
        self.tree, self._dtypes = tree, dtypes
        self._known, self._derived = {}, {}

    def outputs(self, specs: Sequence[Spec]) -> tuple[Spec, ...]:
        """See `Flat.outputs`."""
        if self.base is not None:
            if self.kind == "pullback":
                return tuple(specs[k] for k in self.active)
            return tuple(spec for spec in self.base.outputs(specs[: len(self.base.taken)]) if spec.inexact)
        shapes = tuple(spec.shape for spec in specs)
        if shapes in self._known:
            return self._known[shapes]
        examples = [spec.example() for spec in specs]
        args, kwargs = self.site.passed(examples)
        found = self.table.find(args, kwargs)
        if any(entry.kind == "generator" for entry in found.traced.inputs):
            raise UnsupportedError(
                "random numbers drawn from a generator outside of the function, in code that a host traces",
                "such code is run many times, and the way back as a call of its own, which would draw others",
                "draw them outside and pass them as an argument",
                self.table.here,
            )
        arguments = self.table.bind(args, kwargs)
        inputs = found.inputs_of(args, kwargs)
        tree, out = returned(found, arguments, inputs or (), examples, self.table.here, Hole, Fixed)
        dtypes = tuple(spec.dtype for spec in out)
        if self.tree != tree or self._dtypes != dtypes:
            self._settle(tree, dtypes)
        self.asked = True
        self._known[shapes] = out
        return out

    def prepare(self, specs: Sequence[Spec]) -> None:
        """See `Flat.prepare`."""
        args, kwargs = self.site.passed([spec.example() for spec in specs[: len(self.site.dtypes)]])
        self.table.find(args, kwargs)

    def pullback(self, active: tuple[int, ...]) -> Call:
        """See `Flat.pullback`."""
        return self._derive("pullback", active)

    def pushforward(self, active: tuple[int, ...]) -> Call:
        """See `Flat.pushforward`."""
        return self._derive("pushforward", active)

    def _derive(self, kind: str, active: tuple[int, ...]) -> Call:
        key = (kind, active)
        found = self._derived.get(key)
        if found is None:
            found = self._derived[key] = Call(self.site, self, kind, active)
        return found

    def both(self, active: tuple[int, ...]) -> Both:
        """Return the function of the inputs that gives the result and the gradients by active inputs."""
        return Both(self, active)

    def transpose(self) -> Call:
        """See `Flat.transpose`."""
        assert self.base is not None and self.kind == "pushforward"
        return self.base.pullback(self.active)

    def __str__(self) -> str:
        name = self.site.table.function.__qualname__
        return name if self.base is None else f"{self.kind} of {self.base}"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.base is not None:
            return _derived, (self.base, self.kind, self.active)
        site = self.site
        target = Handle(Callee(site.table.function), site.table.steps, site.table.settings)
        facts = (site.args, site.kwargs, site.dtypes, site.numbers, site.floats, site.names)
        return _again, (target, site.table.skipped, facts, self.tree, self._dtypes, self.asked)


def _again(target: Handle, skipped: int, facts: tuple[Any, ...], tree: Any, dtypes: Any, asked: bool) -> Call:
    call = Call(Site(shared_table(target.function, target.steps, target.settings, skipped), *facts))
    call.tree, call._dtypes, call.asked = tree, dtypes, asked
    return call


def _derived(base: Call, kind: str, active: tuple[int, ...]) -> Call:
    return base._derive(kind, active)


def _owned(x: Any, taken: Sequence[Any]) -> np.ndarray:
    """Return an output as an array that shares no memory with the inputs."""
    if type(x) is not np.ndarray:
        return np.asarray(x)
    for a in taken:
        if x is a:
            return x.copy()
        # Two arrays that both own their memory are apart.
        if type(a) is np.ndarray and (x.base is not None or a.base is not None) and np.may_share_memory(x, a):
            return x.copy()
    return x
