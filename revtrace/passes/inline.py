"""Arrays that need not exist: each element computed where it is read.

``a[i, j] = f(x[i], y[j])`` in a nest of its own, over every element once, and nothing else written
to ``a``: where ``a[p, q]`` is read, ``f(x[p], y[q])`` is computed instead, provided that what it
reads is still the same, and that it is either read once per element or as cheap as a load.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from revtrace.passes.effects import Buffers, buffers, touched
from revtrace.passes.scopes import is_array, scopes
from revtrace.passes.subscripts import Subscripts
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, For, Op, Operand, Program, Stmt, Var, While, const, regions, used, walk
from revtrace.program.rebuild import clone, fresh, map_all, substitute_block
from revtrace.program.types import Scalar
from revtrace.rules.core import RULES

__all__ = ["inline", "pure"]

_CHEAP = frozenset({"add", "sub", "mul", "neg", "cast", "abs", "powi", "square"})
_MOST_OPERATIONS, _MOST_LOADS = 2, 2

_Swaps = dict[int, dict[int, tuple[Stmt, ...]]]
"""For some blocks, by identity, and some of their statements, by position: what they become."""


def inline(program: Program) -> Program:
    """Return the program with such arrays computed where they are read; results are the same, bit for bit."""
    while True:
        program = fresh(program)
        where = scopes(program)
        finder = _Finder(buffers(program, where), Subscripts(where))
        swaps: _Swaps = {}
        for scope in where.all:
            # What a statement that changes holds is left for the next round.
            chain = list(where.chain(scope.index))[:-1]
            if not any(s.position in swaps.get(id(where.all[s.parent].block), ()) for s in chain):
                found = finder.within(scope.block)
                if found:
                    swaps[id(scope.block)] = found
        if not swaps:
            return program
        values = {v: finder.value(v) for v in finder.became}
        program = Program(program.name, program.inputs, substitute_block(_swapped(program.body, swaps), values))


@dataclass(frozen=True, slots=True)
class _Maker:
    """How an array's elements are computed: the nest's place and its indices, the operations, the element."""

    at: int
    index: tuple[Var, ...]
    ops: tuple[Op, ...]
    value: Operand


class _Finder:
    def __init__(self, memory: Buffers, subscripts: Subscripts) -> None:
        self.memory = memory
        self.subscripts = subscripts
        self.became: dict[Var, Operand] = {}
        self.sizes: dict[Var, int] = {}
        for v in subscripts.where.home:
            if is_array(v):
                cls = memory.find(v)
                self.sizes[cls] = self.sizes.get(cls, 0) + 1

    def within(self, block: Block) -> dict[int, tuple[Stmt, ...]]:
        """Return what becomes of a block's statements when arrays made in it are inlined."""
        changed: dict[int, tuple[Stmt, ...]] = {}
        made = {s.out: at for at, s in enumerate(block.stmts) if isinstance(s, Op) and s.name == "alloc" and s.out}
        users: dict[Var, list[int]] = {a: [] for a in made}
        for k, stmt in enumerate(block.stmts if made else ()):
            for a in {x for s in (stmt, *_inside(stmt)) for x in used(s) if x in users}:
                users[a].append(k)
        for a, at in made.items():
            changed.update(self.array(block, at, a, users[a], changed.keys()))
        return changed

    def array(
        self, block: Block, at: int, a: Var, users: Sequence[int], taken: Set[int]
    ) -> dict[int, tuple[Stmt, ...]]:
        """Return what becomes of statements when an array is inlined in those that have to do with it."""
        if self.sizes.get(self.memory.find(a)) != 1 or a in block.results:
            return {}
        accesses = self.memory.accesses.get(self.memory.find(a), [])
        stores = [x for x in accesses if x.writes]
        loads = [x.op for x in accesses if not x.writes]
        if len(stores) != 1 or not loads or any(op.name != "load" or not op.attr("safe") for op in loads):
            return {}
        if not taken.isdisjoint(users):
            return {}
        made = block.stmts[at]
        assert isinstance(made, Op)
        maker = self.maker(block.stmts[users[0]], users[0], stores[0].op, made.args)
        if maker is None or len(users) == 1:
            return {}
        if not (self.cheap(maker) or len(loads) == 1 and self.once(block, users[1], loads[0])):
            return {}
        sources = {self.memory.find(op.args[0]) for op in maker.ops if op.name == "load"}
        for stmt in block.stmts[maker.at + 1 : users[-1] + 1]:
            if any(t.writes and is_array(t.array) and self.memory.find(t.array) in sources for t in touched(stmt)):
                return {}
        reads = {id(op) for op in loads}
        found = {k: self.replaced(block.stmts[k], reads, maker) for k in users[1:]}
        return {at: self.checked(made), maker.at: (), **found}

    def checked(self, made: Op) -> tuple[Stmt, ...]:
        """Return what is left of the making of an array: it raises where a length is negative."""
        b = Builder(made.loc)
        for n in made.args if not made.attr("again") else ():
            if not self.subscripts.natural(n):
                b.do("check", b.compare("ge", n, const(0)), kind="length")
        return tuple(b.stmts)

    def maker(self, nest: Stmt, at: int, store: Op, lengths: tuple[Operand, ...]) -> _Maker | None:
        """Return how a nest over all elements computes them, if that is all it does."""
        index: list[Var] = []
        while isinstance(nest, For):
            if nest.params or nest.exits or nest.step != 1 or nest.start != const(0, "i8"):
                return None
            if len(index) == len(lengths) or nest.stop != lengths[len(index)]:
                return None
            index.append(nest.index)
            *ops, last = nest.body.stmts
            if ops or last is store:
                break
            nest = last
        else:
            return None
        if last is not store or store.name != "store" or not store.attr("safe") or store.args[2:] != tuple(index):
            return None
        # An element made of what the array held before (``a = np.zeros(n); a *= x``) is not computed where it is read.
        fits = (op for op in ops if isinstance(op, Op) and op.args[:1] != store.args[:1])
        made = tuple(op for op in fits if pure(op) or op.name == "load" and op.attr("safe"))
        return _Maker(at, tuple(index), made, store.args[1]) if len(made) == len(ops) else None

    def cheap(self, maker: _Maker) -> bool:
        """Whether computing an element costs no more than loading it."""
        work = [op for op in maker.ops if op.name != "load" and op.out is not None and op.out.type != _INT]
        return (
            all(op.name in _CHEAP for op in work)
            and len(work) <= _MOST_OPERATIONS
            and sum(op.name == "load" for op in maker.ops) <= _MOST_LOADS
            # Neighbours are read side by side, as from the array itself.
            and not any(maker.index[-1] in op.args[1:-1] for op in maker.ops if op.name == "load")
        )

    def once(self, block: Block, at: int, load: Op) -> bool:
        """Whether no element is read twice while a statement of the block runs."""
        loops = _around(block.stmts[at], load)
        bases = [self.subscripts.offset(x).base for x in load.args[1:]]
        return loops is not None and len(loops) == len(bases) == len(set(bases)) and set(bases) == set(loops)

    def replaced(self, stmt: Stmt, reads: set[int], maker: _Maker) -> tuple[Stmt, ...]:
        """Return a statement with some loads computed; what stands for their results is noted."""

        def block(old: Block) -> Block:
            return Block(tuple(made for s in old.stmts for made in change(s)), old.results)

        def change(s: Stmt) -> Iterator[Stmt]:
            if id(s) not in reads:
                yield map_all(s, block)
                return
            assert isinstance(s, Op) and s.out is not None
            values: dict[Var, Operand] = dict(zip(maker.index, s.args[1:], strict=True))
            for op in maker.ops:
                yield clone(op, values)
            self.became[s.out] = values.get(maker.value, maker.value) if isinstance(maker.value, Var) else maker.value

        return tuple(change(stmt))

    def value(self, x: Operand) -> Operand:
        """Return what stands for a value."""
        while isinstance(x, Var) and x in self.became:
            x = self.became[x]
        return x


_INT = Scalar("i8")


def _inside(stmt: Stmt) -> Iterator[Stmt]:
    return (s for b in regions(stmt) for s in walk(b))


def pure(op: Op) -> bool:
    """Whether an operation only computes a number from numbers, or asks for a length."""
    if op.name in ("select", "cast", "dim"):
        return True
    return op.name in RULES and op.out is not None and isinstance(op.out.type, Scalar)


def _around(stmt: Stmt, op: Op) -> list[Var] | None:
    """Return the indices of the loops in a statement that are around one of its operations."""
    if stmt is op:
        return []
    if isinstance(stmt, While):
        return None
    for block in regions(stmt):
        for inner in block.stmts:
            found = _around(inner, op)
            if found is not None:
                return [stmt.index, *found] if isinstance(stmt, For) else found
    return None


def _swapped(block: Block, swaps: _Swaps) -> Block:
    """Return a block with statements of some blocks in it replaced or left out."""
    here = swaps.get(id(block), {})

    def inside(stmt: Stmt) -> Stmt:
        return map_all(stmt, lambda b: _swapped(b, swaps))

    stmts = (made for k, s in enumerate(block.stmts) for made in (here[k] if k in here else (inside(s),)))
    return Block(tuple(stmts), block.results)
