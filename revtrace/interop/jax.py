"""A wrapped function inside JAX: under ``grad``, ``jvp``, ``jit``, ``vmap``, ``scan``, of any order.

A call with JAX's values is one primitive, ``revtrace_call``, whose parameter is a `Flat`. Its rules are those that
any primitive has: the tangent is again the primitive, with the pushforward, which is linear in the tangents and whose
transpose is the primitive with the pullback; a batched call runs the function for every entry, one after the other.
Forward and reverse mode nest in any order, which ``custom_vjp`` around a callback does not allow.

With concrete arrays compiled code is called at once. Under ``jit`` the compiled XLA program calls it directly, see
`revtrace.interop.xla`; on platforms and versions of JAX without that, it calls back into Python. Shapes are known while
tracing; what revtrace refuses is raised while JAX traces and compiles. An exception of the function itself (a division
by zero, say) inside a compiled program comes out of JAX as an exception of JAX's, with the original message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.extend
import numpy as np
from jax.interpreters import ad, batching, mlir

from revtrace.dispatch.table import Table
from revtrace.errors import UnsupportedError
from revtrace.handle import handle
from revtrace.interop import xla
from revtrace.interop.arguments import together
from revtrace.interop.batched import Batched
from revtrace.interop.calls import call_of
from revtrace.interop.drawn import Drawn
from revtrace.interop.flat import Flat
from revtrace.interop.shapes import Spec

__all__ = ["serve", "wrap"]


def wrap(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function for JAX: numbers and arrays among its arguments become JAX arrays.

    Parameters
    ----------
    f : callable
        As for `revtrace.wrap`, or what that returned.

    Returns
    -------
    callable
        Takes and returns JAX arrays, also in pytrees.  Python numbers, strings and None are static.
        Arguments are never written.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> f = wrap(lambda x: x[0] * x[1])
    >>> jax.grad(f)(jnp.array([2.0, 3.0]))
    Array([3., 2.], dtype=float32)
    """
    target = handle(f)

    def call(*args: Any, **kwargs: Any) -> Any:
        """Call the wrapped function with JAX's values."""
        full = target.full(args, kwargs)
        return serve(target.table(len(args)), *full)

    call.__name__, call.__doc__ = target.__name__, target.__doc__
    return call


def serve(table: Table, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call the function of a table with JAX's values; see `revtrace.interop`."""
    call, leaves = call_of(table, args, kwargs, _is_leaf, _dtype)
    outs = _apply(Drawn(call), leaves)
    return together(call.tree, outs)


def _is_leaf(value: Any) -> bool:
    return isinstance(value, jax.Array)


def _dtype(value: Any) -> np.dtype[Any]:
    dtype = np.dtype(value.dtype)
    if dtype.kind not in "fciub" or dtype == np.float16:
        raise UnsupportedError(
            f"a JAX array of {dtype}", "compiled code has no such numbers", "convert it: x.astype(jnp.float32)"
        )
    return dtype


def _apply(flat: Flat, leaves: Sequence[Any]) -> Sequence[Any]:
    """Call with JAX's values: at once where all are concrete."""
    if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        return _call.bind(*leaves, flat=flat)
    return _run(*leaves, flat=flat)


_call = jax.extend.core.Primitive("revtrace_call")
_call.multiple_results = True


def _run(*values: Any, flat: Flat) -> list[Any]:
    return [jax.numpy.asarray(_canonical(out)) for out in flat.run([np.asarray(value) for value in values])]


def _canonical(out: np.ndarray) -> np.ndarray:
    return out.astype(jax.dtypes.canonicalize_dtype(out.dtype), copy=False)


def _specs(avals: Sequence[Any]) -> list[Spec]:
    return [Spec(tuple(aval.shape), np.dtype(aval.dtype)) for aval in avals]


def _abstract(*avals: Any, flat: Flat) -> list[Any]:
    return [
        jax.core.ShapedArray(spec.shape, jax.dtypes.canonicalize_dtype(spec.dtype))
        for spec in flat.outputs(_specs(avals))
    ]


def _lower(ctx: Any, *operands: Any, flat: Flat) -> Any:
    flat = flat.still()
    # Compiled now, so that what is refused is raised here and not inside the callback.
    flat.prepare(_specs(ctx.avals_in))
    direct = xla.lower(ctx, operands, flat)
    if direct is not None:
        return direct

    def callback(*values: Any) -> tuple[np.ndarray, ...]:
        return tuple(_canonical(out) for out in flat.run(values))

    results, _, _ = mlir.emit_python_callback(
        ctx, callback, None, operands, ctx.avals_in, ctx.avals_out, has_side_effect=False, returns_token=False
    )
    return results


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, flat: Flat) -> tuple[Any, Any]:
    outs = _call.bind(*primals, flat=flat)
    kinds = [np.dtype(out.dtype).kind in "fc" for out in outs]
    active = tuple(
        k
        for k, (x, t) in enumerate(zip(primals, tangents, strict=True))
        if type(t) is not ad.Zero and jax.typeof(x).dtype.kind in "fc"
    )
    if not active or not any(kinds):
        return outs, [_zero(out) for out in outs]
    moving = [tangents[k] for k in active]
    dots = iter(_call.bind(*primals, *moving, flat=flat.pushforward(active)))
    return outs, [next(dots) if k else _zero(out) for k, out in zip(kinds, outs, strict=True)]


def _zero(out: Any) -> Any:
    return ad.Zero(jax.typeof(out).to_tangent_aval())


def _transpose(cts: Sequence[Any], *args: Any, flat: Flat) -> list[Any]:
    first = flat.linear
    if first is None or any(ad.is_undefined_primal(x) for x in args[:first]):
        raise UnsupportedError(
            "the transpose of a function that is not linear",
            "only a linear function has one",
            "jax.vjp of the function",
        )
    seeds = [ad.instantiate_zeros(ct) for ct in cts]
    found = _call.bind(*args[:first], *seeds, flat=flat.transpose())
    moved = [ct if ad.is_undefined_primal(x) else None for x, ct in zip(args[first:], found, strict=True)]
    return [None] * first + moved


def _batch(args: Sequence[Any], dims: Sequence[Any], *, flat: Flat) -> tuple[Any, Any]:
    size = next(x.shape[d] for x, d in zip(args, dims, strict=True) if d is not None)
    moved = [x if d is None else jax.numpy.moveaxis(x, d, 0) for x, d in zip(args, dims, strict=True)]
    outs = _call.bind(*moved, flat=Batched(flat, size, tuple(d is not None for d in dims)))
    return outs, [0] * len(outs)


_call.def_impl(_run)
_call.def_abstract_eval(_abstract)
mlir.register_lowering(_call, _lower, cacheable=False)
ad.primitive_jvps[_call] = _jvp
ad.primitive_transposes[_call] = _transpose
batching.primitive_batchers[_call] = _batch


def check(f: Callable[..., Any], args: Sequence[Any]) -> None:
    """Run JAX's own check of a wrapped function's derivatives, in reverse mode."""
    from jax.test_util import check_grads

    with jax.enable_x64(True):
        check_grads(f, tuple(jax.numpy.asarray(a) for a in args), order=1, modes=["rev"])
