"""Programs with classes: instances passed in or built inside, methods, properties, operators."""

import enum
import math
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np

from tests.programs.corpus import case, normal


class Vec3:
    __slots__ = ("x", "y", "z")

    def __init__(self, x, y=0.0, z=0.0):
        self.x, self.y, self.z = x, y, z

    def __add__(self, other):
        return Vec3(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other):
        return self + (-other)

    def __neg__(self):
        return Vec3(-self.x, -self.y, -self.z)

    def __mul__(self, factor):
        if isinstance(factor, Vec3):
            return self.x * factor.x + self.y * factor.y + self.z * factor.z
        return Vec3(self.x * factor, self.y * factor, self.z * factor)

    __rmul__ = __mul__

    def __getitem__(self, k):
        return (self.x, self.y, self.z)[k]

    def __len__(self):
        return 3

    def cross(self, o):
        return Vec3(self.y * o.z - self.z * o.y, self.z * o.x - self.x * o.z, self.x * o.y - self.y * o.x)

    @property
    def norm(self):
        return math.sqrt(self * self)


@case(0.3, -0.8, 1.1, argnums=(0, 1, 2), smooth=True)
def vector_algebra(a, b, c):
    u, v = Vec3(a, b, c), Vec3(1.0, z=a)
    w = 2.0 * (u + v).cross(u - v * b)
    return w.norm + w[0] * len(w) + (-u) * v


class Oscillator:
    """Damped oscillator with its state in attributes."""

    steps_taken = 0

    def __init__(self, mass, k, damping=0.1):
        self.mass = mass
        self.k = k
        self.damping = damping
        self.position = 1.0
        self.velocity = 0

    @property
    def omega(self):
        return math.sqrt(self.k / self.mass)

    def force(self):
        return -self.k * self.position - self.damping * self.velocity

    def step(self, dt):
        self.velocity += dt * self.force() / self.mass
        self.position += dt * self.velocity
        self.steps_taken += 1

    def energy(self):
        return 0.5 * self.mass * self.velocity**2 + 0.5 * self.k * self.position**2


@case(1.2, 3.0, argnums=(0, 1), smooth=True)
def object_built_inside(mass, k):
    osc = Oscillator(mass, k)
    for _ in range(10):
        osc.step(0.05)
    return osc.energy() + osc.omega * osc.steps_taken


@case(Oscillator(2.0, 5.0, 0.3), 0.4, argnums=1, smooth=True)
def object_as_argument(osc, x):
    return 0.5 * osc.k * x**2 - osc.damping * x + osc.omega * math.sin(x)


class Shape:
    sides = 0

    def __init__(self, scale):
        self.scale = scale

    def area(self):
        return 0.0

    def report(self):
        return self.area() * self.scale + self.sides


class Polygon(Shape):
    sides = 6

    def __init__(self, radius, scale=1.5):
        super().__init__(scale)
        self.radius = radius

    def area(self):
        return super().area() + 0.5 * self.sides * self.radius**2 * math.sin(2 * math.pi / self.sides)


class Annulus(Polygon):
    def area(self):
        return super().area() - 0.1 * self.radius

    @classmethod
    def unit(cls, scale):
        return cls(1.0, scale=scale)

    @staticmethod
    def ratio(a, b):
        return a / b


@case(0.7, smooth=True)
def inheritance(r):
    p, a = Polygon(r), Annulus(r, 2.0)
    total = 0.0
    for shape in (p, a, Annulus.unit(r)):
        total += shape.report() if isinstance(shape, Annulus) else 2 * shape.report()
    return total + Annulus.ratio(a.area(), p.area())


@dataclass
class Satellite:
    a: float
    e: float
    inclination: float = 0.9
    notes: list = field(default_factory=list)
    name: str = "sat"

    def mean_motion(self):
        return math.sqrt(1.0 / self.a**3)

    def advance(self, dt):
        if not 0 <= self.e < 1:
            raise ValueError(f"{self.name}: eccentricity {self.e} is not elliptic")
        self.a -= 1e-2 * dt * self.mean_motion()
        self.e *= 1 - 0.05 * dt
        self.notes.append(self.a)


@case(1.1, 0.2, argnums=(0, 1), smooth=True)
def dataclass_with_state(a, e):
    sat = Satellite(a, e)
    for _ in range(4):
        sat.advance(0.5)
    other = replace(sat, e=0.1 * sat.e, name="copy")
    return sat.a * sat.e + other.e + len(other.name) + sat.notes[0] * sat.notes[-1]


@case(Satellite(1.3, 0.1), 0.7, argnums=1, smooth=True)
def writes_attributes_of_argument(sat, rate):
    before = sat.a
    sat.a = before * rate
    sat.inclination += rate * sat.a
    return sat.inclination * sat.a - before


class Kind(enum.Enum):
    LINEAR = 1
    QUADRATIC = 2

    def apply(self, x):
        return x if self is Kind.LINEAR else x * x


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 3


@case(0.6, Kind.QUADRATIC, argnums=0, smooth=True)
def enumerations(x, kind):
    y = kind.apply(x) + Kind.LINEAR.apply(x) * Level.HIGH
    if kind == Kind.QUADRATIC and Level.LOW < Level.HIGH:
        y += Kind["LINEAR"].value * x
    match kind:
        case Kind.LINEAR:
            return y
        case Kind.QUADRATIC:
            return y * y


class Model:
    """Callable with parameters in an array and in a dict."""

    def __init__(self, weights, **options):
        self.weights = weights
        self.options = {"bias": 0.1, **options}
        self._calls = 0

    def __call__(self, x):
        self._calls += 1
        s = self.options["bias"]
        for i, w in enumerate(self.weights):
            s += w * x[i]
        return math.tanh(s)

    def __getattr__(self, name):
        if name == "slope":
            return 2.5
        raise AttributeError(name)


_MODEL = Model(np.array([0.5, -1.0, 2.0]), bias=0.3)


@case(normal(3, seed=1), smooth=True)
def callable_object(x):
    return _MODEL(x) * _MODEL.slope + _MODEL(x[::-1])


@case(normal(3, seed=2), normal(3, seed=3), argnums=(0, 1), smooth=True)
def object_holding_arrays(w, x):
    model = Model(w, bias=x[0])
    model.weights[1] *= 2.0
    return model(x) + len(model.options)


case(normal(3, seed=4), name="bound_method", smooth=True)(_MODEL.__call__.__func__.__get__(_MODEL))


class Dual:
    """Forward-mode arithmetic by operator methods: revtrace differentiates it once more."""

    def __init__(self, v, d=0.0):
        self.v, self.d = v, d

    @staticmethod
    def lift(o):
        return o if isinstance(o, Dual) else Dual(o)

    def __add__(self, o):
        o = Dual.lift(o)
        return Dual(self.v + o.v, self.d + o.d)

    __radd__ = __add__

    def __mul__(self, o):
        o = Dual.lift(o)
        return Dual(self.v * o.v, self.v * o.d + self.d * o.v)

    __rmul__ = __mul__

    def __pow__(self, n):
        return Dual(self.v**n, n * self.v ** (n - 1) * self.d)

    def __lt__(self, o):
        return self.v < Dual.lift(o).v


@case(0.7, smooth=True, value=3 * 0.7**2 + 2, gradient=6 * 0.7, figures=1e-12)
def derivative_by_dual_numbers(x):
    t = Dual(x, 1.0)
    y = t**3 + 2 * t + 1
    return y.d if t < 5 else 0.0


@case(SimpleNamespace(gain=1.5, limits=(0.0, 2.0)), 0.8, argnums=1)
def settings_namespace(cfg, x):
    lo, hi = cfg.limits
    y = cfg.gain * x
    return min(max(y, lo), hi) * y


class Counter:
    """Container protocol and attributes made on the fly."""

    def __init__(self, items):
        self.items = list(items)

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        return iter(self.items)

    def __contains__(self, k):
        return k in (1, 2, 3)

    def __bool__(self):
        return len(self.items) > 0


@case(0.3, 0.5, argnums=(0, 1), oracle="complex", smooth=True)
def container_protocol(a, b):
    c = Counter((a, b, a * b))
    s = 0.0
    for v in c:
        s += v * v
    c.extra = s * a
    if c and 2 in c:
        setattr(c, "label", 3.0)
        s += getattr(c, "label") * c.extra  # noqa: B009
    return s * len(c)
