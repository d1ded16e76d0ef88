"""The examples in the docstrings of the host modules are true."""

from __future__ import annotations

import doctest
import importlib

import pytest

from revtrace.config import override
from tests.test_docstrings import HOSTS


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(HOSTS))
def test_examples(name: str, float32_in_jax: None) -> None:
    pytest.importorskip(name.rpartition(".")[2])
    module = importlib.import_module(name)
    examples = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert examples
    for test in examples:
        test.globs["__name__"] = "examples"
        with override(cache=False):
            outcome = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False).run(test, clear_globs=False)
        assert outcome.failed == 0
