"""The benchmark kernels written with whole arrays, at sizes a test can afford."""

from asv_bench.benchmarks import array_kernels
from tests.programs.corpus import case

_JAX = {
    "norm2": lambda jnp, x: jnp.sum(x**2),
    "logsumexp": lambda jnp, x: jnp.log(jnp.sum(jnp.exp(x))),
    "smooth": lambda jnp, x, y: _smooth(jnp, x, y),
    **dict.fromkeys(("gmm", "nbody", "mlp", "softmax_rows", "standardised"), "same"),
}


def _smooth(jnp, x, y):
    u = jnp.sin(x) * y + jnp.exp(-x * x)
    return jnp.sum((u[1:, :] - u[:-1, :]) ** 2) + jnp.sum(jnp.sqrt(1 + (u[:, 1:] - u[:, :-1]) ** 2))


for _name in array_kernels.NAMES:
    _active, _rest = array_kernels.problem(_name, small=True)
    case(
        *_active,
        *_rest,
        name=f"whole_{_name}",
        family="array_kernels",
        argnums=tuple(range(len(_active))) if len(_active) > 1 else 0,
        smooth=True,
        rtol=1e-6,
        # Sums of values of vector functions, each within 2 ulp.
        ulp=8,
        jax=_JAX.get(_name),
    )(array_kernels.FUNCTIONS[_name])
