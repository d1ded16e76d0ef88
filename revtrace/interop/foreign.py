"""Rules of JAX's, PyTorch's and autograd's functions: functions of NumPy values, differentiated by their own means.

Each library is imported when a function of it is called.  The pullback of a function is a function of the same
library, so that derivatives of any order are the library's.  revtrace's convention for complex cotangents is JAX's
and autograd's; PyTorch's is its conjugate.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from revtrace.calls.users import UserRule

__all__ = ["autograd_rule", "jax_rule", "torch_rule"]

Function = Callable[..., Any]


# JAX ----------------------------------------------------------------------------------------


def jax_rule(f: Function, name: str) -> UserRule:
    """Return the rule of a JAX function."""

    def run(*args: Any) -> Any:
        with _double():
            return _to_numpy(f(*args))

    def adjoint(ct: Any, out: Any, *args: Any) -> Any:
        with _double():
            return _to_numpy(_pulled_by_jax(f, ct, args))

    def pullback(ct: Any, out: Any, *args: Any) -> Any:
        return _pulled_by_jax(f, ct, args)

    return UserRule(name, run, adjoint, foreign=True, further=lambda: jax_rule(pullback, name))


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


def _pulled_by_jax(f: Function, ct: Any, args: Sequence[Any]) -> Any:
    """Return a cotangent for each argument, None for what is no float."""
    import jax

    out, pullback = jax.vjp(f, *args)
    seeds = jax.tree_util.tree_map(lambda c, o: jax.numpy.asarray(c, o.dtype), ct, out)
    return jax.tree_util.tree_map(lambda x: None if x.dtype == jax.dtypes.float0 else x, pullback(seeds))


# PyTorch ------------------------------------------------------------------------------------


def torch_rule(f: Function, name: str) -> UserRule:
    """Return the rule of a PyTorch function."""

    def run(*args: Any) -> Any:
        import torch

        with torch.no_grad():
            return _arrays(f(*_tensors(args)))

    def adjoint(ct: Any, out: Any, *args: Any) -> Any:
        import torch

        seeds = _tensors(ct) if isinstance(ct, (tuple, list)) else _tensors([ct])[0]
        with torch.enable_grad():
            given = [_asking(x) for x in _tensors(args)]
            return _arrays(_pulled_by_torch(f, seeds, given))

    def pullback(ct: Any, out: Any, *args: Any) -> Any:
        return _pulled_by_torch(f, ct, args, again=True)

    return UserRule(name, run, adjoint, foreign=True, further=lambda: torch_rule(pullback, name))


def _tensors(args: Any) -> Any:
    """Return arrays and numbers as tensors; there may be tuples of them, and None."""
    import torch

    if isinstance(args, (tuple, list)):
        return tuple(_tensors(x) for x in args)
    return None if args is None else torch.as_tensor(np.array(args))


def _asking(x: Any) -> Any:
    """Have tensors ask for their cotangents."""
    if isinstance(x, tuple):
        return tuple(_asking(part) for part in x)
    return x if x is None else x.requires_grad_(x.is_floating_point() or x.is_complex())


def _arrays(out: Any) -> Any:
    """Return tensors as arrays; there may be tuples of them, and None."""
    if isinstance(out, (tuple, list)):
        return tuple(_arrays(x) for x in out)
    return None if out is None else out.detach().resolve_conj().numpy()


def _pulled_by_torch(f: Function, ct: Any, args: Sequence[Any], again: bool = False) -> Any:
    """Return a cotangent for each argument, None where there is none."""
    import torch

    made = f(*args)
    pairs = zip(_flat(made), _flat(ct), strict=True)
    used = [(o, s.conj().to(o.dtype)) for o, s in pairs if o is not None and s is not None and o.requires_grad]
    active = [x for x in _flat(args) if x is not None and x.requires_grad]
    outs, seeds = zip(*used, strict=True) if used and active else ((), ())
    shares = torch.autograd.grad(outs, active, seeds, allow_unused=True, create_graph=again) if outs else ()
    found = {id(x): share.conj() for x, share in zip(active, shares, strict=False) if share is not None}

    def taken(x: Any) -> Any:
        return tuple(taken(part) for part in x) if isinstance(x, tuple) else found.get(id(x))

    return taken(tuple(args))


def _flat(x: Any) -> list[Any]:
    return [leaf for part in x for leaf in _flat(part)] if isinstance(x, (tuple, list)) else [x]


# autograd -----------------------------------------------------------------------------------


def autograd_rule(f: Function, name: str) -> UserRule:
    """Return the rule of a function written with ``autograd.numpy``."""

    def adjoint(ct: Any, out: Any, *args: Any) -> Any:
        return tuple(_pulled_by_autograd(f, _owned(ct), [_owned(x) for x in args]))

    def pullback(ct: Any, out: Any, *args: Any) -> Any:
        from autograd.builtins import tuple as traced

        return traced([0.0 if x is None else x for x in _pulled_by_autograd(f, ct, args)])

    return UserRule(name, f, adjoint, foreign=True, further=lambda: autograd_rule(pullback, name))


def _owned(x: Any) -> Any:
    """Return a value that autograd may differentiate by: numbers for None."""
    if isinstance(x, tuple):
        return tuple(0.0 if part is None else _owned(part) for part in x)
    return np.array(x) if isinstance(x, np.ndarray) else x


def _pulled_by_autograd(f: Function, ct: Any, args: Sequence[Any]) -> list[Any]:
    """Return a cotangent for each argument, None for those that are no floats."""
    from autograd import make_vjp
    from autograd.tracer import getval

    def share(k: int) -> Any:
        return make_vjp(f, k)(*args)[0](ct) if _differs(getval(args[k])) else None

    with warnings.catch_warnings():
        # A pullback does not depend on the result, one of a linear function not on the arguments.
        warnings.filterwarnings("ignore", "Output seems independent of input")
        return [share(k) for k in range(len(args))]


def _differs(x: Any) -> bool:
    return isinstance(x, tuple) or np.asarray(x).dtype.kind in "fc"
