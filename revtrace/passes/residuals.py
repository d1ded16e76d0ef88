"""Which arrays a call's reversal reads, and how they are there when it runs.

An array that nothing writes after the call, made at the top of the program, is read where it
is.  Of any other each element is kept: a loop behind the call loads them, and ``keep`` says
that its reversal puts an element in a new array.  Those loads take part in the plan like any
other, so that they are kept on a tape, loaded again or computed again as it is cheapest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from revtrace.calls.core import parts
from revtrace.passes.calls import Place, Text, pull_text
from revtrace.passes.effects import Buffers
from revtrace.passes.memory import each
from revtrace.passes.scopes import TOP, Scopes
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Op, Operand, Program, Stmt, Var
from revtrace.program.rebuild import map_blocks
from revtrace.program.types import Array, Scalar

__all__ = ["Site", "residuals", "site_of"]


@dataclass(slots=True)
class Site:
    """One call and what its reversal reads.

    Attributes
    ----------
    text : Text
        The reversal.
    direct : dict
        Arrays read where they are.
    kept : dict
        For arrays rebuilt from their elements: the array, and its lengths in the primal.
    lengths : dict
        The lengths that the reversal reads, in the primal.
    """

    text: Text
    direct: dict[Place, Var] = field(default_factory=dict)
    kept: dict[Place, tuple[Var, tuple[Operand, ...]]] = field(default_factory=dict)
    lengths: dict[tuple[str, int, int], Operand] = field(default_factory=dict)

    def reads(self) -> list[Operand]:
        """Return the numbers of the primal that the reversal reads."""
        return [*(n for _, shape in self.kept.values() for n in shape), *self.lengths.values()]


Sites = dict[int, Site]


def site_of(op: Op, sites: Sites) -> Site:
    """Return the record of a call or ``keep``."""
    number = op.attr("site")
    assert isinstance(number, int)
    return sites[number]


def residuals(program: Program, where: Scopes, memory: Buffers, on: Callable[[Operand], bool]) -> tuple[Program, Sites]:
    """Return the program with its calls numbered and what they read kept, and a record per call."""
    sites: Sites = {}

    def visit(block: Block) -> Block:
        stmts: list[Stmt] = []
        for stmt in block.stmts:
            if isinstance(stmt, Op) and stmt.name == "call" and any(map(on, parts(stmt)[0])):
                stmts += _call(stmt)
            else:
                stmts.append(map_blocks(stmt, visit))
        return Block(tuple(stmts), block.results)

    def _call(op: Op) -> list[Stmt]:
        number = len(sites)
        site = sites[number] = Site(pull_text(op, on))
        outs, ins = parts(op)
        arrays: dict[Place, Var] = {("out", k): _var(x) for k, x in enumerate(outs)}
        arrays |= {("in", k): _var(x) for k, x in enumerate(ins)}
        before, after = Builder(op.loc), Builder(op.loc)
        dims: dict[tuple[Var, int], Operand] = {}

        def length(array: Var, axis: int) -> Operand:
            if (array, axis) not in dims:
                dims[array, axis] = before.dim(array, axis)
            return dims[array, axis]

        for key in site.text.lengths:
            site.lengths[key] = length(arrays[key[0], key[1]], key[2])
        rebuilt: dict[Var, tuple[Var, tuple[Operand, ...]]] = {}
        for place in site.text.reads:
            array = arrays[place]
            assert isinstance(array.type, Array)
            if _stays(op, array, where, memory):
                site.direct[place] = array
            elif array in rebuilt:
                site.kept[place] = rebuilt[array]
            else:
                copy = Var(array.type, f"{array.name}_then" if array.name else "then")
                shape = tuple(length(array, k) for k in range(array.type.ndim))
                site.kept[place] = rebuilt[array] = copy, shape
                slot = list(site.kept).index(place)
                dtype = array.type.dtype

                def body(index: tuple[Var, ...], carried: tuple[Operand, ...]) -> tuple[Operand, ...]:
                    value = after.op("load", array, *index, type=Scalar(dtype), safe=True)  # noqa: B023
                    after.do("keep", value, *index, site=number, slot=slot)  # noqa: B023
                    return ()

                each(after, array, (), body)
        call = Op(op.name, op.args, None, (*op.attrs, ("site", number)), op.loc)
        return [*before.stmts, call, *after.stmts]

    return Program(program.name, program.inputs, visit(program.body)), sites


def _stays(op: Op, array: Var, where: Scopes, memory: Buffers) -> bool:
    """Whether an array can be read where it is when a call is reversed."""
    if where.home[array] != TOP:
        return False
    accesses = memory.accesses.get(memory.find(array), [])
    place = next((a.path for a in accesses if a.op is op), None)
    if place is None:
        # Only its lengths are touched.
        return True
    loops = {s.index for s in where.chain(place[-1][0]) if s.role in ("body", "cond")}
    for a in accesses:
        if not a.writes or (a.op is op and not loops):
            continue
        if any(index in loops for index, _ in a.path):
            return False
        for (i, at), (j, other) in zip(a.path, place, strict=False):
            if i != j or at != other:
                if i == j and at > other:
                    return False
                # Of two arms only one runs; what ran before the call is done.
                break
    return True


def _var(x: Operand) -> Var:
    assert isinstance(x, Var)
    return x
