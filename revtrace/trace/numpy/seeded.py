"""Records of random generators, and what makes them.

A generator made inside of a function from a seed known when tracing draws while tracing: the same numbers in each
call, constants of the program.  Its state is a field of its record, so that paths that part draw each on its own, and
a loop that draws is unrolled.  Of a generator from outside the record holds its tape, an input of the program, and its
place on it; one made inside that draws very often has a tape, too.  The generators that ``random`` and ``np.random``
have of their own are from outside until the function seeds them.
"""

from __future__ import annotations

import pickle
import random
from dataclasses import replace
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.calls import draws as tapes
from revtrace.program.nodes import Var, const
from revtrace.program.types import INT
from revtrace.trace.callables.functions import Args, Kwargs, method_handler, on
from revtrace.trace.external import external
from revtrace.trace.numpy.draws import METHODS, UNSEEDED, draw, fixed, known
from revtrace.trace.record import Fixed, Global, Input, Source
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import ObjectBox, State
from revtrace.trace.values import NONE, Num, Ref, Static

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["of_caller"]


def of_caller(t: Tracer, value: Any, source: Source) -> ObjectBox:
    """Return the record of a generator from outside, whose tape becomes an input of the program."""
    if source not in t.inputs:
        var = Var(INT, "tape")
        t.inputs[source] = (var, Input(source, "generator", type(value)))
        # That of this call's tracing is drawn from a copy, for as long as the tracer lives.
        t.tapes.append(tapes.of(value))
        t.pins.values[var] = t.tapes[-1].number
    place = Num(const(0, "i8"), True)
    return ObjectBox(type(value), (("tape", Num(t.inputs[source][0], True)), ("place", place)), source, value)


_CLASSES: dict[Any, type] = {
    random.Random: random.Random,
    np.random.default_rng: np.random.Generator,
    np.random.RandomState: np.random.RandomState,
}


def _make(t: Tracer, st: State, maker: Any, args: Args, kwargs: Kwargs) -> Any:
    positional = [fixed(t, known(t, st, a)) for a in args]
    named = {k: fixed(t, known(t, st, v)) for k, v in kwargs.items()}
    given = [*positional, *named.values()]
    if not given or not all(isinstance(a, Static) and a.value is not None for a in given):
        # Refused where it draws: objects that may draw often hold one that they do not need.
        return st.new(ObjectBox(_CLASSES[maker], ((UNSEEDED, Static(True)),)))
    try:
        generator = maker(*(a.value for a in positional), **{k: a.value for k, a in named.items()})
    except Exception as error:
        raise PythonRaise(error) from None
    if not t.taping:
        return st.new(ObjectBox(type(generator), (("state", Static(pickle.dumps(generator))),)))
    seeded = tapes.Seeded(generator)
    return st.new(replace(of_caller(t, seeded, Fixed(seeded)), cls=type(generator), source=None))


_OWN: dict[type, tuple[Any, Source]] = {
    np.random.RandomState: (tapes.MODULES_OWN[0], Global(vars(np.random.mtrand), "_rand")),
    random.Random: (tapes.MODULES_OWN[1], Global(vars(random), "_inst")),
}


def _own(t: Tracer, st: State, kind: type) -> Ref:
    """Return a module's generator."""
    found = external(t, st, *_OWN[kind], "const")
    assert isinstance(found, Ref)
    return found


def _seeded_again(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
    """``seed`` of an instance; `numpy.random.Generator` has none."""
    box = st.box(self)
    assert isinstance(box, ObjectBox)
    cls = box.cls
    if not hasattr(cls, "seed"):
        raise PythonRaise(AttributeError(f"'{cls.__module__}.{cls.__name__}' object has no attribute 'seed'"))
    return _seeding_of(cls)(t, st, (self, *args), kwargs, None)


def _seeding_of(kind: type) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        st.set(args[0], st.box(_make(t, st, kind, args[1:], kwargs)))
        return NONE

    return handler


def _seeding(kind: type) -> Any:
    of_instance = _seeding_of(kind)

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        return of_instance(t, st, (_own(t, st, kind), *args), kwargs, fr)

    return handler


def _of_instance(name: str) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        return draw(t, st, args[0], name, args[1:], kwargs)

    return handler


def _of_module(kind: type, name: str) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        return draw(t, st, _own(t, st, kind), name, args, kwargs)

    return handler


def _enter() -> None:
    def made_by(maker: Any) -> Any:
        return lambda t, st, args, kwargs, fr: _make(t, st, maker, args, kwargs)

    def drawn_by(name: str) -> Any:
        return lambda t, st, self, *args, **kwargs: draw(t, st, self, name, args, kwargs)

    for maker in _CLASSES:
        on(maker)(made_by(maker))
    for name in METHODS:
        method_handler("generator", name)(drawn_by(name))
    method_handler("generator", "seed")(_seeded_again)
    for module, kind in ((random, random.Random), (np.random, np.random.RandomState)):
        for name in ("seed", *METHODS):
            if hasattr(module, name):
                function = getattr(module, name)
                on(function)(_seeding(kind) if name == "seed" else _of_module(kind, name))
                if isinstance(function, MethodType) and kind is random.Random:
                    # Met as a function of the class, with the instance in front.
                    on(function.__func__)(_seeding_of(kind) if name == "seed" else _of_instance(name))


_enter()
