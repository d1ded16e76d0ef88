"""The suites as asv finds them: every benchmark has a unit, a version and a timeout, and runs."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pytest

from asv_bench import benchmarks

KINDS = re.compile("(time|timeraw|track|peakmem)_")


def found() -> Iterator[tuple[str, Any, str]]:
    """Yield each benchmark: its label, the class or module it is in, and its name."""
    for info in pkgutil.iter_modules(benchmarks.__path__):
        module = importlib.import_module(f"{benchmarks.__name__}.{info.name}")
        for owner in (module, *(c for c in vars(module).values() if isinstance(c, type))):
            # What begins with an underscore is a base of suites.
            if owner is not module and (owner.__module__ != module.__name__ or owner.__name__.startswith("_")):
                continue
            label = info.name if owner is module else f"{info.name}.{owner.__name__}"
            for name, member in vars(owner).items():
                if KINDS.match(name) and isinstance(member, FunctionType):
                    yield f"{label}.{name}", owner, name


FOUND = {label: (owner, name) for label, owner, name in found()}


def test_every_suite_is_there() -> None:
    suites = {label.split(".")[0] for label in FOUND}
    assert suites >= {
        "arrays", "calls", "compile", "deriving", "gradients", "hosts", "large", "memory",
        "programs", "safety", "trace",
    }  # fmt: skip


@pytest.mark.parametrize("label", FOUND)
def test_units_versions_and_timeouts(label: str) -> None:
    owner, name = FOUND[label]
    member = getattr(owner, name)
    holder = owner if isinstance(owner, type) else member
    assert holder.version.isdigit() and holder.timeout >= 300
    assert not name.startswith("track_") or member.unit


@pytest.mark.slow
@pytest.mark.parametrize("label", FOUND)
def test_the_first_parameters_run(label: str) -> None:
    owner, name = FOUND[label]
    if not isinstance(owner, type):
        getattr(owner, name)()
        return
    params = getattr(owner, "params", ())
    lists = params if params and isinstance(params[0], tuple | list) else [params] if params else []
    first = next(iter(itertools.product(*lists)))
    made = owner()
    try:
        getattr(made, "setup", lambda *_: None)(*first)
        result = getattr(made, name)(*first)
    except NotImplementedError as missing:
        # How asv is told that a parameter is not to be run here.
        pytest.skip(str(missing))
    finally:
        getattr(made, "teardown", lambda *_: None)(*first)
    assert not name.startswith("track_") or isinstance(result, int | float)
