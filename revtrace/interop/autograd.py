"""A wrapped function inside HIPS/autograd: reverse and forward mode, of any order.

A call with boxes is one autograd primitive whose vjp and jvp are calls of the same primitive, with the pullback and
the pushforward. Boxes of containers are opened. Adjoints of complex numbers are autograd's own: not conjugated, as
here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from autograd.extend import Box, defjvp_argnums, defvjp_argnums, primitive

from revtrace.dispatch.table import Table
from revtrace.handle import handle
from revtrace.interop.arguments import together
from revtrace.interop.calls import call_of
from revtrace.interop.drawn import Drawn
from revtrace.interop.flat import Flat

__all__ = ["serve", "wrap"]


def wrap(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function for autograd.

    Parameters
    ----------
    f : callable
        As for `revtrace.wrap`, whose result serves autograd as well.

    Returns
    -------
    callable
        Takes boxes, also in nested tuples, lists and dicts, among other arguments.  Arguments are never written.

    Examples
    --------
    >>> import autograd, numpy as np
    >>> f = wrap(lambda x: x[0] * x[1])
    >>> autograd.grad(f)(np.array([2.0, 3.0]))
    array([3., 2.])
    """
    target = handle(f)

    def call(*args: Any, **kwargs: Any) -> Any:
        """Call the wrapped function with autograd's boxes."""
        return serve(target.table(len(args)), *target.full(args, kwargs))

    call.__name__, call.__doc__ = target.__name__, target.__doc__
    return call


def serve(table: Table, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call the function of a table with boxes; see `revtrace.interop`."""
    call, leaves = call_of(table, _opened(args), _opened(kwargs), _is_leaf, _dtype, again=True)
    exact: list[Any] = []
    found = _call(Drawn(call), exact, *leaves)
    kinds = [dtype.kind in "fc" for dtype in call.given]
    inexact, others = iter(_entries(found, sum(kinds))), iter(exact)
    return together(call.tree, [next(inexact if k else others) for k in kinds])


def _opened(value: Any) -> Any:
    """Return containers of boxes for boxes of containers."""
    if isinstance(value, Box):
        inside = value
        while isinstance(inside, Box):
            inside = inside._value
        if isinstance(inside, dict):
            return {key: _opened(value[key]) for key in inside}
        if isinstance(inside, (tuple, list)):
            return type(inside)(_opened(value[k]) for k in range(len(inside)))
        return value
    if type(value) in (tuple, list):
        return type(value)(map(_opened, value))
    if type(value) is dict:
        return {key: _opened(entry) for key, entry in value.items()}
    return value


def _is_leaf(value: Any) -> bool:
    return isinstance(value, Box)


def _dtype(value: Any) -> np.dtype[Any]:
    while isinstance(value, Box):
        value = value._value
    return np.asarray(value).dtype


@primitive
def _call(flat: Flat, exact: list[Any], *values: Any) -> Any:
    """Run; return the only inexact output, or a tuple of several; the others, which have no boxes, go to a list."""
    outs = [out if out.ndim else out[()] for out in flat.run(values)]
    exact[:] = [out for out in outs if out.dtype.kind not in "fc"]
    inexact = [out for out in outs if out.dtype.kind in "fc"]
    return inexact[0] if len(inexact) == 1 else tuple(inexact)


def _entries(out: Any, count: int) -> Sequence[Any]:
    return [out] if count == 1 else [out[k] for k in range(count)]


def _inexact(flat: Flat) -> int:
    return sum(dtype.kind in "fc" for dtype in flat.given)


def _vjp(argnums: Sequence[int], ans: Any, args: Sequence[Any], kwargs: Any) -> Callable[[Any], Any]:
    flat, _, *values = args
    active = tuple(k - 2 for k in argnums)

    def pullback(ct: Any) -> Any:
        seeds = _entries(ct, _inexact(flat))
        return _entries(_call(flat.pullback(active), [], *values, *seeds), len(active))

    return pullback


def _jvp(argnums: Sequence[int], tangents: Sequence[Any], ans: Any, args: Sequence[Any], kwargs: Any) -> Any:
    flat, _, *values = args
    active = tuple(k - 2 for k in argnums)
    return _call(flat.pushforward(active), [], *values, *tangents)


defvjp_argnums(_call, _vjp)
defjvp_argnums(_call, _jvp)


def check(f: Callable[..., Any], args: Sequence[Any]) -> None:
    """Run autograd's own check of a wrapped function's derivatives, in reverse mode."""
    from autograd.test_util import check_grads

    check_grads(f, modes=["rev"], order=1)(*args)
