"""Which host a call goes to, and what it costs where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import revtrace
from revtrace import interop

ROOT = Path(revtrace.__file__).parent.parent


def test_hosts_are_found_in_containers(monkeypatch: Any) -> None:
    class Array:
        """Stands for a host's value."""

    class Sub(Array):
        """A user's subclass of it."""

    Array.__module__ = "torch.nothing"
    monkeypatch.setattr(interop, "sys", SimpleNamespace(modules={}))
    assert interop.host_of(Array()) == interop.host_of([1.0, {"a": (Sub(),)}]) == ""
    monkeypatch.setattr(interop, "sys", SimpleNamespace(modules={"torch": None}))
    assert interop.host_of(Array()) == interop.host_of([1.0, {"a": (Sub(),)}]) == "torch"
    assert interop.host_of(1.0, np.ones(2), [{}], None) == ""


def test_no_host_is_imported() -> None:
    code = (
        "import sys, numpy as np, revtrace, revtrace.interop.scipy\n"
        "f = revtrace.wrap(lambda x: x * x)\n"
        "f(2.0), f.grad(np.float32(2.0)), f(np.ones(3))\n"
        "hosts = {'jax', 'torch', 'autograd', 'pytensor', 'dask', 'cloudpickle'}\n"
        "print(sorted(hosts & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
