"""One direction of a user's rule from the other, by transposing it.

A pullback is linear in the cotangents: ``ct -> J^T ct``.  With a tangent ``v``, the gradient of ``<J^T ct, v>`` by
``ct`` is ``J v``, whatever ``ct`` is; and the other way round.  Both are traced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["transposed_pull", "transposed_push"]

Derivative = Callable[..., Any]
Given = Callable[[], Derivative]
"""Returns a function of inputs, outputs, and cotangents of the outputs or tangents of the inputs."""


def transposed_pull(pull: Given, count: int, outs: int, refused: type) -> Given:
    """Return the pushforward of a function of so many inputs and outputs, all of them floats, from its pullback.

    ``refused`` is the class of what stands for a derivative that is not given.
    """

    def push() -> Derivative:
        from revtrace.api import grad

        backward = pull()
        every = tuple(range(outs))

        def derivative(*xs: Any) -> Any:
            known, results, dots = xs[: count + outs], xs[count : count + outs], xs[count + outs :]
            for share, dot in zip(backward(*known, *results), dots):  # noqa: B905 - one for each input
                if isinstance(share, refused) and dot is not None:
                    return tuple([share for _ in every])

            def paired(*bars: Any) -> Any:
                total = 0.0
                for share, dot in zip(backward(*known, *bars), dots):  # noqa: B905
                    if share is not None and dot is not None:
                        total = total + np.sum(np.real(share * dot))
                return total

            return grad(paired, every)(*results)

        return derivative

    return push


def transposed_push(push: Given, count: int, outs: int, wanted: Sequence[int]) -> Given:
    """Return the pullback of a function from its pushforward; ``wanted`` are the inputs that are floats."""

    def pull() -> Derivative:
        from revtrace.api import grad

        forward = push()
        places = tuple(range(len(wanted)))

        def derivative(*xs: Any) -> Any:
            known, bars = xs[: count + outs], xs[count + outs :]

            def paired(*moving: Any) -> Any:
                dots = [None for _ in range(count)]
                for k, dot in zip(wanted, moving):  # noqa: B905
                    dots[k] = dot
                total = 0.0
                for out, bar in zip(forward(*known, *dots), bars):  # noqa: B905
                    total = total + np.sum(np.real(out * bar))
                return total

            found = grad(paired, places)(*[xs[k] for k in wanted])
            shares = [None for _ in range(count)]
            for k, share in zip(wanted, found):  # noqa: B905
                shares[k] = share
            return tuple(shares)

        return derivative

    return pull
