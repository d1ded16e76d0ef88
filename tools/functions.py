"""The table of functions that have a rule, made from the registrations: ``FUNCTIONS.md``.

``python -m tools.functions`` writes it; a test holds that it is what this makes.
"""

from __future__ import annotations

import ast
import builtins
import cmath
import functools
import importlib
import itertools
import math
import operator
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from revtrace.rules import RULES, callables
from revtrace.trace.callables import functions
from revtrace.trace.libraries.register import STAND_INS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "FUNCTIONS.md"
FORMS = ROOT / "tests" / "trace" / "numpy" / "numpy_forms.txt"

_INTRO = """# Functions with a rule

Written by `python -m tools.functions` from the registrations; a test keeps it up to date.  What is not here is traced
into where it is plain Python, and refused by name and line where it is not.  Arguments without a rule are refused too.
Names on one line mean the same function.

"""
_SMOOTH = "differentiated"
_FLAT = "derivative zero, or none"
_COMPOSED = "composed of others, or of known numbers"


def _names(module: Any, label: str) -> dict[str, Any]:
    found = {}
    for name in sorted(vars(module)):
        f = getattr(module, name)
        if not name.startswith("_") and callable(f) and not (isinstance(f, type) and issubclass(f, BaseException)):
            found[f"{label}.{name}" if label else name] = f
    return found


def _grouped(names: dict[str, Any], chosen: Iterable[Any]) -> list[str]:
    """Names of the chosen callables, those of one callable together."""
    wanted = {id(f) for f in chosen}
    together: dict[int, list[str]] = {}
    for name, f in names.items():
        if id(f) in wanted:
            together.setdefault(id(f), []).append(name)
    # np.degrees and np.rad2deg are two ufuncs; np.abs and np.absolute are one.
    return sorted((" / ".join(f"`{n}`" for n in group) for group in together.values()), key=str.lower)


def _section(title: str, rows: Iterable[tuple[str, list[str]]]) -> str:
    lines = [f"## {title}", ""]
    for label, names in rows:
        if names:
            lines += [f"**{label}** ({len(names)}): " + ", ".join(names), ""]
    return "\n".join(lines) + "\n"


def _elementwise(names: dict[str, Any]) -> list[tuple[str, list[str]]]:
    smooth, flat, composed = [], [], []
    for f in names.values():
        entry = callables.find(f)
        rule = None if entry is None else RULES.get(entry.primitive)
        if entry is not None and rule is None:
            composed.append(f)
        elif rule is not None:
            (flat if rule.partials is None and rule.adjoint is None else smooth).append(f)
    return [(_SMOOTH, _grouped(names, smooth)), (_FLAT, _grouped(names, flat)), (_COMPOSED, _grouped(names, composed))]


def _whole(names: dict[str, Any]) -> list[str]:
    return _grouped(names, [f for f in names.values() if functions.find(f) in set(functions.known().values())])


def _traced_through() -> list[str]:
    """Numpy functions without a registration that the tests call: numpy's own Python code is traced."""
    found = set()
    for line in FORMS.read_text().splitlines():
        for node in ast.walk(ast.parse(line)) if line and not line.startswith("#") else ():
            if isinstance(node, ast.Attribute) and re.fullmatch(r"np(\.\w+)+", ast.unparse(node)):
                f: Any = functools.reduce(getattr, ast.unparse(node).split(".")[1:], np)
                if callable(f) and not isinstance(f, type) and functions.find(f) is None and callables.find(f) is None:
                    found.add(ast.unparse(node))
    return [f"`{name}`" for name in sorted(found, key=str.lower)]


def _stood_for() -> list[str]:
    """Functions of libraries that have a stand-in, those of private modules as what calls them."""
    return sorted(
        f"`{module}.{name}`"
        for name, places in STAND_INS.items()
        for module, stand_in in places
        if "._" not in module and not name.startswith("_") and not stand_in.__name__.startswith("refused")
    )


def _ufunc_methods() -> list[str]:
    known = functions.known()
    found = []
    for name, f in sorted(vars(np).items()):
        if isinstance(f, np.ufunc) and name == f.__name__:
            have = [m for m in ("reduce", "accumulate", "reduceat", "outer", "at") if getattr(f, m) in known]
            found += [f"`np.{name}.{'|'.join(have)}`"] if have else []
    return found


def page() -> str:
    """Return the text of the page."""
    numpy = _names(np, "np")
    parts = [_INTRO]
    parts.append(_section("numpy, element by element", _elementwise(numpy)))
    whole = [("functions of arrays", _whole(numpy))]
    whole += [(f"np.{m}", _whole(_names(getattr(np, m), f"np.{m}"))) for m in ("linalg", "fft", "random")]
    whole += [("methods of ufuncs", _ufunc_methods()), ("traced through numpy's own code, tested", _traced_through())]
    parts.append(_section("numpy, whole arrays", whole))
    methods = []
    for kind in ("array", "number", "list", "tuple", "dict", "set", "str"):
        article = "an" if kind == "array" else "a"
        names = [f"`{n}`" for n in functions.known_methods(kind) if n[0] != "_"]
        methods.append((f"methods of {article} {kind}", names))
    parts.append(_section("Methods", methods))
    rows = []
    for name in ("scipy.special", "scipy.linalg", "scipy.integrate", "scipy.optimize", "scipy.interpolate",
                 "scipy.signal", "scipy.stats", "scipy.sparse"):  # fmt: skip
        scipy = _names(importlib.import_module(name), name)
        rows += [(f"{name}, {label}", found) for label, found in _elementwise(scipy)] + [(name, _whole(scipy))]
    rows.append(("by plain functions in place of SciPy's compiled ones", _stood_for()))
    parts.append(_section("scipy", rows))
    rows = []
    for module in (math, cmath):
        rows += [(f"{module.__name__}, {a}", b) for a, b in _elementwise(_names(module, module.__name__))]
    for module in (builtins, operator, functools, itertools):
        label = "" if module is builtins else module.__name__
        known = _names(module, label)
        found = sorted({*_whole(known), *(x for _, part in _elementwise(known) for x in part)}, key=str.lower)
        rows.append((module.__name__, found))
    parts.append(_section("Standard library", rows))
    return "".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
