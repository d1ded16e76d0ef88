"""The corpus uses every construct that revtrace says it takes."""

from __future__ import annotations

import ast
import importlib
import inspect
import math
from collections.abc import Iterator

import pytest

from tests.programs.corpus import FAMILIES

NODES = (
    "AnnAssign Assert Assign AugAssign BoolOp Break Call Compare Constant Continue Delete Dict DictComp For "
    "FormattedValue FunctionDef GeneratorExp If IfExp Import ImportFrom JoinedStr Lambda List ListComp Match Name "
    "NamedExpr Nonlocal Pass Raise Return Slice Starred Subscript Tuple UnaryOp While With"
).split()

OPERATORS = (
    "Add Sub Mult Div FloorDiv Mod Pow LShift RShift BitAnd BitOr BitXor Invert Not UAdd USub And Or "
    "Eq NotEq Lt LtE Gt GtE Is IsNot In NotIn"
).split()

BUILTINS = (
    "abs all any bool callable complex dict divmod enumerate filter float getattr hasattr int isinstance issubclass "
    "iter len list map max min pow range repr reversed round setattr sorted sum super tuple type zip"
).split()

# Functions of math without a derivative to speak of, or about integers and representations.
NOT_NUMERIC = {
    "comb", "frexp", "gcd", "isqrt", "lcm", "nextafter", "perm", "sumprod", "ulp", "fma", "isnormal", "issubnormal",
    "signbit",
}  # fmt: skip

NUMPY = (
    "abs arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh array asanyarray asarray atleast_1d cbrt ceil "
    "clip copysign cos cosh deg2rad empty empty_like errstate exp exp2 expm1 eye finfo floor fmod full hypot isfinite "
    "isnan isscalar linspace log log10 log1p log2 logaddexp maximum minimum mod ones power real reciprocal rint sign "
    "sin sinh sqrt square tan tanh trunc where zeros zeros_like"
).split()

CMATH = "atan cos cosh exp log log10 phase polar rect sin sinh sqrt tan tanh".split()


@pytest.fixture(scope="module")
def trees() -> list[ast.AST]:
    modules = [importlib.import_module(f"tests.programs.{family}") for family in FAMILIES]
    return [node for module in modules for node in ast.walk(ast.parse(inspect.getsource(module)))]


def _attributes(trees: list[ast.AST], base: str) -> Iterator[str]:
    for node in trees:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == base:
            yield node.attr
        if isinstance(node, ast.ImportFrom) and node.module == base:
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("name", NODES + OPERATORS)
def test_syntax_occurs(trees: list[ast.AST], name: str) -> None:
    assert any(isinstance(node, getattr(ast, name)) for node in trees)


@pytest.mark.parametrize("name", BUILTINS)
def test_builtin_is_called(trees: list[ast.AST], name: str) -> None:
    calls = (node.func for node in trees if isinstance(node, ast.Call))
    assert any(isinstance(function, ast.Name) and function.id == name for function in calls)


@pytest.mark.parametrize("name", sorted(set(n for n in dir(math) if n[0] != "_") - NOT_NUMERIC))
def test_math_occurs(trees: list[ast.AST], name: str) -> None:
    assert name in set(_attributes(trees, "math")), f"math.{name} is in no program"


@pytest.mark.parametrize("name", NUMPY)
def test_numpy_occurs(trees: list[ast.AST], name: str) -> None:
    assert name in set(_attributes(trees, "np"))


@pytest.mark.parametrize("name", CMATH)
def test_cmath_occurs(trees: list[ast.AST], name: str) -> None:
    assert name in set(_attributes(trees, "cmath"))


@pytest.mark.parametrize("kind", [ast.For, ast.While])
def test_loops_have_else_clauses(trees: list[ast.AST], kind: type) -> None:
    assert any(isinstance(node, kind) and node.orelse for node in trees)


def test_decorators_properties_and_class_methods_occur(trees: list[ast.AST]) -> None:
    decorated = (node for node in trees if isinstance(node, (ast.FunctionDef, ast.ClassDef)))
    names = {d.id for node in decorated for d in node.decorator_list if isinstance(d, ast.Name)}
    assert {"property", "classmethod", "staticmethod", "dataclass", "njit"} <= names


def test_parameters_of_every_kind_occur(trees: list[ast.AST]) -> None:
    arguments = [node.args for node in trees if isinstance(node, (ast.FunctionDef, ast.Lambda))]
    for kind in ("posonlyargs", "kwonlyargs", "defaults", "kw_defaults"):
        assert any(getattr(a, kind) for a in arguments), kind
    assert any(a.vararg for a in arguments)
    assert any(a.kwarg for a in arguments)
