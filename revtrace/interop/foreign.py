"""JAX's, PyTorch's and autograd's functions as functions of NumPy values, and their adjoints by their own means.

Each library is imported when a function of it is called.  revtrace's convention for complex
cotangents is JAX's and autograd's; PyTorch's is its conjugate.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

__all__ = ["autograd_adjoint", "jax_adjoint", "jax_function", "torch_adjoint", "torch_function"]

Function = Callable[..., Any]


def _double() -> AbstractContextManager[Any]:
    """Keep double precision in JAX, whatever its setting."""
    import jax

    enable: Any = getattr(jax, "enable_x64", None)
    if enable is None:
        enable = jax.experimental.enable_x64
    found: AbstractContextManager[Any] = enable(True)
    return found


def _to_numpy(tree: Any) -> Any:
    import jax

    return jax.tree_util.tree_map(np.asarray, tree)


def jax_function(f: Function) -> Function:
    """Return a JAX function as a function of NumPy values."""

    def run(*args: Any) -> Any:
        with _double():
            return _to_numpy(f(*args))

    return run


def jax_adjoint(f: Function) -> Function:
    """Return the adjoint that JAX gives a function."""

    def adjoint(ct: Any, out: Any, *args: Any) -> Any:
        import jax

        with _double():
            seed = jax.tree_util.tree_map(lambda c, o: np.asarray(c, np.asarray(o).dtype), ct, out)
            found = jax.vjp(f, *args)[1](seed)
            return tuple(_real(x) for x in found)

    return adjoint


def _real(x: Any) -> Any:
    """A cotangent in NumPy; None where JAX says that there is none."""
    import jax

    if getattr(x, "dtype", None) == jax.dtypes.float0:
        return None
    return _to_numpy(x)


def _tensors(args: Any, wanted: bool) -> list[Any]:
    import torch

    made = []
    for x in args:
        tensor = torch.as_tensor(np.array(x))
        if wanted and (tensor.is_floating_point() or tensor.is_complex()):
            tensor.requires_grad_(True)
        made.append(tensor)
    return made


def _arrays(out: Any) -> Any:
    if isinstance(out, (tuple, list)):
        return type(out)(_arrays(x) for x in out)
    return out.detach().resolve_conj().numpy()


def torch_function(f: Function) -> Function:
    """Return a PyTorch function as a function of NumPy values."""

    def run(*args: Any) -> Any:
        import torch

        with torch.no_grad():
            return _arrays(f(*_tensors(args, False)))

    return run


def torch_adjoint(f: Function) -> Function:
    """Return the adjoint that PyTorch gives a function."""

    def adjoint(ct: Any, out: Any, *args: Any) -> Any:
        import torch

        with torch.enable_grad():
            given = _tensors(args, True)
            made = f(*given)
            outs = list(made) if isinstance(made, (tuple, list)) else [made]
            seeds = list(ct) if isinstance(made, (tuple, list)) else [ct]
            active = [x for x in given if x.requires_grad]
            used = [
                (o, torch.as_tensor(np.conj(np.asarray(s))))
                for o, s in zip(outs, seeds, strict=True)
                if o.requires_grad
            ]
            found = iter(
                torch.autograd.grad([o for o, _ in used], active, [s.to(o.dtype) for o, s in used], allow_unused=True)
                if used and active
                else [None] * len(active)
            )
        shares = [next(found) if x.requires_grad else None for x in given]
        return tuple(None if s is None else np.conj(s.resolve_conj().numpy()) for s in shares)

    return adjoint


def autograd_adjoint(f: Function) -> Function:
    """Return the adjoint that autograd gives a function."""

    def adjoint(ct: Any, out: Any, *args: Any) -> Any:
        from autograd import make_vjp

        shares: list[Any] = []
        for k, x in enumerate(args):
            if np.asarray(x).dtype.kind not in "fc":
                shares.append(None)
                continue
            given = np.array(x) if isinstance(x, np.ndarray) else x
            pullback, _ = make_vjp(f, k)(*args[:k], given, *args[k + 1 :])
            shares.append(pullback(ct))
        return tuple(shares)

    return adjoint
