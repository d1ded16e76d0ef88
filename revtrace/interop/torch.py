"""A wrapped function inside PyTorch: ``backward``, ``torch.func``, forward mode, ``torch.compile``, of any order.

Eager calls go through an ``autograd.Function`` with ``jvp`` and ``vmap``, whose backward is a call of the same kind
with the pullback, so that double backward works. While PyTorch traces (``torch.compile``, ``torch.export``), calls go
through the custom operator ``revtrace::call``, which has a fake, an autograd and a batching rule of the same kind.

Tensors on the CPU share their memory with compiled code; others are copied there and back. Results never share memory
with arguments, and arguments are never written. PyTorch's gradients of complex numbers are the conjugates of
revtrace's, and are converted.
"""

from __future__ import annotations

import itertools
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad

from revtrace.dispatch.table import Table
from revtrace.errors import RevtraceError, UnsupportedError
from revtrace.handle import handle
from revtrace.interop.arguments import together
from revtrace.interop.batched import Batched
from revtrace.interop.both import Both
from revtrace.interop.calls import SIMPLE, call_of, remember
from revtrace.interop.common import Call
from revtrace.interop.flat import Flat
from revtrace.interop.shapes import Spec

__all__ = ["serve", "wrap"]

_DTYPES: dict[Any, np.dtype[Any]] = {
    torch.float64: np.dtype(np.float64),
    torch.float32: np.dtype(np.float32),
    torch.complex128: np.dtype(np.complex128),
    torch.complex64: np.dtype(np.complex64),
    torch.int64: np.dtype(np.int64),
    torch.int32: np.dtype(np.int32),
    torch.int16: np.dtype(np.int16),
    torch.int8: np.dtype(np.int8),
    torch.uint8: np.dtype(np.uint8),
    torch.bool: np.dtype(np.bool_),
}
_TORCH = {numpy: torch_dtype for torch_dtype, numpy in _DTYPES.items()}
_REAL = frozenset((torch.Tensor, torch.nn.Parameter))
"""Classes of tensors that hold numbers; others are stand-ins of a tracer."""


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
    if "torch._dynamo" not in sys.modules:
        return _serve(table, args, kwargs)
    if _untraced is None:
        _hide()
    return _untraced(table, args, kwargs)


_untraced: Any = None


def _hide() -> None:
    global _untraced  # noqa: PLW0603 - importing the compiler takes seconds, and most never do
    _untraced = torch.compiler.disable(_serve)


_hide._torchdynamo_disable = True  # type: ignore[attr-defined]


def _serve(table: Table, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tracing = torch.compiler.is_compiling()
    if not (kwargs or tracing) and torch.is_grad_enabled() and _is_eager():
        number = _number(table, args)
        if number is not None:
            try:
                return _apply_number(number, *number.leaves(args))
            except RevtraceError:
                # The function has come to return something else, or its value can be computed and no gradient.
                table.calls.clear()
    call, leaves = call_of(table, args, kwargs, _is_leaf, _dtype, again=not tracing)
    outs = _apply(call, leaves)
    return together(call.tree, outs)


def _is_leaf(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def _dtype(value: torch.Tensor) -> np.dtype[Any]:
    found = _DTYPES.get(value.dtype)
    if found is None or value.layout != torch.strided:
        raise UnsupportedError(
            f"a tensor of {value.dtype}, {value.layout}",
            "compiled code has dense arrays of float32 and float64, complex numbers of them, and integers",
            "convert it: x.float(), or x.to_dense()",
        )
    return found


def _apply(flat: Flat, leaves: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Call with tensors: through autograd, or through the operator while PyTorch traces."""
    if any(type(x) not in _REAL for x in leaves) or torch.compiler.is_compiling():
        return tuple(_operator(list(leaves), _name(flat)))
    if torch._C._are_functorch_transforms_active():
        return _Transformed.apply(flat, *leaves)
    if not torch.is_grad_enabled() and forward_ad._current_level < 0:
        return _run(flat, leaves)
    return _Eager.apply(flat, *leaves)


def _is_eager() -> bool:
    """Whether no transformation of PyTorch's is at work but ``backward``."""
    return forward_ad._current_level < 0 and not torch._C._are_functorch_transforms_active()


def _run(flat: Flat, leaves: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Run on tensors that hold numbers."""
    tensors = tuple([torch.from_numpy(x) for x in flat.run([x.numpy(force=True) for x in leaves])])
    device = leaves[0].device if leaves else torch.device("cpu")
    return tensors if device.type == "cpu" else tuple(x.to(device) for x in tensors)


# the rules ----------------------------------------------------------------------------------


def _conjugated(xs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [x.conj().resolve_conj() if x.is_complex() else x for x in xs]


def _pulled(
    flat: Flat, xs: Sequence[torch.Tensor], cts: Sequence[torch.Tensor], active: tuple[int, ...]
) -> list[torch.Tensor | None]:
    """Return the gradient of every input, None where it is not asked for."""
    gradients: list[torch.Tensor | None] = [None] * len(xs)
    if active:
        apply = _by_rows if any(map(_in_rows, cts)) else _apply
        found = _conjugated(apply(flat.pullback(active), (*xs, *_conjugated(cts))))
        for k, gradient in zip(active, found, strict=True):
            gradients[k] = gradient
    return gradients


_in_rows = torch._C._functorch.is_legacy_batchedtensor
"""Whether a tensor stands for the rows of one, as with ``is_grads_batched`` and ``vectorize=True``."""


def _by_rows(flat: Flat, xs: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Call for every row of the tensors that stand for rows."""
    level = torch._C._vmapmode_increment_nesting() - 1
    torch._C._vmapmode_decrement_nesting()
    if level != 1:
        raise UnsupportedError("is_grads_batched inside of another", "", "torch.func.vmap, which nests")
    dims = [0 if _in_rows(x) else None for x in xs]
    whole = [x if d is None else torch._remove_batch_dim(x, level, 1, 0) for x, d in zip(xs, dims, strict=True)]
    size = next(len(x) for x, d in zip(whole, dims, strict=True) if d == 0)
    outs = _apply(*_batched(flat, size, dims, whole))
    return tuple(torch._add_batch_dim(out, 0, level) for out in outs)


def _inexact(x: torch.Tensor) -> bool:
    return x.is_floating_point() or x.is_complex()


def _remember(ctx: Any, flat: Flat, xs: Sequence[torch.Tensor], outs: Sequence[torch.Tensor]) -> None:
    ctx.flat = flat
    ctx.save_for_backward(*xs)
    ctx.save_for_forward(*xs)
    ctx.kinds = [_inexact(out) for out in outs]
    if not all(ctx.kinds):
        ctx.mark_non_differentiable(*(out for out, k in zip(outs, ctx.kinds, strict=True) if not k))


class _Rules(torch.autograd.Function):
    """Backward and forward mode of a call."""

    @staticmethod
    def backward(ctx: Any, *cts: Any) -> Any:
        seeds = [ct for ct, k in zip(cts, ctx.kinds, strict=True) if k]
        active = tuple([k for k, needed in enumerate(ctx.needs_input_grad[1:]) if needed])
        return None, *_pulled(ctx.flat, ctx.saved_tensors, seeds, active)

    @staticmethod
    def jvp(ctx: Any, _: Any, *tangents: Any) -> Any:
        active = tuple(k for k, t in enumerate(tangents) if t is not None and _inexact(t))
        moving = [tangents[k] for k in active]
        dots = iter(_apply(ctx.flat.pushforward(active), (*ctx.saved_tensors, *moving)))
        return tuple(next(dots) if k else None for k in ctx.kinds)


class _Eager(_Rules):
    """The call outside ``torch.func``: without ``setup_context``, for which PyTorch binds signatures at every call."""

    @staticmethod
    def forward(ctx: Any, flat: Flat, *xs: torch.Tensor) -> Any:
        outs = _run(flat, xs)
        _remember(ctx, flat, xs, outs)
        return outs


class _Transformed(_Rules):
    """The call inside ``torch.func``."""

    @staticmethod
    def forward(flat: Flat, *xs: torch.Tensor) -> Any:
        if all(type(x) in _REAL for x in xs):
            return _run(flat, xs)
        return tuple(_operator(list(xs), _name(flat)))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        _remember(ctx, inputs[0], inputs[1:], output)

    @staticmethod
    def vmap(info: Any, in_dims: Any, flat: Flat, *xs: torch.Tensor) -> Any:
        outs = _apply(*_batched(flat, info.batch_size, in_dims[1:], xs))
        return outs, (0,) * len(outs)


# numbers ------------------------------------------------------------------------------------


class _Valued(Both):
    """A call that returns one real number, with its gradients by the tensors that ask for one."""

    def __init__(self, call: Call, leaves: Sequence[torch.Tensor], static: bool) -> None:
        super().__init__(call, tuple(k for k, x in enumerate(leaves) if x.requires_grad))
        self.static = static
        self.every = len(self.active) == len(leaves)

    def leaves(self, args: tuple[Any, ...]) -> Sequence[torch.Tensor]:
        """Return the tensors among the arguments."""
        return [x for x in args if isinstance(x, torch.Tensor)] if self.static else args


def _number(table: Table, args: tuple[Any, ...]) -> _Valued | None:
    """Return the call if it is known to return one real number, and has tensors and simple constants for arguments."""
    key: list[Any] = []
    for x in args:
        if type(x) in _REAL:
            if x.layout is not torch.strided or not x.is_cpu:
                return None
            key += (x.dtype, x.requires_grad)
        elif isinstance(x, SIMPLE):
            key += (type(x), repr(x))
        else:
            return None
    found = tuple(key)
    number = table.calls.get(found, table)
    if number is table:
        number = _valued(table, args)
        remember(table, found, number)
    return number


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
        out, ctx.gradients = number([x.numpy(force=True) for x in xs])
        ctx.number = number
        ctx.save_for_backward(*xs)
        return torch.from_numpy(np.asarray(out))

    @staticmethod
    def backward(ctx: Any, ct: Any) -> Any:
        number, gradients = ctx.number, ctx.gradients
        if gradients is None or torch.is_grad_enabled() or not _holds_a_number(ct):
            return None, *_pulled(number.call, ctx.saved_tensors, [ct], number.active)
        # PyTorch may add to what it gets: each array is handed out once.
        ctx.gradients = None
        seed = ct.item()
        if seed != 1.0:
            gradients = [g * seed for g in gradients]
        found = [torch.from_numpy(np.asarray(g)) for g in gradients]
        if number.every:
            return None, *found
        by = dict(zip(number.active, found, strict=True))
        return None, *(by.get(k) for k in range(len(ctx.needs_input_grad) - 1))


def _holds_a_number(ct: torch.Tensor) -> bool:
    return type(ct) in _REAL and _is_eager() and not _in_rows(ct)


# We have looked whether a transformation is at work, which PyTorch's own way in does first.
_apply_number = super(torch.autograd.Function, _Number).apply


def _batched(flat: Flat, size: int, dims: Sequence[Any], xs: Sequence[torch.Tensor]) -> tuple[Flat, list[Any]]:
    moved = [x if d is None else x.movedim(d, 0) for x, d in zip(xs, dims, strict=True)]
    return Batched(flat, size, tuple(d is not None for d in dims)), moved


# the operator -------------------------------------------------------------------------------

_PROCESS = uuid.uuid4().hex
_count = itertools.count()

_named: dict[str, Flat] = {}
"""Functions in graphs, by a name that no other process gives: PyTorch keeps compiled graphs on disk."""


def _name(flat: Flat) -> str:
    if flat.name is None:
        flat.name = f"{_PROCESS}-{next(_count)}"
        _named[flat.name] = flat
    return flat.name


@torch.library.custom_op("revtrace::call", mutates_args=())
def _operator(xs: Sequence[torch.Tensor], name: str) -> list[torch.Tensor]:
    return list(_run(_named[name], xs))


@_operator.register_fake
def _fake(xs: Sequence[torch.Tensor], name: str) -> list[torch.Tensor]:
    specs = [Spec(tuple(int(n) for n in x.shape), _DTYPES[x.dtype]) for x in xs]
    flat = _named[name]
    return [
        torch.empty(spec.shape, dtype=_TORCH[spec.dtype], device=xs[0].device if xs else "cpu")
        for spec in flat.outputs(specs)
    ]


def _operator_context(ctx: Any, inputs: Any, output: Any) -> None:
    xs, ctx.name = inputs
    ctx.save_for_backward(*xs)
    ctx.outs = [(tuple(out.shape), out.dtype, out.device) if _inexact(out) else None for out in output]
    ctx.active = tuple(k for k, x in enumerate(xs) if _inexact(x) and x.requires_grad)


def _operator_backward(ctx: Any, cts: Any) -> Any:
    seeds = [
        torch.zeros(like[0], dtype=like[1], device=like[2]) if ct is None else ct
        for ct, like in zip(cts, ctx.outs, strict=True)
        if like is not None
    ]
    return _pulled(_named[ctx.name], ctx.saved_tensors, seeds, ctx.active), None


def _operator_vmap(info: Any, in_dims: Any, xs: Sequence[torch.Tensor], name: str) -> Any:
    flat, moved = _batched(_named[name], info.batch_size, in_dims[0], xs)
    outs = _operator(moved, _name(flat))
    return outs, [0] * len(outs)


_operator.register_autograd(_operator_backward, setup_context=_operator_context)
_operator.register_vmap(_operator_vmap)


def operator_call(f: Callable[..., Any], *args: Any) -> tuple[list[torch.Tensor], str]:
    """Return the arguments with which ``revtrace::call`` serves a call, for ``torch.library.opcheck``."""
    target = handle(f)
    call, leaves = call_of(target.table(len(args)), *target.full(args, {}), _is_leaf, _dtype)
    assert isinstance(call, Call)
    return leaves, _name(call)


def check(f: Callable[..., Any], args: Sequence[Any]) -> None:
    """Run PyTorch's own check of a wrapped function's derivatives."""
    torch.autograd.gradcheck(f, tuple(torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in args))
