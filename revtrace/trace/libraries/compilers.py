"""``numba.njit`` and ``numba.jit`` called inside of a function: what they compile is traced as it stands."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from revtrace.trace.libraries.register import stands_for

__all__ = ["jit"]


@stands_for("numba.njit", "numba.jit")
def jit(function: Any = None, *signature: Any, **options: Any) -> Any:
    """Return the function; with a signature or options alone, what returns the function it is given."""
    return function if isinstance(function, FunctionType) else lambda f: f
