"""A call as a C function of addresses: what a host calls that has no need of Python.

The program of the call, made to write its results to arrays that it takes, and where each of its inputs comes from:
an operand of the host's, or a constant.  Knows no host.

Only functions that read no data besides their arguments are taken: globals, closures and attributes may change from
call to call, which takes Python to see.  Other functions and classes that they use are those of now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from revtrace.cache import kernels
from revtrace.codegen.linked import KERNEL, VALID
from revtrace.containers import map_leaves
from revtrace.dispatch.signature import EXTRA
from revtrace.dispatch.specialisation import Specialisation
from revtrace.dispatch.table import Table
from revtrace.interop.common import Call, is_number
from revtrace.interop.shapes import Spec
from revtrace.program.nodes import Block, Op, Operand, Program, Stmt, Var, const
from revtrace.program.rebuild import clone_block
from revtrace.program.types import Array, Scalar, is_inexact
from revtrace.program.verify import verify
from revtrace.trace.record import Arg, Attr, Guard, Item, Leaf, Source, StaticLeaf, fetch

__all__ = ["Link", "Native", "native"]


@dataclass(frozen=True, slots=True, eq=False)
class Native:
    """A call as a C function.

    Attributes
    ----------
    address : int
        ``int32 f(void **data, int64 **lengths)``, see `revtrace.codegen.native`.
    inputs : tuple of int or array
        For each of the function's parameters the number of an operand, or of a result after all operands, or
        an array that holds its constant.
    facts : tuple of (int, Guard)
        What must hold of the shapes of operands, by their numbers.
    table : Table
        Where the program comes from; it forgets it when a rule changes.
    kernel : object
        What must live as long as the address is used.
    """

    address: int
    inputs: tuple[int | np.ndarray, ...]
    facts: tuple[tuple[int, Guard], ...]
    table: Table
    kernel: Any


class Link:
    """What a host's compiled code reads of a function at each call, in memory that must live as long as that code.

    Parameters
    ----------
    function : Native or None
    record : array of int64
        Gets the words that `revtrace.codegen.linked` names, where there is a function.
    """

    def __init__(self, function: Native | None, record: np.ndarray) -> None:
        self.function, self.record = function, record
        if function is not None:
            record[VALID], record[KERNEL] = 1, function.address
            function.table.subscribers.add(self)

    def follow(self, enter: Any) -> None:
        """Take notice of a change of the specialisations: without any, a rule has changed."""
        if self.function is not None and not self.function.table.specialisations:
            self.record[VALID] = 0


def native(call: Call, specs: Sequence[Spec], outs: Sequence[Spec]) -> Native | None:
    """Return a call as a C function, or None where it cannot be one.

    Parameters
    ----------
    call : Call
    specs : sequence of Spec
        The operands.
    outs : sequence of Spec
        What it returns for them, see `Call.outputs`.
    """
    examples = [spec.example() for spec in specs]
    args, kwargs = call.site.passed(examples[: len(call.site.dtypes)])
    found = call.table.find(args, kwargs)
    arguments = call.table.bind(args, kwargs)
    if found.executor is None or found.executor.enter is None or _reads_outside(found, arguments):
        return None
    facts = _facts(found, arguments, examples)
    if facts is None:
        return None
    # One found on disk has an outline only.
    found.whole()
    sources = _sources(call, found, examples, args, kwargs)
    results = _results(call, found)
    if sources is None or results is None or [_shape_of(x) for x in results] != [_kind(s) for s in outs]:
        return None
    program = _writing(found, results)
    verify(program)
    kernel = kernels.obtain(program, call.table.settings, native=True).kernel
    inputs = (*sources, *range(len(specs), len(specs) + len(outs)))
    return Native(kernel.address, inputs, facts, call.table, kernel)


def _reads_outside(found: Specialisation, arguments: Mapping[str, Any]) -> bool:
    """Whether a program relies on data that are not arguments."""
    sources = {guard.source for guard in found.traced.guards} | {entry.source for entry in found.traced.inputs}
    return any(_is_data(source, arguments) for source in sources)


def _facts(
    found: Specialisation, arguments: Mapping[str, Any], examples: Sequence[Any]
) -> tuple[tuple[int, Guard], ...] | None:
    """Return what a program relies on of the shapes of operands, None where it relies on more about them."""
    facts = []
    for guard in found.traced.guards:
        try:
            value = fetch(guard.source, arguments)
        except Exception:  # what is not there is no operand
            continue
        if any(value is x for x in examples):
            if guard.kind in ("shape", "lengths", "short"):
                facts.append((next(k for k, x in enumerate(examples) if value is x), guard))
            elif guard.kind not in ("type", "order"):
                return None
    return tuple(facts)


_CONSTANT = ("math", "cmath", "numpy", "scipy")
"""Packages whose numbers do not change."""


def _is_data(source: Source, arguments: Mapping[str, Any]) -> bool:
    """Whether a source is of data that may change: no argument, and no function, class or module."""
    of_object, base = False, source
    while isinstance(base, (Attr, Item)):
        of_object |= isinstance(base, Attr)
        base = base.base
    if isinstance(base, Arg) and not of_object:
        return False
    try:
        value = fetch(source, arguments)
        inside = fetch(source.base, arguments) if isinstance(source, Attr) else None
    except Exception:  # what is not there is no data
        return False
    if isinstance(inside, ModuleType) and inside.__name__.partition(".")[0] in _CONSTANT:
        return False
    return not (callable(value) or isinstance(value, ModuleType))


def _sources(
    call: Call, found: Specialisation, examples: Sequence[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[int | np.ndarray] | None:
    """Return where each input of the program comes from, None where that cannot be said."""
    inputs = found.inputs_of(args, kwargs)
    if inputs is None:
        return None
    first = len(call.site.dtypes)
    sources: list[int | np.ndarray] = []
    for entry, var, x in zip(found.traced.inputs, found.traced.program.inputs, inputs, strict=True):
        source = entry.source
        if isinstance(source, Item) and source.base == Arg(EXTRA):
            at = first + source.key
        else:
            same = [k for k, example in enumerate(examples[:first]) if example is x]
            if len(same) > 1:
                # NumPy has one object for each truth value.
                return None
            at = same[0] if same else -1
        if at >= 0:
            if _kind(Spec(np.shape(examples[at]), np.asarray(examples[at]).dtype)) != _shape_of(var):
                return None
            sources.append(at)
            continue
        dtype, ndim = _shape_of(var)
        value = np.array(x, dtype=np.dtype("?" if dtype == "b1" else dtype), order="K" if ndim else "C")
        if value.ndim != ndim:
            return None
        shared = isinstance(x, np.ndarray) and x.dtype == value.dtype and x.flags.c_contiguous and x.flags.aligned
        sources.append(x if shared else np.ascontiguousarray(value).reshape(value.shape))
    return sources


def _results(call: Call, found: Specialisation) -> list[Operand] | None:
    """Return the numbers and arrays that a call gives, in order, None where a constant array is among them."""
    traced = found.traced
    results: list[Operand | None] = []

    def leaf(x: Leaf | StaticLeaf) -> Any:
        if isinstance(x, Leaf):
            operand = traced.program.body.results[x.index]
            if call.base is None or is_inexact(operand.type.dtype):
                results.append(operand)
        elif isinstance(x.value, np.ndarray):
            results.append(None)
        elif is_number(x.value) and (call.base is None or np.asarray(x.value).dtype.kind in "fc"):
            dtype = np.asarray(x.value).dtype
            results.append(const(x.value, _kind(Spec((), dtype))[0]))
        return x

    map_leaves(leaf, traced.result)
    return None if any(x is None for x in results) else [x for x in results if x is not None]


def _kind(spec: Spec) -> tuple[str, int]:
    """Return the program's name of a dtype, and how many axes there are."""
    return "b1" if spec.dtype.kind == "b" else f"{spec.dtype.kind}{spec.dtype.itemsize}", len(spec.shape)


def _shape_of(x: Operand) -> tuple[str, int]:
    return x.type.dtype, x.type.ndim if isinstance(x.type, Array) else 0


def _writing(found: Specialisation, results: Sequence[Operand]) -> Program:
    """Return the program that writes its results to arrays that it takes, and leaves its other inputs alone."""
    program = found.traced.program
    first: list[Stmt] = []
    same: dict[Var, Operand] = {}
    for entry, var in zip(found.traced.inputs, program.inputs, strict=True):
        if entry.written:
            copy = Var(var.type, f"{var.name}_own")
            first.append(Op("copy", (var,), copy))
            same[var] = copy
    outs: list[Var] = []
    places: dict[Var, Var] = {}
    for k, x in enumerate(results):
        dtype, ndim = _shape_of(x)
        outs.append(Var(Array(dtype, ndim), f"out{k}"))
        if isinstance(x, Var) and isinstance(x.type, Array):
            places.setdefault(x, outs[-1])
    stmts: list[Stmt] = []
    for stmt in program.body.stmts:
        made = None
        if isinstance(stmt, Op) and stmt.out in places:
            made = _made_there(stmt, places[stmt.out])
            if made is not None:
                same[stmt.out] = places[stmt.out]
        stmts += [stmt] if made is None else made
    body = clone_block(Block(tuple(stmts), tuple(results)), same)
    last: list[Stmt] = [
        Op("copyto" if isinstance(x.type, Array) else "store", (out, x), None)
        for out, x in zip(outs, body.results, strict=True)
        if out is not x
    ]
    whole = Block((*first, *body.stmts, *last), (const(0),))
    return Program(f"{program.name}_native", (*program.inputs, *outs), whole)


def _made_there(stmt: Op, place: Var) -> list[Stmt] | None:
    """Return what makes an array in memory that is given, None where it is not simply made."""
    if stmt.name == "copy":
        return [Op("copyto", (place, *stmt.args), None, loc=stmt.loc)]
    if stmt.name != "alloc" or stmt.attr("bits"):
        return None
    made: list[Stmt] = []
    for axis, n in enumerate(stmt.args):
        size, right = Var(Scalar("i8"), "size"), Var(Scalar("b1"), "right")
        made.append(Op("dim", (place,), size, (("axis", axis),)))
        made.append(Op("eq", (size, n), right))
        made.append(Op("check", (right,), None, (("kind", "length"),)))
    if stmt.attr("zeros"):
        made.append(Op("fill", (place, const(0.0, place.type.dtype)), None))
    return made
