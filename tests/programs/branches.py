"""Programs whose path depends on numbers, flags and constants."""

import math

from tests.programs.corpus import case, integers, normal

BRACKETS = ((0.0, 0.10), (11_000.0, 0.12), (44_725.0, 0.22), (95_375.0, 0.24))


@case(
    normal(9, scale=2.0),
    1.0,
    argnums=(0, 1),
    jax=lambda jnp, r, d: jnp.sum(jnp.where(jnp.abs(r) <= d, 0.5 * r * r, d * (jnp.abs(r) - 0.5 * d))),
)
def huber(residuals, delta):
    loss = 0.0
    for r in residuals:
        if abs(r) <= delta:
            loss += 0.5 * r * r
        else:
            loss += delta * (abs(r) - 0.5 * delta)
    return loss


@case(normal(8, seed=1, scale=3.0))
def piecewise(xs):
    s = 0.0
    for x in xs:
        if x < -2:
            y = x * x
        elif x < 0:
            y = -3 * x
        elif x == 0:
            y = 100.0
        elif x <= 2.5:
            y = math.sin(x)
        else:
            y = math.sqrt(x)
        s += y
    return s


@case(0.3, 2, argnums=0)
def matched_numbers(x, order):
    match order:
        case 0:
            return 1.0
        case 1:
            return x
        case 2 | 3:
            return 0.5 * (3 * x * x - 1) * order
        case _:
            raise ValueError(f"order {order} is not supported")


@case(normal(6, seed=2), integers(0, 4, 6, seed=2), argnums=0)
def matched_codes(x, codes):
    s = 0.0
    for v, code in zip(x, codes):
        match code:
            case 0:
                s += v
            case 1:
                s -= v * v
            case 2:
                s *= 1 + 0.1 * v
            case _:
                s += math.exp(v)
    return s


@case(60_000.0, 0.05, argnums=(0, 1))
def income_tax(income, surcharge):
    tax = 0.0
    for (low, rate), (high, _) in zip(BRACKETS, BRACKETS[1:] + ((float("inf"), 0),)):
        if income > low:
            tax += (min(income, high) - low) * rate
    if income > 50_000:
        tax += surcharge * (income - 50_000)
    return tax


@case(normal(7, seed=3))
def guarded_by_short_circuit(x):
    """`and` protects the read before the first element."""
    n = len(x)
    peaks = 0.0
    for i in range(n):
        left = i > 0 and x[i - 1] > x[i]
        right = i + 1 < n and x[i + 1] > x[i]
        if not left and not right:
            peaks += x[i] ** 2
        elif left or right:
            peaks -= 0.1 * x[i]
    return peaks


@case(0.7, None, argnums=0)
def optional_weight(x, weight=None):
    if weight is None:
        w = 1.0
    else:
        w = weight
    return w * x**3


@case(0.7, 2.0, argnums=(0, 1), name="optional_weight_given")
def optional_weight_given(x, weight=None):
    return optional_weight(x, weight) if weight is not None else x


@case(normal(5, seed=4), True, False, argnums=0)
def flags(x, normalise, centre):
    n = len(x)
    shift = 0.0
    if centre:
        for v in x:
            shift += v / n
    scale = 1.0
    if normalise and not centre:
        s = 0.0
        for v in x:
            s += v * v
        scale = math.sqrt(s / n)
    out = 0.0
    for i, v in enumerate(x):
        out += i * (v - shift) / scale
    return out


@case(normal(6, seed=5), 0.2, argnums=(0, 1))
def defined_in_both_arms(x, t):
    total = 0.0
    for v in x:
        if v > t:
            a, b = v, t
        else:
            a, b = t * v, 1.0
        total += a * b
    return total


@case(normal(6, seed=6))
def defined_in_one_arm(x):
    best = -1e9
    for v in x:
        if v > best:
            best = v
            square = v * v
    return square + best


@case(0.35)
def nested_ternaries(x):
    y = 0 if x < 0 else 1 if x > 1 else x * x * (3 - 2 * x)
    return y * 2 + (x if y > 0.5 else -x)


@case(normal(4, seed=7), normal(4, seed=8), argnums=(0, 1))
def upwind_flux(u, c):
    n = len(u)
    f = 0.0
    for i in range(n):
        speed = c[i]
        upstream = u[i - 1] if speed > 0 else u[(i + 1) % n]
        f += speed * upstream * u[i]
    return f


@case(0.8, -0.3, 0.5, argnums=(0, 1, 2))
def early_returns(a, b, c):
    if a < 0:
        return -a
    if b > 0:
        return b * a
    if c > 1:
        return c
    if a + b + c > 0.9:
        d = a * b
        if d < 0:
            return d * c - a
        return d
    return 0.0


@case(normal(5, seed=9), 1.0, argnums=0)
def conditions_on_elements(x, level):
    x = x.copy()
    for i in range(len(x)):
        if x[i] < 0:
            x[i] = -0.01 * x[i]
        if x[i] > level:
            x[i] = level + math.log(x[i])
        elif 0.2 < x[i] < 0.6 != 0:
            x[i] *= 2
    s = 0.0
    for v in x:
        s += v * v
    return s


@case(0.6, "tanh", argnums=0)
def activation(x, kind):
    match kind:
        case "relu":
            return max(0.0, x)
        case "tanh":
            return math.tanh(x)
        case "softplus" | "log1pexp":
            return math.log1p(math.exp(x))
        case str():
            raise ValueError(f"unknown activation {kind!r}")


@case(normal(8, seed=10))
def any_and_all(x):
    s = 0.0
    if any(v > 1.0 for v in x):
        s += x[0] ** 2
    if all(v > -5.0 for v in x):
        s += x[1] * x[2]
    if not any([x[3] > 3, x[4] > 3]):
        s -= x[5]
    return s


@case(1.3, 0.4, argnums=(0, 1), jax=lambda jnp, a, b: a * b + a + b)
def comparisons_of_every_kind(a, b):
    n = 0
    n += a > b
    n += a >= b
    n += a != b
    n -= a < b
    n -= a <= b
    n -= a == b
    if 0 < b < 1 < a:
        n += 1
    if n == 4:
        return a * b + a + b
    return 0.0


@case(normal(6, seed=11))
def flag_carried_through_loop(x):
    rising = False
    turns = 0.0
    for i in range(1, len(x)):
        now = x[i] > x[i - 1]
        if now != rising:
            turns += x[i]
        elif now and rising or (not now and not rising):
            turns *= 1.5
        rising = now
    return turns
