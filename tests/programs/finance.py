"""Pricing, yields, back-tests and risk, as quants write them."""

import math
from math import erf, exp, log, sqrt

import numpy as np

from tests.programs.corpus import case, normal, uniform


def norm_cdf(x):
    return (1.0 + erf(x / sqrt(2.0))) / 2.0


def black_scholes(spot, strike, t, rate, sigma, option_type="call", dividend=0.0):
    if sigma <= 0 or t <= 0:
        raise ValueError(f"need sigma > 0 and t > 0, got sigma={sigma}, t={t}")
    d1 = (log(spot / strike) + (rate - dividend + sigma**2 / 2) * t) / (sigma * sqrt(t))
    d2 = d1 - sigma * sqrt(t)
    if option_type == "call":
        return spot * exp(-dividend * t) * norm_cdf(d1) - strike * exp(-rate * t) * norm_cdf(d2)
    elif option_type == "put":
        return strike * exp(-rate * t) * norm_cdf(-d2) - spot * exp(-dividend * t) * norm_cdf(-d1)
    raise ValueError(f"unknown option type: {option_type}")


case(100.0, 105.0, 0.5, 0.03, 0.2, name="black_scholes_call", argnums=(0, 1, 2, 3, 4), smooth=True)(black_scholes)
case(
    100.0,
    105.0,
    0.5,
    0.03,
    0.2,
    kwargs={"option_type": "put", "dividend": 0.01},
    name="black_scholes_put",
    argnums=(0, 2, 4),
    smooth=True,
)(black_scholes)


@case(7.5, 100.0, 100.0, 1.0, 0.02, argnums=(0, 1, 3), rtol=1e-6)
def implied_volatility(price, spot, strike, t, rate):
    """Newton on vega; stops when the price is met."""
    sigma = 0.3
    for _ in range(30):
        diff = black_scholes(spot, strike, t, rate, sigma) - price
        if abs(diff) < 1e-13:
            break
        d1 = (log(spot / strike) + (rate + 0.5 * sigma * sigma) * t) / (sigma * sqrt(t))
        vega = spot * sqrt(t) * exp(-0.5 * d1 * d1) / sqrt(2 * math.pi)
        sigma -= diff / vega
    return sigma


@case(95.0, 0.04, 7, argnums=(0, 1), rtol=1e-6)
def bond_yield(price, coupon, years, face=100.0):
    y = coupon
    change = 1.0
    while abs(change) > 1e-14:
        pv, slope = 0.0, 0.0
        for k in range(1, years + 1):
            cash = coupon * face + (face if k == years else 0.0)
            disc = (1 + y) ** -k
            pv += cash * disc
            slope -= k * cash * disc / (1 + y)
        change = (pv - price) / slope
        y -= change
    return y


@case(100.0, 95.0, 1.0, 0.03, 0.25, 12, argnums=(0, 1, 2, 3, 4), step=1e-5)
def american_put(spot, strike, t, r, sigma, steps):
    """Cox-Ross-Rubinstein tree rolled back in place, with early exercise."""
    dt = t / steps
    up = math.exp(sigma * math.sqrt(dt))
    down = 1 / up
    p = (math.exp(r * dt) - down) / (up - down)
    disc = math.exp(-r * dt)
    values = np.zeros(steps + 1)
    for i in range(steps + 1):
        values[i] = max(strike - spot * up ** (2 * i - steps), 0.0)
    for level in range(steps - 1, -1, -1):
        for i in range(level + 1):
            hold = disc * (p * values[i + 1] + (1 - p) * values[i])
            exercise = strike - spot * up ** (2 * i - level)
            values[i] = hold if hold > exercise else exercise
    return values[0]


@case(normal(40, seed=1, scale=0.02, shift=0.001), 0.2, 0.001, argnums=(0, 1, 2), step=1e-5)
def trading_backtest(returns, alpha, cost):
    """Follow the sign of an exponential average; pay for turning; Sharpe ratio of the equity."""
    n = len(returns)
    equity = np.ones(n + 1)
    position = 0
    ema = 0.0
    pnl = np.zeros(n)
    for t in range(n):
        gain = position * returns[t]
        ema = (1 - alpha) * ema + alpha * returns[t]
        if ema > 0.0005:
            target = 1
        elif ema < -0.0005:
            target = -1
        else:
            target = position
        if target != position:
            gain -= cost * abs(target - position)
            position = target
        pnl[t] = gain
        equity[t + 1] = equity[t] * (1 + gain)
    mean = 0.0
    for g in pnl:
        mean += g / n
    var = 0.0
    for g in pnl:
        var += (g - mean) ** 2 / (n - 1)
    return mean / math.sqrt(var) * math.sqrt(252) + equity[n]


@case(uniform(90, 110, 12, seed=2), smooth=False)
def maximum_drawdown(prices):
    peak = prices[0]
    worst = 0.0
    for p in prices[1:]:
        if p > peak:
            peak = p
        drop = (peak - p) / peak
        worst = max(worst, drop)
    return worst


@case(np.array([-1000.0, 300.0, 420.0, 360.0, 150.0]), argnums=0, rtol=1e-6)
def internal_rate_of_return(flows):
    rate = 0.1
    for _ in range(100):
        npv = dnpv = 0.0
        for k, cash in enumerate(flows):
            npv += cash / (1 + rate) ** k
            dnpv -= k * cash / (1 + rate) ** (k + 1)
        new = rate - npv / dnpv
        if abs(new - rate) < 1e-15:
            return new
        rate = new
    return float("nan")


@case(250_000.0, 0.045, 24, 300.0, argnums=(0, 1, 3), smooth=True)
def mortgage_balance(principal, annual_rate, months, overpayment):
    r = annual_rate / 12
    payment = principal * r / (1 - (1 + r) ** -360)
    balance = principal
    interest_paid = 0
    for _month in range(months):
        interest = balance * r
        interest_paid += interest
        balance -= payment + overpayment - interest
        if balance <= 0:
            break
    return balance + interest_paid


@case(normal(5, 10, seed=3), 100.0, 0.2, 105.0, argnums=(1, 2, 3), step=1e-5)
def asian_option_monte_carlo(shocks, spot, sigma, strike):
    paths, steps = shocks.shape
    dt = 1 / steps
    payoff = 0.0
    for path in shocks:
        s = spot
        total = 0.0
        for z in path:
            s *= math.exp(-0.5 * sigma * sigma * dt + sigma * math.sqrt(dt) * z)
            total += s
        average = total / steps
        payoff += max(average - strike, 0.0)
    return payoff / paths


@case(0.04, 2.0, 0.3, -0.6, normal(12, 2, seed=4), argnums=(0, 1, 2, 3))
def heston_path(v0, kappa, xi, rho, z):
    log_s, v, dt = 0.0, v0, 0.1
    for w1, w2 in z:
        vp = v if v > 0 else 0.0
        root = math.sqrt(vp * dt)
        log_s += -0.5 * vp * dt + root * (rho * w1 + math.sqrt(1 - rho * rho) * w2)
        v += kappa * (0.05 - vp) * dt + xi * root * w1
    return math.exp(log_s) + v


@case(np.array([0.01, 0.015, 0.02, 0.022]), np.array([1.0, 2.0, 5.0, 10.0]), 3.4, argnums=(0, 2))
def discount_factor(zeros, tenors, t):
    """Linear interpolation of zero rates with flat ends."""
    if t <= tenors[0]:
        r = zeros[0]
    elif t >= tenors[-1]:
        r = zeros[-1]
    else:
        for i in range(1, len(tenors)):
            if t <= tenors[i]:
                w = (t - tenors[i - 1]) / (tenors[i] - tenors[i - 1])
                r = zeros[i - 1] + w * (zeros[i] - zeros[i - 1])
                break
    return math.exp(-r * t)
