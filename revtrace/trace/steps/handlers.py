"""The register of what each canonical instruction does, and what its handlers share.

A handler returns None to go on, ``"jump"`` to take the jump, ``"return"``, ``"raise"``, or a condition
with the blocks for true and false where both ways are possible.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from revtrace.decode import Instr
from revtrace.trace.state import State

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["HANDLERS", "Handler", "keep", "on", "pop_n"]

Handler = Callable[["Tracer", "Frame", State, Instr], Any]
HANDLERS: dict[str, Handler] = {}


def on(*names: str) -> Callable[[Handler], Handler]:
    """Register the handler of some instructions."""

    def register(handler: Handler) -> Handler:
        for name in names:
            HANDLERS[name] = handler
        return handler

    return register


def pop_n(st: State, n: int) -> list[Any]:
    """Pop the last n values, in order."""
    if n == 0:
        return []
    values = st.stack[-n:]
    del st.stack[-n:]
    return values


def keep(t: Tracer, value: Any) -> Any:
    """Compute an element-wise expression that is about to be kept."""
    from revtrace.trace.ndarray.arrays import kept

    return kept(t, value)
