"""Arrays that take the place of others of their shape that nothing reads any more.

An array's *life* is the statements of its block from the first that names it to the last.  One
made new takes the storage of an array whose life ends before its own begins, or in the
same nest of loops, if there each row, down to single elements, is done with in the one before it is
begun in the other.  Two that live within one loop, and whose contents no iteration leaves to
the next, share as their lives in the body allow.

A loop that permutes its arrays ends the lives of those it is given and begins those of the ones it
hands on: each of these is the storage of one of the former, and no two are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from revtrace.calls.core import parts
from revtrace.passes.dce import dce
from revtrace.passes.effects import touched
from revtrace.passes.elements import elements
from revtrace.passes.firsttouch import stored
from revtrace.passes.scopes import Scopes, is_array, scopes
from revtrace.passes.shapes import Lengths
from revtrace.passes.subscripts import Subscripts, subscripts_of
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Program, Stmt, Var, While, const, regions, used
from revtrace.program.rebuild import fresh, map_all, substitute, substitute_block

__all__ = ["share"]

_SMALL = 1024
"""Elements of an array of known size below which it stays by itself."""

_MOST = 200
"""Arrays of one block compared with one another."""


def share(program: Program) -> Program:
    """Return the program with arrays in the places of others; results are the same, bit for bit.

    Its derivatives would have to keep what is overwritten: for programs that are to be run.
    """
    program = fresh(program)
    where = scopes(program)
    facts = _Facts(where)
    made = {id(s.block): found for s in where.all if (found := _Shared(facts, s.block)).moved}
    if not made:
        return program
    # An element may now be put back where it was taken from.
    # What is stored to inputs is the caller's to see here: they are results, while the passes run.
    body, count = _block(program.body, made), len(program.body.results)
    arrays = tuple(x for x in program.inputs if is_array(x))
    wide = Program(program.name, program.inputs, Block(body.stmts, (*body.results, *arrays)))
    out = dce(elements(wide))
    return Program(out.name, out.inputs, Block(out.body.stmts, out.body.results[:count]))


def _block(block: Block, made: Mapping[int, _Shared]) -> Block:
    found = made.get(id(block))
    stmts = [map_all(s, lambda b: _block(b, made)) for s in block.stmts]
    return Block(tuple(stmts), block.results) if found is None else found.applied(stmts)


class _Facts:
    """What is asked of a program: lengths, and which arrays a statement names."""

    def __init__(self, where: Scopes) -> None:
        self.where = where
        self.subscripts = Subscripts(where)
        self.lengths = Lengths(where)
        self._named: dict[int, frozenset[Var]] = {}

    def named(self, stmt: Stmt) -> frozenset[Var]:
        """Return the arrays that a statement and its blocks name."""
        found = self._named.get(id(stmt))
        if found is None:
            own = {x for x in used(stmt) if isinstance(x, Var) and is_array(x)}
            for b in regions(stmt):
                own |= {x for x in b.results if isinstance(x, Var) and is_array(x)}
                own = own.union(*map(self.named, b.stmts))
            found = self._named[id(stmt)] = frozenset(own)
        return found


@dataclass(slots=True, eq=False)
class _Life:
    """One storage, its names in a block, and from where to where it is in use.

    Attributes
    ----------
    name : Var
        The array whose storage it is.
    made : Op or None
        What makes it; None for what a loop hands on.
    shape : object
        What it has in common with arrays that it may change places with; None where it stays as it is.
    defined, first, last : int
        Positions: of its making, of the first and the last use.
    over : bool
        Whether the storage is free after that.
    """

    name: Var
    made: Op | None
    shape: object
    defined: int
    names: set[Var]
    first: int = -1
    last: int = -1
    over: bool = True

    def use(self, at: int) -> None:
        self.first = at if self.first < 0 else min(self.first, at)
        self.last = max(self.last, at)


@dataclass
class _Shared:
    """The arrays of a block, and which take whose place."""

    facts: _Facts
    block: Block
    lives: dict[Var, _Life] = field(default_factory=dict)
    moved: dict[Var, Var] = field(default_factory=dict)
    """The storage in whose place an array is."""
    filled: dict[int, list[Op]] = field(default_factory=dict)
    """What is to be filled with zeros before a statement."""

    def __post_init__(self) -> None:
        if sum(isinstance(s, Op) and s.name in ("alloc", "copy") for s in self.block.stmts) < 2:
            return
        self.collect()
        taken = sorted({id(x): x for x in self.lives.values()}.values(), key=lambda x: (x.first, x.defined))
        free: list[_Life] = []
        for life in taken[:_MOST]:
            if life.shape is None or life.first < 0:
                continue
            place = self.place(life, free) if life.made is not None else None
            if place is None:
                free.append(life)
            else:
                self.join(life, place)

    # lives ------------------------------------------------------------------------------------

    def collect(self) -> None:
        """Find the lives of the block's arrays."""
        last: dict[Var, int] = {}
        for at, s in enumerate(self.block.stmts):
            last.update(dict.fromkeys(self.facts.named(s), at))
        last.update({x: len(self.block.stmts) for x in self.block.results if isinstance(x, Var)})
        for at, s in enumerate(self.block.stmts):
            for x in self.facts.named(s):
                if x in self.lives:
                    self.lives[x].use(at)
            match s:
                case Op(out=Var() as out) if is_array(out):
                    apart = s.name in ("alloc", "copy") and not s.attr("bits") and not _small(s)
                    self.lives[out] = _Life(out, s, self.shape(out) if apart else None, at, {out})
                    if s.name == "copy":
                        self.lives[out].use(at)
                case If():
                    for k, w in enumerate(s.outs):
                        if is_array(w):
                            self.settle((w, s.then.results[k], s.orelse.results[k]), at)
                case For() | While():
                    self.loop(s, at, last)
        for r in self.block.results:
            if isinstance(r, Var) and r in self.lives:
                self.lives[r].use(len(self.block.stmts))

    def shape(self, array: Var) -> object:
        found = self.facts.lengths.of(array)
        return None if found is None else (array.type, found)

    def settle(self, names: Sequence[Operand], at: int) -> None:
        """Say that some arrays may be the same: they stay what they are."""
        for x in names:
            if isinstance(x, Var):
                life = self.lives.setdefault(x, _Life(x, None, None, at, {x}))
                life.shape, life.over = None, False

    def loop(self, loop: For | While, at: int, last: Mapping[Var, int]) -> None:
        """Enter what a loop hands on."""
        moving: list[tuple[Operand, Var]] = []
        for p, init, out, r in zip(loop.params, loop.inits, loop.outs, loop.body.results, strict=False):
            if not is_array(p):
                continue
            if p is not r:
                moving.append((init, out))
            elif init in self.lives:
                self.lives[out] = self.lives[init]
                self.lives[out].names.add(out)
            else:
                self.settle((init, out), at)
        handed = [self.lives[x] for x, _ in moving if isinstance(x, Var) and x in self.lives]
        whole = len({id(life) for life in handed}) == len(moving) and len({life.shape for life in handed}) == 1
        if not whole or handed[0].shape is None or any(last.get(x, at) != at for life in handed for x in life.names):
            self.settle([x for pair in moving for x in pair], at)
            return
        for life, (_, out) in zip(handed, moving, strict=True):
            life.over = False
            self.lives[out] = _Life(out, None, life.shape, at, {out}, at, at)

    # places -----------------------------------------------------------------------------------

    def place(self, life: _Life, free: Sequence[_Life]) -> _Life | None:
        """Return the storage that an array can be in."""
        for other in sorted(free, key=lambda x: -x.last):
            if other.over and other.shape == life.shape and self.follows(life, other):
                return other
        return None

    def follows(self, life: _Life, other: _Life) -> bool:
        """Whether an array may be where another was."""
        if other.last < life.first:
            return True
        if other.last > life.first or other.last in (other.defined, len(self.block.stmts)):
            # What is returned is read by the caller.
            return False
        stmt = self.block.stmts[life.first]
        assert life.made is not None
        if isinstance(stmt, Op):
            # A copy of what is not read again.
            return stmt.name == "copy" and stmt is life.made
        if life.made.name == "copy" or life.made.attr("zeros"):
            return False
        return self.handed_over(stmt, other.names, life.names) or (
            life.last == life.first and self.separate(stmt, other, life)
        )

    def handed_over(self, stmt: Stmt, old: set[Var], new: set[Var]) -> bool:
        """Whether each row of an array is done with, in a nest, before that of another is begun."""
        if not isinstance(stmt, For) or not self.by_rows(stmt, old | new):
            return False
        before = [k for k, s in enumerate(stmt.body.stmts) if self.facts.named(s) & old]
        after = [k for k, s in enumerate(stmt.body.stmts) if self.facts.named(s) & new]
        if not before or not after or before[-1] != after[0]:
            return bool(before) and bool(after) and before[-1] < after[0]
        return self.handed_over(stmt.body.stmts[after[0]], old, new)

    def by_rows(self, loop: For, arrays: set[Var]) -> bool:
        """Whether each iteration touches its own row of some arrays only."""
        ops = self.elementwise(loop, arrays)
        if not ops:
            return False
        front = self.facts.subscripts.natural(loop.index)
        if not front and not all(op.attr("safe") for op in ops):
            return False
        places = [subscripts_of(op) or () for op in ops]
        return any(all(x is loop.index for x in axis) for axis in zip(*places, strict=True))

    def elementwise(self, stmt: Stmt, arrays: set[Var]) -> list[Op] | None:
        """Return the operations that touch some arrays; None where not all are accesses of single elements."""
        if isinstance(stmt, Op):
            if not self.facts.named(stmt) & arrays:
                return []
            return [stmt] if stmt.name in ("load", "store", "addto") else None
        if any(x in arrays for x in used(stmt)):
            return None
        found: list[Op] = []
        for b in regions(stmt):
            if any(x in arrays for x in b.results):
                return None
            for s in b.stmts:
                inner = self.elementwise(s, arrays)
                if inner is None:
                    return None
                found += inner
        return found

    def separate(self, stmt: Stmt, a: _Life, b: _Life) -> bool:
        """Whether two arrays are used one after the other in each iteration of a loop, from scratch."""
        if not isinstance(stmt, For | While):
            return False
        outside = (*used(stmt), *stmt.body.results, *(stmt.cond.results if isinstance(stmt, While) else ()))
        conditions = stmt.cond.stmts if isinstance(stmt, While) else ()
        both = a.names | b.names
        if any(x in both for x in outside) or any(self.facts.named(s) & both for s in conditions):
            return False
        places: list[list[int]] = []
        for life in (a, b):
            found = [k for k, s in enumerate(stmt.body.stmts) if self.facts.named(s) & life.names]
            if not found or not self.covered(stmt.body.stmts[found[0]], life):
                return False
            places.append(found)
        (first, *_, last), (start, *_, end) = ((*p, p[-1]) for p in places)
        if last < start or end < first:
            return True
        if last == start:
            return self.handed_over(stmt.body.stmts[last], a.names, b.names)
        return end == first and self.handed_over(stmt.body.stmts[end], b.names, a.names)

    def covered(self, stmt: Stmt, life: _Life) -> bool:
        """Whether a statement writes all of an array before it reads any of it."""
        if isinstance(stmt, Op):
            if stmt.name in ("fill", "copyto"):
                return stmt.args[0] in life.names and not set(stmt.args[1:]) & life.names
            return stmt.name == "call" and not stmt.attr("adds") and not set(parts(stmt)[1]) & life.names
        alloc = self.allocation(life)
        ops = [t.op for t in touched(stmt) if t.array in life.names]
        if alloc is None or not isinstance(stmt, For) or not ops or ops[0].name != "store":
            return False
        if any(op.name not in ("load", "store", "addto") or subscripts_of(op) != subscripts_of(ops[0]) for op in ops):
            return False
        # The first in the program's order is in the innermost of the loops, as the others have the same subscripts.
        return stored(stmt, ops[0], alloc, [], self.facts.where) is not None

    def allocation(self, life: _Life) -> Op | None:
        """Return what makes an array of the same lengths."""
        made = self.facts.where.definition.get(life.name)
        while isinstance(made, Op) and made.name == "copy":
            made = self.facts.where.definition.get(made.args[0])  # type: ignore[arg-type]
        return made if isinstance(made, Op) and made.name == "alloc" else None

    # what is made -------------------------------------------------------------------------------

    def join(self, life: _Life, place: _Life) -> None:
        """Put an array in another's storage."""
        assert life.made is not None
        self.moved[life.name] = place.name
        if life.made.name == "alloc" and life.made.attr("zeros"):
            zero = const(0, life.name.type.dtype)
            self.filled.setdefault(life.first, []).append(Op("fill", (life.name, zero), None, (), life.made.loc))
        place.names |= life.names
        place.last, place.over = life.last, life.over
        for x in life.names:
            self.lives[x] = place

    def applied(self, stmts: Sequence[Stmt]) -> Block:
        """Return the block with arrays in their places; its statements are given with their own blocks done."""
        names: dict[Var, Operand] = {}
        for name in self.moved:
            found = name
            while found in self.moved:
                found = self.moved[found]
            names[name] = found
        out: list[Stmt] = []
        for at, stmt in enumerate(stmts):
            out += self.filled.get(at, ())
            if isinstance(stmt, Op) and stmt.out in names:
                if stmt.name == "copy":
                    # Of itself, where what was copied is not read again.
                    source, target = substitute_block(Block((), (*stmt.args, stmt.out)), names).results
                    if source is not target:
                        out.append(Op("copyto", (target, source), None, (("again", True),), stmt.loc))
                continue
            out.append(stmt)
        out += self.filled.get(len(stmts), ())
        results = substitute_block(Block((), self.block.results), names).results
        return Block(tuple(substitute(s, names) for s in out), results)


def _small(made: Op) -> bool:
    """Whether an array has few elements, whatever the arguments."""
    size = 1
    for n in made.args:
        if not isinstance(n, Const):
            return False
        size *= int(n.value.real)
    return size < _SMALL
