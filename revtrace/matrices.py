"""Jacobians and Hessians: a compiled product run over a basis.

A `Matrix` is a chain of derivatives taken at once, so that ``jacfwd(jacrev(f))`` and
``hessian(f)`` are the same program: the first may run in reverse, those after it run
forward over it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from revtrace.callee import Callee
from revtrace.config import Settings
from revtrace.containers import build, is_float, tree_of
from revtrace.cotangents import floats_in, zeros
from revtrace.derived import Derived
from revtrace.dispatch.draws import Repeat
from revtrace.dispatch.steps import Step
from revtrace.products import VALUE
from revtrace.trace.record import Arg

__all__ = ["Axis", "Matrix"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One derivative of the chain.

    Attributes
    ----------
    mode : {"rev", "fwd", "auto"}
        ``"auto"`` takes whichever needs fewer runs.
    argnums, argnames, single
        By which arguments, as in `Step`.
    """

    mode: str
    argnums: tuple[int, ...] = (0,)
    argnames: tuple[str, ...] = ()
    single: bool = True


class Matrix(Derived):
    """What `jacobian`, `jacrev`, `jacfwd` and `hessian` return: call it with the function's arguments."""

    def __init__(
        self,
        callee: Callee,
        steps: tuple[Step, ...],
        settings: Settings,
        axes: tuple[Axis, ...] = (),
        has_aux: bool = False,
    ) -> None:
        super().__init__(callee, steps, settings)
        self.axes, self.has_aux = axes, has_aux

    @property
    def title(self) -> str:
        """What this is, in words: ``the Jacobian of f``."""
        return f"the {'Jacobian' if len(self.axes) == 1 else 'Hessian'} of {super().title}"

    def recipe(self) -> tuple[Any, ...]:
        """Return the arguments that make this function again, after the user's function."""
        return (self.steps, self.settings, self.axes, self.has_aux)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return the matrix at these arguments."""
        with Repeat().run():
            return self._matrix(args, kwargs)

    def _matrix(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        count = len(args)
        full, keywords = self.full(args, kwargs)
        asked = [self.asked(axis, count, full, keywords) for axis in self.axes]
        inputs = [floats_in(value) for value in asked]
        mode, out, aux = self.axes[0].mode, None, None
        if self.has_aux or mode == "rev" or not _size(inputs[0]) or (mode == "auto" and _size(inputs[0]) > 1):
            out = self.table(count, VALUE).call((), full, keywords)
            if self.has_aux:
                out, aux = out
            if mode == "auto":
                mode = "rev" if _size(floats_in(out)) < _size(inputs[0]) else "fwd"
        kinds = ["pullback" if mode == "rev" else "pushforward", *("pushforward" for _ in self.axes[1:])]
        steps = [
            _step(kind, axis, self.has_aux and k == 0)
            for k, (kind, axis) in enumerate(zip(kinds, self.axes, strict=True))
        ]
        table = self.table(count, *steps)
        blocks: dict[tuple[int, ...], np.ndarray] = {}
        if mode == "rev":
            blocks = _zero_blocks([floats_in(out), *inputs])
            for picks, extra in _basis([floats_in(out), *inputs[1:]]):
                result = table.call(extra, full, keywords)
                for _ in self.axes[1:]:
                    result = result[1]
                (o, row), *rest = picks
                for a, x in enumerate(floats_in(result)):
                    block = blocks[o, a, *(k for k, _ in rest)]
                    block[(*row, *(slice(None) for _ in np.shape(x)), *itertools.chain(*(at for _, at in rest)))] = x
        else:
            for picks, extra in _basis(inputs):
                value = result = table.call(extra, full, keywords)
                for _ in self.axes:
                    value, result = value[0], result[1]
                if not blocks:
                    out, blocks = value, _zero_blocks([floats_in(value), *inputs])
                for o, x in enumerate(floats_in(result)):
                    blocks[o, *(k for k, _ in picks)][(..., *itertools.chain(*(at for _, at in picks)))] = x
            blocks = blocks or _zero_blocks([floats_in(out), *inputs])
        found = _nested([out, *asked], blocks)
        return (found, aux) if self.has_aux else found

    def asked(self, axis: Axis, count: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the arguments that an axis differentiates by, as one value."""
        table = self.table(count, _step("pushforward", axis))
        arguments = table.bind(args, kwargs)
        values = tuple(value for _, value in table.maker.request(table.steps[-1], len(args), arguments).roots)
        return values[0] if axis.single else values


def _step(kind: str, axis: Axis, has_aux: bool = False) -> Step:
    return Step(kind, axis.argnums, axis.argnames, axis.single, has_aux=has_aux)


def _size(floats: Sequence[Any]) -> int:
    return sum(int(np.size(x)) for x in floats)


def _basis(axes: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Yield one direction per combination of elements: which (leaf, index) on each axis, and the directions."""
    spots = [[(k, at) for k, x in enumerate(floats) for at in np.ndindex(np.shape(x))] for floats in axes]
    for picks in itertools.product(*spots):
        yield (
            picks,
            tuple(
                _one(x, at) if k == chosen else zeros(x)
                for floats, (chosen, at) in zip(axes, picks, strict=True)
                for k, x in enumerate(floats)
            ),
        )


def _one(x: Any, at: tuple[int, ...]) -> Any:
    if not isinstance(x, np.ndarray):
        return type(x)(1.0)
    direction = zeros(x)
    direction[at] = 1.0
    return direction


def _zero_blocks(axes: Sequence[Sequence[Any]]) -> dict[tuple[int, ...], np.ndarray]:
    """Return a block of zeros for each combination of leaves."""
    blocks = {}
    for picks in itertools.product(*(enumerate(floats) for floats in axes)):
        shape = tuple(itertools.chain(*(np.shape(x) for _, x in picks)))
        dtype = np.result_type(*(x.dtype if isinstance(x, (np.ndarray, np.generic)) else type(x) for _, x in picks))
        blocks[tuple(k for k, _ in picks)] = np.zeros(shape, dtype)
    return blocks


def _nested(values: Sequence[Any], blocks: dict[tuple[int, ...], np.ndarray]) -> Any:
    """Return the blocks in the containers of the result, in those of the first argument, and so on."""

    def nest(depth: int, key: tuple[int, ...], plain: bool) -> Any:
        if depth == len(values):
            block = blocks[key]
            return block.item() if plain else block[()] if not block.ndim else block
        ordinals = itertools.count()

        def leaf(slot: Any) -> Any:
            if not is_float(slot.value):
                return None
            number = type(slot.value) in (float, complex)
            return nest(depth + 1, (*key, next(ordinals)), plain and number)

        return build(tree_of(Arg("value"), values[depth]), leaf)

    return nest(0, (), True)
