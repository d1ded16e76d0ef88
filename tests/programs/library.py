"""Helpers in a module of their own, called by the corpus from other files."""

import types

SCALE = 0.25

inner = types.SimpleNamespace(cubed=lambda v: v * v * v)


def horner(coefficients, x):
    result = 0
    for c in reversed(coefficients):
        result = result * x + c
    return result


def soft_sign(v, width=1.0):
    return v / (width + abs(v))
