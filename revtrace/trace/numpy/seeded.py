"""Random generators made inside of a function from a seed known when tracing: the same numbers in each call.

The numbers are drawn while tracing and are constants of the program.  A generator's state is a field of its record,
so that paths that part draw each on its own, and a loop that draws is unrolled.  So it is with the generators that
``random`` and ``np.random`` have of their own, once the function has seeded them.  Draws whose location
or scale is known only when running are made of standard ones, in the way of the generator's own code.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from dataclasses import replace
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.errors import UnsupportedError
from revtrace.program.nodes import const
from revtrace.trace import operators
from revtrace.trace.callables.functions import on
from revtrace.trace.external import external
from revtrace.trace.ndarray import arrays
from revtrace.trace.objects import containers
from revtrace.trace.record import Fixed
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import ListBox, ObjectBox, State
from revtrace.trace.values import NONE, Num, Ref, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["Seeded"]

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

_STATE, _KIND = "state", "kind"
_WRITTEN_OUT = 64
"""Numbers of a draw that the program itself writes; more are handed to it."""


class Seeded:
    """The class of a generator made while tracing; its field holds the pickled generator as it is by now."""


def _make(t: Tracer, st: State, maker: Any, args: Args, kwargs: Kwargs) -> Any:
    known = [_known(t, st, a) for a in args]
    named = {k: _known(t, st, v) for k, v in kwargs.items()}
    given = [*known, *named.values()]
    if not given or not all(isinstance(a, Static) and a.value is not None for a in given):
        raise t.unsupported(
            f"a random generator without a seed known when tracing ({maker.__name__})",
            "each call would draw other numbers, and the compiled function would repeat those of the first",
            "draw them outside and pass them as an argument",
        )
    try:
        generator = maker(*(a.value for a in known), **{k: a.value for k, a in named.items()})
    except Exception as error:
        raise PythonRaise(error) from None
    return st.new(ObjectBox(Seeded, ((_STATE, Static(pickle.dumps(generator))), (_KIND, Static(type(generator))))))


def _draw(t: Tracer, st: State, self: Any, draw: Callable[[Any], Any]) -> Any:
    """Draw from a generator as it is here, and leave it as it is afterwards."""
    box = st.box(self)
    assert isinstance(box, ObjectBox)
    generator = pickle.loads(t.use(box.get(_STATE)).value)
    try:
        found = draw(generator)
    except Exception as error:
        raise PythonRaise(error) from None
    st.set_field(self, _STATE, Static(pickle.dumps(generator)))
    if isinstance(found, np.ndarray):
        from revtrace.trace.ndarray.convert import as_array

        if found.size > _WRITTEN_OUT and found.dtype.kind in "bif":
            return _handed(t, found)

        return as_array(t, Static(found), st)
    return external(t, st, found, None, "const")


def _handed(t: Tracer, drawn: np.ndarray[Any, Any]) -> View:
    """Return a copy, made when running, of numbers that are handed to the program."""
    table = np.ascontiguousarray(drawn)
    table.flags.writeable = False
    found = external(t, t.current, table, Fixed(table), "const")
    assert isinstance(found, View)
    return arrays.copy_of(t, replace(found, shape=tuple(const(n, "i8") for n in table.shape), source=None))


# location and scale known only when running: what the generators compute of a standard draw


def _plus_times(t: Tracer, st: State, a: Any, b: Any, drawn: Any) -> Any:
    return operators.binary(t, st, "+", a, operators.binary(t, st, "*", b, drawn))


def _between(t: Tracer, st: State, a: Any, b: Any, drawn: Any) -> Any:
    return _plus_times(t, st, a, operators.binary(t, st, "-", b, a), drawn)


def _times(t: Tracer, st: State, a: Any, drawn: Any) -> Any:
    return operators.binary(t, st, "*", a, drawn)


#: For a method: its parameters by which the draw is moved, with defaults, the standard draw, and how it is moved.
_MOVED: dict[str, tuple[tuple[tuple[str, Any], ...], str, Any]] = {
    "gauss": ((("mu", 0.0), ("sigma", 1.0)), "gauss", _plus_times),
    "normalvariate": ((("mu", 0.0), ("sigma", 1.0)), "normalvariate", _plus_times),
    "normal": ((("loc", 0.0), ("scale", 1.0)), "standard_normal", _plus_times),
    "uniform": ((("low", 0.0), ("high", 1.0)), "random", _between),
    "exponential": ((("scale", 1.0),), "standard_exponential", _times),
}

_METHODS = (
    "random gauss normalvariate uniform expovariate betavariate gammavariate lognormvariate triangular randint "
    "randrange getrandbits choice choices sample shuffle normal standard_normal exponential standard_exponential "
    "integers rand randn permutation poisson binomial beta gamma standard_gamma lognormal chisquare standard_t "
    "random_sample"
).split()


def _method(name: str) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        self, *rest = args
        if name in ("shuffle", "choice", "sample"):
            picked = _picked(t, st, self, name, rest, kwargs)
            if picked is not None:
                return picked
        known = [_known(t, st, a) for a in rest]
        named = {k: _known(t, st, v) for k, v in kwargs.items()}
        if all(isinstance(a, Static) for a in (*known, *named.values())):
            values, given = [a.value for a in known], {k: a.value for k, a in named.items()}
            return _draw(t, st, self, lambda g: getattr(g, name)(*values, **given))
        if name in _MOVED:
            parameters, standard, move = _MOVED[name]
            given = dict(zip([*(k for k, _ in parameters), "size"], rest, strict=False)) | kwargs
            moves = [given.pop(k, None) or Static(default) for k, default in parameters]
            size = _known(t, st, given.pop("size", NONE))
            if not given and isinstance(size, Static):
                shape = () if size.value is None else (size.value,)
                drawn = _draw(t, st, self, lambda g: getattr(g, standard)(*shape))
                return move(t, st, *moves, drawn)
        raise t.unsupported(
            f"random numbers whose distribution is known only when running ({name})",
            "they are drawn when tracing",
            "draw standard ones, and compute yours of them",
        )

    return handler


def _picked(t: Tracer, st: State, self: Any, name: str, rest: list[Any], kwargs: Kwargs) -> Any:
    """Shuffle or choose items of a list, whatever they are; None for other arguments."""
    target = t.use(rest[0]) if rest else None
    box = st.box(target) if isinstance(target, Ref) else None
    more = [_known(t, st, a) for a in rest[1:]]
    of_numpy = name != "shuffle" and _kind(st, self) is not random.Random
    if (
        not isinstance(target, Ref)
        or not isinstance(box, ListBox)
        or kwargs
        or of_numpy
        or not all(isinstance(a, Static) for a in more)
    ):
        return None
    places = list(range(len(box.items)))

    def draw(generator: Any) -> Any:
        found = getattr(generator, name)(places, *(a.value for a in more))
        return tuple(places) if name == "shuffle" else found if name == "choice" else tuple(found)

    found = containers.as_static(t, st, _draw(t, st, self, draw)).value
    if name == "choice":
        return box.items[found]
    moved = tuple(box.items[k] for k in found)
    if name == "sample":
        return st.new(ListBox(moved))
    containers.own(t, box)
    st.set(target, ListBox(moved, box.source))
    return NONE


def _kind(st: State, self: Any) -> type:
    box = st.box(self)
    assert isinstance(box, ObjectBox)
    kind = box.get(_KIND)
    assert isinstance(kind, Static)
    return kind.value  # type: ignore[no-any-return]


def _known(t: Tracer, st: State, value: Any) -> Any:
    """Return an argument as a static object if it is known when tracing, as integers and shapes can be."""
    value = t.use(value)
    if isinstance(value, Num) and value.dtype[0] in "iu":
        return Static(containers.as_known_int(t, value))
    if isinstance(value, Tup):
        value = Tup(tuple(_known(t, st, v) for v in value.items), value.cls)
    return containers.as_static(t, st, value)


# the modules' own generators ----------------------------------------------------------------------


def _own(t: Tracer, kind: type) -> Ref:
    """Return the record of a module's generator, which nothing is known of before the function seeds it."""
    if kind not in t.generators:
        unknown = ObjectBox(Seeded, ((_STATE, NONE), (_KIND, Static(kind))))
        ref = t.generators[kind] = State().new(unknown)
        t.originals[ref.id] = unknown
    return t.generators[kind]


def _seeding(kind: type) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        made = st.box(_make(t, st, kind, args, kwargs))
        state = made.get(_STATE) if isinstance(made, ObjectBox) else None
        assert state is not None
        st.set_field(_own(t, kind), _STATE, state)
        return NONE

    return handler


def _drawn_inside(t: Tracer, name: str) -> UnsupportedError:
    return t.unsupported(
        f"random numbers drawn inside the function ({name})",
        "each call would draw others, and the compiled function would repeat those of the first",
        "draw them outside and pass them as an argument, or seed the generator in the function",
    )


def _of_module(kind: type, name: str) -> Any:
    draw = _method(name)

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        own = _own(t, kind)
        box = st.box(own)
        assert isinstance(box, ObjectBox)
        if box.get(_STATE) is NONE:
            raise _drawn_inside(t, name)
        return draw(t, st, (own, *args), kwargs, fr)

    return handler


def _enter() -> None:
    def made_by(maker: Any) -> Any:
        return lambda t, st, args, kwargs, fr: _make(t, st, maker, args, kwargs)

    for maker in (random.Random, np.random.default_rng, np.random.RandomState):
        on(maker)(made_by(maker))
    for name in _METHODS:

        def stub(self: Any, *args: Any, **kwargs: Any) -> None:
            """Stand for a method; what it does is entered as its handler."""

        setattr(Seeded, name, stub)
        on(stub)(_method(name))
    for module, kind in ((random, random.Random), (np.random, np.random.RandomState)):
        for name in ("seed", *_METHODS):
            if hasattr(module, name):
                _enter_own(getattr(module, name), _seeding(kind) if name == "seed" else _of_module(kind, name))


def _enter_own(function: Any, handler: Any) -> None:
    """Enter what a function of a module does; one that is a method in Python is met as that, its instance in front."""

    def of_the_instance(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        box = st.box(args[0]) if isinstance(args[0], Ref) else None
        if isinstance(box, ObjectBox) and box.original is function.__self__:
            return handler(t, st, args[1:], kwargs, fr)
        raise _drawn_inside(t, function.__name__)

    on(function)(handler)
    if isinstance(function, MethodType):
        on(function.__func__)(of_the_instance)


_enter()
