"""Messages name the user's line, and the place in a library that it leads to."""

import ast
import functools
import importlib
import pickle
import textwrap
from pathlib import Path
from typing import Any

import pytest

import revtrace
from revtrace.errors import UnsupportedError

LIBRARY = """
def outer(x):
    return inner(x)


def inner(x):
    return x * open(__file__).fileno()
"""

USER = """
import some_library


def direct(x):
    return some_library.outer(2.0 * x)


def helper(x):
    return 1.0 + direct(x)
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """A user's module and an installed one that it imports."""
    installed = tmp_path / "lib" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "some_library.py").write_text(textwrap.dedent(LIBRARY))
    (tmp_path / "user_module.py").write_text(textwrap.dedent(USER))
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.syspath_prepend(str(tmp_path))
    names = ("user_module", "some_library")
    yield tuple(importlib.import_module(name) for name in names)
    for name in names:
        monkeypatch.delitem(importlib.sys.modules, name)


def _refused(f: Any) -> UnsupportedError:
    with pytest.raises(UnsupportedError) as caught:
        revtrace.grad(f)(1.5)
    return caught.value


@pytest.mark.parametrize("name", ["direct", "helper"])
def test_library(modules: Any, name: str) -> None:
    error = _refused(getattr(modules[0], name))
    first, source, caret, *rest = str(error).splitlines()
    assert first.endswith('user_module.py", line 6 in direct')
    assert source.strip() == "return some_library.outer(2.0 * x)"
    assert source[caret.index("^") : caret.rindex("^") + 1] == "some_library.outer(2.0 * x)"
    assert rest[-3].startswith("inside: File ") and rest[-3].endswith('some_library.py", line 7 in inner')
    assert error.loc.short == "user_module.py" and error.inside.line == 7


def test_a_library_function_itself(modules: Any) -> None:
    error = _refused(modules[1].outer)
    assert (error.loc.short, error.loc.line, error.inside.line) == ("some_library.py", 7, 0)
    assert "inside:" not in str(error)


def test_pickled(modules: Any) -> None:
    error = _refused(modules[0].helper)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) and again.inside == error.inside


def doubled(f: Any) -> Any:
    @functools.wraps(f)
    def called(x: float) -> Any:
        return f(x)

    return called


@doubled
def pair(x: float) -> Any:
    y = 2 * x
    return (y, y)


@functools.lru_cache
def whole(x: float) -> int:
    return int(x)


@pytest.mark.parametrize(("f", "source"), [(pair, "return (y, y)"), (whole, "return int(x)")], ids=["pair", "whole"])
def test_a_result_without_a_gradient_is_where_it_is_returned(f: Any, source: str) -> None:
    with revtrace.config.override(cache=False), pytest.raises(revtrace.GradientError) as caught:
        revtrace.grad(f)(1.5)
    assert str(caught.value).splitlines()[1].strip() == source


def test_an_argument_without_a_gradient_is_where_the_function_is_defined() -> None:
    with pytest.raises(revtrace.GradientError) as caught:
        revtrace.grad(pair)(2)
    assert "def pair(" in str(caught.value).splitlines()[1]


def test_every_refusal_says_why_and_what_to_write() -> None:
    """No call that refuses something leaves a reason or an advice out."""
    package = Path(revtrace.__file__).parent
    silent = []
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name not in ("unsupported", "UnsupportedError") or any(isinstance(x, ast.Starred) for x in node.args):
                continue
            given = [x.value if isinstance(x, ast.Constant) else x for x in node.args[1:3]]
            named = {k.arg for k in node.keywords} & {"why", "instead"}
            if len(given) + len(named) < 2 or "" in given:
                silent.append(f"{path.relative_to(package)}:{node.lineno}")
    assert not silent
