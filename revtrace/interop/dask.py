"""Values and gradients summed over partitions of data, on the workers of Dask.

Each partition is one task that calls the compiled gradient where the data are; sums go up a tree whose shape depends
on the number of partitions alone, so that the result is the same to the last bit whichever worker does what and
whichever has to do it again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import dask
import numpy as np

from revtrace.dispatch.steps import Step
from revtrace.handle import Handle, handle

__all__ = ["Sum", "value_and_grad"]

_WIDTH = 8
"""How many sums one task adds up."""


def value_and_grad(
    f: Callable[..., Any], partitions: Any, *, retries: int = 3, width: int = _WIDTH, client: Any = None
) -> Sum:
    """Return a function of parameters that sums values and gradients over partitions of data.

    Parameters
    ----------
    f : callable
        ``f(parameters, partition)`` returns one real number; it is differentiated by the parameters.
    partitions : sequence of delayed values or futures, dask array (in chunks of rows), bag or dataframe
        Stay where they are.
    retries : int, optional
        How often a task that failed is tried again; tasks of a worker that died are run elsewhere in any case.
    width : int, optional
        How many sums one task adds up.
    client : distributed.Client, optional
        Dask's current scheduler by default.

    Returns
    -------
    Sum
        ``total(parameters)`` returns ``(value, gradient)``.

    Examples
    --------
    >>> import dask
    >>> def loss(p, data):
    ...     s = 0.0
    ...     for x in data:
    ...         s += (x - p["m"]) ** 2
    ...     return s
    >>> parts = [dask.delayed(np.arange)(3.0 * k, 3.0 * k + 3.0) for k in range(4)]
    >>> value_and_grad(loss, parts)({"m": 5.0})
    (np.float64(146.0), {'m': -12.0})
    """
    if width < 2:
        raise ValueError("width must be at least 2")
    return Sum(handle(f, Step("gradient", value=True)), tuple(_delayed(partitions)), retries, width, client)


def _delayed(partitions: Any) -> Sequence[Any]:
    """Return partitions as a flat sequence."""
    if not hasattr(partitions, "to_delayed"):
        return list(partitions)
    found = partitions.to_delayed()
    return list(np.ravel(found)) if isinstance(found, np.ndarray) else list(found)


@dataclasses.dataclass(frozen=True)
class Sum:
    """What `value_and_grad` returns.

    Attributes
    ----------
    handle : Handle
        Value and gradient for one partition.
    partitions : tuple
    retries, width : int
    client : distributed.Client or None
    """

    handle: Handle
    partitions: tuple[Any, ...]
    retries: int
    width: int
    client: Any

    def graph(self, parameters: Any) -> Any:
        """Return the sum as a delayed value."""
        shared = dask.delayed(parameters, traverse=False)
        target = dask.delayed(self.handle, traverse=False)
        sums = [dask.delayed(_one, pure=False)(target, shared, part) for part in self.partitions]
        while len(sums) > 1:
            groups = [sums[k : k + self.width] for k in range(0, len(sums), self.width)]
            sums = [dask.delayed(_added, pure=False)(group) if len(group) > 1 else group[0] for group in groups]
        return sums[0]

    def __call__(self, parameters: Any) -> tuple[Any, Any]:
        """Return the value and the gradient at some parameters."""
        if not self.partitions:
            raise ValueError("there are no partitions to sum over")
        graph = self.graph(parameters)
        client = self.client if self.client is not None else _current_client()
        if client is None:
            return graph.compute()
        return client.compute(graph, retries=self.retries).result()


def _current_client() -> Any:
    try:
        from distributed import get_client

        return get_client()
    except (ImportError, ValueError):
        return None


def _one(target: Handle, parameters: Any, part: Any) -> tuple[Any, Any]:
    """Return value and gradient on one partition."""
    value, gradient = target(parameters, part)
    return value, gradient


def _added(pairs: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Return the sum of values and gradients, in order."""
    total = pairs[0]
    for pair in pairs[1:]:
        total = _sum(total, pair)
    return total


def _sum(a: Any, b: Any) -> Any:
    """Return the sum of two trees of one structure; None is where there is no gradient."""
    if a is None:
        return None
    if isinstance(a, dict):
        return {key: _sum(a[key], b[key]) for key in a}
    if isinstance(a, (tuple, list)):
        parts = [_sum(x, y) for x, y in zip(a, b, strict=True)]
        return type(a)(*parts) if hasattr(a, "_fields") else type(a)(parts)
    if dataclasses.is_dataclass(a) and not isinstance(a, type):
        return dataclasses.replace(
            a, **{f.name: _sum(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a)}
        )
    return a + b
