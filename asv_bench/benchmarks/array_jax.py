"""The kernels of `array_kernels` for JAX: the same code, time loops as scans.  JAX is imported when it is asked for."""

import types

from . import array_kernels

LOOPS = ("heat1d", "jacobi2d", "nbody", "burgers")


def same(name):
    """Return a kernel's own code with jax.numpy for numpy."""
    from jax import numpy as jnp

    function = array_kernels.FUNCTIONS[name]
    return types.FunctionType(function.__code__, {"np": jnp}, name)


def heat1d(start, conductivity, steps, c):
    from jax import lax
    from jax import numpy as jnp

    r = conductivity[0] * c

    def step(u, _):
        return u.at[1:-1].set(u[1:-1] + r * (u[:-2] - 2 * u[1:-1] + u[2:])), None

    return 0.5 * jnp.sum(lax.scan(step, start, None, steps)[0] ** 2)


def jacobi2d(a, steps):
    from jax import lax
    from jax import numpy as jnp

    def step(u, _):
        new = 0.2 * (u[1:-1, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] + u[2:, 1:-1] + u[:-2, 1:-1])
        return u.at[1:-1, 1:-1].set(new), None

    return 0.5 * jnp.sum(lax.scan(step, a, None, steps)[0] ** 2)


def nbody(x0, v0, m, steps, dt, eps2):
    from jax import lax
    from jax import numpy as jnp

    def pulled(x):
        d = x[None, :, :] - x[:, None, :]
        w = m * (jnp.sum(d * d, axis=2) + eps2) ** -1.5
        return jnp.sum(w[:, :, None] * d, axis=1)

    def step(carry, _):
        x, v, a = carry
        v = v + 0.5 * dt * a
        x = x + dt * v
        a = pulled(x)
        return (x, v + 0.5 * dt * a, a), None

    (_, v, _), _ = lax.scan(step, (x0, v0, pulled(x0)), None, steps)
    return 0.5 * jnp.sum(m[:, None] * v**2)


def burgers(start, steps, c, nu):
    from jax import lax
    from jax import numpy as jnp

    def step(u, _):
        left = jnp.roll(u, 1)
        return u - c * u * (u - left) + nu * (jnp.roll(u, -1) - 2 * u + left), None

    return jnp.sum(lax.scan(step, start, None, steps)[0] ** 2)


def value_and_grad(name, active, rest):
    """Return a function of no arguments: the value and the gradients by ``jax.jit(jax.value_and_grad)``, waited for."""
    import jax

    jax.config.update("jax_enable_x64", True)
    function = globals()[name] if name in LOOPS else same(name)
    fixed = tuple(len(active) + k for k, a in enumerate(rest) if isinstance(a, int))
    both = jax.jit(jax.value_and_grad(function, argnums=tuple(range(len(active)))), static_argnums=fixed)
    inputs = tuple(jax.numpy.asarray(a) for a in active)
    rest = tuple(a if isinstance(a, int) else jax.numpy.asarray(a) for a in rest)
    return lambda: jax.block_until_ready(both(*inputs, *rest))
