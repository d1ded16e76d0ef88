"""The handle: a wrapped function, or a gradient of one, with all it can be asked.

Calling it runs compiled code; its attributes give further derivatives, the program, its
text, what is kept, and statistics.  It pickles by recipe.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

from revtrace import config, products
from revtrace.callee import Callee, unwrap
from revtrace.config import Settings
from revtrace.derived import Derived, Recent
from revtrace.dispatch.steps import Step
from revtrace.errors import RevtraceError
from revtrace.inverse import undo
from revtrace.matrices import Axis, Matrix
from revtrace.passes.plan import Plan
from revtrace.program.nodes import Program

if TYPE_CHECKING:
    from revtrace.dumps import Dump
    from revtrace.runs import Recording

__all__ = ["Handle", "Inverse", "handle"]


def _unset(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("a handle without a table")


class Handle(Derived, functools.partial):  # type: ignore[type-arg]
    """What `wrap`, `grad` and `value_and_grad` return.

    Attributes
    ----------
    grad, value_and_grad : Handle
        Derivatives by the first argument; use `revtrace.grad` for others.
    jacobian, jacrev, jacfwd, hessian : Matrix
    stats : Stats
        Calls, compile seconds, specialisations, kept bytes.
    function : function
        The plain function.

    Examples
    --------
    >>> import revtrace
    >>> @revtrace.wrap
    ... def square(x):
    ...     return x * x
    >>> square(3.0), square.grad(3.0)
    (9.0, 6.0)
    """

    composes = True

    def __new__(cls, callee: Callee, steps: tuple[Step, ...] = (), settings: Settings | None = None) -> Handle:
        """Return a handle that goes through the slow path until `follow` is called."""
        return functools.partial.__new__(cls, _unset)

    def __init__(self, callee: Callee, steps: tuple[Step, ...] = (), settings: Settings | None = None) -> None:
        Derived.__init__(self, callee, steps, config.current() if settings is None else settings)
        self._then: dict[Step, Handle] = {}
        self._matrices: dict[tuple[Axis, ...], Matrix] = {}
        if self._counted:
            self.follow(self._by_count)
        else:
            table = self.table(0)
            table.subscribers.add(self)
            self.follow(table.front())

    def follow(self, call: Callable[..., Any]) -> None:
        """Send calls to a function from now on.

        A partial calls in C what costs 0.1 us by a ``__call__`` method; replacing its function is
        what its ``__setstate__`` is for.
        """
        functools.partial.__setstate__(self, (call, self.callee.prefix, dict(self.callee.keywords), self.__dict__))  # type: ignore[attr-defined]

    def _by_count(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call with negative argnums, which count from the last positional argument."""
        given = len(args) - len(self.callee.prefix)
        return self.table(given).call((), args, kwargs)

    @property
    def py_func(self) -> Any:
        """The plain function, where calling this is the same; named as numba names it."""
        if self.steps or not self.callee.bare:
            raise AttributeError("only a wrapped function stands for its plain function")
        return self.callee.function

    # derivatives --------------------------------------------------------------------

    @functools.cached_property
    def grad(self) -> Handle:
        """The gradient by the first argument, see `revtrace.grad`."""
        return self.then(Step("gradient"))

    @functools.cached_property
    def value_and_grad(self) -> Handle:
        """The value and the gradient by the first argument, see `revtrace.value_and_grad`."""
        return self.then(Step("gradient", value=True))

    def then(self, step: Step) -> Handle:
        """Return the handle with one more derivative taken."""
        found = self._then.get(step)
        if found is None:
            found = self._then[step] = Handle(self.callee, (*self.steps, step), self.settings)
        return found

    @property
    def jacobian(self) -> Matrix:
        """The Jacobian by the first argument, see `revtrace.jacobian`."""
        return self._matrix(Axis("auto"))

    @property
    def jacrev(self) -> Matrix:
        """The Jacobian, row by row, see `revtrace.jacrev`."""
        return self._matrix(Axis("rev"))

    @property
    def jacfwd(self) -> Matrix:
        """The Jacobian, column by column, see `revtrace.jacfwd`."""
        return self._matrix(Axis("fwd"))

    @property
    def hessian(self) -> Matrix:
        """The Hessian by the first argument, see `revtrace.hessian`."""
        return self._matrix(Axis("rev"), Axis("fwd"))

    def family(self) -> Iterator[Derived]:
        """Yield this handle and those of the derivatives that were taken of it."""
        yield self
        for handle in self._then.values():
            yield from handle.family()
        yield from self._matrices.values()

    def _matrix(self, *axes: Axis) -> Matrix:
        found = self._matrices.get(axes)
        if found is None:
            found = self._matrices[axes] = Matrix(self.callee, self.steps, self.settings, axes)
        return found

    def vjp(self, /, *args: Any, **kwargs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        """Return the value and its pullback, see `revtrace.vjp`."""
        return products.vjp(self, args, kwargs)  # type: ignore[no-any-return]

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        """Return the value and its tangent, see `revtrace.jvp`."""
        return products.jvp(self, primals, tangents)  # type: ignore[no-any-return]

    def hvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
        """Return the Hessian by the first argument times a vector, see `revtrace.hvp`."""
        return products.hvp(self, primals, tangents, Step("gradient"))

    def __invert__(self) -> Inverse:
        return Inverse(self.callee, self.steps, self.settings)

    # looking inside -----------------------------------------------------------------

    def program(self, /, *args: Any, **kwargs: Any) -> Program:
        """Return the program that serves a call with these arguments; it is not run."""
        return self._found(args, kwargs).whole()  # type: ignore[no-any-return]

    def dump(self, /, *args: Any, **kwargs: Any) -> Dump:
        """Return how a call with these arguments is computed, forward and backward; nothing is compiled or run.

        Printed it is a table; it has other forms, see `revtrace.dumps.Dump`.  Of a wrapped function: how its value
        and the gradient by all arguments are computed.
        """
        # Here and below: what looks inside is loaded when it is asked for, importing revtrace stays quick.
        from revtrace.dumps.dump import dump

        return dump(self, args, kwargs)

    def record(self, /, *args: Any, **kwargs: Any) -> Recording:
        """Run the interpreter with a journal: every step can be gone to, forward and back.

        Of a wrapped function, the function and its reversal, as they are written.  See `revtrace.runs.Recording`.
        """
        from revtrace.runs.call import call_of
        from revtrace.runs.recording import Recording

        return Recording.of(call_of(self, args, kwargs, tidy=False))

    def explain(self, /, *args: Any, **kwargs: Any) -> str:
        """Return in sentences what is kept in a call and why, or why it is refused.

        Without arguments: why the function, and its derivatives taken from this handle, were specialised, call by call.
        """
        if not args and not kwargs:
            from revtrace.dumps.history import history

            return history(self)
        try:
            return self.dump(*args, **kwargs).explain()
        except RevtraceError as error:
            return f"Refused: {error}"

    def _repr_html_(self) -> str:
        from revtrace.dumps.history import handle_html

        return handle_html(self)

    def plan(self, /, *args: Any, **kwargs: Any) -> Plan:
        """Return where each value that the backward sweep reads comes from, in a call with these arguments.

        Of a wrapped function, that of its gradient.  Empty where nothing runs backward: a gradient by one
        number runs forward.
        """
        target = self if self.steps else self.value_and_grad
        specialisation = target._found(args, kwargs)
        specialisation.whole()
        found: Plan | None = specialisation.plan
        return Plan() if found is None else found

    def source(self, /, *args: Any, **kwargs: Any) -> str:
        """Return the Python text that runs: the function before the kernel, then the kernel."""
        found = self._found(args, kwargs)
        kernel = "" if found.executor is None else found.executor.source
        return f"{found.trampoline.source}\n\n{kernel}"

    def _found(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.table(len(args)).find(*self.full(args, kwargs))


class Inverse(Derived):
    """What ``~f`` and `revtrace.inverse` return; call it with the outputs and the arguments as `GVar` pairs.

    Examples
    --------
    >>> import revtrace
    >>> f = revtrace.wrap(lambda x: x * x)
    >>> (~f)(revtrace.GVar(f(3.0), 1.0), revtrace.GVar(3.0))
    (GVar(0.0, 0.0), GVar(3.0, 6.0))
    """

    def __call__(self, out: Any, /, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Undo ``out += f(*args)`` and hand the adjoints on.

        Parameters
        ----------
        out : GVar, or container of them
            The result, with its adjoint: the structure of what the function returns.
        *args : GVar, plain value, or container of them
            Arguments as on entry to the function.  A plain value is a constant.

        Returns
        -------
        tuple
            What is left of the outputs, with zero adjoint, then the arguments with their
            gradient added to their adjoints.

        Raises
        ------
        InverseDriftError
            The function writes its arguments, and ``out`` is not what it returns for those
            given: they are not as they were on entry.
        """
        return undo(self, out, args, kwargs)

    def __invert__(self) -> Handle:
        return Handle(self.callee, self.steps, self.settings)


_recent = Recent(256)


def handle(f: Any, step: Step | None = None, settings: Settings | None = None) -> Handle:
    """Return the handle of a function, with one derivative taken if `step` is given.

    A plain function without closure gets the same handle every time, so that ``grad(f)(x)`` in
    a loop is not made again and again.
    """
    if settings is None:
        settings = f.settings if isinstance(f, Derived) else config.current()
    if isinstance(f, FunctionType) and f.__closure__ is None:
        key = (id(f), step, settings)  # the handle keeps the function alive
        found: Handle = _recent.get(key, lambda: _made(f, step, settings))
        return found
    return _made(f, step, settings)


def _made(f: Any, step: Step | None, settings: Settings) -> Handle:
    if isinstance(f, Handle) and settings == f.settings:
        return f if step is None else f.then(step)
    callee = unwrap(f)
    return Handle(callee, callee.steps if step is None else (*callee.steps, step), settings)
