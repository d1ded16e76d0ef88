"""A wrapped function inside PyTensor and PyMC: an ``Op`` with a pullback and an R-operator, of any order.

A call with PyTensor's variables is one `CallOp`; its gradient is a `CallOp` of the pullback. A graph is made before
there are numbers, so the function is traced for examples: axes of unknown length get a small one. A function that
needs to know a length (because it unpacks its argument, say) needs it in the variable: ``pt.vector("x",
shape=(3,))``.

Graphs that numba compiles stay compiled: see `revtrace.interop.pytensor_numba`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.op import Op
from pytensor.tensor.type import TensorType

from revtrace.dispatch.table import Table
from revtrace.errors import RevtraceError, UnsupportedError
from revtrace.handle import handle
from revtrace.interop.arguments import together
from revtrace.interop.calls import call_of
from revtrace.interop.flat import Flat
from revtrace.interop.shapes import Spec
from revtrace.trace.record import SHORT

__all__ = ["CallOp", "serve", "wrap"]

_LENGTHS = (2, 3, 1, 4, 5, 6, 7, 8)
"""What axes of unknown length are taken for, in this order, until the function can be traced."""
_LONG = 2 * SHORT
"""What they are first taken for where code is compiled: programs for long arrays serve most lengths."""


def wrap(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of PyTensor's variables.

    Parameters
    ----------
    f : callable
        As for `revtrace.wrap`, whose result takes PyTensor's variables as well.

    Returns
    -------
    callable
        Takes and returns variables, also in nested tuples, lists and dicts.  Everything else is static.

    Examples
    --------
    >>> import pytensor, pytensor.tensor as pt
    >>> f = wrap(lambda x: x[0] * x[1])
    >>> x = pt.dvector("x")
    >>> pytensor.function([x], pytensor.grad(f(x), x))([2.0, 3.0])
    array([3., 2.])
    """
    target = handle(f)

    def call(*args: Any, **kwargs: Any) -> Any:
        """Call the wrapped function with PyTensor's variables."""
        return serve(target.table(len(args)), *target.full(args, kwargs))

    call.__name__, call.__doc__ = target.__name__, target.__doc__
    return call


def serve(table: Table, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call the function of a table with PyTensor's variables; see `revtrace.interop`."""
    call, leaves = call_of(table, args, kwargs, _is_leaf, _dtype)
    outs = CallOp(call)(*leaves, return_list=True)
    return together(call.tree, outs)


def _is_leaf(value: Any) -> bool:
    return isinstance(value, Variable)


def _dtype(value: Any) -> np.dtype[Any]:
    dtype = np.dtype(getattr(value.type, "dtype", "O"))
    if dtype.kind not in "fiub" or dtype == np.float16 or not isinstance(value.type, TensorType):
        raise UnsupportedError(
            f"a variable of type {value.type}",
            "compiled code has dense arrays of float32 and float64, and of integers; PyTensor has no complex gradients",
            "convert it: x.astype('float64')",
        )
    return dtype


class CallOp(Op):
    """A call as an operation of a graph.

    Parameters
    ----------
    flat : Flat
        What it runs.
    """

    __props__ = ("flat",)

    def __init__(self, flat: Flat) -> None:
        self.flat = flat

    def make_node(self, *inputs: Any) -> Apply:
        """Return the node of this operation at some variables."""
        variables = [pt.as_tensor_variable(x) for x in inputs]
        _, outs = self.example([x.type for x in variables])
        kinds = [TensorType(spec.dtype.name, shape=(None,) * len(spec.shape)) for spec in outs]
        return Apply(self, variables, [kind() for kind in kinds])

    def example(self, types: Sequence[Any], *first: int) -> tuple[Sequence[Spec], tuple[Spec, ...]]:
        """Return operands of these types for which the function can be traced, and what it gives for them.

        Axes of unknown length have one of the lengths given first where that will do.
        """
        unknown = any(None in kind.shape for kind in types)
        failure: Exception | None = None
        for length in (*first, *_LENGTHS) if unknown else _LENGTHS[:1]:
            specs = [Spec(tuple(length if n is None else n for n in t.shape), np.dtype(t.dtype)) for t in types]
            try:
                return specs, self.flat.outputs(specs)
            except RevtraceError:
                raise
            except Exception as error:
                failure = failure or error
        assert failure is not None
        raise failure

    def perform(self, node: Any, inputs: Sequence[Any], output_storage: Any) -> None:
        """Run on numbers."""
        for cell, out in zip(output_storage, self.flat.run(inputs), strict=True):
            cell[0] = out

    def pullback(self, inputs: Sequence[Any], outputs: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        """Return the cotangents of the inputs as variables."""
        active = tuple(
            k for k, x in enumerate(inputs) if np.dtype(x.type.dtype).kind == "f" and not isinstance(x, Constant)
        )
        seeds = [
            out.zeros_like() if isinstance(ct.type, DisconnectedType) else ct.astype(out.type.dtype)
            for out, ct in zip(outputs, cotangents, strict=True)
            if np.dtype(out.type.dtype).kind == "f"
        ]
        gradients: list[Any] = [pt.zeros_like(x, dtype="float64") for x in inputs]
        if active and seeds:
            found = CallOp(self.flat.pullback(active))(*inputs, *seeds, return_list=True)
            for k, gradient in zip(active, found, strict=True):
                gradients[k] = gradient
        return gradients

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Any]:  # noqa: N802
        """Return what `pullback` does: its name in PyTensor 2."""
        return self.pullback(inputs, outputs, output_grads)

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:  # noqa: N802
        """Return the tangents of the outputs as variables, None for those without."""
        active = tuple(k for k, t in enumerate(eval_points) if t is not None and np.dtype(t.type.dtype).kind == "f")
        kinds = [dtype.kind == "f" for dtype in self.flat.given]
        if not active:
            return [None] * len(kinds)
        moving = [eval_points[k] for k in active]
        dots = iter(CallOp(self.flat.pushforward(active))(*inputs, *moving, return_list=True))
        return [next(dots) if k else None for k in kinds]

    def __str__(self) -> str:
        return f"CallOp{{{self.flat}}}"


def _register() -> None:
    """Tell numba's linker how to run the operation, where PyTensor has one."""
    try:
        from pytensor.link.numba.dispatch import basic
    except ImportError:
        return
    from revtrace.interop.pytensor_numba import function_of

    @basic.numba_funcify.register(CallOp)
    def funcify(op: CallOp, node: Any, **kwargs: Any) -> Any:
        return function_of(op.flat, node, *op.example([x.type for x in node.inputs], _LONG))


_register()
