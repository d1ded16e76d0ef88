"""Time stepping, orbits, fields and collisions."""

import math
from typing import NamedTuple

import numpy as np

from tests.programs.corpus import case, normal, uniform

G = 6.674e-11
EARTH_RADIUS = 6.371e6


class Planet(NamedTuple):
    mass: float
    radius: float


@case(4.0, 0.9, 0.02, argnums=(0, 1, 2), step=1e-6)
def projectile_range(speed, angle, drag):
    """March until the ground is hit, then interpolate."""
    x, y = 0.0, 0.0
    vx, vy = speed * math.cos(angle), speed * math.sin(angle)
    dt = 0.02
    while y >= 0:
        v = math.sqrt(vx * vx + vy * vy)
        vx -= dt * drag * v * vx
        vy -= dt * (9.81 + drag * v * vy)
        x0, y0 = x, y
        x += dt * vx
        y += dt * vy
    frac = y0 / (y0 - y)
    return x0 + frac * (x - x0)


@case(
    normal(4, 3, seed=1),
    0.1 * normal(4, 3, seed=2),
    uniform(0.5, 1.5, 4, seed=3),
    argnums=(0, 1, 2),
    smooth=True,
    rtol=1e-6,
)
def n_body_leapfrog(x, v, m):
    n = len(m)
    dt, eps = 0.01, 0.05

    def accelerations():
        acc = np.zeros((n, 3))
        for i in range(n):
            for j in range(i + 1, n):
                d = [x[j, c] - x[i, c] for c in range(3)]
                r2 = d[0] ** 2 + d[1] ** 2 + d[2] ** 2 + eps
                w = 1.0 / (r2 * math.sqrt(r2))
                for c in range(3):
                    acc[i, c] += m[j] * w * d[c]
                    acc[j, c] -= m[i] * w * d[c]
        return acc

    a = accelerations()
    for _ in range(4):
        for i in range(n):
            for c in range(3):
                v[i, c] += 0.5 * dt * a[i, c]
                x[i, c] += dt * v[i, c]
        a = accelerations()
        for i in range(n):
            for c in range(3):
                v[i, c] += 0.5 * dt * a[i, c]
    energy = 0.0
    for i in range(n):
        energy += 0.5 * m[i] * (v[i, 0] ** 2 + v[i, 1] ** 2 + v[i, 2] ** 2) + x[i, 0]
    return energy


@case(2.0, 1.0, 0.5, argnums=(0, 1, 2), smooth=True)
def double_pendulum(th1, th2, length):
    """RK4 with the right-hand side as an inner function returning a tuple."""
    g, m1, m2, dt = 9.81, 1.0, 0.7, 0.02

    def rhs(t1, t2, w1, w2):
        delta = t1 - t2
        den = 2 * m1 + m2 - m2 * math.cos(2 * delta)
        a1 = -g * (2 * m1 + m2) * math.sin(t1) - m2 * g * math.sin(t1 - 2 * t2)
        a1 -= 2 * math.sin(delta) * m2 * (w2 * w2 * length + w1 * w1 * math.cos(delta))
        a2 = w1 * w1 * (m1 + m2) + g * (m1 + m2) * math.cos(t1) + w2 * w2 * length * m2 * math.cos(delta)
        return w1, w2, a1 / den, 2 * math.sin(delta) * a2 / (length * den)

    y = (th1, th2, 0.0, 0.0)
    for _ in range(5):
        k1 = rhs(*y)
        k2 = rhs(*(a + dt / 2 * k for a, k in zip(y, k1)))
        k3 = rhs(*(a + dt / 2 * k for a, k in zip(y, k2)))
        k4 = rhs(*(a + dt * k for a, k in zip(y, k3)))
        y = tuple(a + dt / 6 * (p + 2 * q + 2 * r + s) for a, p, q, r, s in zip(y, k1, k2, k3, k4))
    return y[0] * y[1] + y[3]


@case(normal(5, 3, seed=4, scale=1.5), argnums=0, smooth=True, rtol=1e-6)
def lennard_jones(positions, cutoff=4.0):
    energy = 0.0
    n = positions.shape[0]
    for i in range(n - 1):
        for j in range(i + 1, n):
            r2 = 0.8
            for k in range(3):
                dx = positions[i, k] - positions[j, k]
                r2 += dx * dx
            if r2 > cutoff * cutoff:
                continue
            s6 = 1.0 / r2**3
            energy += 4 * (s6 * s6 - s6)
    return energy


@case(normal(16, seed=5), 0.4, argnums=(0, 1), smooth=True)
def wave_equation(u, courant):
    n = len(u)
    prev, cur, nxt = u.copy(), u.copy(), np.zeros(n)
    c2 = courant**2
    for _ in range(6):
        for i in range(1, n - 1):
            nxt[i] = 2 * cur[i] - prev[i] + c2 * (cur[i + 1] - 2 * cur[i] + cur[i - 1])
        nxt[0] = nxt[n - 1] = 0.0
        prev, cur, nxt = cur, nxt, prev
    e = 0.0
    for i in range(n):
        e += cur[i] ** 2
    return e


@case(Planet(5.972, 6.371), 0.4, argnums=(0, 1), smooth=True)
def escape_velocity(planet, height):
    r = planet.radius + height
    return math.sqrt(2 * 6.674 * planet.mass / r)


@case(10.0, 0.8, 3.02, argnums=(0, 1), step=1e-5)
def bouncing_ball(height, restitution, t_end):
    g = 9.81
    t, h, v = 0.0, height, 0.0
    dt = 0.05
    while t < t_end:
        v -= g * dt
        h += v * dt
        if h < 0:
            h = -h * restitution
            v = -v * restitution
        t += dt
    return h + 0.1 * v


@case(np.array([0.1, 0.2, -3.0]), np.array([0.05, -0.02, 1.0]), 1.0, argnums=(0, 1, 2))
def ray_hits_sphere(origin, direction, radius):
    a = b = c = 0.0
    for o, d in zip(origin, direction):
        a += d * d
        b += 2 * o * d
        c += o * o
    c -= radius * radius
    disc = b * b - 4 * a * c
    if disc < 0:
        return np.inf
    t0, t1 = (-b - math.sqrt(disc)) / (2 * a), (-b + math.sqrt(disc)) / (2 * a)
    if t0 > 0:
        return t0
    return t1 if t1 > 0 else np.inf


@case(normal(4, 4, seed=6), 0.44, argnums=(0, 1), smooth=True)
def xy_model_energy(angles, field):
    n, m = angles.shape
    e = 0.0
    for i in range(n):
        for j in range(m):
            e -= math.cos(angles[i, j] - angles[(i + 1) % n, j])
            e -= math.cos(angles[i, j] - angles[i, (j + 1) % m])
            e -= field * math.cos(angles[i, j])
    return e


@case(6.8, 0.01, 0.9, 1.2, argnums=(0, 1, 2, 3), smooth=True)
def orbital_elements_to_position(a, ecc, inc, mean):
    """Kepler's equation by Newton, then rotations."""
    if not 0 <= ecc < 1:
        raise ValueError("eccentricity out of range: %r" % ecc)
    e_anom = mean if ecc < 0.8 else math.pi
    for _ in range(20):
        f = e_anom - ecc * math.sin(e_anom) - mean
        e_anom = e_anom - f / (1 - ecc * math.cos(e_anom))
        if abs(f) < 1e-15:
            break
    nu = 2 * math.atan2(math.sqrt(1 + ecc) * math.sin(e_anom / 2), math.sqrt(1 - ecc) * math.cos(e_anom / 2))
    r = a * (1 - ecc * math.cos(e_anom))
    x, y = r * math.cos(nu), r * math.sin(nu)
    return x, y * math.cos(inc), y * math.sin(inc)


@case(np.array([0.3, -0.2, 0.5]), np.array([0.1, 0.4, 2.0]), argnums=(0, 1), smooth=True)
def rotate_by_quaternion(axis_angle, p):
    th2 = axis_angle[0] ** 2 + axis_angle[1] ** 2 + axis_angle[2] ** 2
    if th2 < 1e-12:
        w, s = 1.0, 0.5
    else:
        th = math.sqrt(th2)
        w, s = math.cos(th / 2), math.sin(th / 2) / th
    x, y, z = (s * v for v in axis_angle)
    tx = 2 * (y * p[2] - z * p[1])
    ty = 2 * (z * p[0] - x * p[2])
    tz = 2 * (x * p[1] - y * p[0])
    return np.array([p[0] + w * tx + y * tz - z * ty, p[1] + w * ty + z * tx - x * tz, p[2] + w * tz + x * ty - y * tx])


@case(300.0, 1.2, argnums=(0, 1), smooth=True, rtol=1e-6)
def van_der_waals_volume(temperature, pressure):
    """Fixed-point iteration to the gas root."""
    a, b, r = 1.36, 0.0318, 0.083145
    v = r * temperature / pressure
    for _ in range(60):
        new = r * temperature / (pressure + a / v**2) + b
        if abs(new - v) < 1e-14 * v:
            v = new
            break
        v = new
    else:
        raise ArithmeticError("volume did not settle")
    return v


@case(normal(8, seed=7), 0.3, 0.05, argnums=(0, 1, 2), smooth=True)
def burgers_upwind(u, nu, dt):
    n = len(u)
    for _ in range(5):
        old = u.copy()
        for i in range(n):
            left, right = old[i - 1], old[(i + 1) % n]
            if old[i] > 0:
                adv = old[i] * (old[i] - left)
            else:
                adv = old[i] * (right - old[i])
            u[i] = old[i] + dt * (nu * (right - 2 * old[i] + left) - adv)
    s = 0.0
    for v in u:
        s += v**4
    return s


@case(0.3, 0.5, 0.8, argnums=(0, 1, 2), smooth=True)
def thin_film_reflectance(n1, n2, thickness):
    """Characteristic matrices of two layers multiplied by hand, complex entries."""
    m = [[1, 0j], [0j, 1]]
    for index in (1 + n1, 1 + n2):
        delta = 2 * math.pi * index * thickness
        c, s = math.cos(delta), math.sin(delta)
        layer = [[c, 1j * s / index], [1j * index * s, c]]
        m = [[sum(m[i][k] * layer[k][j] for k in range(2)) for j in range(2)] for i in range(2)]
    b = m[0][0] + m[0][1] * 1.5
    c = m[1][0] + m[1][1] * 1.5
    r = (b - c) / (b + c)
    return abs(r) ** 2
