"""Settings of the hosts that every module here relies on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

# Before a host is imported: they start threads, and JAX chooses its platform.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def float64_in_jax() -> None:
    """JAX computes in 32 bits unless told."""
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_enable_x64", True)


@pytest.fixture
def float32_in_jax(float64_in_jax: None) -> Iterator[None]:
    """As JAX is unless told."""
    jax = sys.modules.get("jax")
    if jax is not None:
        jax.config.update("jax_enable_x64", False)
    yield
    if jax is not None:
        jax.config.update("jax_enable_x64", True)
