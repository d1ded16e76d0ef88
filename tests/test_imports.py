"""Dependencies between the packages point one way, and what is slow or optional is not imported at start."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import revtrace

ROOT = Path(revtrace.__file__).parent

LEAVES = {"loc", "errors"}

ALLOWED: dict[str, set[str]] = {
    "loc": set(),
    "errors": {"loc"},
    "config": set(),
    "decode": LEAVES,
    "structure": LEAVES | {"decode"},
    "program": LEAVES,
    "rules": LEAVES | {"program"},
    "calls": LEAVES | {"program"},
    "trace": LEAVES | {"structure", "decode", "program", "rules", "calls"},
    "passes": LEAVES | {"program", "rules", "calls"},
    "replay": LEAVES | {"program", "rules", "calls"},
    "codegen": LEAVES | {"program", "rules", "calls"},
    "cache": LEAVES | {"config", "program", "codegen", "calls", "passes", "trace"},
    "dispatch": LEAVES
    | {"callee", "config", "containers", "derive", "kept", "request"}
    | {"cache", "calls", "codegen", "interop", "passes", "program", "replay", "trace"},
    "runs": LEAVES | {"calls", "program", "passes", "replay", "trace", "dispatch", "derive", "callee"},
    "dumps": LEAVES | {"program", "calls", "passes", "replay", "codegen", "runs", "kept"},
    "interop": LEAVES
    | {"callee", "containers", "cotangents", "derived", "dispatch", "handle", "matrices", "products"}
    | {"cache", "calls", "codegen", "program", "replay", "trace"},
}
"""What each package may import; the modules of the public API, above all of these, are not listed."""

HOSTS = ("autograd", "cloudpickle", "dask", "distributed", "jax", "pytensor", "torch")

OPTIONAL = {
    "numba": {"codegen", "interop"},
    "llvmlite": {"codegen", "cache", "cli"},
    "mpmath": {"rules"},
    "bytecode": {"decode"},
    **{host: {"derived"} if host == "cloudpickle" else {"interop", "cli"} for host in HOSTS},
}
"""Which packages may import what is slow or optional."""

AT_START = {"bytecode"}
"""Those of `OPTIONAL` that importing revtrace may load."""

ABOVE = {"api", "cli", "handle", "inner", "rulecheck", "testing"}
"""Modules that only each other and the top of the package import."""

LATE = {
    ("program", "rules"),
    ("passes", "trace"),
    ("calls", "trace"),
    ("calls", "api"),
    ("runs", "dumps"),
    ("runs", "handle"),
    ("dumps", "derived"),
    ("dumps", "handle"),
    ("trace", ""),
}
"""Imports allowed inside functions, or for types, only: the verifier reads the table of rules, derivatives of calls are
traced, those of users' rules may be calls and are transposed by gradients, a recording shows itself as a page, dumps
are of handles."""


@dataclass(frozen=True)
class Import:
    """One import statement's target."""

    source: str
    line: int
    package: str
    target: str
    inside: bool

    def __str__(self) -> str:
        return f"{self.source}:{self.line} imports {self.target}"

    @property
    def part(self) -> str:
        """The package or module of revtrace that is imported; empty for its top."""
        return self.target.split(".")[1] if "." in self.target else ""


def _targets(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        module = node.module or ""
        return [f"{module}.{alias.name}" if module == "revtrace" else module for alias in node.names]
    return []


def _nested(tree: ast.AST) -> set[ast.AST]:
    """Return the nodes inside functions, and inside ``if TYPE_CHECKING``, which are not run on import."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        typing_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or typing_only:
            found.update(ast.walk(node))
    return found


def imports() -> Iterator[Import]:
    """Walk every import statement of the package."""
    for path in sorted(ROOT.rglob("*.py")):
        relative = path.relative_to(ROOT)
        package = relative.parts[0].removesuffix(".py")
        tree = ast.parse(path.read_text())
        nested = _nested(tree)
        for node in ast.walk(tree):
            for target in _targets(node):
                yield Import(str(relative), node.lineno, package, target, node in nested)


IMPORTS = list(imports())
WITHIN = [i for i in IMPORTS if i.target.split(".")[0] == "revtrace" and i.part != i.package]


def test_walk_finds_imports() -> None:
    assert any(i.package == "codegen" and i.target.startswith("numba") for i in IMPORTS)
    assert any(i.package == "structure" and i.part == "decode" for i in WITHIN)
    assert any(i.inside for i in IMPORTS)


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_package_imports_only_what_is_below_it(package: str) -> None:
    assert (ROOT / package).is_dir() or (ROOT / f"{package}.py").exists()
    wrong = [
        str(i)
        for i in WITHIN
        if i.package == package and i.part not in ALLOWED[package] and not (i.inside and (i.package, i.part) in LATE)
    ]
    assert not wrong


def test_every_package_is_placed() -> None:
    packages = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert packages <= set(ALLOWED) | ABOVE


@pytest.mark.parametrize("name", sorted(OPTIONAL))
def test_only_its_owner_imports(name: str) -> None:
    wrong = [str(i) for i in IMPORTS if i.target.split(".")[0] == name and i.package not in OPTIONAL[name]]
    assert not wrong


def test_nothing_imports_the_public_api() -> None:
    """`testing` and `cli` use what users use; nothing below uses them."""
    wrong = [
        str(i) for i in WITHIN if i.part in {"cli", "testing"} and i.package not in ABOVE | {"__init__", "__main__"}
    ]
    assert not wrong


def test_versions_are_in_one_table() -> None:
    """Only the table of opcodes asks which CPython is running."""
    asking = []
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in {"version_info", "hexversion"}:
                asking.append(str(path.relative_to(ROOT)))
    assert sorted(set(asking)) == ["decode/table.py"]


def test_no_import_cycles() -> None:
    """The modules that are run on import have an order."""
    names = {
        ".".join(("revtrace", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in ROOT.rglob("*.py")
    }
    below: dict[str, set[str]] = {name: set() for name in names}
    for name, path in names.items():
        tree = ast.parse(path.read_text())
        nested = _nested(tree)
        for node in ast.walk(tree):
            if node in nested or not isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            module = getattr(node, "module", None)
            for alias in node.names:
                whole = f"{module}.{alias.name}" if module else alias.name
                target = whole if whole in names else module
                if target in names and target != name:
                    below[name].add(target)
    while True:
        ready = {name for name, targets in below.items() if not targets}
        if not ready:
            break
        below = {name: targets - ready for name, targets in below.items() if name not in ready}
    assert not below, "modules in or above a cycle"


def test_import_is_light() -> None:
    slow = sorted(set(OPTIONAL) - AT_START | {"scipy", "pytest", "hypothesis"})
    code = f"import sys, revtrace; print([m for m in {slow!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert done.stdout.strip() == "[]"
