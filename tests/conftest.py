"""Settings of the whole test run."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import shared_kernels

settings.register_profile(
    "quick", max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "long",
    max_examples=int(os.environ.get("REVTRACE_TEST_EXAMPLES", "1000")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("REVTRACE_TEST_PROFILE", "quick"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than a few seconds; left out by -m 'not slow'")


def pytest_collection_finish(session: pytest.Session) -> None:
    # What is imported stays, and is not to be walked for cycles again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _shared_kernels(request: pytest.FixtureRequest) -> Iterator[None]:
    directory = os.environ.get(shared_kernels.VARIABLE)
    if not directory:
        yield
        return
    with shared_kernels.shared(Path(directory)) as counts:
        yield
    worker = getattr(request.config, "workeroutput", {})
    worker["kernels"] = counts.compiled, counts.loaded


_counted: list[tuple[int, int]] = []


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    if (counts := getattr(node, "workeroutput", {}).get("kernels")) is not None:
        _counted.append(counts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _counted:
        compiled, loaded = map(sum, zip(*_counted, strict=True))
        terminalreporter.write_line(f"{compiled} kernels compiled, {loaded} found compiled from the same source before")
