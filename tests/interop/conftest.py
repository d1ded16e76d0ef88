"""Settings of the hosts that every module here relies on."""

from __future__ import annotations

import os

import pytest

# Before a host is imported: they start threads, and JAX chooses its platform.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def double() -> None:
    """JAX computes in 32 bits unless told."""
    try:
        import jax
    except ImportError:
        return
    jax.config.update("jax_enable_x64", True)
