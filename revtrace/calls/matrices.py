"""What rows of linear algebra share: stacks of matrices transposed, triangles, sums of shares.

All take stacks of matrices (the last two axes).  Cotangents follow the convention of
`revtrace.passes`: ``dL = Re(sum(bar * dx))``, so the pullback of a map that is not complex
differentiable conjugates on the way in and out.

What is differentiated is the function as computed: ``cholesky`` and ``eigh`` read one triangle of their
matrix, so the cotangent has one triangle.  Where eigenvalues or singular values coincide
the vectors have no derivative; a cotangent that does not ask for one gives a finite result, any
other is divided by zero, as in JAX.

Formulas: M. Giles, "An extended collection of matrix derivative results" (2008); S. Walter, L. Lehmann,
"Algorithmic differentiation of linear algebra functions" (2010); N. Higham, "Functions of matrices" (2008),
section 3 (the derivative of a function of a matrix as a block of that function of a block matrix).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Function", "adjoint", "conjugated", "halved", "mirrored", "one_triangle", "total", "transposed"]

Function = Callable[..., Any]


def transposed(x: Any) -> Any:
    """Return a stack of matrices with each transposed."""
    return np.swapaxes(x, -1, -2)


def conjugated(x: Any) -> Any:
    """Return the conjugates of an array; of real numbers the array itself."""
    return np.conj(x) if np.iscomplexobj(x) else x


def adjoint(x: Any) -> Any:
    """Return a stack of matrices with each conjugated and transposed."""
    return conjugated(transposed(x))


def total(*parts: Any) -> Any:
    """Return the sum of shares of which some may be missing."""
    found = None
    for part in parts:
        if part is not None:
            found = part if found is None else found + part
    return found


def halved(x: Any) -> Any:
    """Return the lower triangle with half the diagonal."""
    return 0.5 * (np.tril(x) + np.tril(x, -1))


def one_triangle(x: Any) -> Any:
    """Return what a symmetric cotangent is for a function that reads the lower triangle only."""
    return np.tril(x, -1) + np.conj(transposed(np.triu(x, 1))) + np.tril(np.triu(np.real(x)))


def mirrored(x: Any) -> Any:
    """Return the symmetric matrix that a lower triangle stands for."""
    return np.tril(x, -1) + adjoint(np.tril(x, -1)) + np.tril(np.triu(np.real(x)))
