"""A function of flat arrays on tensors, with PyTorch's derivatives of any order.

Eager calls go through an ``autograd.Function`` with ``jvp`` and ``vmap``, whose backward is a call of the same kind
with the pullback, so that double backward works. While PyTorch traces (``torch.compile``, ``torch.export``), calls go
through the custom operator ``revtrace::call``, which has a fake, an autograd and a batching rule of the same kind.

Tensors on the CPU share their memory with compiled code; others are copied there and back. Results never share memory
with arguments, and arguments are never written. PyTorch's gradients of complex numbers are the conjugates of
revtrace's, and are converted.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad

from revtrace.errors import UnsupportedError
from revtrace.interop.batched import Batched
from revtrace.interop.flat import Flat
from revtrace.interop.shapes import Spec

__all__ = ["DTYPES", "REAL", "apply", "in_rows", "is_eager", "name_of", "pulled"]

DTYPES: dict[Any, np.dtype[Any]] = {
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
_TORCH = {numpy: torch_dtype for torch_dtype, numpy in DTYPES.items()}
REAL = frozenset((torch.Tensor, torch.nn.Parameter))
"""Classes of tensors that hold numbers; others are stand-ins of a tracer."""


def apply(flat: Flat, leaves: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Call with tensors: through autograd, or through the operator while PyTorch traces."""
    if any(type(x) not in REAL for x in leaves) or torch.compiler.is_compiling():
        return tuple(_operator(list(leaves), name_of(flat)))
    if torch._C._are_functorch_transforms_active():
        return _Transformed.apply(flat, *leaves)
    if not torch.is_grad_enabled() and forward_ad._current_level < 0:
        return _run(flat, leaves)
    return _Eager.apply(flat, *leaves)


def is_eager() -> bool:
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


def pulled(
    flat: Flat, xs: Sequence[torch.Tensor], cts: Sequence[torch.Tensor], active: tuple[int, ...]
) -> list[torch.Tensor | None]:
    """Return the gradient of every input, None where it is not asked for."""
    gradients: list[torch.Tensor | None] = [None] * len(xs)
    if active:
        run = _by_rows if any(map(in_rows, cts)) else apply
        found = _conjugated(run(flat.pullback(active), (*xs, *_conjugated(cts))))
        for k, gradient in zip(active, found, strict=True):
            gradients[k] = gradient
    return gradients


in_rows = torch._C._functorch.is_legacy_batchedtensor
"""Whether a tensor stands for the rows of one, as with ``is_grads_batched`` and ``vectorize=True``."""


def _by_rows(flat: Flat, xs: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Call for every row of the tensors that stand for rows."""
    level = torch._C._vmapmode_increment_nesting() - 1
    torch._C._vmapmode_decrement_nesting()
    if level != 1:
        raise UnsupportedError(
            "is_grads_batched inside of another", "it does not nest in PyTorch", "torch.func.vmap, which nests"
        )
    dims = [0 if in_rows(x) else None for x in xs]
    whole = [x if d is None else torch._remove_batch_dim(x, level, 1, 0) for x, d in zip(xs, dims, strict=True)]
    size = next(len(x) for x, d in zip(whole, dims, strict=True) if d == 0)
    outs = apply(*_batched(flat, size, dims, whole))
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
        return None, *pulled(ctx.flat, ctx.saved_tensors, seeds, active)

    @staticmethod
    def jvp(ctx: Any, _: Any, *tangents: Any) -> Any:
        active = tuple(k for k, t in enumerate(tangents) if t is not None and _inexact(t))
        moving = [tangents[k] for k in active]
        dots = iter(apply(ctx.flat.pushforward(active), (*ctx.saved_tensors, *moving)))
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
        if all(type(x) in REAL for x in xs):
            return _run(flat, xs)
        return tuple(_operator(list(xs), name_of(flat)))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        _remember(ctx, inputs[0], inputs[1:], output)

    @staticmethod
    def vmap(info: Any, in_dims: Any, flat: Flat, *xs: torch.Tensor) -> Any:
        outs = apply(*_batched(flat, info.batch_size, in_dims[1:], xs))
        return outs, (0,) * len(outs)


def _batched(flat: Flat, size: int, dims: Sequence[Any], xs: Sequence[torch.Tensor]) -> tuple[Flat, list[Any]]:
    moved = [x if d is None else x.movedim(d, 0) for x, d in zip(xs, dims, strict=True)]
    return Batched(flat, size, tuple(d is not None for d in dims)), moved


# the operator -------------------------------------------------------------------------------

_PROCESS = uuid.uuid4().hex
_count = itertools.count()

_named: dict[str, Flat] = {}
"""Functions in graphs, by a name that no other process gives: PyTorch keeps compiled graphs on disk."""


def name_of(flat: Flat) -> str:
    """Return the name by which PyTorch's graphs call a function."""
    flat = flat.still()
    if flat.name is None:
        flat.name = f"{_PROCESS}-{next(_count)}"
        _named[flat.name] = flat
    return flat.name


@torch.library.custom_op("revtrace::call", mutates_args=())
def _operator(xs: Sequence[torch.Tensor], name: str) -> list[torch.Tensor]:
    return list(_run(_named[name], xs))


@_operator.register_fake
def _fake(xs: Sequence[torch.Tensor], name: str) -> list[torch.Tensor]:
    specs = [Spec(tuple(int(n) for n in x.shape), DTYPES[x.dtype]) for x in xs]
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
    return pulled(_named[ctx.name], ctx.saved_tensors, seeds, ctx.active), None


def _operator_vmap(info: Any, in_dims: Any, xs: Sequence[torch.Tensor], name: str) -> Any:
    flat, moved = _batched(_named[name], info.batch_size, in_dims[0], xs)
    outs = _operator(moved, name_of(flat))
    return outs, [0] * len(outs)


_operator.register_autograd(_operator_backward, setup_context=_operator_context)
_operator.register_vmap(_operator_vmap)
