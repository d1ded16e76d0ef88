"""What a kernel's machine code depends on, as one hash.

The generated source says everything that the function, its globals, its closures and the arguments'
types contribute.  The key hashes that source and what turns it into machine code, so that nothing can
be stale.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from revtrace.codegen import Source
from revtrace.program.nodes import Program

__all__ = ["digest_of", "key_of", "own_text", "surroundings"]


@functools.cache
def own_text() -> str:
    """Return a hash of revtrace's own code generator and run-time formulas."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for folder in ("codegen", "rules"):
        for path in sorted((root / folder).glob("*.py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def key_of(source: Source, program: Program, *, careful: bool) -> str:
    """Return the key of a kernel.

    Parameters
    ----------
    source : Source
        The generated code.
    program : Program
        Gives the types of the inputs.
    careful : bool
        Which of the two builds.
    """
    types = repr([str(v.type) for v in program.inputs])
    return digest_of((own_text(), *surroundings(), repr(source), types, repr(careful)))


def surroundings() -> tuple[str, ...]:
    """Return what compiled code depends on besides its source: versions, the CPU, numba's switches."""
    # numba takes a third of a second to import, and is needed when a key is.
    from revtrace.codegen.machine import machine

    switches = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("NUMBA_"))
    return (*machine(), *switches)


def digest_of(parts: Iterable[str]) -> str:
    """Return one hash of several texts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part.encode())
    return digest.hexdigest()
