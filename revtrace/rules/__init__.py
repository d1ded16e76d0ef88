"""The primitives: one row each, one file per family.

``RULES`` is the table; importing the package fills it.
"""

from revtrace.rules import (
    arithmetic,
    complexes,
    elementary,
    extrema,
    logic,
    rounding,
    scipy_orders,
    scipy_special,
    special,
)
from revtrace.rules.core import RULES, Rule, add

__all__ = [
    "RULES",
    "Rule",
    "add",
    "arithmetic",
    "complexes",
    "elementary",
    "extrema",
    "logic",
    "rounding",
    "scipy_orders",
    "scipy_special",
    "special",
]
