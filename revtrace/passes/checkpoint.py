"""Loops cut into segments that the backward sweep runs again.

What a loop keeps grows with its iterations.  Cut into segments it keeps its *state*, what one iteration hands to
the next, where each segment begins; on the way back one segment after the other, the last first, is run again from
there with what the plan keeps, and reversed at once.  For one more run of the loop, ``n`` iterations take memory
in proportion to the square root of ``n`` (A. Griewank, A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008,
section 12.2: two levels with equal segments).

A loop ``for i in range(start, stop, step)`` with state ``x`` becomes, with segments of ``size`` iterations::

    states[0] = x
    for s in range(segments):
        x = copy of states[s]
        for j in range(min(size, trips - s * size)):
            i = start + (s * size + j) * step
            ...
        states[s + 1] = x
    x = states[segments]

The outer loop carries nothing: run again, an iteration of it finds what it found before.  Its reversal is the only
one that begins with a run of its body (see `revtrace.passes.backward`).  Arrays that the loop writes and does not
read again after they are written over are not part of the state: running a segment again writes the same to them.
Arrays that it only reads, and that are written over after it, are copied before it.
Of a loop whose iterations are not counted before it runs (``while``, ``break``) a copy runs first, to count them.

Both levels take the least memory when the segments are ``sqrt(2 n s / k)`` iterations long, ``s`` and ``k`` the bytes
of a state and those kept per iteration: the states have adjoints, which take as much again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from revtrace.passes import memory
from revtrace.passes.blockcut import weight
from revtrace.passes.effects import Access, Buffers, touched
from revtrace.passes.plan import Answer, Plan
from revtrace.passes.scopes import TOP, Scopes, free, is_array, named
from revtrace.passes.subscripts import Subscripts
from revtrace.passes.tape import Tapes, integer, iterations
from revtrace.passes.writes import Writes
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Stmt, Var, While, const
from revtrace.program.rebuild import clone, substitute, substitute_block
from revtrace.program.types import INT, Array, Scalar, Stack

__all__ = ["segmented"]

_WHY = "the iterations of a segment are run again from what is stored where it begins"

_GUESS = 100
"""Iterations that a loop inside is taken to have where their number is not known before."""


@dataclass(frozen=True, slots=True)
class _State:
    """What one iteration of a loop hands to the next.

    Attributes
    ----------
    numbers : tuple of int
        Positions of carried numbers.
    arrays : tuple of Var
        Arrays from outside, by the name that they have there.
    handed : dict
        For an array that the loop carries, by its name outside, the position among the params.
    copied : tuple of Var
        Arrays from outside that it reads, and that are written over after it.
    """

    numbers: tuple[int, ...]
    arrays: tuple[Var, ...]
    handed: dict[Var, int]
    copied: tuple[Var, ...]

    def renamed(self, names: Mapping[Var, Operand]) -> _State:
        """Return the state with other names for arrays."""

        def name(x: Var) -> Var:
            found = names.get(x, x)
            assert isinstance(found, Var)
            return found

        handed = {name(x): k for x, k in self.handed.items()}
        return _State(self.numbers, tuple(map(name, self.arrays)), handed, tuple(map(name, self.copied)))


def segmented(
    program: Program, planned: Program, where: Scopes, classes: Buffers, chosen: Plan, fused: set[Var]
) -> tuple[Program, frozenset[Var], tuple[Answer, ...]]:
    """Cut the loops at the top of a program that keep something for each iteration.

    Parameters
    ----------
    program : Program
    planned : Program
        The same with more values in it, which ``where``, ``classes`` and the plan are about.
    where, classes, chosen, fused
        The blocks and buffers, where values come from on the way back, and the loops reversed in place.

    Returns
    -------
    Program
    frozenset of Var
        The loops over segments, by their ``count``.
    tuple of Answer
        What is stored where a segment begins.
    """
    cutter = _Cutter(planned, where, classes, chosen)
    stmts: list[Stmt] = []
    found: set[Var] = set()
    answers: list[Answer] = []
    swaps: dict[Var, Operand] = {}
    for stmt, seen in zip(program.body.stmts, _matching(program, planned), strict=True):
        now = substitute(stmt, swaps) if swaps else stmt
        state = None if seen is None or seen.count in fused else cutter.state(seen)
        if state is None or seen is None:
            stmts.append(now)
            continue
        assert isinstance(now, For | While)
        state = state.renamed(swaps)
        made, count = cutter.cut(now, seen, state)
        stmts += made
        found.add(count)
        stored = (*(now.params[k] for k in state.numbers), *state.arrays)
        answers += (Answer(x.name, now.loc, "checkpoint", 0, 0, str(x.type), _WHY) for x in stored)
        swaps.update({now.outs[k]: now.inits[k] for k, p in enumerate(now.params) if is_array(p)})
    body = Block(tuple(stmts), program.body.results)
    if not found:
        return program, frozenset(), ()
    body = Block(body.stmts, substitute_block(Block((), body.results), swaps).results)
    return Program(program.name, program.inputs, body), frozenset(found), tuple(answers)


def _matching(program: Program, planned: Program) -> list[For | While | None]:
    """Return for each statement at the top of a program the loop that it is in the planned one."""
    loops = {s.count: s for s in planned.body.stmts if isinstance(s, For | While)}
    return [loops[s.count] if isinstance(s, For | While) else None for s in program.body.stmts]


class _Cutter:
    def __init__(self, program: Program, where: Scopes, classes: Buffers, chosen: Plan) -> None:
        self.program, self.where, self.classes, self.plan = program, where, classes, chosen
        self.subscripts = Subscripts(where)
        self.tapes = Tapes(where)
        self.named = named(program.body)

    # whether ----------------------------------------------------------------------------------

    def state(self, loop: For | While) -> _State | None:
        """Return the state of a loop that keeps something and can be cut; None for others."""
        if loop.count in self.named or not self.keeps(loop):
            return None
        if any(isinstance(t.array.type, Stack) for t in touched(loop)):
            return None
        handed = {x: k for k, x in enumerate(loop.inits) if is_array(x) and isinstance(x, Var)}
        carried = [k for k, p in enumerate(loop.params) if is_array(p)]
        inside = free(Block((replace(loop, inits=()),)))
        moved = [k for k in carried if loop.body.results[k] is not loop.params[k]]
        if len(handed) != len(carried) or any(x in inside for x in handed):
            return None
        if any(self.elsewhere(loop, loop.inits[k]) for k in moved):
            return None
        written = self.classes.written(loop)
        old = {c for c in self.classes.touched(loop) if self.reads_old(loop, c)}
        known = [x for x in (*handed, *inside) if is_array(x) and self.classes.find(x) in old]
        names = [x for x in known if self.classes.find(x) in written]
        arrays = tuple(dict.fromkeys((*names, *(x for x in handed if handed[x] in moved))))
        groups: dict[Var, list[Var]] = {}
        for x in arrays:
            groups.setdefault(self.classes.find(x), []).append(x)
        if not all(map(self.distinct, groups.values())):
            return None
        numbers = tuple(k for k, p in enumerate(loop.params) if not is_array(p))
        copied = tuple(x for x in known if self.classes.find(x) not in written and x not in arrays)
        return _State(numbers, arrays, handed, copied)

    def keeps(self, loop: For | While) -> bool:
        """Whether something is kept for each iteration."""
        body = self.where.scope(loop.body).index
        return any(self.kept(s.index) for s in self.where.all if self.where.inside(s.index, body))

    def kept(self, scope: int) -> tuple[Var, ...]:
        return (*self.plan.kept.get(scope, ()), *self.plan.saved_in.get(scope, ()))

    def elsewhere(self, loop: For | While, x: Operand) -> bool:
        """Whether an array that changes places in a loop is known by its name after it, or by another one."""
        assert isinstance(x, Var)
        top = self.program.body
        if x in named(Block(top.stmts[top.stmts.index(loop) + 1 :], top.results)):
            return True
        made = self.where.definition.get(x)
        if isinstance(made, For | While):
            return any(self.elsewhere(loop, y) for y in made.inits if is_array(y))
        return not self.distinct([x])

    def distinct(self, arrays: list[Var]) -> bool:
        """Whether arrays that may share storage do not: each is its own, or all come out of one loop apart."""
        made = [self.where.definition.get(x) for x in arrays]
        loop = made[0]
        if isinstance(loop, For | While) and all(m is loop for m in made):
            inits = [x for x in loop.inits if isinstance(x, Var) and is_array(x)]
            same = [x for x in inits if self.classes.find(x) is self.classes.find(arrays[0])]
            return len(set(same)) == len(same) and self.distinct(same)
        own = [
            x in self.program.inputs or (isinstance(m, Op) and m.name in ("alloc", "copy"))
            for x, m in zip(arrays, made, strict=True)
        ]
        return all(own) or (len(arrays) == 1 and not isinstance(loop, If))

    def reads_old(self, loop: For | While, cls: Var) -> bool:
        """Whether a loop reads what is written over later, in the loop or after it, in a class of buffers."""
        blocks = {s.index for s in self.where.children(loop)}
        accesses = self.classes.accesses[cls]
        inside = [a for a in accesses if any(s in blocks for s, _ in a.path)]
        local = all(self.where.home[a.array] != TOP for a in inside)
        if local and not any(is_array(p) and self.classes.find(p) is cls for p in loop.params):
            return False
        writes = Writes(self.subscripts, [a for a in accesses if a.writes])
        return any(not a.writes and not self.lasts(a, writes) for a in inside)

    @staticmethod
    def lasts(read: Access, writes: Writes) -> bool:
        return read.op.name == "load" and writes.over(read, TOP) is None

    # how --------------------------------------------------------------------------------------

    def cut(self, loop: For | While, seen: For | While, state: _State) -> tuple[list[Stmt], Var]:
        """Return what takes a loop's place, and the count of the loop over segments in it."""
        b = Builder(loc := loop.loc)
        trips = self.trips(b, loop, state)
        arrays = {x: [b.dim(x, k) for k in range(_array(x).ndim)] for x in state.arrays}
        size = self.size(b, seen, trips, state, arrays)
        whole = integer(b, "add", trips, integer(b, "sub", size, const(1)))
        segments = integer(b, "floordiv", whole, size)
        slots = integer(b, "add", segments, const(1))
        b.loc = loc.acting("keep")
        kept: dict[int, Var] = {}
        for k in state.numbers:
            p = loop.params[k]
            assert isinstance(p.type, Scalar)
            kept[k] = memory.new(b, p.type.dtype, [slots], zeros=False, hint=f"{p.name}_states")
            b.do("store", kept[k], loop.inits[k], const(0), safe=True)
        stored: dict[Var, Var] = {}
        for x, shape in arrays.items():
            name = f"{x.name}_states"
            stored[x] = memory.new(b, _array(x).dtype, [slots, *shape], zeros=False, hint=name)
            _copy(b, x, (x,), (stored[x], const(0)))
        b.loc = loc
        own: dict[Var, Operand] = {x: b.op("copy", x) for x in state.copied}
        segment = Var(INT, "segment")
        with b.block() as stmts:
            first = integer(b, "mul", segment, size)
            count = b.op("min", size, integer(b, "sub", trips, first), type=INT)
            begin: list[Operand] = list(loop.inits)
            for k in state.numbers:
                begin[k] = b.op("load", kept[k], segment, type=loop.params[k].type, safe=True)
            for x, shape in arrays.items():
                own[x] = work = memory.new(b, _array(x).dtype, shape, zeros=False, hint=x.name)
                _copy(b, work, (stored[x], segment), (work,))
            begin = [own.get(x, x) if isinstance(x, Var) else x for x in begin]
            at = Var(INT, "j")
            inner = Builder(loc)
            if isinstance(loop, For):
                base = integer(inner, "add", first, at)
                if loop.step != 1:
                    base = inner.op("mul", base, const(loop.step), type=INT)
                inner.append(Op("add", (base, loop.start), loop.index, (), loc))
            body = substitute_block(loop.body, own)
            body = Block((*inner.stmts, *body.stmts), body.results[: len(loop.params)])
            ends = tuple(Var(v.type, v.name) for v in loop.outs)
            b.append(For(at, const(0), count, 1, loop.params, tuple(begin), body, ends, Var(INT), False, loc))
            following = integer(b, "add", segment, const(1))
            for k in state.numbers:
                b.do("store", kept[k], ends[k], following, safe=True)
            for x in arrays:
                k_of = state.handed.get(x)
                end = own[x] if k_of is None else ends[k_of]
                assert isinstance(end, Var)
                _copy(b, end, (end,), (stored[x], following))
        total = Var(INT)
        b.append(For(segment, const(0), segments, 1, (), (), Block(tuple(stmts)), (), total, False, loc))
        for k in state.numbers:
            b.append(Op("load", (kept[k], segments), loop.outs[k], (("safe", True),), loc))
        for x in arrays:
            _copy(b, x, (stored[x], segments), (x,))
        return list(b.stmts), total

    def trips(self, b: Builder, loop: For | While, state: _State) -> Operand:
        """Append the number of iterations, which a copy of the loop counts where it is not known."""
        if isinstance(loop, While) or loop.exits:
            copies: dict[Var, Operand] = {x: b.op("copy", x) for x in state.arrays}
            trial = clone(substitute(loop, copies), {})
            assert isinstance(trial, For | While)
            b.append(trial)
            return trial.count
        return integer(b, "max", iterations(b, loop.start, loop.stop, loop.step), const(0))

    def size(
        self, b: Builder, loop: For | While, trips: Operand, state: _State, arrays: dict[Var, list[Operand]]
    ) -> Operand:
        """Append the number of iterations of a segment, from 1 to all."""
        bytes_of_state: Operand = const(sum(weight(loop.params[k]) for k in state.numbers))
        for x, shape in arrays.items():
            one: Operand = const(int(_array(x).dtype[1:]))
            for n in shape:
                one = integer(b, "mul", n, one)
            bytes_of_state = integer(b, "add", bytes_of_state, one)
        body = self.where.scope(loop.body).index
        bytes_kept: Operand = const(0)
        for s in self.where.all:
            if self.kept(s.index) and self.where.inside(s.index, body):
                one = const(sum(map(weight, self.kept(s.index))))
                axes = self.tapes.axes(s.index, body)
                for n in [self.tapes.length(b, a) for a in axes] if axes is not None else self.guesses(s.index, body):
                    one = integer(b, "mul", n, one)
                bytes_kept = integer(b, "add", bytes_kept, one)
        per = b.op("div", b.cast(bytes_of_state, "f8"), b.cast(integer(b, "max", bytes_kept, const(1)), "f8"), type=_F8)
        best = b.op(
            "sqrt", b.op("mul", b.op("mul", per, const(2.0), type=_F8), b.cast(trips, "f8"), type=_F8), type=_F8
        )
        # An upper bound first: what is too large for an integer cannot be cast.
        best = b.op("min", best, b.cast(trips, "f8"), type=_F8)
        return b.op("max", b.cast(best, "i8"), const(1), type=INT)

    def guesses(self, scope: int, body: int) -> list[Operand]:
        """Return the lengths taken for the loops between a block and one around it."""
        loops = self.where.all[scope].loops - self.where.all[body].loops
        return [const(_GUESS)] * loops


_F8 = Scalar("f8")


def _copy(b: Builder, array: Var, source: tuple[Operand, ...], target: tuple[Operand, ...]) -> None:
    """Append the loops that copy as many elements as an array has; a state's array comes with the state's number."""

    def body(index: tuple[Var, ...], carried: tuple[Operand, ...]) -> tuple[Operand, ...]:
        value = b.op("load", *source, *index, type=Scalar(_array(array).dtype), safe=True)
        b.do("store", target[0], value, *target[1:], *index, safe=True)
        return ()

    memory.each(b, array, (), body)


def _array(x: Var) -> Array:
    assert isinstance(x.type, Array)
    return x.type
