"""A wrapped function inside PyTorch: ``backward``, ``torch.func``, forward mode, ``torch.compile``, of any order.

See `revtrace.interop.torch_rules` for the derivatives.  Eager calls that return one real number, as losses do, have a
short way of their own: their gradient is computed with the value, in one call of compiled code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import is_grad_enabled, strided
from torch.compiler import is_compiling

from revtrace.dispatch.table import Table
from revtrace.errors import RevtraceError, UnsupportedError
from revtrace.handle import handle
from revtrace.interop.arguments import together
from revtrace.interop.both import Both
from revtrace.interop.calls import SIMPLE, call_of, remember
from revtrace.interop.common import Call
from revtrace.interop.drawn import Drawn
from revtrace.interop.shapes import Spec
from revtrace.interop.torch_rules import DTYPES, REAL, apply, in_rows, is_eager, name_of, pulled

__all__ = ["serve", "wrap"]


def wrap(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of tensors that ``torch.compile`` takes as one operator, without a graph break.

    Parameters
    ----------
    f : callable
        As for `revtrace.wrap`, or what that returned.

    Returns
    -------
    callable
        Takes and returns tensors, also in nested tuples, lists and dicts.  Everything else is static.

    Examples
    --------
    >>> import torch
    >>> f = wrap(lambda x: x[0] * x[1])
    >>> x = torch.tensor([2.0, 3.0], requires_grad=True)
    >>> f(x).backward()
    >>> x.grad
    tensor([3., 2.])
    """
    target = handle(f)

    def call(*args: Any, **kwargs: Any) -> Any:
        """Call the wrapped function with tensors."""
        return _serve(target.table(len(args)), *target.full(args, kwargs))

    call.__name__, call.__doc__ = target.__name__, target.__doc__
    return torch._dynamo.nonstrict_trace(call)


def serve(table: Table, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call the function of a table with tensors; see `revtrace.interop`.

    ``torch.compile`` must not trace into it: the graph ends before the call and goes on after it.
    """
    if is_compiling():
        if _untraced is None:
            _hide()
        return _untraced(table, args, kwargs)
    if not kwargs and is_grad_enabled() and is_eager():
        # Written out, since a microsecond counts: losses are called so.
        key: tuple[Any, ...] = ()
        for x in args:
            if type(x) in REAL and x.layout is strided and x.is_cpu:
                key += (x.dtype, x.requires_grad)
            elif isinstance(x, SIMPLE):
                key += (type(x), repr(x))
            else:
                break
        else:
            number = table.calls.get(key, table)
            if number is table:
                number = _valued(table, args)
                remember(table, key, number)
            if number is not None:
                try:
                    return _apply_number(number, *(number.leaves(args) if number.static else args))
                except RevtraceError:
                    # The function has come to return something else, or its value can be computed and no gradient.
                    table.calls.clear()
    return _serve(table, args, kwargs)


_untraced: Any = None
"""What PyTorch's compiler does not look into, once it is needed: to import it takes seconds."""


def _hide() -> None:
    global _untraced  # noqa: PLW0603 - a cache, which PyTorch's compiler would look into
    _untraced = torch.compiler.disable(_serve)


_hide._torchdynamo_disable = True  # type: ignore[attr-defined]


def _serve(table: Table, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tracing = is_compiling()
    call, leaves = call_of(table, args, kwargs, _is_leaf, _dtype, again=not tracing)
    outs = apply(call if tracing else Drawn(call), leaves)
    return together(call.tree, outs)


def _is_leaf(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def _dtype(value: torch.Tensor) -> np.dtype[Any]:
    found = DTYPES.get(value.dtype)
    if found is None or value.layout != torch.strided:
        raise UnsupportedError(
            f"a tensor of {value.dtype}, {value.layout}",
            "compiled code has dense arrays of float32 and float64, complex numbers of them, and integers",
            "convert it: x.float(), or x.to_dense()",
        )
    return found


# numbers ------------------------------------------------------------------------------------


class _Valued(Both):
    """A call that returns one real number, with its gradients by the tensors that ask for one."""

    def __init__(self, call: Call, leaves: Sequence[torch.Tensor], static: bool) -> None:
        super().__init__(call, tuple(k for k, x in enumerate(leaves) if x.requires_grad))
        self.static = static
        self.every = len(self.active) == len(leaves)

    def leaves(self, args: tuple[Any, ...]) -> Sequence[torch.Tensor]:
        """Return the tensors among the arguments."""
        return [x for x in args if isinstance(x, torch.Tensor)]


def _valued(table: Table, args: tuple[Any, ...]) -> _Valued | None:
    """Return a call that has not been made before, None where its gradient is not that of one real number."""
    call, leaves = call_of(table, args, {}, _is_leaf, _dtype)
    if not any(x.requires_grad for x in leaves) or any(x.requires_grad and x.is_complex() for x in leaves):
        return None
    valued = _Valued(call, leaves, len(leaves) < len(args))
    try:
        valued.prepare([Spec(tuple(x.shape), dtype) for x, dtype in zip(leaves, call.taken, strict=True)])
    except RevtraceError:
        # Perhaps the value can be computed, and nobody asks for the gradient.
        return None
    return valued


class _Number(torch.autograd.Function):
    """The call of a function that returns one real number: its gradient is computed with the value.

    That is one call of compiled code instead of two.  Further derivatives are the call's.
    """

    @staticmethod
    def forward(ctx: Any, number: _Valued, *xs: torch.Tensor) -> Any:
        ctx.save_for_backward(*xs)
        ctx.number = number
        if number.lean:
            out, gradient = number.of_one(xs[0].numpy(force=True))
            ctx.gradients = (gradient,)
        else:
            out, ctx.gradients = number([x.numpy(force=True) for x in xs])
        return torch.from_numpy(np.asarray(out))

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        number, gradients = ctx.number, ctx.gradients
        if gradients is None or is_grad_enabled() or type(ct) not in REAL or not is_eager() or in_rows(ct):
            return None, *pulled(number.call, ctx.saved_tensors, [ct], number.active)
        # PyTorch may add to what it gets: each array is handed out once.
        ctx.gradients = None
        seed = ct.item()
        if seed != 1.0:
            gradients = [g * seed for g in gradients]
        if number.lean:
            return None, torch.from_numpy(np.asarray(gradients[0]))
        found = [torch.from_numpy(np.asarray(g)) for g in gradients]
        if number.every:
            return None, *found
        by = dict(zip(number.active, found, strict=True))
        return None, *(by.get(k) for k in range(len(ctx.needs_input_grad) - 1))


# PyTorch's own ways in and back look at each call for what we know: whether a transformation is at work, and which
# method is the backward.
_apply_number = super(torch.autograd.Function, _Number).apply
_Number._backward_cls.apply = _Number.backward  # type: ignore[attr-defined]


def operator_call(f: Callable[..., Any], *args: Any) -> tuple[list[torch.Tensor], str]:
    """Return the arguments with which ``revtrace::call`` serves a call, for ``torch.library.opcheck``."""
    target = handle(f)
    call, leaves = call_of(target.table(len(args)), *target.full(args, {}), _is_leaf, _dtype)
    assert isinstance(call, Call)
    return leaves, name_of(call)


def check(f: Callable[..., Any], args: Sequence[Any]) -> None:
    """Run PyTorch's own check of a wrapped function's derivatives."""
    torch.autograd.gradcheck(f, tuple(torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in args))
