"""The examples in docstrings are true, and public names have what a docstring should."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import revtrace
from revtrace.config import override

HOSTS = {f"revtrace.interop.{host}" for host in ("autograd", "dask", "jax", "pytensor", "torch", "xla")}
"""Modules that import what may not be installed; `tests.interop` runs their examples."""

MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(revtrace.__path__, "revtrace.")
    if not found.name.endswith("__main__") and not found.name.startswith(tuple(HOSTS))
)

EXAMPLES = [
    test for name in ("revtrace", *MODULES) for test in doctest.DocTestFinder().find(importlib.import_module(name))
]


def test_examples_are_found() -> None:
    assert sum(bool(test.examples) for test in EXAMPLES) > 20


@pytest.mark.parametrize("test", [pytest.param(test, id=test.name) for test in EXAMPLES if test.examples])
def test_example(test: doctest.DocTest) -> None:
    # Functions of the examples are a user's: revtrace does not trace its own.
    test.globs["__name__"] = "examples"
    with override(cache=False):
        outcome = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False).run(test, clear_globs=False)
    assert outcome.failed == 0


@pytest.mark.parametrize("name", sorted(revtrace.__all__))
def test_public_name_is_documented(name: str) -> None:
    text = inspect.getdoc(getattr(revtrace, name))
    assert text
    assert text.splitlines()[0].endswith((".", "?", ":"))
