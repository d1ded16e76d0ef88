"""Programs with complex numbers, between real arguments or as arguments themselves."""

import cmath
import math

import numpy as np

from tests.programs.corpus import case, normal

_Z = normal(4, seed=1) + 1j * normal(4, seed=2)


@case(0.4, 1.3, argnums=(0, 1), smooth=True)
def modulus_of_polynomial(re, im):
    z = complex(re, im)
    p = z**3 - 2 * z + 1j
    return abs(p) ** 2 + p.real * p.imag


@case(1.5, 0.2, 1e3, argnums=(0, 1, 2), smooth=True)
def rlc_impedance(r, inductance, omega):
    z = r + 1j * omega * inductance + 1 / (1j * omega * 1e-5)
    return abs(z) + cmath.phase(z)


@case(0.6, -0.9, argnums=(0, 1), smooth=True, ulp=16.0)
def complex_functions(x, y):
    z = complex(x, y)
    w = cmath.exp(z) * cmath.sin(z) + cmath.log(z) / cmath.sqrt(z) + cmath.cosh(z) - cmath.atan(z / 2)
    v = cmath.tanh(z) + cmath.cos(z) * cmath.sinh(z) + cmath.tan(z / 3) + cmath.asin(z / 4) + cmath.log10(z)
    r, phi = cmath.polar(w)
    u = cmath.rect(r, phi / 2)
    return u.real + v.imag * 0.5 + (w * v.conjugate()).real


@case(normal(6, seed=3), 2, argnums=0, smooth=True, ulp=16.0, jax=lambda jnp, x, k: jnp.abs(jnp.fft.fft(x)[k]) ** 2)
def dft_bin_power(x, k):
    n = len(x)
    s = 0j
    for t in range(n):
        s += x[t] * cmath.exp(-2j * math.pi * k * t / n)
    return (s * s.conjugate()).real


@case(0.8 - 0.3j, smooth=True)
def complex_argument(z):
    """A real function of a complex number."""
    w = z * z + 1 / z
    return w.real**2 + 2 * w.imag + abs(z)


@case(_Z, 0.5 + 1j, argnums=(0, 1), smooth=True)
def complex_array_argument(z, w):
    s = 0.0
    for k in range(len(z)):
        t = z[k] * w + z[k - 1].conjugate()
        s += t.real * t.real + 0.5 * t.imag
    return s


@case(1.1 + 0.4j, smooth=True)
def holomorphic(z):
    return z**2 * cmath.exp(z) + (2 - 1j) * z


@case(_Z, smooth=True)
def complex_array_in_place(z):
    a = z.copy()
    for k in range(1, len(a)):
        a[k] = a[k] * a[k - 1] + 1j
        a[k - 1] /= 2.0
    b = np.zeros(2, dtype=np.complex128)
    b[0] = a[1]
    b[1] += a[2] * 1j
    return abs(b[0]) + b[1].real + np.abs(a[3]) + np.real(a[0]) * np.imag(a[1]) + np.angle(a[3])


@case(-0.6, 0.3, argnums=(0, 1))
def smooth_escape(re, im):
    """Mandelbrot orbit with a fractional iteration count."""
    c = re + 1j * im
    z = 0
    n = 0
    while abs(z) < 10.0 and n < 30:
        z = z * z + c
        n += 1
    return abs(z) * 0.1 + n


@case(1.0, -3.0, 4.5, argnums=(0, 1, 2), smooth=True)
def roots_of_a_quadratic(a, b, c):
    d = cmath.sqrt(b * b - 4 * a * c)
    r1, r2 = (-b + d) / (2 * a), (-b - d) / (2 * a)
    return r1.real * r2.real + (r1 * r2).real + r1.imag**2


def _fft(x):
    n = len(x)
    if n == 1:
        return [x[0] + 0j]
    even, odd = _fft(x[::2]), _fft(x[1::2])
    out = [0j] * n
    for k in range(n // 2):
        t = cmath.exp(-2j * cmath.pi * k / n) * odd[k]
        out[k] = even[k] + t
        out[k + n // 2] = even[k] - t
    return out


@case([0.3, -1.0, 2.0, 0.7], smooth=True, ulp=16.0, tags="recursion")
def recursive_fft(signal):
    s = 0.0
    for k, z in enumerate(_fft(signal)):
        s += (k + 1) * abs(z) ** 2
    return s


@case(0.7, 0.2, argnums=(0, 1), smooth=True, ulp=16.0)
def fabry_perot(thickness, loss):
    k = 2 * math.pi * (1.5 + 1j * loss)
    r = (1 - 1.5) / (1 + 1.5)
    phase = np.exp(2j * k * thickness)
    amplitude = r * (1 - phase) / (1 - r**2 * phase)
    return np.abs(amplitude) ** 2
