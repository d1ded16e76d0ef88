"""Exact, compiled gradients of plain Python functions with loops and in-place writes.

Examples
--------
>>> import numpy as np, revtrace
>>> def norm2(x):
...     out = 0.0
...     for i in range(len(x)):
...         out += x[i] ** 2
...     return out
>>> revtrace.grad(norm2)(np.array([1.0, 2.0]))
array([2., 4.])
"""

from revtrace import inner
from revtrace.api import (
    grad,
    hessian,
    hvp,
    inverse,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    value_and_grad,
    vjp,
    wrap,
)
from revtrace.errors import (
    CacheError,
    GradientError,
    InternalError,
    InverseDriftError,
    RevtraceError,
    TypeMismatchError,
    UnsupportedError,
)
from revtrace.replay import GVar
from revtrace.rulebook import frule, non_differentiable, opt_out, rrule, rule
from revtrace.testing import check_grad, check_inverse

__version__ = "0.1.0"

del inner

__all__ = [
    "CacheError",
    "GVar",
    "GradientError",
    "InternalError",
    "InverseDriftError",
    "RevtraceError",
    "TypeMismatchError",
    "UnsupportedError",
    "check_grad",
    "check_inverse",
    "frule",
    "grad",
    "hessian",
    "hvp",
    "inverse",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "non_differentiable",
    "opt_out",
    "rrule",
    "rule",
    "value_and_grad",
    "vjp",
    "wrap",
]
