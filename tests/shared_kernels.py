"""Machine code that the CPythons of one run of `.ci/run` share: each kernel is compiled by the first that needs it.

What is compiled depends on the generated source and the types of its inputs, which are mostly the same on every
CPython, and the machine code runs on all of them: it reaches Python and NumPy by symbols that are bound when it is
loaded.  So every test runs, on every CPython, through machine code; only that code comes from a file where a source
that is the same to the letter was compiled before.

Not shared, so that numba's reading of each CPython's bytecode is tested: one kernel in `_SHARE`, chosen by its key,
what a test compiles itself (`tests/codegen`, `tests/rules`, dumps of LLVM's code), and all in processes that tests
start.  Without the variable, as in README's command, every test process compiles what it needs.

What follows from a traced program alone, whichever CPython traced it, is tested by the first that traces it; the others
find a note that it passed (`note_of`).
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from revtrace import codegen
from revtrace.cache import kernels
from revtrace.cache.key import digest_of, own_text
from revtrace.calls.core import row_named
from revtrace.codegen import Source
from revtrace.program.nodes import Program

VARIABLE = "REVTRACE_TEST_KERNELS"
"""Names the directory of the files; it is the run's own, and goes with it."""

_SHARE = 48


@dataclass
class Counts:
    """How many kernels this process compiled, and how many it loaded."""

    compiled: int = 0
    loaded: int = 0


def note_of(*facts: str) -> Path | None:
    """Return the file that notes a test whose outcome depends on these facts only, None outside of `.ci/run`.

    A test writes it once it has passed; where it is there, an earlier CPython of the run has done the same.
    """
    directory = os.environ.get(VARIABLE)
    return Path(directory, f"note-{digest_of((*facts, version('numpy')))}") if directory else None


def key_of(source: Source, program: Program, careful: bool) -> str:
    """Return what the machine code depends on in one run on one machine, but for the interpreter and its NumPy."""
    types = repr([str(v.type) for v in program.inputs])
    return digest_of((own_text(), version("numba"), version("llvmlite"), repr(source), types, repr(careful)))


@contextmanager
def shared(directory: Path) -> Iterator[Counts]:
    """Look kernels up in a directory before they are compiled, and put there what is."""
    # Imports numba.
    from revtrace.codegen.kernel import Kernel

    @dataclass(frozen=True, slots=True, eq=False)
    class Loaded(Kernel):
        data: bytes

        def save(self) -> bytes:
            # numba cannot write again what it has read.
            return self.data

    counts = Counts()

    def build(program: Program, *, careful: bool, source: Source) -> Any:
        path = directory / key_of(source, program, careful)
        # Rows of the process's own call functions that only it has.
        fixed = all(row_named(spec.row).fixed for _, spec in source.calls)
        if fixed and int(path.name[:8], 16) % _SHARE and path.exists():
            counts.loaded += 1
            kernel = codegen.load(data := path.read_bytes())
            return Loaded(**{part.name: getattr(kernel, part.name) for part in fields(kernel)}, data=data)
        kernel = codegen.build(program, careful=careful, source=source)
        counts.compiled += 1
        if fixed:
            _write(path, kernel)
        return kernel

    with mock.patch.object(kernels, "codegen", SimpleNamespace(emit=codegen.emit, load=codegen.load, build=build)):
        yield counts


def _write(path: Path, kernel: Any) -> None:
    try:
        data = kernel.save()
    except (pickle.PicklingError, TypeError, AttributeError):
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    os.replace(file.name, path)
