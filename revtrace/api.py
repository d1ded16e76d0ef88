"""The public functions, with the signatures and the order of results of JAX.

Thin: they make handles and call them.  All work on unchanged plain Python functions of floats,
NumPy arrays, and nested tuples, lists, dicts, named tuples and dataclasses of them.

What the results are
--------------------
A gradient has the containers of its argument, and at each float a number or an array of the
same shape and dtype: ``float`` for ``float``, ``numpy.float32`` for ``numpy.float32``.  Leaves of an
argument that are not floats (integers, strings, None) have None in their place.

What is raised
--------------
GradientError
    No such gradient: the result is not one real number, an argument holds no float, ``argnums`` is out of range.
TypeMismatchError
    A cotangent or tangent of another structure, shape or dtype.
UnsupportedError
    The function uses something that is not differentiated; the message names the line.
Any other exception
    The one that the plain function raises for these arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from revtrace import products
from revtrace.config import current
from revtrace.dispatch.steps import Step
from revtrace.errors import TypeMismatchError
from revtrace.handle import Handle, Inverse, handle
from revtrace.matrices import Axis, Matrix

__all__ = [
    "grad",
    "hessian",
    "hvp",
    "inverse",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "value_and_grad",
    "vjp",
    "wrap",
]

Argnums = int | Sequence[int] | None
Argnames = str | Sequence[str] | None


def _asked(argnums: Argnums, argnames: Argnames) -> dict[str, Any]:
    """Return the fields of a step that say which arguments are asked for."""
    if argnums is None and argnames is None:
        argnums = 0
    argnums = _plain(argnums)
    for spelled, value, kind in (("argnums", argnums, int), ("argnames", argnames, str)):
        parts = (value,) if value is None or isinstance(value, kind) else value
        if not isinstance(parts, (tuple, list)) or not all(
            part is None or (isinstance(part, kind) and not isinstance(part, bool)) for part in parts
        ):
            raise TypeError(f"{spelled} must be {kind.__name__} or a tuple of {kind.__name__}, got {value!r}")
    single = (argnames is None and isinstance(argnums, int)) or (argnums is None and isinstance(argnames, str))
    numbers = () if argnums is None else (argnums,) if isinstance(argnums, int) else tuple(argnums)
    names = () if argnames is None else (argnames,) if isinstance(argnames, str) else tuple(argnames)
    if len(set(numbers)) < len(numbers) or len(set(names)) < len(names):
        raise ValueError("an argument is named twice")
    return {"argnums": numbers, "argnames": names, "single": single}


def _plain(argnums: Any) -> Any:
    """Return integers of NumPy as Python's."""
    if isinstance(argnums, np.integer):
        return int(argnums)
    if isinstance(argnums, np.ndarray):
        return argnums.tolist()
    return [_plain(part) for part in argnums] if isinstance(argnums, (tuple, list)) else argnums


def wrap(f: Callable[..., Any], *, checkpoint: bool | None = None) -> Handle:
    """Return a handle that calls as ``f`` does, compiled, and carries its derivatives.

    Parameters
    ----------
    f : callable
        Plain function, numba dispatcher, ``functools.partial``, bound method or callable instance.
        Also a decorator.
    checkpoint : bool, optional
        Whether the backward sweep runs loops again, a segment at a time, from states stored where the segments
        begin: for one more run of a loop, what is kept grows with the root of its iterations only.  The setting
        ``checkpoint`` if None.

    Returns
    -------
    Handle
        Calls write array arguments in place as ``f`` does, and raise what ``f`` raises.  A function
        that cannot be compiled, or that changes objects other than arrays, is called as it is.

    Examples
    --------
    >>> import numpy as np
    >>> def norm2(x):
    ...     out = 0.0
    ...     for i in range(len(x)):
    ...         out += x[i] ** 2
    ...     return out
    >>> f = wrap(norm2)
    >>> f(np.array([1.0, 2.0])), f.grad(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    if checkpoint is None:
        return handle(f)
    settings = f.settings if isinstance(f, Handle) else current()
    return handle(f, settings=replace(settings, checkpoint=checkpoint))


def grad(f: Callable[..., Any], argnums: Argnums = None, has_aux: bool = False, *, argnames: Argnames = None) -> Handle:
    """Return a function that computes the gradient of ``f``.

    Parameters
    ----------
    f : callable
        Returns one real number, or ``(number, aux)`` with ``has_aux``.
    argnums : int or sequence of int, optional
        Which positional arguments to differentiate by, the first by default; negative ones
        count from the last one passed.  Of a method that is decorated in its class the instance is 0, and the
        argument after it the default.
    has_aux : bool, optional
        Whether ``f`` returns a pair whose second part is passed through.
    argnames : str or sequence of str, optional
        Arguments to differentiate by, by name; after those of ``argnums``.

    Returns
    -------
    Handle
        Takes the arguments of ``f``; returns the gradient (a tuple of gradients where more than one or a
        sequence was asked for), or ``(gradient, aux)``.  Arguments are never modified: if ``f`` writes
        its arguments, the gradient is by their values on entry.

    Raises
    ------
    GradientError, UnsupportedError
        When called; see the module's text.

    Examples
    --------
    >>> grad(lambda x, y: x * x * y)(3.0, 2.0)
    12.0
    >>> grad(lambda x, y: x * x * y, argnums=(0, 1))(3.0, 2.0)
    (12.0, 9.0)
    >>> grad(lambda p: p["a"] * p["b"])({"a": 3.0, "b": 2.0})
    {'a': 2.0, 'b': 3.0}
    """
    return handle(f, Step("gradient", has_aux=has_aux, **_asked(argnums, argnames)))


def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = None, has_aux: bool = False, *, argnames: Argnames = None
) -> Handle:
    """Return a function that computes the value and the gradient of ``f``.

    Parameters
    ----------
    f, argnums, has_aux, argnames
        As for `grad`.

    Returns
    -------
    Handle
        Takes the arguments of ``f``; returns ``(value, gradient)``, or ``((value, aux), gradient)``.

    Examples
    --------
    >>> value_and_grad(lambda x: x * x)(3.0)
    (9.0, 6.0)
    """
    return handle(f, Step("gradient", value=True, has_aux=has_aux, **_asked(argnums, argnames)))


def vjp(f: Callable[..., Any], /, *primals: Any, has_aux: bool = False, **kwargs: Any) -> Any:
    """Return the value of ``f`` and its pullback.

    Parameters
    ----------
    f : callable
    *primals
        Positional arguments of ``f``.
    has_aux : bool, optional
        Whether ``f`` returns a pair whose second part is passed through.
    **kwargs
        Keyword arguments, constants of the pullback.

    Returns
    -------
    out : object
        What ``f`` returns.
    pullback : callable
        ``pullback(ct)`` takes a cotangent of the structure of ``out`` and returns a tuple, one entry per
        positional argument, None where it holds no float.  It holds copies of the arguments and runs
        ``f`` forward and backward at every call: nothing else is kept between calls.
    aux : object
        Only with ``has_aux``.

    Raises
    ------
    TypeMismatchError
        By the pullback: the cotangent has another structure, shape or dtype.

    Examples
    --------
    >>> out, pullback = vjp(lambda x, y: x * y, 3.0, 2.0)
    >>> out, pullback(1.0)
    (6.0, (2.0, 3.0))
    """
    return products.vjp(handle(f), primals, kwargs, has_aux)


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """Return the value of ``f`` and its derivative along ``tangents``.

    Parameters
    ----------
    f : callable
    primals, tangents : tuple
        Arguments of ``f`` and a tangent for each, of the same structure; None for what is not a float.
    has_aux : bool, optional
        Whether ``f`` returns a pair whose second part is passed through.

    Returns
    -------
    out, tangent_out : object
        What ``f`` returns, and its tangent: the same structure, None for what is not a float.
    aux : object
        Only with ``has_aux``.

    Examples
    --------
    >>> jvp(lambda x, y: x * y, (3.0, 2.0), (1.0, 0.0))
    (6.0, 2.0)
    """
    return products.jvp(handle(f), primals, tangents, has_aux)


def hvp(
    f: Callable[..., Any],
    primals: Sequence[Any] | None = None,
    tangents: Sequence[Any] | None = None,
    argnums: Argnums = None,
    *,
    argnames: Argnames = None,
) -> Any:
    """Return the Hessian of ``f`` times a vector, without forming it.

    The same as ``jvp(grad(f, argnums), primals, tangents)[1]``.  With ``f`` alone, returns a function of
    the arguments followed by the vector: ``hvp(f)(x, v)``, as SciPy's ``hessp`` takes it.  The vector has the
    structure of the gradient: a tuple where ``argnums`` or ``argnames`` is one.

    Parameters
    ----------
    f : callable
        Returns one real number.
    primals, tangents : tuple, optional
        Arguments of ``f`` and a vector for each, None for what is not a float.
    argnums, argnames : optional
        By which arguments the gradient is, as for `grad`.

    Examples
    --------
    >>> hvp(lambda x: x ** 3, (2.0,), (1.0,))
    12.0
    >>> hvp(lambda x: x ** 3)(2.0, 1.0)
    12.0
    """
    step = Step("gradient", **_asked(argnums, argnames))
    target = handle(f)
    if primals is not None and tangents is not None:
        return products.hvp(target, primals, tangents, step)
    if primals is not None or tangents is not None:
        raise TypeMismatchError(
            "hvp got primals without tangents", "", "hvp(f, primals, tangents), or hvp(f)(*args, v)"
        )

    def product(*args: Any, **kwargs: Any) -> Any:
        """Return the Hessian by the arguments asked for times the last argument."""
        return products.hessian_product(target, args, kwargs, step)

    return product


def jacrev(
    f: Callable[..., Any], argnums: Argnums = None, has_aux: bool = False, *, argnames: Argnames = None
) -> Matrix:
    """Return a function that computes the Jacobian of ``f`` row by row, in reverse.

    Parameters
    ----------
    f, argnums, has_aux, argnames
        As for `grad`, but ``f`` may return arrays and containers.

    Returns
    -------
    Matrix
        Takes the arguments of ``f``.  For each float of the result, in its containers, the derivative by each
        float of the argument, in its containers: an array of the result's shape followed by the argument's.

    Examples
    --------
    >>> jacrev(lambda x, y: (x * y, x + y), argnums=(0, 1))(3.0, 2.0)
    ((2.0, 3.0), (1.0, 1.0))
    """
    return _matrix(f, "rev", has_aux, _asked(argnums, argnames))


def jacfwd(
    f: Callable[..., Any], argnums: Argnums = None, has_aux: bool = False, *, argnames: Argnames = None
) -> Matrix:
    """Return a function that computes the Jacobian of ``f`` column by column, forward.

    Parameters and result are those of `jacrev`.

    Examples
    --------
    >>> jacfwd(lambda x: (x * x, 3.0 * x))(2.0)
    (4.0, 3.0)
    """
    return _matrix(f, "fwd", has_aux, _asked(argnums, argnames))


def jacobian(
    f: Callable[..., Any], argnums: Argnums = None, has_aux: bool = False, *, argnames: Argnames = None
) -> Matrix:
    """Return a function that computes the Jacobian of ``f``, whichever way needs fewer runs.

    Parameters and result are those of `jacrev`.

    Examples
    --------
    >>> jacobian(lambda x: (x * x, 3.0 * x))(2.0)
    (4.0, 3.0)
    """
    return _matrix(f, "auto", has_aux, _asked(argnums, argnames))


def hessian(
    f: Callable[..., Any], argnums: Argnums = None, has_aux: bool = False, *, argnames: Argnames = None
) -> Matrix:
    """Return a function that computes the Hessian of ``f``, forward over reverse.

    Parameters
    ----------
    f, argnums, has_aux, argnames
        As for `grad`; ``f`` may also return arrays and containers.

    Returns
    -------
    Matrix
        The structure of ``jacfwd(jacrev(f))``: for one array argument of shape ``s`` and a number as result, an array
        of shape ``s + s``.

    Examples
    --------
    >>> hessian(lambda x: x ** 3)(2.0)
    12.0
    """
    asked = _asked(argnums, argnames)
    inner = _matrix(f, "rev", has_aux, asked)
    return Matrix(inner.callee, inner.steps, inner.settings, (*inner.axes, Axis("fwd", **asked)), has_aux)


def _matrix(f: Any, mode: str, has_aux: bool, asked: dict[str, Any]) -> Matrix:
    axis = Axis(mode, **asked)
    if isinstance(f, Matrix):
        further = Axis("fwd", axis.argnums, axis.argnames, axis.single)
        first = Axis("rev" if f.axes[0].mode == "auto" else f.axes[0].mode, *_fields(f.axes[0]))
        return Matrix(f.callee, f.steps, f.settings, (first, *f.axes[1:], further), f.has_aux)
    target = handle(f)
    return Matrix(target.callee, target.steps, target.settings, (axis,), has_aux)


def _fields(axis: Axis) -> tuple[Any, ...]:
    return axis.argnums, axis.argnames, axis.single


def inverse(f: Callable[..., Any]) -> Inverse:
    """Return the inverse of ``f`` on pairs of value and adjoint, the same as ``~wrap(f)``.

    Parameters
    ----------
    f : callable

    Returns
    -------
    Inverse
        ``inverse(f)(out, *args)`` undoes ``out += f(*args)``: returns what is left of ``out`` and the arguments with
        their gradient added to their adjoints.

    Examples
    --------
    >>> from revtrace import GVar
    >>> inverse(lambda x: x * x)(GVar(9.0, 1.0), GVar(3.0))
    (GVar(0.0, 0.0), GVar(3.0, 6.0))
    """
    return ~handle(f)
