"""Which arrays a call's reversal reads, and how they are there when it runs.

An array that nothing writes after the call, made at the top of the program, is read where it
is.  Of any other each element is kept: a loop behind the call loads them, and ``keep`` says
that its reversal puts an element in a new array.  Those loads take part in the plan like any
other, so that they are kept on a tape, loaded again or computed again as it is cheapest.

Of a call whose row has an inverse, and whose output then replaces its first operand, that operand can be had
again: the write says of which call it is, and the operands that the inverse reads are kept behind it, so that on
the way back they are there first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from revtrace.calls.core import parts, row_of
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
    state : Var or None
        The array that is the first operand and then takes the output, where that can be undone.
    inverse : str
        The row that undoes it.
    others : tuple of Place
        What the inverse reads besides, and the reversal does not.
    """

    text: Text
    direct: dict[Place, Var] = field(default_factory=dict)
    kept: dict[Place, tuple[Var, tuple[Operand, ...]]] = field(default_factory=dict)
    lengths: dict[tuple[str, int, int], Operand] = field(default_factory=dict)
    state: Var | None = None
    inverse: str = ""
    others: tuple[Place, ...] = ()

    def wants(self, place: Place, undone: bool) -> bool:
        """Whether an array is rebuilt, given whether the state is undone: then the output is at hand."""
        return not (undone and place == ("out", 0)) and (undone or place not in self.others)

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
    replaced: set[int] = set()

    def visit(block: Block) -> Block:
        stmts: list[Stmt] = []
        for stmt, after in zip(block.stmts, (*block.stmts[1:], None), strict=False):
            if isinstance(stmt, Op) and stmt.name == "call" and any(map(on, parts(stmt)[0])):
                stmts += _call(stmt, _replacing(stmt, after, where, memory))
            elif stmts and isinstance(stmt, Op) and id(stmt) in replaced:
                continue
            else:
                stmts.append(map_blocks(stmt, visit))
        return Block(tuple(stmts), block.results)

    def _call(op: Op, write: Op | None) -> list[Stmt]:
        number = len(sites)
        site = sites[number] = Site(pull_text(op, on))
        outs, ins = parts(op)
        arrays: dict[Place, Var] = {("out", k): _var(x) for k, x in enumerate(outs)}
        arrays |= {("in", k): _var(x) for k, x in enumerate(ins)}
        before, after, behind = Builder(op.loc), Builder(op.loc), Builder(op.loc)
        dims: dict[tuple[Var, int], Operand] = {}

        def length(array: Var, axis: int) -> Operand:
            if (array, axis) not in dims:
                dims[array, axis] = before.dim(array, axis)
            return dims[array, axis]

        for key in site.text.lengths:
            site.lengths[key] = length(arrays[key[0], key[1]], key[2])
        rebuilt: dict[Var, tuple[Var, tuple[Operand, ...]]] = {}
        rest: tuple[Place, ...] = ()
        if write is not None and ("in", 0) in site.text.reads:
            site.state, site.inverse = _var(ins[0]), row_of(op).inverse
            rest = tuple(("in", k) for k in range(1, len(ins)))
            site.others = tuple(place for place in rest if place not in site.text.reads)
        for place in (*site.text.reads, *site.others):
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
                there = behind if place in rest else after

                def body(index: tuple[Var, ...], carried: tuple[Operand, ...]) -> tuple[Operand, ...]:
                    value = there.op("load", array, *index, type=Scalar(dtype), safe=True)  # noqa: B023
                    there.do("keep", value, *index, site=number, slot=slot)  # noqa: B023
                    return ()

                each(there, array, (), body)
        call = Op(op.name, op.args, None, (*op.attrs, ("site", number)), op.loc)
        if site.state is None:
            return [*before.stmts, call, *after.stmts]
        assert write is not None
        replaced.add(id(write))
        own = Op(write.name, write.args, None, (*write.attrs, ("site", number)), write.loc)
        return [*before.stmts, call, *after.stmts, own, *behind.stmts]

    return Program(program.name, program.inputs, visit(program.body)), sites


def _replacing(op: Op, after: Stmt | None, where: Scopes, memory: Buffers) -> Op | None:
    """Return the next statement if it puts a call's output in place of its first operand, and the row can undo that."""
    outs, ins = parts(op)
    if not row_of(op).inverse or op.attr("adds") or not isinstance(after, Op) or after.name != "copyto":
        return None
    state = memory.find(ins[0])
    undone = (
        after.args == (ins[0], outs[0])
        and where.home[_var(ins[0])] == TOP
        and state not in {memory.find(x) for x in (*outs, *ins[1:])}
        and not _stays(op, _var(ins[0]), where, memory)
    )
    return after if undone else None


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
