"""Rules of the user's own: derivatives for callables that revtrace cannot trace, or should not.

A rule says what a callable returns and how cotangents and tangents pass through it.  Where
the adjoint and the tangent are plain numeric Python they are traced and inlined, so that second
derivatives work too; where they are not (JAX, PyTorch, C), they are called.  Calls cost a few
microseconds, and go through Python.

Registering, changing or removing a rule drops every program that may have used it: the next call
gives the new answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

from revtrace.calls.users import NO_TANGENT, ZERO, Marker, UserRule, plain_of, register, unregister
from revtrace.calls.users import opt_out as _opt_out
from revtrace.calls.users_forms import by_partials, by_residuals, not_implemented
from revtrace.errors import GradientError

__all__ = ["frule", "non_differentiable", "opt_out", "rrule", "rule"]

F = TypeVar("F", bound=Callable[..., Any])


def _name(f: Any) -> str:
    return str(getattr(f, "__qualname__", None) or getattr(f, "__name__", None) or type(f).__name__)


class _Rule:
    """What ``revtrace.rule`` is: called, it registers a rule; its methods are other ways to give one.

    Attributes
    ----------
    zero : Marker
        Returned for a cotangent or tangent that is zero.
    no_tangent : Marker
        Returned for an argument that has no tangent, such as an integer.
    not_implemented : callable
        ``not_implemented(why)`` stands for a derivative that exists and that the rule does not give.
    """

    zero: Marker = ZERO
    no_tangent: Marker = NO_TANGENT
    not_implemented = staticmethod(not_implemented)

    @overload
    def __call__(
        self,
        f: F,
        /,
        *,
        adjoint: Callable[..., Any] | None = ...,
        tangent: Callable[..., Any] | None = ...,
        partials: Callable[..., Any] | None = ...,
        forward: Callable[..., Any] | None = ...,
        inverse: Callable[..., Any] | None = ...,
        like: Callable[..., Any] | None = ...,
        foreign: bool = ...,
    ) -> F: ...

    @overload
    def __call__(
        self,
        f: None = ...,
        /,
        *,
        adjoint: Callable[..., Any] | None = ...,
        tangent: Callable[..., Any] | None = ...,
        partials: Callable[..., Any] | None = ...,
        forward: Callable[..., Any] | None = ...,
        inverse: Callable[..., Any] | None = ...,
        like: Callable[..., Any] | None = ...,
        foreign: bool = ...,
    ) -> Callable[[F], F]: ...

    def __call__(
        self,
        f: Any = None,
        /,
        *,
        adjoint: Callable[..., Any] | None = None,
        tangent: Callable[..., Any] | None = None,
        partials: Callable[..., Any] | None = None,
        forward: Callable[..., Any] | None = None,
        inverse: Callable[..., Any] | None = None,
        like: Callable[..., Any] | None = None,
        foreign: bool = False,
    ) -> Any:
        """Register a rule for a callable; also a decorator.

        Parameters
        ----------
        f : callable
            Any: a plain function, a builtin, a function of another library.  With a rule, its code is
            not traced, it is called.
        adjoint : callable, optional
            ``adjoint(ct, out, *args)``: the cotangents of the arguments, as a tuple with one
            for each (or alone where there is one argument).  Where it can be traced it gives the tangent too,
            and the tangent gives it.  Each has its argument's shape and structure, or is
            None, `zero`, `no_tangent` or `not_implemented` ``(why)``.  ``ct`` has the structure of
            ``out``.  Complex cotangents follow ``dL = Re(sum(ct * dz))``, as in JAX.
        tangent : callable, optional
            ``tangent(dots, out, *args)``: the tangent of the output; ``dots`` is a tuple of tangents,
            None where an argument does not vary.
        partials : callable, optional
            ``partials(out, *args)``: the partial derivative by each argument, for a function that works
            element by element on arguments of one shape; gives both adjoint and tangent.
        forward : callable, optional
            Called instead of ``f`` for the value.
        inverse : callable, optional
            ``inverse(out, *rest)`` returns the first argument again, to the last bit.  Where each iteration of
            a ``for`` loop does ``x = f(x, *rest)`` with an array, it is called on the way back, instead of
            keeping every ``x``.
        like : callable, optional
            ``like(*args)`` returns something of the structure, shapes and dtypes of ``f(*args)``; without it,
            ``f`` itself is called once with samples.
        foreign : bool
            Whether adjoint and tangent are to be called rather than traced.

        Returns
        -------
        callable
            ``f``.

        Raises
        ------
        TypeError
            ``f`` cannot be called, or there are both partials and an adjoint.

        Examples
        --------
        >>> import revtrace
        >>> def clipped(x):
        ...     return max(x, 0.0)
        >>> _ = revtrace.rule(clipped, adjoint=lambda ct, out, x: 0.5 * ct)
        >>> revtrace.grad(lambda x: clipped(x) * x)(3.0)
        4.5
        """
        if f is None:
            given = {"adjoint": adjoint, "tangent": tangent, "partials": partials, "forward": forward}
            return lambda g: self(g, **given, inverse=inverse, like=like, foreign=foreign)
        if not callable(f):
            raise TypeError(f"a rule is for a callable, not {type(f).__name__}")
        if partials is not None:
            if adjoint is not None or tangent is not None:
                raise TypeError("partials give the adjoint and the tangent; leave those out")
            adjoint, tangent = by_partials(partials)
        function = forward or plain_of(f)
        register(f, UserRule(_name(f), function, adjoint, tangent, like, "", foreign, inverse))
        return f

    def defvjp(self, f: F, fwd: Callable[..., Any], bwd: Callable[..., Any], *, foreign: bool = False) -> F:
        """Register a rule in JAX's form.

        Parameters
        ----------
        f : callable
        fwd : callable
            ``fwd(*args)`` returns ``(out, residuals)``.  It runs again in the backward sweep.
        bwd : callable
            ``bwd(residuals, ct)`` returns a tuple of cotangents, one for each argument.
        foreign : bool
            Whether they are to be called rather than traced.

        Returns
        -------
        callable
            ``f``.

        Examples
        --------
        >>> import math, revtrace
        >>> def log1pexp(x):
        ...     return math.log1p(math.exp(x))
        >>> _ = revtrace.rule.defvjp(
        ...     log1pexp,
        ...     lambda x: (math.log1p(math.exp(x)), x),
        ...     lambda x, ct: (ct / (1.0 + math.exp(-x)),),
        ... )
        >>> revtrace.grad(log1pexp)(0.0)
        0.5
        """
        return self(f, adjoint=by_residuals(fwd, bwd), foreign=foreign)

    def remove(self, f: Any) -> None:
        """Take a callable's rule away."""
        unregister(f)

    def from_jax(self, f: F) -> F:
        """Let traced functions call a JAX function, differentiated by JAX.

        Parameters
        ----------
        f : callable
            Takes and returns JAX arrays, or numbers and containers of them; may be jitted.

        Returns
        -------
        callable
            ``f`` itself, which has a rule from now on.
        """
        from revtrace.interop.foreign import jax_rule

        register(f, jax_rule(f, _name(f)))
        return f

    def from_torch(self, f: F) -> F:
        """Let traced functions call a PyTorch function, differentiated by PyTorch.

        Parameters
        ----------
        f : callable
            Takes and returns tensors, or tuples of them.

        Returns
        -------
        callable
            ``f`` itself, which has a rule from now on.
        """
        from revtrace.interop.foreign import torch_rule

        register(f, torch_rule(f, _name(f)))
        return f

    def from_autograd(self, f: F) -> F:
        """Let traced functions call a function written with ``autograd.numpy``, differentiated by autograd.

        Parameters
        ----------
        f : callable
            Takes and returns arrays or numbers.

        Returns
        -------
        callable
            ``f`` itself, which has a rule from now on.
        """
        from revtrace.interop.foreign import autograd_rule

        register(f, autograd_rule(f, _name(f)))
        return f


rule = _Rule()


def non_differentiable(f: F, why: str = "it is declared not differentiable") -> F:
    """Have a callable called as it is, its results taken for constants.

    Parameters
    ----------
    f : callable
    why : str
        Shown where a derivative is explained.

    Returns
    -------
    callable
        ``f``.

    Examples
    --------
    >>> import revtrace
    >>> def rounded(x):
    ...     return float(int(x * 10)) / 10
    >>> _ = revtrace.non_differentiable(rounded)
    >>> revtrace.grad(lambda x: rounded(x) * x)(0.25)
    0.2
    """
    register(f, UserRule(_name(f), plain_of(f), why_zero=why))
    return f


def opt_out(f: F) -> F:
    """Have a callable's code traced, whatever rules there are for it, built in or registered.

    Parameters
    ----------
    f : callable

    Returns
    -------
    callable
        ``f``.
    """
    _opt_out(f)
    return f


def rrule(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return a function's value and its pullback, for authors of other rule systems.

    Parameters
    ----------
    f : callable
        Plain, wrapped by `revtrace.wrap`, or with a rule of its own.
    *args
        Its arguments; those that are not differentiable get None.

    Returns
    -------
    out
        ``f(*args)``.
    pullback : callable
        Takes a cotangent of the structure of ``out`` and returns a tuple of cotangents, one for each argument.

    Examples
    --------
    >>> import revtrace
    >>> out, pullback = revtrace.rrule(lambda x, y: x * y, 3.0, 2.0)
    >>> out, pullback(1.0)
    (6.0, (2.0, 3.0))
    """
    from revtrace.api import vjp

    found: tuple[Any, Callable[[Any], tuple[Any, ...]]] = vjp(f, *args)
    return found


def frule(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return a function's value and the tangent of its value.

    Parameters
    ----------
    f : callable
        Plain, wrapped by `revtrace.wrap`, or with a rule of its own.
    primals, tangents : sequence
        The arguments and their tangents, of the same structure.

    Returns
    -------
    out, tangent
        Both of the structure of ``f(*primals)``.

    Raises
    ------
    GradientError
        There are not as many tangents as arguments.

    Examples
    --------
    >>> import revtrace
    >>> revtrace.frule(lambda x, y: x * y, (3.0, 2.0), (1.0, 0.0))
    (6.0, 2.0)
    """
    from revtrace.api import jvp

    if len(primals) != len(tangents):
        raise GradientError(f"{len(primals)} arguments and {len(tangents)} tangents")
    found: tuple[Any, Any] = jvp(f, tuple(primals), tuple(tangents))
    return found
