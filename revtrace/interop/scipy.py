"""Derivatives in the form that SciPy's solvers take them: functions of one flat float64 vector.

Parameters in containers are ravelled, and results restored. Nothing of SciPy's is imported. Where the parameter is
one flat array, ``minimize(revtrace.value_and_grad(f), x0, jac=True)`` needs none of this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from revtrace.containers import Slot, build, is_float, tree_of
from revtrace.cotangents import floats_in
from revtrace.dispatch.steps import Step
from revtrace.errors import GradientError
from revtrace.handle import handle
from revtrace.matrices import Axis, Matrix
from revtrace.products import everything
from revtrace.trace.record import Arg

__all__ = ["FunAndJac", "fun_and_jac", "hessp", "jac", "ravel", "vector"]


class FunAndJac(NamedTuple):
    """A function and its gradient, which share their work."""

    fun: Callable[..., Any]
    jac: Callable[..., Any]


def ravel(tree: Any) -> tuple[np.ndarray, Callable[[np.ndarray], Any]]:
    """Return the floats of nested containers as one vector, and the function that puts a vector back.

    Parameters
    ----------
    tree : float, array, or nested tuples, lists, dicts, named tuples and dataclasses of them
        Other leaves are kept as they are.

    Returns
    -------
    vector : numpy.ndarray
        One-dimensional, of float64.
    restore : callable
        ``restore(vector)`` has the containers, shapes and dtypes of ``tree``.

    Raises
    ------
    GradientError
        A leaf is complex.

    Examples
    --------
    >>> x, restore = ravel({"a": 2.0, "b": np.array([1.0, 3.0])})
    >>> x
    array([2., 1., 3.])
    >>> restore(x)
    {'a': 2.0, 'b': array([1., 3.])}
    """
    shape = tree_of(Arg("x"), tree)
    leaves = floats_in(tree)
    if any(np.iscomplexobj(x) for x in leaves):
        raise GradientError(
            "a parameter is complex", "SciPy's solvers take real vectors", "pass its real and imaginary part"
        )

    def restore(flat: np.ndarray) -> Any:
        """Return the containers with these numbers in them."""
        place = 0

        def leaf(slot: Slot) -> Any:
            nonlocal place
            value = slot.value
            if not is_float(value):
                return value
            part = flat[place : place + np.size(value)]
            place += np.size(value)
            if isinstance(value, np.ndarray):
                return part.reshape(value.shape).astype(value.dtype)
            return type(value)(part[0])

        return build(shape, leaf)

    return _flat(tree), restore


def _flat(tree: Any) -> np.ndarray:
    """Return the floats of a tree as one new vector."""
    if type(tree) is np.ndarray and tree.dtype == np.float64:
        return tree.ravel() if tree.ndim != 1 else tree
    parts = [np.ravel(x) for x in floats_in(tree)]
    return np.concatenate(parts, dtype=np.float64) if parts else np.zeros(0)


def _restoring(like: Any) -> Callable[[np.ndarray], Any] | None:
    """Return what puts a vector back; None where the parameter is a vector itself."""
    if like is None or (type(like) is np.ndarray and like.ndim == 1 and like.dtype == np.float64):
        return None
    return ravel(like)[1]


def fun_and_jac(f: Callable[..., Any], like: Any = None) -> FunAndJac:
    """Return a function and its gradient for ``minimize`` and the like.

    Parameters
    ----------
    f : callable
        Returns one real number; differentiated by its first argument.
    like : object, optional
        That argument, where it is not one flat float64 array: it gives the containers.

    Returns
    -------
    FunAndJac
        ``fun(x, *args)`` and ``jac(x, *args)``.  Both run the function and its gradient, once for the same ``x``.

    Examples
    --------
    >>> def rosenbrock(x):
    ...     return (1.0 - x[0]) ** 2 + 100.0 * (x[1] - x[0] ** 2) ** 2
    >>> fun, jac = fun_and_jac(rosenbrock)
    >>> x = np.array([0.0, 0.0])
    >>> fun(x), jac(x)
    (np.float64(1.0), array([-2.,  0.]))
    """
    call = handle(f, Step("gradient", value=True))
    restore = _restoring(like)
    at: Any = None
    found: Any = None

    def both(x: np.ndarray, args: tuple[Any, ...]) -> Any:
        nonlocal at, found
        if at is None or args != () or not np.array_equal(at, x):
            found = call(x, *args) if restore is None else call(restore(x), *args)
            at = np.array(x) if args == () else None
        return found

    def fun(x: np.ndarray, *args: Any) -> Any:
        """Return the value."""
        return both(x, args)[0]

    def jac(x: np.ndarray, *args: Any) -> np.ndarray:
        """Return the gradient as a vector of its own."""
        gradient = both(x, args)[1]
        return np.array(gradient) if restore is None else _flat(gradient)

    return FunAndJac(fun, jac)


def hessp(f: Callable[..., Any], like: Any = None) -> Callable[..., np.ndarray]:
    """Return ``hessp(x, p, *args)``: the Hessian times a vector.

    Parameters
    ----------
    f, like
        As for `fun_and_jac`.

    Examples
    --------
    >>> hessp(lambda x: x[0] ** 3 * x[1])(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([12.,  3.])
    """
    target = handle(f, Step("gradient"))
    restore = _restoring(like)

    def product(x: np.ndarray, p: np.ndarray, *args: Any) -> np.ndarray:
        """Return the Hessian at ``x`` times ``p``."""
        point = x if restore is None else restore(x)
        seeds = [np.ascontiguousarray(p, np.float64)] if restore is None else floats_in(restore(np.asarray(p)))
        count = len(seeds)
        table = target.table(1 + len(args), everything("pushforward", 1 + len(args), chosen=tuple(range(count))))
        return _flat(table.call(tuple(seeds), *target.full((point, *args), {})))

    return product


def vector(f: Callable[..., Any], like: Any = None, *, argnum: int = 0) -> Callable[..., np.ndarray]:
    """Return ``f`` as a function of a vector that returns a vector, compiled.

    Parameters
    ----------
    f : callable
        Returns floats and arrays of them, also in containers.
    like : object, optional
        The argument that is ravelled, where it is not one flat float64 array.
    argnum : int, optional
        Which argument that is.

    Examples
    --------
    >>> vector(lambda p: (p["a"], p["a"] * 2.0), {"a": 1.0})(np.array([3.0]))
    array([3., 6.])
    """
    target = handle(f)
    restore = _restoring(like)

    def call(*args: Any) -> np.ndarray:
        """Return the floats of the result as a vector."""
        return _flat(target(*_put(args, argnum, restore)))

    return call


def jac(f: Callable[..., Any], like: Any = None, *, argnum: int = 0) -> Callable[..., np.ndarray]:
    """Return the Jacobian as a matrix, for ``least_squares``, ``root`` and ``solve_ivp`` (``argnum=1`` there).

    Parameters
    ----------
    f, like, argnum
        As for `vector`.

    Returns
    -------
    callable
        ``jac(*args)`` has one row per float of the result and one column per float of the argument.

    Examples
    --------
    >>> jac(lambda t, y: np.array([y[1], -t * y[0]]), argnum=1)(2.0, np.array([1.0, 0.0]))
    array([[ 0.,  1.],
           [-2., -0.]])
    """
    target = handle(f)
    restore = _restoring(like)
    matrix = Matrix(target.callee, target.steps, target.settings, (Axis("auto", (argnum,)),))

    def call(*args: Any) -> np.ndarray:
        """Return the Jacobian."""
        args = _put(args, argnum, restore)
        derivative = matrix(*args)
        columns = [x.size if isinstance(x, np.ndarray) else 1 for x in floats_in(args[argnum])]
        blocks = floats_in(derivative)
        rows = [
            np.concatenate(
                [np.reshape(b, (-1, n)) for b, n in zip(blocks[k : k + len(columns)], columns, strict=True)], axis=1
            )
            for k in range(0, len(blocks), len(columns))
        ]
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

    return call


def _put(args: tuple[Any, ...], at: int, restore: Callable[[np.ndarray], Any] | None) -> tuple[Any, ...]:
    """Return arguments with the containers of the one that is a vector."""
    if restore is None:
        return args
    return (*args[:at], restore(np.asarray(args[at])), *args[at + 1 :])
