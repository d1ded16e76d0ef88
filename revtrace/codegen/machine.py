"""What machine code depends on besides its source: versions, interpreter, CPU.

Imports numba.
"""

from __future__ import annotations

import functools
import sys

import llvmlite.binding
import numba
import numpy as np

__all__ = ["machine"]


@functools.cache
def machine() -> tuple[str, ...]:
    """Return the versions, the interpreter and the CPU with its features."""
    versions = [f"{module.__name__} {module.__version__}" for module in (numba, llvmlite, np)]
    features = llvmlite.binding.get_host_cpu_features()
    return (
        *versions,
        sys.implementation.cache_tag,
        sys.version,
        sys.platform,
        llvmlite.binding.get_process_triple(),
        llvmlite.binding.get_host_cpu_name(),
        ",".join(sorted(name for name, on in features.items() if on)),
    )
