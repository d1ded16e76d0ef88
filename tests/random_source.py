"""Random structured Python functions, drawn by Hypothesis, in a real and a complex rendering.

A drawn function is a tree of tuples; `render` writes it as source.  The complex
rendering compares real parts and calls functions that take complex numbers, so that
its imaginary step is an oracle for the real one.  Numbers stay bounded and indices
in range, so that every drawn function runs.
"""

from __future__ import annotations

import importlib.util
import pathlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

__all__ = ["ARRAYS", "load", "programs", "render"]

ARRAYS = {"x": 4, "y": 3, "t": 5, "u": 4}
"""Arrays by name and length: two arguments, a local, and a copy of ``x``; ``m`` is 2 by 3."""

SCALARS = ("a", "s", "p", "q")
INTEGERS = ("n", "k")
FUNCTIONS = ("sin", "cos", "tanh", "exp_down", "abs", "sqrt_up")

Tree = tuple[Any, ...]


@dataclass
class Scope:
    """What a statement may name."""

    indices: tuple[str, ...] = ()
    views: dict[str, int] = field(default_factory=dict)
    in_loop: bool = False
    depth: int = 0
    loops: int = 0

    def inner(self, **changes: Any) -> Scope:
        values = {"indices": self.indices, "views": dict(self.views), "in_loop": self.in_loop}
        return Scope(**{**values, "depth": self.depth + 1, "loops": self.loops, **changes})


# expressions ----------------------------------------------------------------------------


@st.composite
def _element(draw: Any, scope: Scope) -> Tree:
    arrays = {**ARRAYS, **scope.views}
    name = draw(st.sampled_from([*arrays, "m"]))
    if name == "m":
        return ("item2", draw(_index(scope, 2)), draw(_index(scope, 3)))
    return ("item", name, draw(_index(scope, arrays[name])))


@st.composite
def _index(draw: Any, scope: Scope, length: int) -> Tree:
    names = (*INTEGERS, *scope.indices)
    kind = draw(st.integers(0, 2))
    if kind == 0:
        return ("int", draw(st.integers(-length, length - 1)))
    name = draw(st.sampled_from(names))
    if kind == 1 or length == 1:
        return ("wrap", name, draw(st.integers(0, 3)), length)
    return ("behind", name, length)


def _leaf(scope: Scope) -> st.SearchStrategy[Tree]:
    return st.one_of(
        st.sampled_from(SCALARS).map(lambda v: ("name", v)),
        _element(scope),
        st.sampled_from((0.5, -1.25, 2, 1, 0.1)).map(lambda v: ("number", v)),
        st.sampled_from((*INTEGERS, *scope.indices)).map(lambda v: ("integer", v)),
    )


@st.composite
def _expression(draw: Any, scope: Scope, depth: int = 2) -> Tree:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(_leaf(scope))
    kind = draw(st.integers(0, 6))
    left = draw(_expression(scope, depth - 1))
    if kind == 0:
        return ("call", draw(st.sampled_from(FUNCTIONS)), left)
    right = draw(_expression(scope, depth - 1))
    if kind <= 3:
        return ("binary", "+-*"[kind - 1], left, right)
    if kind == 4:
        return ("divide", left, right)
    if kind == 5:
        return ("larger", draw(st.sampled_from(("max", "min"))), left, right)
    return ("choose", draw(_condition(scope)), left, right)


@st.composite
def _condition(draw: Any, scope: Scope) -> Tree:
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return ("parity", draw(st.sampled_from((*INTEGERS, *scope.indices))), draw(st.integers(2, 3)))
    if kind == 1:
        return (draw(st.sampled_from(("and", "or"))), draw(_condition(scope)), draw(_condition(scope)))
    if kind == 2:
        return ("between", draw(_leaf(scope)))
    return ("compare", draw(st.sampled_from(("<", ">", "<=", ">="))), draw(_leaf(scope)), draw(_leaf(scope)))


# statements -----------------------------------------------------------------------------


@st.composite
def _block(draw: Any, scope: Scope, least: int = 1, most: int = 3) -> Tree:
    scope = replace(scope, views=dict(scope.views))  # a strategy is drawn from many times
    statements = []
    for _ in range(draw(st.integers(least, most))):
        statements.append(draw(_statement(scope)))
        if statements[-1][0] == "view":
            _, name, _, _, length = statements[-1]
            scope.views[name] = length
    return tuple(statements)


@st.composite
def _statement(draw: Any, scope: Scope) -> Tree:
    simple = ["set", "set", "add", "store", "store", "store_add", "cast", "view", "swap_items"]
    nested = ["if", "if_else", "for", "for_else", "for_items", "while"] if scope.depth < 3 and scope.loops < 2 else []
    exits = ["break", "continue", "return"] if scope.in_loop else ["return"]
    kind = draw(st.sampled_from(simple + nested + exits))
    value = _expression(scope)
    match kind:
        case "set":
            return (kind, draw(st.sampled_from(SCALARS)), draw(st.sampled_from(("sin", "tanh", "scale"))), draw(value))
        case "add":
            return (kind, draw(st.sampled_from(SCALARS)), draw(st.sampled_from("+-")), draw(value))
        case "store":
            return (kind, draw(_element(scope)), draw(value))
        case "store_add":
            return (kind, draw(_element(scope)), draw(st.sampled_from("+-*")), draw(value))
        case "cast":
            return (kind, draw(value))
        case "swap_items":
            return (kind, draw(_element(scope)), draw(_element(scope)))
        case "view":
            base = draw(st.sampled_from(list({**ARRAYS, **scope.views})))
            length = {**ARRAYS, **scope.views}[base]
            cut, left = draw(st.sampled_from(_cuts(length)))
            return (kind, f"v{scope.depth}{len(scope.views)}", base, cut, left)
        case "if":
            return (kind, draw(_condition(scope)), draw(_block(scope.inner())))
        case "if_else":
            return (kind, draw(_condition(scope)), draw(_block(scope.inner())), draw(_block(scope.inner())))
        case "for" | "for_else":
            index = f"i{scope.loops}"
            inner = scope.inner(indices=(*scope.indices, index), in_loop=True, loops=scope.loops + 1)
            span = draw(st.sampled_from(("3", "n", "1, 4", "4, 0, -1", "0, 5, 2", "len(y)", "2, 2", "n - 1, -1, -1")))
            rest = draw(_block(scope.inner())) if kind == "for_else" else ()
            return (kind, index, span, draw(_block(inner)), rest)
        case "for_items":
            name = f"e{scope.loops}"
            inner = scope.inner(in_loop=True, loops=scope.loops + 1)
            return (kind, name, draw(st.sampled_from(list(ARRAYS))), draw(_block(inner)))
        case "while":
            inner = scope.inner(in_loop=True, loops=scope.loops + 1)
            limit = draw(st.integers(0, 4))
            return (kind, f"w{scope.loops}", limit, draw(_condition(scope)), draw(_block(inner)))
        case "break" | "continue":
            return (kind, draw(_condition(scope)))
    return ("return", draw(_condition(scope)), draw(value))


def _cuts(length: int) -> list[tuple[str, int]]:
    cuts = [("[:]", length), ("[::-1]", length)]
    if length > 2:
        cuts += [("[1:]", length - 1), ("[:-1]", length - 1), ("[::2]", (length + 1) // 2)]
    return cuts


def programs() -> st.SearchStrategy[Tree]:
    """Return a strategy for whole functions: a block and the result's expression."""
    return st.tuples(_block(Scope(), least=2, most=6), _expression(Scope()))


# rendering ------------------------------------------------------------------------------

_HEADER = """\
import cmath
import math

import numpy as np


def function(x, y, a, n):
    k = 2
    s = {zero}
    p, q = 0.5, a
    t = np.{zeros}
    u = x.copy()
    m = np.array([[a, x[0], 0.3], [1.0, y[1], x[2]]])
"""


class Writer:
    """Writes a tree as source, for real numbers or for complex ones."""

    def __init__(self, imaginary: bool) -> None:
        self.imaginary = imaginary
        self.lines: list[str] = []

    def real(self, text: str) -> str:
        return f"({text}).real" if self.imaginary else text

    def element(self, tree: Tree) -> str:
        if tree[0] == "item2":
            return f"m[{self.index(tree[1])}, {self.index(tree[2])}]"
        return f"{tree[1]}[{self.index(tree[2])}]"

    def index(self, tree: Tree) -> str:
        match tree:
            case ("int", value):
                return str(value)
            case ("wrap", name, shift, length):
                return f"({name} + {shift}) % {length}"
            case (_, name, length):
                return f"-1 - {name} % {length}"
        raise AssertionError(tree)

    def call(self, name: str, argument: str) -> str:
        library = "cmath" if self.imaginary else "math"
        match name:
            case "exp_down":
                return f"{library}.exp(-0.5 * {library}.tanh({argument}))"
            case "sqrt_up":
                return f"{library}.sqrt(1.25 + {library}.sin({argument}))"
            case "abs" if self.imaginary:
                return f"(lambda z: z if z.real > 0 else -z if z.real < 0 else 0.0)({argument})"
            case "abs":
                return f"abs({argument})"
        return f"{library}.{name}({argument})"

    def expression(self, tree: Tree) -> str:
        go = self.expression
        match tree:
            case ("name", name) | ("integer", name):
                return str(name)
            case ("number", value):
                return repr(value)
            case ("item" | "item2", *_):
                return self.element(tree)
            case ("call", name, argument):
                return self.call(name, go(argument))
            case ("binary", sign, left, right):
                return f"({go(left)} {sign} {go(right)})"
            case ("divide", left, right):
                return f"({go(left)} / (1.5 + {self.call('sin', go(right))}))"
            case ("larger", name, left, right) if self.imaginary:
                test = ">" if name == "max" else "<"
                return f"(lambda b, c: c if c.real {test} b.real else b)({go(left)}, {go(right)})"
            case ("larger", name, left, right):
                return f"{name}({go(left)}, {go(right)})"
            case ("choose", condition, left, right):
                return f"({go(left)} if {self.condition(condition)} else {go(right)})"
        raise AssertionError(tree)

    def condition(self, tree: Tree) -> str:
        match tree:
            case ("parity", name, modulus):
                return f"{name} % {modulus} == 0"
            case ("and" | "or" as word, left, right):
                return f"({self.condition(left)} {word} {self.condition(right)})"
            case ("between", leaf):
                return f"-0.3 < {self.real(self.expression(leaf))} <= 0.9"
            case ("compare", sign, left, right):
                return f"{self.real(self.expression(left))} {sign} {self.real(self.expression(right))}"
        raise AssertionError(tree)

    def block(self, statements: Tree, margin: str) -> None:
        for statement in statements:
            self.statement(statement, margin)

    def statement(self, tree: Tree, margin: str) -> None:
        def put(text: str) -> None:
            self.lines.append(margin + text)

        deeper = margin + "    "
        match tree:
            case ("set", name, "scale", value):
                put(f"{name} = 0.25 * {self.call('sin', self.expression(value))} + 0.25 * {name}")
            case ("set", name, bound, value):
                put(f"{name} = {self.call(bound, self.expression(value))}")
            case ("add", name, sign, value):
                put(f"{name} {sign}= {self.call('tanh', self.expression(value))}")
            case ("store", place, value):
                put(f"{self.element(place)} = {self.call('sin', self.expression(value))}")
            case ("store_add", place, "*", value):
                put(f"{self.element(place)} *= {self.call('cos', self.expression(value))}")
            case ("store_add", place, sign, value):
                put(f"{self.element(place)} {sign}= {self.call('tanh', self.expression(value))}")
            case ("cast", value):
                put(f"k = abs(int({self.real(self.call('sin', self.expression(value)))} * 7.3))")
            case ("swap_items", left, right):
                one, two = self.element(left), self.element(right)
                put(f"{one}, {two} = {two}, {one}")
            case ("view", name, base, cut, _):
                put(f"{name} = {base}{cut}")
            case ("if", condition, then):
                put(f"if {self.condition(condition)}:")
                self.block(then, deeper)
            case ("if_else", condition, then, orelse):
                put(f"if {self.condition(condition)}:")
                self.block(then, deeper)
                put("else:")
                self.block(orelse, deeper)
            case ("for" | "for_else", name, span, body, orelse):
                put(f"for {name} in range({span}):")
                self.block(body, deeper)
                if orelse:
                    put("else:")
                    self.block(orelse, deeper)
            case ("for_items", name, array, body):
                put(f"for {name} in {array}:")
                put(f"    s = 0.5 * s + {name} * 0.1")
                self.block(body, deeper)
            case ("while", name, limit, condition, body):
                put(f"{name} = 0")
                put(f"while {name} < {limit} and {self.condition(condition)}:")
                put(f"    {name} += 1")
                self.block(body, deeper)
            case ("break" | "continue" as word, condition):
                put(f"if {self.condition(condition)}:")
                put(f"    {word}")
            case ("return", condition, value):
                put(f"if {self.condition(condition)}:")
                put(f"    return {self.call('tanh', self.expression(value))} + a")


def render(tree: Tree, *, imaginary: bool = False) -> str:
    """Return a drawn function as the source of a module."""
    statements, result = tree
    writer = Writer(imaginary)
    writer.block(statements, "    ")
    total = "s + p * q + x[0] * t[1] + u[2] + m[1, 1] * y[-1]"
    writer.lines.append(f"    return {writer.call('tanh', writer.expression(result))} + {total}")
    header = _HEADER.format(
        zero="0j" if imaginary else "0",
        zeros="zeros(5, dtype=complex)" if imaginary else "zeros(5)",
    )
    return header + "\n".join(writer.lines) + "\n"


def load(source: str, path: pathlib.Path) -> Callable[..., Any]:
    """Write a module to a file and return its function, so that tracebacks find its lines."""
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.function
