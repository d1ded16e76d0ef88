"""Classes defined inside a traced function, and results that are complex on one way."""

from __future__ import annotations

import abc
import cmath
import dataclasses
import enum
import math
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

import revtrace
from tests.trace.agree import agrees, refuses

SCALE = 3.0


def inheritance(x: float) -> float:
    class A:
        k = SCALE

        def __init__(self, v: float) -> None:
            self.v = v

        def f(self) -> float:
            return self.v * self.k

    class B(A):
        def f(self) -> float:
            return super().f() + self.v**2

    return B(x).f()


def data(x: float) -> float:
    @dataclass(frozen=True)
    class D:
        a: float
        b: float = 3.0
        seen: list[float] = field(default_factory=list)

        def area(self) -> float:
            return self.a * self.b

    d = D(x)
    d.seen.append(d.a)
    return d.area() * d.seen[0]


def named(x: float) -> float:
    class P(NamedTuple):
        a: float
        b: float = 2.0

    return P(x).a * P(x, x).b


def own_exception(x: float) -> float:
    class NegativeError(Exception):
        pass

    def f(v: float) -> float:
        if v < 0:
            raise NegativeError("negative")
        return v * v

    try:
        return f(x)
    except NegativeError:
        return -x


def members(x: float) -> float:
    class C(enum.Enum):
        A = 1
        B = 2

    return x**C.B.value


def protocols(x: float) -> float:
    class It:
        def __init__(self, z: float) -> None:
            self.z = z

        def __iter__(self) -> Iterator[float]:
            for i in range(3):
                yield self.z * i

        def __getitem__(self, i: int) -> float:
            return self.z + i

        def __call__(self, y: float) -> float:
            return self.z * y

    o = It(x)
    return sum(o) * o[2] + o(3.0)


def known_surroundings(x: float) -> float:
    n = 3

    def square(v: float) -> float:
        return v * v

    class A:
        def f(self, v: float) -> float:
            return square(v) * n

    return A().f(x)


def itself(x: float) -> float:
    class Dual:
        def __init__(self, a: float, b: float = 0.0) -> None:
            self.a, self.b = a, b

        def __mul__(self, other: Any) -> Any:
            other = other if isinstance(other, Dual) else Dual(other)
            return Dual(self.a * other.a, self.a * other.b + self.b * other.a)

        __rmul__ = __mul__

    y = 3.0 * Dual(x, 1.0) * Dual(x, 1.0)
    return y.a * y.b


def numbers_around(x: float) -> float:
    k = 2.0 * x

    class A:
        def f(self, v: float) -> float:
            nonlocal k
            k += v * late
            return k * x

    late = x * x
    made = A()
    total = made.f(1.0)
    for _ in range(3):
        k *= 0.5
        total += made.f(x)
    return total + k


def root(x: float) -> Any:
    return math.sqrt(x) if x >= 0 else cmath.sqrt(x)


@pytest.mark.parametrize(
    "f", [inheritance, data, named, own_exception, members, protocols, known_surroundings, itself, numbers_around, root]
)  # fmt: skip
def test_of_a_number(f: Callable[..., Any]) -> None:
    agrees(f, 2.0)
    if f in (own_exception, root):
        agrees(f, -2.0)


def test_a_class_body_that_reads_run_time_numbers_is_refused() -> None:
    def f(x: float) -> float:
        class A:
            slope = x * 2

        return A.slope

    refuses(f, 2.0, match="known only when running")


def test_a_changed_global_of_a_class_body_is_seen() -> None:
    import revtrace

    scope: dict[str, Any] = {"k": 2.0}
    exec("def f(x):\n    class A:\n        c = k\n    return A.c * x\n", scope)
    outer = revtrace.grad(scope["f"])
    assert outer(3.0) == 2.0
    scope["k"] = 5.0
    assert outer(3.0) == 5.0


@dataclasses.dataclass
class Pair:
    a: float
    b: float


def replaced_in_a_loop(x: float) -> float:
    pair = Pair(x, 2.0 * x)
    for _ in range(30):
        pair = dataclasses.replace(pair, a=0.9 * pair.a + 0.1 * pair.b)
    return pair.a * pair.b


def test_a_dataclass_replaced_in_a_loop() -> None:
    agrees(replaced_in_a_loop, 0.7)


def test_a_pullback_of_a_result_that_turned_complex() -> None:
    import revtrace

    def power(b: float, e: float) -> Any:
        return b**e

    with revtrace.config.override(cache=False):
        out, pullback = revtrace.vjp(power, -2.0, 0.5)
        by_base, by_exponent = pullback(1.0 + 0.0j)
    assert out == (-2.0) ** 0.5
    assert by_base == pytest.approx((0.5 * (-2.0) ** -0.5).real, abs=1e-15)
    assert by_exponent == pytest.approx((out * cmath.log(-2.0)).real, rel=1e-15)


class Scaled:
    def __init__(self, a: Any, k: float) -> None:
        self.a, self.k = a, k


def of_either_arm(x: Any, y: float) -> float:
    made = Scaled(x * 2.0, y * y) if x[0] > 0 else Scaled(np.sin(x), y)

    def found(v: float) -> float:
        if v > 0.1:
            if v > 0.5:
                return v * v
            v = v + 1.0
        return v

    return float(made.a.sum() * made.k + found(y) * found(0.5 * y))


def test_an_instance_made_in_either_arm_and_arms_after_it() -> None:
    agrees(of_either_arm, np.array([0.3, 0.4]), 0.7)
    agrees(of_either_arm, np.array([-0.3, 0.4]), 0.7)


class Hooked:
    hook: Any = None
    last: float | None = None

    def run(self, x: float) -> float:
        change = 0.0 if self.last is None else x - self.last
        self.last = x
        return (self.hook(x) if self.hook else x) + change * x


class Squared(Hooked):
    def hook(self, x: float) -> float:
        return x * x


class Unhooked(Squared):
    hook = None


def none_in_a_class(x: float, given: Hooked) -> float:
    total = x
    for made in (Hooked(), Squared(), Unhooked(), given):
        total += made.run(x) * made.run(total)
    return total


def test_attributes_of_a_class_that_are_none() -> None:
    agrees(none_in_a_class, 0.7, Squared())
    with pytest.raises(AttributeError, match="'Hooked' object has no attribute 'missing'"):
        revtrace.grad(lambda x: x * Hooked().missing)(0.7)  # type: ignore[attr-defined]


def method_of_one_instance(x: float) -> float:
    made = Hooked()
    made.hook = types.MethodType(lambda self, v: v * v * (self.last or 1.0), made)
    return made.run(x) + made.run(3.0 * x)


def test_a_method_bound_by_hand() -> None:
    agrees(method_of_one_instance, 0.7)


class Operation(abc.ABC):
    @abc.abstractmethod
    def at(self, v: float) -> float: ...


class Square(Operation):
    def at(self, v: float) -> float:
        return v * v


def abstract(x: float) -> float:
    try:
        made: Any = Operation()  # type: ignore[abstract]
    except TypeError:
        made = Square()
    return made.at(x) * isinstance(made, Operation)


class Measured:
    def __init__(self, v: float) -> None:
        self._v = v

    @property
    def v(self) -> float:
        return self._v

    @v.deleter
    def v(self) -> None:
        self._v = 1.0

    def __int__(self) -> int:
        return 3

    def __complex__(self) -> complex:
        return complex(self._v, 2.0)


def as_numbers(x: float) -> float:
    made = Measured(x)
    total = int(made) * made.v + abs(complex(made))
    del made.v
    return total * made.v


def test_abstract_classes_deleters_and_conversions() -> None:
    agrees(abstract, 0.7)
    agrees(as_numbers, 0.7)


class Noted:
    """A descriptor without ``__get__``: what an instance holds is seen."""

    def __set__(self, owner: Any, value: Any) -> None:
        owner.__dict__["held"] = value
        owner.__dict__["times"] = owner.__dict__.get("times", 0) + 1


class Holder:
    held: Any = Noted()


HOLDER = Holder()
HOLDER.held = {"a": 2.0}


def set_only(x: float) -> float:
    made = Holder()
    made.held = x * 3.0
    made.held = made.held * x
    times: int = made.times  # type: ignore[attr-defined]
    return made.held * times + (x if "a" in HOLDER.held else 5.0 * x) + HOLDER.held["a"] * x  # type: ignore[no-any-return]


def more_defaults(b: float, c: float = 2.0) -> float:
    return b * c


more_defaults.__defaults__ = (7.0, 3.0, 4.0)


def test_descriptors_that_only_set_and_defaults_by_hand() -> None:
    agrees(set_only, 0.7)
    agrees(lambda x: x * more_defaults() + more_defaults(x), 0.7)  # type: ignore[call-arg]
