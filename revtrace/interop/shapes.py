"""What a function returns, found without calling it: structure, dtypes and shapes.

Hosts that trace (JAX under ``jit``, PyTorch under ``compile``) ask before there are numbers. Structure and dtypes are
those of the traced program; shapes are computed by the statements of the program that decide them, where these read
no number of the host's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from revtrace import replay
from revtrace.containers import map_leaves
from revtrace.dispatch.specialisation import Specialisation
from revtrace.errors import UnsupportedError
from revtrace.loc import Loc
from revtrace.program.nodes import Block, Const, For, Op, Operand, Program, Stmt, Var, const
from revtrace.program.types import Array, Scalar
from revtrace.trace.record import Leaf, StaticLeaf, fetch, rendered

__all__ = ["Spec", "returned"]


@dataclass(frozen=True, slots=True)
class Spec:
    """Shape and dtype of an array, or of a number where the shape is ``()``."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def inexact(self) -> bool:
        """Whether it has a derivative."""
        return self.dtype.kind in "fc"

    def example(self) -> Any:
        """Return a value of this kind; what it holds says nothing."""
        return np.zeros(self.shape, self.dtype) if self.shape else self.dtype.type(1)


def returned(
    found: Specialisation,
    arguments: Mapping[str, Any],
    inputs: Sequence[Any],
    unknown: Sequence[Any],
    here: Loc,
    hole: Callable[[int], Any],
    fixed: Callable[[Any], Any],
) -> tuple[Any, tuple[Spec, ...]]:
    """Return the structure of a function's result and what is in it.

    Parameters
    ----------
    found : Specialisation
        Made for a call with examples in place of the host's values.
    arguments : dict
        That call, by parameter.
    inputs : sequence
        The program's inputs in that call.
    unknown : sequence
        The examples: their shapes are known, their numbers are not.
    here : Loc
        Where the function is.
    hole, fixed : callable
        Make the leaf of the structure for a number or array, by position, and for a constant.

    Raises
    ------
    UnsupportedError
        The structure or a shape depends on numbers of the host's.
    """
    traced = found.traced
    for guard in traced.guards:
        if guard.kind in ("equal", "is") and guard.value is not None:
            value = _fetched(guard.source, arguments)
            if any(value is x for x in unknown):
                raise UnsupportedError(
                    f"the value of {rendered(guard.source)} decides the structure of the computation",
                    "it is not known while the host traces",
                    "pass it as a Python number, or keep it out of the host's traced arguments",
                    here,
                )
    program = found.whole()
    mystery = {
        var
        for var, x in zip(program.inputs, inputs, strict=True)
        if isinstance(var.type, Scalar) and any(x is y for y in unknown)
    }
    wanted: list[Var] = []
    kinds: list[Any] = []

    def leaf(x: Any) -> Any:
        if isinstance(x, StaticLeaf):
            if not isinstance(x.value, (bool, int, float, complex, np.number, np.bool_, np.ndarray)):
                return fixed(x.value)
            kinds.append(Spec(np.shape(x.value), np.asarray(x.value).dtype))
        else:
            assert isinstance(x, Leaf)
            operand = program.body.results[x.index]
            if isinstance(operand.type, Array):
                assert isinstance(operand, Var)
                wanted.append(operand)
                kinds.append(operand)
            else:
                kinds.append(Spec((), np.asarray(x.python_type(0)).dtype))
        return hole(len(kinds) - 1)

    tree = map_leaves(leaf, traced.result)
    shapes = _shapes(program, inputs, mystery, wanted, here)
    specs = [
        Spec(shapes[k], np.dtype(bool if k.type.dtype == "b1" else k.type.dtype)) if isinstance(k, Var) else k
        for k in kinds
    ]
    return tree, tuple(specs)


def _fetched(source: Any, arguments: Mapping[str, Any]) -> Any:
    try:
        return fetch(source, arguments)
    except Exception:  # a path that is gone is no host's value
        return None


def _shapes(
    program: Program, inputs: Sequence[Any], mystery: set[Var], wanted: Sequence[Var], here: Loc
) -> dict[Var, tuple[int, ...]]:
    """Return the shapes of some arrays of a program, by running what decides them."""
    if not wanted:
        return {}
    made: dict[Var, Stmt] = {}
    for stmt in program.body.stmts:
        outs = stmt.outs if not isinstance(stmt, Op) else () if stmt.out is None else (stmt.out,)
        made.update(dict.fromkeys(outs, stmt))
    same: dict[Var, Operand] = {}
    needed: set[int] = set()
    visited: set[Var] = set()

    def need(x: Operand) -> None:
        if isinstance(x, Const) or x in visited:
            return
        visited.add(x)
        if x in mystery:
            _unknown(here)
        stmt = made.get(x)
        if stmt is None:
            return
        if isinstance(stmt, Op):
            if stmt.name != "dim" and isinstance(x.type, Scalar) and any(isinstance(y.type, Array) for y in stmt.args):
                _unknown(here)
            needed.add(id(stmt))
            for arg in stmt.args:
                need(arg)
        elif isinstance(stmt, For) and isinstance(x.type, Array) and len(stmt.outs) >= 1:
            # A loop hands its arrays on in another order: all of them have one shape, or it is not known.
            arrays = [init for init, out in zip(stmt.inits, stmt.outs, strict=True) if out.type == x.type]
            if len(arrays) != 1:
                _unknown(here)
            same[x] = arrays[0]
            need(arrays[0])
        else:
            _unknown(here)

    for var in wanted:
        need(var)
    stmts: list[Stmt] = []
    for stmt in program.body.stmts:
        if id(stmt) in needed:
            assert isinstance(stmt, Op)
            args = tuple(_root(x, same) for x in stmt.args)
            stmts.append(Op(stmt.name, args, stmt.out, stmt.attrs, stmt.loc))
    results: list[Operand] = []
    for var in wanted:
        assert isinstance(var.type, Array)
        for axis in range(var.type.ndim):
            out = Var(Scalar("i8"), "size")
            stmts.append(Op("dim", (_root(var, same),), out, (("axis", axis),)))
            results.append(out)
    sizes = iter(replay.run(Program(program.name, program.inputs, Block(tuple(stmts), (*results, const(0)))), inputs))
    return {var: tuple(int(next(sizes)) for _ in range(var.type.ndim)) for var in wanted if isinstance(var.type, Array)}


def _root(x: Operand, same: Mapping[Var, Operand]) -> Operand:
    while isinstance(x, Var) and x in same:
        x = same[x]
    return x


def _unknown(here: Loc) -> None:
    raise UnsupportedError(
        "the shape of the result depends on numbers in the arguments",
        "the host asks for it before there are numbers",
        "call it outside jit or compile, or return an array whose shape follows from the arguments' shapes",
        here,
    )
