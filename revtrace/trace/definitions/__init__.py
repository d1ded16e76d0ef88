"""numpy functions defined by plain Python and simpler numpy functions, traced in place of numpy's own code.

A definition has numpy's signature and is an ordinary function, so that a test compares
it with numpy by calling it.  When tracing meets the numpy function, the definition's
body is walked instead, and everything in it belongs to the user's line of the call.
A form without a rule is refused by `register.refuse`, which must not stand under a
condition known only when running; for numbers without a rule there is `register.require`.
"""

from revtrace.trace.definitions import (
    axes,
    calculus,
    choosing,
    hermitian,
    joining,
    nans,
    standard,
    statistics,
    ufuncs,
    windows,
)

__all__ = [
    "axes",
    "calculus",
    "choosing",
    "hermitian",
    "joining",
    "nans",
    "standard",
    "statistics",
    "ufuncs",
    "windows",
]
