"""Checks of a gradient against differences, and of an inverse against its start; benchmarks of gradients.

`check_grad` and `check_inverse` return a record of what was compared, and raise where it disagrees,
naming the argument and the element.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CellType
from typing import Any

import numpy as np

from revtrace.api import grad, wrap
from revtrace.calls.draws import GENERATORS, MODULES_OWN
from revtrace.containers import build, is_float, slots, snapshot, tree_of
from revtrace.cotangents import copied, floats_in
from revtrace.errors import GradientError, InverseDriftError
from revtrace.handle import Handle
from revtrace.progress import tracked
from revtrace.replay import GVar
from revtrace.rulecheck import RuleReport, test_rule
from revtrace.trace.record import Arg, rendered
from revtrace.tracking import benchmarks

__all__ = ["GradReport", "InverseReport", "RuleReport", "benchmarks", "check_grad", "check_inverse", "test_rule"]


@dataclass(frozen=True, slots=True)
class GradReport:
    """What `check_grad` compared.

    Attributes
    ----------
    worst : float
        Largest error, relative to the largest entry of the gradient.
    where : str
        The element it was found at, such as ``"argument 0[3]"``.
    gradient, expected : float or complex
        The two values there.
    checked : int
        Number of elements compared.
    method : str
        ``"differences"`` or ``"complex"``.
    """

    worst: float
    where: str
    gradient: complex
    expected: complex
    checked: int
    method: str


@dataclass(frozen=True, slots=True)
class InverseReport:
    """What `check_inverse` compared.

    Attributes
    ----------
    left : float
        Largest magnitude left of the outputs, which were to go back to zero.
    inputs : int
        Number of arguments found bit for bit as before.
    """

    left: float
    inputs: int


class Place:
    """One float of the arguments: reads it, and gives the arguments with it changed."""

    def __init__(self, args: tuple[Any, ...], argument: int, leaf: int, at: tuple[int, ...]) -> None:
        self.args, self.argument, self.leaf, self.at = args, argument, leaf, at

    @property
    def value(self) -> Any:
        """The number."""
        return np.asarray(floats_in(self.args[self.argument])[self.leaf])[self.at].item()

    def moved(self, by: complex) -> tuple[Any, ...]:
        """Return copies of all arguments with this number changed."""
        count = iter(range(len(floats_in(self.args[self.argument]))))

        def leaf(slot: Any) -> Any:
            value = slot.value
            if not is_float(value) or next(count) != self.leaf:
                return copied(value)
            if not isinstance(value, np.ndarray):
                return value + by if isinstance(by, complex) else type(value)(value + by)
            new = value.astype(np.result_type(value, type(by)))
            new[self.at] += by
            return new

        changed = build(tree_of(Arg("x"), self.args[self.argument]), leaf)
        return (*copied(self.args[: self.argument]), changed, *copied(self.args[self.argument + 1 :]))

    def __str__(self) -> str:
        names = [rendered(path) for path in _paths(self.args[self.argument])]
        index = f"[{', '.join(map(str, self.at))}]" if self.at else ""
        return f"argument {self.argument}{names[self.leaf]}{index}"


def _paths(value: Any) -> list[Any]:
    return [slot.source for slot in slots(tree_of(Arg(""), value)) if is_float(slot.value)]


def places(args: tuple[Any, ...], arguments: Sequence[int]) -> list[Place]:
    """Return every float of some arguments."""
    return [
        Place(args, a, k, at)
        for a in arguments
        for k, x in enumerate(floats_in(args[a]))
        for at in np.ndindex(np.shape(x))
    ]


def richardson(f: Callable[[float], Any], scale: float, step: float) -> tuple[Any, float]:
    """Return the derivative of f at 0 by central differences, extrapolated, and an estimate of its error.

    Steps are halved five times from ``step * scale``; the entry of Richardson's table that
    changes least against its neighbours is taken.
    """
    h = step * scale
    best, error = np.nan, np.inf
    previous: list[Any] = []
    for _ in range(6):
        row = [(f(h) - f(-h)) / (2.0 * h)]
        for k, old in enumerate(previous):
            factor = 4.0 ** (k + 1)
            row.append((factor * row[k] - old) / (factor - 1.0))
            change = max(abs(row[k + 1] - row[k]), abs(row[k + 1] - old))
            if change < error:
                best, error = row[k + 1], float(change)
        previous, h = row, h / 2.0
    return best, error


def check_grad(
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    argnums: int | Sequence[int] | None = None,
    rtol: float = 1e-6,
    step: float = 1e-2,
    method: str = "differences",
    limit: int = 200,
    gradient: Any = None,
) -> GradReport:
    """Compare the gradient of a function with differences of the plain function.

    Parameters
    ----------
    f : callable
        A function of floats that returns a float.
    args, kwargs
        Where to check; not modified.
    argnums : int or sequence of int, optional
        Which arguments to check; all that hold floats by default.
    rtol : float
        Largest error allowed, relative to the largest entry of the gradient (at least, to the estimated
        error of the differences).
    step : float
        First step of the differences, relative to each number's magnitude.
    method : {"differences", "complex"}
        Central differences with Richardson extrapolation, or the complex step, which is exact but needs a
        function that takes complex numbers and is analytic.
    limit : int
        At most so many elements, evenly spread.
    gradient : optional
        What to check, as `revtrace.grad` with these ``argnums`` returns it; computed by default.

    Returns
    -------
    GradReport

    Raises
    ------
    GradientError
        The gradient disagrees; the message names the argument and the element.

    Examples
    --------
    >>> check_grad(lambda x: x * x * x, (2.0,)).worst < 1e-9
    True
    """
    args, kwargs = tuple(args), dict(kwargs or {})
    plain = f.function if isinstance(f, Handle) and not f.steps else f
    if argnums is None:
        argnums = tuple(k for k, x in enumerate(args) if floats_in(x))
    chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    chosen = tuple(k + len(args) if k < 0 else k for k in chosen)
    put_back = snapshot(args, kwargs, *_generators(plain))
    if gradient is None:
        gradient = grad(f, argnums=argnums)(*args, **kwargs)
        put_back()
    given = [gradient] if isinstance(argnums, int) else list(gradient)
    found = {k: floats_in(x) for k, x in zip(chosen, given, strict=True)}
    every = places(args, chosen)
    spots = every[:: max(1, -(-len(every) // limit))]
    rows = []
    for place in tracked(spots, "comparing with differences"):
        ours = np.asarray(found[place.argument][place.leaf])[place.at].item()
        expected, error = _expected(plain, place, kwargs, step, method, put_back)
        rows.append((place, ours, expected, error))
    largest = max((abs(ours) for _, ours, _, _ in rows), default=0.0)
    scale = max(largest, max((abs(expected) for _, _, expected, _ in rows), default=0.0)) or 1.0
    worst = GradReport(0.0, "", 0.0, 0.0, len(rows), method)
    for place, ours, expected, error in rows:
        off = abs(ours - expected)
        if not (off <= 4.0 * error or (np.isnan(ours) and np.isnan(expected))):
            relative = off / scale
            if not relative <= worst.worst:
                worst = GradReport(float(relative), str(place), ours, expected, len(rows), method)
    if not worst.worst <= rtol:
        raise GradientError(
            f"the gradient by {worst.where} is {worst.gradient!r}, {worst.method} give {worst.expected!r}",
            f"relative to the largest entry they differ by {worst.worst:.2e}, more than {rtol:.0e}",
            "a kink or a branch near this point, or an ill-conditioned function, gives such a difference too: "
            "check at another point, or with another step",
        )
    return worst


def _generators(f: Any) -> list[Any]:
    """Return the random generators that a function may draw from without being given them."""
    own = getattr(f, "__self__", None)
    f = getattr(f, "__func__", f)
    cells = [cell.cell_contents for cell in getattr(f, "__closure__", None) or () if cell != CellType()]
    found = [x for x in (*getattr(f, "__globals__", {}).values(), *cells, own) if isinstance(x, GENERATORS)]
    return [*found, *getattr(own, "__dict__", {}).values(), *MODULES_OWN]


def _expected(
    plain: Callable[..., Any],
    place: Place,
    kwargs: dict[str, Any],
    step: float,
    method: str,
    put_back: Callable[[], None],
) -> tuple[Any, float]:
    """Return the derivative by one element without differentiating, and how far it may be off.

    Random generators are put back after each call, so that all calls draw the same numbers.
    """
    if method == "complex":
        tiny = 1e-100
        moved = plain(*place.moved(complex(0.0, tiny)), **copied(kwargs)).imag / tiny
        put_back()
        return moved, 0.0
    if method != "differences":
        raise ValueError(f"method is 'differences' or 'complex', not {method!r}")

    def along(by: complex) -> Any:
        found = plain(*place.moved(by), **copied(kwargs))
        put_back()
        return found

    scale = max(1.0, abs(place.value))
    real, error = richardson(along, scale, step)
    if not isinstance(place.value, complex):
        return float(real), error
    # By a complex number z of a real function: df/dx - i df/dy, as JAX has it.
    imaginary, more = richardson(lambda h: along(1j * h), scale, step)
    return complex(real, -imaginary), error + more


def check_inverse(f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> InverseReport:
    """Check that ``~f`` takes the result back to zero and leaves every argument bit for bit as it was.

    Parameters
    ----------
    f : callable
    args, kwargs
        Where to check; not modified.

    Returns
    -------
    InverseReport

    Raises
    ------
    InverseDriftError
        An argument came back changed, or something is left of the result; the message says which.

    Examples
    --------
    >>> check_inverse(lambda x: x * x, (3.0,)).left
    0.0
    """
    handle, args, kwargs = wrap(f), tuple(args), dict(kwargs or {})
    before = copied(args)
    out = handle.vjp(*args, **kwargs)[0]
    pairs = build(tree_of(Arg("out"), out), lambda slot: GVar(slot.value) if is_float(slot.value) else slot.value)
    entered = build(
        tree_of(Arg("args"), args), lambda slot: GVar(copied(slot.value)) if is_float(slot.value) else slot.value
    )
    undone, *after = (~handle)(pairs, *entered, **kwargs)
    left = 0.0
    for path, value, pair in zip(_paths(out), floats_in(out), _pairs_in(undone), strict=True):
        rest = float(np.max(np.abs(pair.value), initial=0.0))
        left = max(left, rest)
        if not rest <= 1e-9 * max(1.0, float(np.max(np.abs(value), initial=0.0))):
            raise InverseDriftError(f"~f leaves {rest!r} of the result{rendered(path)}")
    for number, (given, was, is_now) in enumerate(zip(args, before, after, strict=True)):
        _same_bits(given, was, f"the call changed argument {number}")
        values = build(
            tree_of(Arg("x"), is_now), lambda slot: slot.value.value if isinstance(slot.value, GVar) else slot.value
        )
        _same_bits(values, was, f"~f changed argument {number}")
    return InverseReport(left, len(args))


def _pairs_in(value: Any) -> list[GVar]:
    return [slot.value for slot in slots(tree_of(Arg("x"), value)) if isinstance(slot.value, GVar)]


def _same_bits(given: Any, was: Any, what: str) -> None:
    pairs = zip(slots(tree_of(Arg(""), given)), slots(tree_of(Arg(""), was)), strict=True)
    for a, b in pairs:
        if not is_float(b.value):
            continue
        x, y = np.asarray(a.value), np.asarray(b.value)
        if x.dtype != y.dtype or x.shape != y.shape or x.tobytes() != y.tobytes():
            wrong: Any = np.argwhere(~((x == y) | (np.isnan(x) & np.isnan(y)))) if x.shape == y.shape else []
            at = f"[{', '.join(map(str, wrong[0]))}]" if len(wrong) and x.ndim else ""
            raise InverseDriftError(f"{what}{rendered(a.source)}{at}")
