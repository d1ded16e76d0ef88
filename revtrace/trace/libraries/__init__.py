"""Plain functions traced in place of SciPy's whose own code is compiled, one module for each of its packages.

`averages` has those of ``statistics``, whose own code computes with fractions, `compilers` numba's decorators.

They compute the same in NumPy's terms, so that a test compares them with SciPy by calling them; refusals are as in
`revtrace.trace.definitions`.  SciPy is looked at only where something else has imported it.
"""

from revtrace.trace.libraries import (
    averages,
    compilers,
    distance,
    equations,
    fft,
    filters,
    images,
    initial_values,
    integrate,
    interpolate,
    linalg,
    optimize,
    peaks,
    signal,
    sparse_functions,
    special,
    spectra,
    splines,
    stats,
    trajectories,
)  # fmt: skip
from revtrace.trace.libraries.register import designs, find

__all__ = [
    "averages", "compilers", "designs", "distance", "equations", "fft", "filters", "find", "images", "initial_values",
    "integrate", "interpolate", "linalg", "optimize", "peaks", "signal", "sparse_functions", "special", "spectra",
    "splines", "stats", "trajectories",
]  # fmt: skip
