"""From a program to a compiled kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from revtrace.codegen.advance import advance
from revtrace.codegen.bounds import analyse
from revtrace.codegen.emit import Source, write
from revtrace.codegen.split import split
from revtrace.program.nodes import Program

if TYPE_CHECKING:
    from revtrace.codegen.kernel import Kernel

__all__ = ["build", "emit", "load"]


def emit(
    program: Program,
    *,
    careful: bool = False,
    vector: bool = True,
    boxed: Iterable[int] = (),
    form: Any = None,
    native: bool = False,
) -> Source:
    """Return the Python source of a program.

    Parameters
    ----------
    program : Program
        A program that is well formed.
    careful : bool
        False: indices are tested outside loops where possible, and code raises `Deopt`
        where such a test fails, which it may for indices that are right.  True: each
        index is tested where it is used.
    vector : bool
        Whether loops may call vector forms of elementary functions, which differ from the C
        library's by up to 2 ulp.
    boxed : iterable of int
        Positions of the results that the kernel returns as numpy scalars; others are Python's numbers.
    form : int or nested tuple of int, optional
        What the kernel returns, see `Source`; one tuple of all results without it.
    native : bool
        Whether it is called from C; it returns nothing of use then.
    """
    if vector:
        program = split(program)
    program = advance(program)
    plan = analyse(program, careful=careful)
    if not vector:
        plan.vector.clear()
    return write(program, plan, careful=careful, boxed=boxed, form=form, native=native)


def build(program: Program, *, careful: bool = False, source: Source | None = None) -> Kernel:
    """Compile a program for the types of its inputs.

    Parameters
    ----------
    program : Program
        A program that is well formed.
    careful : bool
        See `emit`.
    source : Source, optional
        What `emit` returned for the program, where that was called before.

    Returns
    -------
    Kernel
        Its ``dispatch`` takes C-contiguous arrays and scalars of exactly the input types.  An
        array the program writes must be writeable and share no memory with another.
    """
    # numba takes a third of a second to import.
    from revtrace.codegen.kernel import compile_source, numba_type

    signature = tuple(numba_type(v.type) for v in program.inputs)
    return compile_source(source or emit(program, careful=careful), signature)


def load(data: bytes) -> Kernel:
    """Return a kernel from what its ``save`` returned."""
    from revtrace.codegen.kernel import load as load_kernel

    return load_kernel(data)
