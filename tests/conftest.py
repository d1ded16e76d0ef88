"""Settings of the whole test run."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

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
