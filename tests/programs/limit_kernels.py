"""The twelve kernels of the speed benchmarks, at sizes a test can afford."""

import numpy as np

from asv_bench.benchmarks import kernels
from tests.programs.corpus import case

_JAX = {
    "norm2_1k": lambda jnp, x: jnp.sum(x * x),
    "logsumexp": lambda jnp, x: jnp.log(jnp.sum(jnp.exp(x))),
    "scan": lambda jnp, x: jnp.sum(jnp.cumprod(x)),
}


def _arguments(name):
    active, rest = kernels.problem(name, small=True)
    return (*active, *rest), len(active)


for _name in kernels.NAMES:
    if _name == "norm2_1m":
        continue  # the same function at another size
    _args, _count = _arguments(_name)
    case(
        *_args,
        name=_name.removesuffix("_1k"),
        family="limit_kernels",
        argnums=tuple(range(_count)) if _count > 1 else 0,
        oracle="complex" if _name in ("lotka", "scan", "besselj") else "differences",
        smooth=True,
        rtol=1e-6,
        jax=_JAX.get(_name),
    )(kernels.FUNCTIONS[_name])


_args, _count = _arguments("ba")
_args[0][0, :3] = 0.0
_args[3][:3, 0] = (0, 1, 0)
# A camera without rotation takes the other branch, which is right to first order only.
case(*_args, name="ba_without_rotation", family="limit_kernels", argnums=(0, 1, 2), rtol=1e-6, step=1e-4)(kernels.ba)


def _hidden(w, x):
    return np.array([sum(a * b for a, b in zip(row, x)) for row in w])


@case(np.array([[0.3, -0.2], [0.8, 0.5], [-1.0, 0.1]]), np.array([0.7, -0.4]), argnums=(0, 1), smooth=True)
def layer_by_comprehension(w, x):
    """The dense layer as people write it before they meet a matrix product."""
    out = 0.0
    for k, v in enumerate(_hidden(w, x)):
        out += (k + 1) * v * v
    return out
