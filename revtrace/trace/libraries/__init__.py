"""Plain functions traced in place of SciPy's whose own code is compiled, one module for each of its packages.

They compute the same in NumPy's terms, so that a test compares them with SciPy by calling them; refusals are as in
`revtrace.trace.definitions`.  SciPy is looked at only where something else has imported it.
"""

from revtrace.trace.libraries import distance, fft, integrate, interpolate, linalg, optimize, signal, special, stats
from revtrace.trace.libraries.register import find

__all__ = ["distance", "fft", "find", "integrate", "interpolate", "linalg", "optimize", "signal", "special", "stats"]
