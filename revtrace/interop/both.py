"""A host's call of a function that returns one real number, with its gradients at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.cotangents import floats_in
from revtrace.dispatch.steps import Step
from revtrace.interop.arguments import Hole
from revtrace.interop.shapes import Spec

if TYPE_CHECKING:
    from revtrace.interop.common import Call

__all__ = ["Both"]


class Both:
    """A function that returns one real number, with its gradients, in one call of compiled code.

    Parameters
    ----------
    call : Call
    active : tuple of int
        By which inputs; real ones.

    Attributes
    ----------
    lean : bool
        Whether it has been called before, and one array is all it takes and differentiates by.

    Raises
    ------
    GradientError
        When it is called, where the function returns something else.
    """

    def __init__(self, call: Call, active: tuple[int, ...]) -> None:
        site = call.site
        chosen = tuple(call.number(k) for k in active)
        step = Step("gradient", site.positions, site.names, False, True, strict=False, chosen=chosen)
        self.call, self.active = call, active
        self._enter: Callable[..., Any] = _none
        self._simple = site.plain
        self.lean = False
        self._table = site.under((step,))
        self._table.draws = False
        self._table.subscribers.add(self)
        self.follow(self._table.front())

    def follow(self, enter: Callable[..., Any]) -> None:
        """Send calls to a function from now on; see `Handle.follow`."""
        self._enter = enter

    def prepare(self, specs: Sequence[Spec]) -> None:
        """Compile for inputs of these shapes; raises what revtrace refuses."""
        args, kwargs = self.call.site.passed([spec.example() for spec in specs])
        self._table.find(args, kwargs)

    def __call__(self, arrays: Sequence[np.ndarray]) -> tuple[Any, Sequence[Any]]:
        """Return the number and the gradients, which share no memory with the arrays nor with each other."""
        taken: Any = [x if x.ndim else x[()] for x in arrays]
        if self._simple:
            out, answer = self._enter(*taken)
            found = answer if len(answer) == len(self.active) else [x for x in answer if x is not None]
        else:
            args, kwargs = self.call.site.passed(taken)
            out, answer = self._enter(*args, **kwargs)
            found = floats_in(answer)
        if self.call._dtypes is None:
            self.call._settle(Hole(0), (np.asarray(out).dtype,))
        self.lean = self._simple and len(self.active) == len(taken) == 1
        return out, _apart(found, taken)

    def of_one(self, x: np.ndarray) -> tuple[Any, Any]:
        """Return the number and the gradient where `lean`, in less time."""
        out, (gradient,) = self._enter(x if x.ndim else x[()])
        if type(gradient) is np.ndarray and (gradient.base is not None or gradient is x):
            gradient = gradient.copy()
        return out, gradient


def _apart(found: Sequence[Any], taken: Sequence[Any]) -> list[Any]:
    """Return values with copies of the arrays that share memory with another one."""
    seen = list(map(id, taken))
    own = []
    for x in found:
        own.append(x.copy() if type(x) is np.ndarray and (x.base is not None or id(x) in seen) else x)
        seen.append(id(x))
    return own


def _none(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("nothing to call")
