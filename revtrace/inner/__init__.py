"""Derivatives taken inside of a traced function: Newton's method with its own ``grad``, a Hamiltonian's vector field.

The tracer knows nothing of derivatives; this package enters the public functions among those it knows
(`calls`, `matrices`).  A call of a derivative is recorded in place: the function is walked on values of its own,
what that recorded is taken out again as a program, derived as a whole function would be, and put back (`inline`).
The result is ordinary recorded code, so that it is differentiated, compiled and dumped like everything around it.
"""

from revtrace.inner import calls, matrices, solvers

__all__ = ["calls", "matrices", "solvers"]
