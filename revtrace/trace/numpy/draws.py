"""Random draws: the methods of generators, on records that say where a generator is by now.

A generator that was made while tracing (`revtrace.trace.numpy.seeded`) is drawn from then.  Another one has a tape
(`revtrace.calls.draws`), and draws are calls of a row, whose place on the tape is a number of the program: so branches
and loops may draw as often as they like.  Draws whose location or scale is known only when running are made of
standard ones, in the way of the generator's own code; they have derivatives by these.
"""

from __future__ import annotations

import inspect
import math
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.calls.draws import drawn
from revtrace.calls.structure import Spec
from revtrace.program.nodes import const
from revtrace.trace import operators
from revtrace.trace.callables.functions import Args, Kwargs
from revtrace.trace.external import external
from revtrace.trace.ndarray import arrays, assignment
from revtrace.trace.ndarray.convert import as_array, shape_argument
from revtrace.trace.ndarray.rows import call_row
from revtrace.trace.objects import containers, indexing
from revtrace.trace.record import Fixed
from revtrace.trace.signals import NeedTapes, PythonRaise
from revtrace.trace.state import Growing, ListBox, ObjectBox, State
from revtrace.trace.values import NONE, Num, Ref, Static, Tup, View, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["METHODS", "UNSEEDED", "draw", "fixed", "known"]


_WRITTEN_OUT = 64
"""Numbers of a draw made while tracing that the program itself writes; more are handed to it."""

_OFTEN = 100
"""Draws made while tracing, of one or many numbers each."""

_WHOLE = frozenset(
    "integers randint randrange getrandbits poisson binomial geometric negative_binomial hypergeometric logseries zipf "
    "multinomial permutation choice choices sample shuffle".split()
)
"""Methods that draw integers, which no derivative passes."""

_REAL = frozenset(
    "random random_sample rand randn normal standard_normal uniform exponential standard_exponential beta gamma "
    "standard_gamma lognormal chisquare standard_t laplace logistic gumbel rayleigh weibull pareto power triangular "
    "wald vonmises f standard_cauchy noncentral_chisquare dirichlet multivariate_normal "
    "gauss normalvariate expovariate betavariate gammavariate lognormvariate weibullvariate paretovariate "
    "vonmisesvariate".split()
)

_PICKING = frozenset(("choice", "choices", "permutation", "sample", "shuffle"))

METHODS = tuple(sorted(_WHOLE | _REAL))
"""The methods of generators that are known."""

UNSEEDED = "unseeded"
"""The field of a generator made while tracing whose seed was not known then."""


def draw(t: Tracer, st: State, self: Any, name: str, args: Args, kwargs: Kwargs) -> Any:
    """Call a method of a generator."""
    box = st.box(self)
    assert isinstance(box, ObjectBox)
    if not hasattr(box.cls, name):
        raise PythonRaise(AttributeError(f"'{box.cls.__name__}' object has no attribute {name!r}"))
    if box.get(UNSEEDED) is not None:
        raise t.unsupported(
            f"a draw from a random generator without a seed known when tracing ({name})",
            "each call would draw other numbers, and the compiled function would repeat those of the first",
            "draw them outside and pass them as an argument",
        )
    given = _bound(box.cls, name, args, kwargs)
    if name in _PICKING:
        found = _picked(t, st, self, box.cls, name, given)
        if found is not None:
            return found
    given = {k: known(t, st, v) for k, v in given.items()}
    moved = _MOVED[box.cls is random.Random].get(name)
    if moved is not None and not all(isinstance(given.get(k, NONE), Static) for k in moved.by):
        return _by_standard(t, st, self, given, moved)
    return _drawn(t, st, self, name, given)


def _bound(cls: type, name: str, args: Args, kwargs: Kwargs) -> dict[str, Any]:
    """Return the arguments that a method is given, by name."""
    if name in ("rand", "randn"):
        return {"size": Tup(args)} if args else {}
    method = getattr(cls, name)
    try:
        bound = inspect.signature(method).bind(None, *args, **kwargs)
    except TypeError as error:
        raise PythonRaise(error) from None
    given = dict(bound.arguments)
    given.pop("self", None)
    return given


def known(t: Tracer, st: State, value: Any) -> Any:
    """Return an argument as a static object if it is known when tracing, as integers and shapes can be."""
    value = t.use(value)
    if isinstance(value, Tup):
        value = Tup(tuple(known(t, st, v) for v in value.items), value.cls)
    return containers.as_static(t, st, value)


def _drawn(t: Tracer, st: State, self: Any, name: str, given: Kwargs) -> Any:
    """Draw by arguments of which some may be known only when running."""
    box = st.box(self)
    assert isinstance(box, ObjectBox)
    if box.get("place") is not None:
        return _from_tape(t, st, self, name, given)
    given = {k: fixed(t, v) for k, v in given.items()}
    if not all(isinstance(v, Static) for v in given.values()):
        raise t.unsupported(
            f"random numbers whose distribution is known only when running ({name})",
            "they are drawn when tracing",
            "draw standard ones, and compute yours of them",
        )
    values = [v.value for v in given.values()]
    positional = box.cls is random.Random
    args, kwargs = (values, {}) if positional else ([], dict(zip(given, values, strict=True)))
    return _while_tracing(t, st, self, lambda g: drawn(g, name, args, kwargs))


def fixed(t: Tracer, value: Any) -> Any:
    """Return an argument as a static object, integers as what they are in this call."""
    if isinstance(value, Num) and value.dtype[0] in "iu":
        return Static(containers.as_known_int(t, value))
    if isinstance(value, Tup):
        items = [fixed(t, v) for v in value.items]
        return Static(tuple(v.value for v in items)) if all(isinstance(v, Static) for v in items) else value
    return value


# while tracing ------------------------------------------------------------------------------------


def _while_tracing(t: Tracer, st: State, self: Any, make: Callable[[Any], Any]) -> Any:
    """Draw from a generator as it is here, and leave it as it is afterwards."""
    box = st.box(self)
    assert isinstance(box, ObjectBox)
    t.drawn += 1
    if t.drawn > _OFTEN:
        raise NeedTapes
    state = t.use(box.get("state"))
    generator = pickle.loads(state.value)
    try:
        found = make(generator)
    except Exception as error:
        raise PythonRaise(error) from None
    st.set_field(self, "state", Static(pickle.dumps(generator)))
    if isinstance(found, np.ndarray):
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


# while running ------------------------------------------------------------------------------------


def _from_tape(t: Tracer, st: State, self: Any, name: str, given: Kwargs) -> Any:
    """Record a draw, whose numbers are those at the generator's place on its tape."""
    box = st.box(self)
    assert isinstance(box, ObjectBox)
    given = {k: v for k, v in given.items() if not (isinstance(v, Static) and v.value is None)}
    if "out" in given:
        raise t.unsupported("a random draw into an array (out=)", "it has no rule", "write its result: x[:] = ...")
    dtype, weak = _kind(t, box.cls, name, given)
    shape = _shape(t, st, name, given)
    operands: list[Any] = []
    specs = [_spec(t, st, k, v, operands) for k, v in given.items()]
    names = tuple(given)
    if box.cls is random.Random:
        # Some of its methods take their arguments by position only.
        names = ()
    settings = (("args", ("tuple", tuple(specs), None)), ("method", name), ("names", names))
    by_floats = dtype[0] == "f" and any(x.dtype[0] in "fc" for x in operands)
    row = "draw by parameters" if by_floats else "draw"
    tape, place = t.use(box.get("tape")), t.use(box.get("place"))
    made, after = call_row(
        t, row, (tape, place, *operands), [(dtype, shape or ()), ("i8", ())], settings, (name, "place")
    )
    st.set_field(self, "place", Num(arrays.load_at(t, after, ()), True))
    return made if shape is not None else Num(arrays.load_at(t, made, ()), weak)


def _kind(t: Tracer, cls: type, name: str, given: Kwargs) -> tuple[str, bool]:
    """Return the dtype of what a method draws, and whether one number is Python's own."""
    asked = given.get("dtype")
    if asked is None:
        return ("i8" if name in _WHOLE else "f8"), name != "integers"
    given["dtype"] = Static(np.dtype(asked.value).str[1:])
    if "size" not in given and name in _REAL:
        return "f8", True
    code = np.dtype(asked.value).str[1:]
    return code, asked.value is int


def _shape(t: Tracer, st: State, name: str, given: Kwargs) -> tuple[Any, ...] | None:
    """Return the shape of what is drawn; None for one number."""
    size = given.get("size")
    shape = None if size is None else shape_argument(t, st, size)
    last = {"multivariate_normal": "mean", "dirichlet": "alpha", "multinomial": "pvals"}.get(name)
    if last is not None:
        given[last] = as_array(t, given[last], st)
        return (*(shape or ()), given[last].shape[0])
    count = {"permutation": "x", "shuffle": "x", "sample": "k", "choices": "k"}.get(name)
    if count is not None:
        return shape_argument(t, st, given.get(count, Static(1)))
    if shape is None:
        wide = [v for k, v in given.items() if arrays.is_array(v) and k != "p"]
        return arrays.broadcast(t, wide) if wide else None
    return shape


def _spec(t: Tracer, st: State, key: str, value: Any, operands: list[Any]) -> Spec:
    """Return how an argument is told; what is known only when running goes to ``operands``."""
    if isinstance(value, Static) and isinstance(value.value, (int, float, str, tuple)):
        return ("static", value.value)
    if isinstance(value, Num):
        operands.append(value)
        return ("number", 0, value.dtype)
    if isinstance(value, Tup):
        return ("tuple", tuple(_spec(t, st, key, v, operands) for v in value.items), None)
    array = arrays.settle(t, value) if arrays.is_array(value) else as_array(t, value, st)
    operands.append(array)
    return ("array", array.ndim, array.dtype)


# location and scale known only when running -------------------------------------------------------


@dataclass(frozen=True)
class _Moved:
    """How a draw is made of a standard one.

    Attributes
    ----------
    by : dict
        The parameters by which it is moved, with their defaults.
    standard : str
        The method that makes the standard draw.
    move : callable
        Takes the tracer, the state, these parameters and the standard draw.
    given : dict
        Further arguments of the standard draw.
    """

    by: dict[str, Any]
    standard: str
    move: Callable[..., Any]
    given: dict[str, Any] = field(default_factory=dict)


def _plus_times(t: Tracer, st: State, a: Any, b: Any, drawn: Any) -> Any:
    return operators.binary(t, st, "+", a, operators.binary(t, st, "*", b, drawn))


def _between(t: Tracer, st: State, a: Any, b: Any, drawn: Any) -> Any:
    return _plus_times(t, st, a, operators.binary(t, st, "-", b, a), drawn)


def _times(t: Tracer, st: State, a: Any, drawn: Any) -> Any:
    return operators.binary(t, st, "*", a, drawn)


def _over(t: Tracer, st: State, a: Any, drawn: Any) -> Any:
    return operators.binary(t, st, "/", drawn, a)


def _exp(function: Any) -> Callable[..., Any]:
    def move(t: Tracer, st: State, a: Any, b: Any, drawn: Any) -> Any:
        from revtrace.trace.callables.calls import call

        return call(t, st, Static(function), (_plus_times(t, st, a, b, drawn),), {})

    return move


_PLACE = {"loc": 0.0, "scale": 1.0}
_UNIT = {"loc": Static(0.0), "scale": Static(1.0)}

#: By whether the generator is one of ``random``.
_MOVED: tuple[dict[str, _Moved], dict[str, _Moved]] = (
    {
        "normal": _Moved(_PLACE, "standard_normal", _plus_times),
        "uniform": _Moved({"low": 0.0, "high": 1.0}, "random", _between),
        "exponential": _Moved({"scale": 1.0}, "standard_exponential", _times),
        "gamma": _Moved({"scale": 1.0}, "standard_gamma", _times),
        "rayleigh": _Moved({"scale": 1.0}, "rayleigh", _times, {"scale": Static(1.0)}),
        "lognormal": _Moved({"mean": 0.0, "sigma": 1.0}, "standard_normal", _exp(np.exp)),
        **{name: _Moved(_PLACE, name, _plus_times, _UNIT) for name in ("laplace", "logistic", "gumbel")},
        "multivariate_normal": _Moved(
            {"mean": None}, "multivariate_normal", lambda t, st, a, drawn: operators.binary(t, st, "+", drawn, a)
        ),
    },
    {
        "gauss": _Moved({"mu": 0.0, "sigma": 1.0}, "gauss", _plus_times),
        "normalvariate": _Moved({"mu": 0.0, "sigma": 1.0}, "normalvariate", _plus_times),
        "uniform": _Moved({"a": 0.0, "b": 1.0}, "random", _between),
        "expovariate": _Moved({"lambd": 1.0}, "expovariate", _over, {"lambd": Static(1.0)}),
        "lognormvariate": _Moved({"mu": 0.0, "sigma": 1.0}, "normalvariate", _exp(math.exp)),
        "gammavariate": _Moved({"beta": 1.0}, "gammavariate", _times, {"beta": Static(1.0)}),
    },
)


def _by_standard(t: Tracer, st: State, self: Any, given: Kwargs, how: _Moved) -> Any:
    """Draw by a location and scale known only when running."""
    moves = [given.get(k, Static(default)) for k, default in how.by.items()]
    moves = [as_array(t, m, st, "f8") if arrays.is_array(m) or isinstance(m, Ref) else m for m in moves]
    given = {k: v for k, v in given.items() if k not in how.by} | how.given
    wide = [m for m in moves if arrays.is_array(m)]
    if how.standard == "multivariate_normal":
        (mean,) = wide
        given = {"mean": arrays.new_array(t, "f8", mean.shape, zeros=True), **given}
    elif wide and isinstance(given.get("size", NONE), Static) and given.get("size", NONE).value is None:
        given["size"] = Tup(tuple(Num(n, True) for n in arrays.broadcast(t, wide)))
        given = {k: known(t, st, v) for k, v in given.items()}
    found = how.move(t, st, *moves, _drawn(t, st, self, how.standard, given))
    return Num(found.operand, True) if isinstance(found, Num) else found


# picking ------------------------------------------------------------------------------------------


def _picked(t: Tracer, st: State, self: Any, cls: type, name: str, given: Kwargs) -> Any:
    """Choose or shuffle items, whatever they are, by the places drawn; None where integers below a number are meant."""
    key = next(iter(given), "")
    target = t.use(given.get(key, NONE))
    box = st.box(target) if isinstance(target, Ref) else None
    items = isinstance(box, (ListBox, Growing)) or isinstance(target, Tup)
    if isinstance(target, Static):
        items = isinstance(target.value, (tuple, range, str))
    if not arrays.is_array(target) and not items:
        return None
    if name != "shuffle" and cls is not random.Random and not arrays.is_array(target) and not _of_words(t, st, target):
        target = as_array(t, target, st)
    given = {**given, key: containers.length(t, st, target)}
    axis = given.pop("axis", Static(0))
    if not isinstance(axis, Static) or axis.value != 0:
        raise t.unsupported(
            f"{name} along another axis than the first",
            "it has a rule for rows only",
            "transpose the array before and after",
        )
    given = {k: known(t, st, v) for k, v in given.items()}
    if arrays.is_array(target):
        places = _drawn(t, st, self, name, given)
        found = indexing.get_item(t, st, target, places)
        if name != "shuffle":
            return found
        assignment.assign(t, arrays.settle(t, target), arrays.materialise(t, found))
        return NONE
    chosen = [indexing.get_item(t, st, target, p) for p in _places(t, st, self, name, given)]
    if name == "choice" and "size" not in given:
        return chosen[0]
    if name != "shuffle":
        return st.new(ListBox(tuple(chosen)))
    if not isinstance(target, Ref) or not isinstance(box, ListBox):
        raise t.unsupported("shuffling a list of unknown length", "its items may be of different kinds", "use an array")
    containers.own(t, box)
    st.set(target, ListBox(tuple(chosen), box.source))
    return NONE


def _of_words(t: Tracer, st: State, value: Any) -> bool:
    """Whether the first of some items is no number, list or array, so that there is no array of them."""
    first = next(iter(containers.items_of(t, st, value)), NONE)
    return isinstance(first, Static) and not isinstance(first.value, (int, float, complex, np.generic))


def _places(t: Tracer, st: State, self: Any, name: str, given: Kwargs) -> list[Any]:
    """Draw places in a list, one by one."""
    found = _drawn(t, st, self, name, given)
    return [found] if is_numeric(found) else containers.items_of(t, st, found)
