"""Particles, fields, populations and prices in whole-array numpy."""

import functools

import numpy as np

from tests.programs import corpus
from tests.programs.corpus import normal, uniform

# numpy adds in blocks and through BLAS: sums differ in their last digits.
case = functools.partial(corpus.case, ulp=32)


def n_body_jax(jnp, x, v, m):
    for _ in range(3):
        d = x[None, :, :] - x[:, None, :]
        r3 = ((d**2).sum(-1) + 0.05) ** 1.5
        a = jnp.sum(m[None, :, None] * d / r3[:, :, None], axis=1)
        v = v + 0.05 * a
        x = x + 0.05 * v
    return 0.5 * jnp.sum(m * (v**2).sum(-1)) + x[:, 0].sum()


@case(
    normal(4, 3, seed=1), 0.1 * normal(4, 3, seed=2), uniform(0.5, 1.5, 4, seed=3), argnums=(0, 1, 2), smooth=True,
    jax=n_body_jax,
)  # fmt: skip
def n_body_by_broadcasting(x, v, m):
    for _ in range(3):
        d = x[np.newaxis, :, :] - x[:, np.newaxis, :]
        r3 = ((d**2).sum(-1) + 0.05) ** 1.5
        a = np.sum(m[None, :, None] * d / r3[:, :, None], axis=1)
        v += 0.05 * a
        x += 0.05 * v
    return 0.5 * np.sum(m * (v**2).sum(-1)) + x[:, 0].sum()


@case(uniform(0, 2, 5, 2, seed=4), 1.1, argnums=(0, 1), smooth=True, rtol=1e-6, jax="same")
def lennard_jones_pairs(x, sigma):
    i, j = np.triu_indices(len(x), k=1)
    r2 = np.sum((x[i] - x[j]) ** 2, axis=1) + 0.3
    s6 = (sigma**2 / r2) ** 3
    return np.sum(4 * (s6**2 - s6))


@case(np.array([0.99, 0.01, 0.0]), 0.5, 0.1, argnums=(0, 1, 2), smooth=True)
def sir_model(state, beta, gamma):
    history = np.empty((12, 3))
    for t in range(12):
        s, i, _ = state
        new, gone = beta * s * i, gamma * i
        state = state + np.array([-new, new - gone, gone])
        history[t] = state
    return history[:, 1].max() + np.sum(history[-1] ** 2)


@case(np.array([1.0, 0.5]), np.array([1.1, 0.4, 0.4, 0.1]), argnums=(0, 1), smooth=True, tags="slow", jax="same")
def predator_and_prey(y, p):
    def f(y):
        return np.array([p[0] * y[0] - p[1] * y[0] * y[1], p[3] * y[0] * y[1] - p[2] * y[1]])

    h = 0.1
    for _ in range(8):
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y @ y


@case(np.linspace(-1.5, 0.5, 5), np.linspace(-1, 1, 4), step=1e-6, argnums=(0, 1))
def masked_mandelbrot(re, im):
    """Only points that have not run away are iterated further."""
    c = re[None, :] + 1j * im[:, None]
    z = np.zeros_like(c)
    potential = np.zeros(c.shape)
    inside = np.ones(c.shape, dtype=bool)
    for k in range(5):
        z[inside] = z[inside] ** 2 + c[inside]
        size = np.abs(z)
        escaped = inside & (size > 2)
        potential[escaped] = np.log(size[escaped]) / 2**k
        inside &= ~escaped
    return potential.sum() + np.sum(np.abs(z[inside]) ** 2)


@case(uniform(-3, 3, 5, seed=5), normal(5, seed=6), 0.7, argnums=(0, 1, 2), smooth=True, jax="same")
def kuramoto_oscillators(theta, omega, coupling):
    for _ in range(6):
        theta = theta + 0.1 * (omega + coupling * np.mean(np.sin(theta[None, :] - theta[:, None]), axis=1))
    return np.abs(np.mean(np.exp(1j * theta)))


@case(uniform(0, 1, 4, 2, seed=7), normal(4, 2, seed=8), argnums=(0, 1))
def flock(position, velocity):
    for _ in range(3):
        gap = position[:, None] - position[None]
        distance = np.linalg.norm(gap + 1e-9, axis=2)
        near = (distance < 0.5) & ~np.eye(4, dtype=bool)
        push = np.where(near[..., None], gap / (distance[..., None] + 1e-3), 0).sum(axis=1)
        velocity = 0.9 * velocity + 0.05 * push + 0.05 * (velocity.mean(axis=0) - velocity)
        position = position + 0.1 * velocity
    return np.sum(position * velocity)


@case(uniform(0.1, 0.9, 6, seed=9), normal(6, seed=10), argnums=(0, 1), step=1e-6)
def balls_in_a_box(x, v):
    for _ in range(12):
        x = x + 0.1 * v
        out = (x < 0) | (x > 1)
        x = np.where(x < 0, -x, np.where(x > 1, 2 - x, x))
        v[out] *= -0.9
        v -= 0.02
    return (x * v).sum()


@case(normal(3, 4, seed=11), 0.1, argnums=(0, 1), smooth=True)
def spring_mesh(z, stiffness):
    velocity = np.zeros_like(z)
    for _ in range(4):
        force = np.zeros_like(z)
        stretch = stiffness * np.diff(z, axis=0)
        force[:-1] += stretch
        force[1:] -= stretch
        stretch = stiffness * np.diff(z, axis=1)
        force[:, :-1] += stretch
        force[:, 1:] -= stretch
        velocity += 0.5 * force
        z = z + 0.5 * velocity
    return np.sum(z**4)


C = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1], [1, 1], [-1, 1], [-1, -1], [1, -1]])
W = np.array([4 / 9] + [1 / 9] * 4 + [1 / 36] * 4)


@case(uniform(0.9, 1.1, 3, 4, seed=12), 0.6, argnums=(0, 1), smooth=True, tags="slow")
def lattice_boltzmann(density, tau):
    f = W[:, None, None] * density
    for _ in range(2):
        rho = f.sum(axis=0)
        u = np.einsum("qd,qxy->dxy", 1.0 * C, f) / rho + np.array([0.05, 0.0])[:, None, None]
        cu = 3 * np.einsum("qd,dxy->qxy", 1.0 * C, u)
        equilibrium = W[:, None, None] * rho * (1 + cu + 0.5 * cu**2 - 1.5 * np.sum(u**2, axis=0))
        f = f + (equilibrium - f) / tau
        for q in range(9):
            f[q] = np.roll(f[q], (C[q, 0], C[q, 1]), axis=(0, 1))
    return np.sum(f[1] * f[5]) + f[3].max()


@case(uniform(-1, 0, 5, seed=13), 0.8, argnums=(0, 1), step=1e-5)
def integrate_and_fire(v, drive):
    """Neurons that reach the threshold are reset, and push their neighbours."""
    weight = 0.2 * (np.eye(5, k=1) + np.eye(5, k=-1))
    trace = 0.0
    for _ in range(10):
        v = v + 0.2 * (drive - v)
        fired = v > 0.6
        v[fired] = v[fired] * 0.1
        v = v + weight @ (fired * v)
        trace += np.sum(v**2)
    return trace


@case(normal(8, seed=14), 0.3, argnums=(0, 1), smooth=True)
def split_step_quantum(phase, mass):
    n = phase.size
    x = np.linspace(-1, 1, n)
    k = np.fft.fftfreq(n, 1 / n)
    forward = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n)
    psi = np.exp(-(x**2)) * np.exp(1j * phase)
    for _ in range(2):
        psi = psi * np.exp(-0.05j * x**2)
        psi = np.conj(forward) @ (np.exp(-0.1j * k**2 / mass) * (forward @ psi)) / n
    return np.sum(x * np.abs(psi) ** 2)


# prices -------------------------------------------------------------------------------


def black_scholes_jax(jnp, spot, strike, rate, vol):
    from jax.scipy.stats import norm

    d1 = (jnp.log(spot / strike) + (rate + 0.5 * vol**2) * 0.5) / (vol * jnp.sqrt(0.5))
    d2 = d1 - vol * jnp.sqrt(0.5)
    return jnp.sum(spot * norm.cdf(d1) - strike * jnp.exp(-rate * 0.5) * norm.cdf(d2))


@case(
    uniform(80, 120, 6, seed=15), np.full(6, 100.0), 0.02, uniform(0.1, 0.4, 6, seed=16), argnums=(0, 1, 2, 3),
    smooth=True, ulp=64, rtol=1e-6, jax=black_scholes_jax,
)  # fmt: skip
def black_scholes_over_arrays(spot, strike, rate, vol):
    from scipy.special import ndtr

    root = np.sqrt(0.5)
    d1 = (np.log(spot / strike) + (rate + 0.5 * vol**2) * 0.5) / (vol * root)
    d2 = d1 - vol * root
    return np.sum(spot * ndtr(d1) - strike * np.exp(-rate * 0.5) * ndtr(d2))


@case(100.0, 0.05, 0.2, normal(20, 4, seed=17), argnums=(0, 1, 2))
def asian_option_by_given_paths(spot, rate, vol, shocks):
    dt = 0.25
    steps = (rate - 0.5 * vol**2) * dt + vol * np.sqrt(dt) * shocks
    paths = spot * np.exp(np.cumsum(steps, axis=1))
    payoff = np.maximum(paths.mean(axis=1) - 100, 0)
    return np.exp(-rate) * payoff.mean()


@case(100.0, 0.2, 0.04, argnums=(0, 1, 2))
def american_put_on_a_tree(spot, vol, rate):
    n = 8
    dt = 1 / n
    up = np.exp(vol * np.sqrt(dt))
    p = (np.exp(rate * dt) - 1 / up) / (up - 1 / up)
    price = spot * up ** np.arange(-n, n + 1, 2)
    value = np.maximum(103 - price, 0)
    for k in range(n - 1, -1, -1):
        price = price[1:] / up
        value = np.maximum(np.exp(-rate * dt) * (p * value[1:] + (1 - p) * value[:-1]), 103 - price)
    return float(value[0])


@case(normal(6, 3, seed=18), uniform(0.2, 1, 3, seed=19), argnums=(0, 1), smooth=True)
def portfolio_risk(returns, weights):
    w = weights / weights.sum()
    growth = np.cumprod(1 + 0.01 * returns @ w)
    drawdown = 1 - growth / np.maximum.accumulate(growth)
    return w @ np.cov(returns, rowvar=False) @ w + drawdown.mean()


@case(0.04, 0.3, 0.5, normal(2, 5, 6, seed=20), argnums=(0, 1, 2), rtol=1e-6)
def stochastic_volatility(v0, kappa, xi, noise):
    v, log_s = np.full(6, v0), np.zeros(6)
    for t in range(5):
        root = np.sqrt(np.maximum(v, 1e-4) * 0.1)
        log_s = log_s - 0.05 * v + root * noise[0, t]
        v = np.abs(v + kappa * (0.05 - v) * 0.1 + xi * root * noise[1, t])
    return np.mean(np.maximum(np.exp(log_s) - 1, 0)) + v.sum()


@case(uniform(0.01, 0.05, 6, seed=21), 100.0, argnums=(0, 1), smooth=True)
def bond_from_a_curve(rates, face):
    times = np.arange(1, len(rates) + 1)
    discount = np.exp(-rates * times)
    coupon = 0.03 * face
    price = coupon * discount.sum() + face * discount[-1]
    duration = np.dot(times, np.append(coupon * discount[:-1], (coupon + face) * discount[-1])) / price
    return price + duration


@case(normal(3, 3, seed=22), smooth=True, ulp=64)
def matrix_exponential_by_squaring(a):
    x = a / 16
    total = term = np.eye(3)
    for k in range(1, 9):
        term = term @ x / k
        total = total + term
    for _ in range(4):
        total = total @ total
    return np.trace(total) + np.abs(total).max()


@case(normal(5, seed=23), normal(4, seed=24), 0.3, argnums=(0, 1, 2), smooth=True)
def chain_of_rods(angles, lengths, gravity):
    """Positions by running sums, energy by views and masks."""
    direction = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    reach = np.concatenate([lengths, lengths[:1]])[:, None] * direction
    joints = np.vstack([np.zeros((1, 2)), np.cumsum(reach, axis=0)])
    height = joints[1:, 1]
    bend = np.diff(angles)
    return gravity * height.sum() + 0.5 * np.sum(bend**2) + np.linalg.norm(joints[-1]) + height[height > 0].sum()
