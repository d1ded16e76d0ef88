"""Random numbers drawn while a program runs, from generators of its caller: ``draw`` and ``draw by parameters``.

A draw is a function of the *tape* of its generator and of its place on it, counted by the program: what was drawn
there before is given again.  So the order of draws is one of data, which no pass can change, and what the backward
sweep or another run of the program computes again finds the same numbers.  Programs know a tape by a number, one of
their inputs, which holds for one run.
"""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from revtrace.calls.core import Row, enter
from revtrace.calls.structure import Spec, rebuilt

__all__ = ["GENERATORS", "MODULES_OWN", "Seeded", "Tape", "drawn", "of", "put_back", "state_of"]

GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)
"""The types of generators that programs draw from."""

MODULES_OWN = (np.random.mtrand._rand, random._inst)
"""The generators behind the functions of ``np.random`` and ``random``."""

_numbers = itertools.count(1)
_tapes: WeakValueDictionary[int, Tape] = WeakValueDictionary()


class Tape:
    """What was drawn from a generator, in order.

    Parameters
    ----------
    generator : numpy.random.Generator, numpy.random.RandomState or random.Random
        It advances with each number drawn that is not on the tape.

    Attributes
    ----------
    number : int
        By which programs know it, as long as it lives.
    """

    def __init__(self, generator: Any) -> None:
        self.generator = generator
        self.drawn: list[Any] = []
        self.number = next(_numbers)
        _tapes[self.number] = self

    def draw(self, place: int, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what is drawn at a place."""
        if place == len(self.drawn):
            self.drawn.append(drawn(self.generator, method, args, kwargs))
        return self.drawn[place]


def drawn(generator: Any, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return what a method of a generator draws; of items that are picked, their places, given how many there are."""
    if method == "shuffle":
        places = list(range(*args, *kwargs.values()))
        generator.shuffle(places)
        return places
    if method in ("rand", "randn"):
        method = "standard_normal" if method == "randn" else "random_sample"
    if isinstance(generator, random.Random) and method in ("choice", "choices", "sample"):
        args = (range(args[0]), *args[1:])
    return getattr(generator, method)(*args, **kwargs)


class Seeded:
    """A generator that is as it is made in each run."""

    def __init__(self, generator: Any) -> None:
        self.generator = generator


def of(generator: Any) -> Tape:
    """Return a tape of a copy of a generator."""
    return Tape(copy.deepcopy(generator.generator if isinstance(generator, Seeded) else generator))


def state_of(generator: Any) -> Any:
    """Return the state of a generator."""
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state(legacy=False) if isinstance(generator, np.random.RandomState) else generator.getstate()


def put_back(generator: Any, state: Any) -> None:
    """Give a generator a state that it, or one of its type, had."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.setstate(state)


def _run(number: Any, place: Any, *given: Any, method: str, args: Spec, names: tuple[str, ...]) -> tuple[Any, Any]:
    values = rebuilt(args, given)
    first = len(values) - len(names)
    kwargs = dict(zip(names, values[first:], strict=True))
    return _tapes[int(number)].draw(int(place), method, values[:first], kwargs), int(place) + 1


enter(Row("draw", _run, why_zero="random draws are constants of a run", stays=True))
_SHAPED = "these parameters shape what is drawn, beyond its location and scale"
enter(Row("draw by parameters", _run, why_unknown=_SHAPED, raises=True, stays=True))
