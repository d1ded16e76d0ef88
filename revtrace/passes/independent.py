"""Which loops can be reversed in place: each iteration forward, then backward at once.

Sufficient conditions, judged on the primal:

- what is carried and active is only added to: ``p' = p + e``;
- a buffer that carries derivatives and is written is either *private* (each iteration
  writes an element before it reads it, and nothing outside the loop touches it) or
  touched at the loop's own index only;
- arrays do not change places.

Whether the adjoints the iterations need are known early enough is another question,
see `revtrace.passes.fuse`.
"""

from __future__ import annotations

from revtrace.calls.core import parts
from revtrace.passes.activity import Activity
from revtrace.passes.demand import Demand
from revtrace.passes.effects import Access, Buffers
from revtrace.passes.fold import key
from revtrace.passes.scopes import TOP, Scopes, is_array
from revtrace.passes.subscripts import Subscripts, subscripts_of
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Stmt, Var, While, const

__all__ = ["candidates"]


def candidates(where: Scopes, memory: Buffers, demand: Demand, refused: set[Var]) -> set[Var]:
    """Return the loops, by their ``count``, that may be reversed in place, those within such loops too."""
    judge = _Judge(where, memory, demand.activity)
    found: set[Var] = set()

    def visit(scope: int) -> None:
        for stmt in where.all[scope].block.stmts:
            if not isinstance(stmt, For | While) or stmt.count in refused or not demand.works(stmt):
                continue
            body = where.scope(stmt.body).index
            if judge.independent(stmt, body):
                found.add(stmt.count)
                visit(body)

    visit(TOP)
    return found


class _Judge:
    def __init__(self, where: Scopes, memory: Buffers, activity: Activity) -> None:
        self.where = where
        self.memory = memory
        self.activity = activity
        self.subscripts = Subscripts(where)
        self.names: dict[Var, set[Var]] = {}
        """The arrays of each buffer."""
        for v in where.home:
            if is_array(v):
                self.names.setdefault(memory.find(v), set()).add(v)
        self.inside: dict[int, dict[Var, list[Access]]] = {}
        for cls, accesses in memory.accesses.items():
            if activity.is_active(cls):
                for a in accesses:
                    for scope, _ in a.path:
                        self.inside.setdefault(scope, {}).setdefault(cls, []).append(a)

    def independent(self, loop: For | While, body: int) -> bool:
        for k, p in enumerate(loop.params):
            if is_array(p):
                if self.activity.is_active(p) or loop.body.results[k] is not p:
                    return False
            elif self.activity.is_active(p) and not self.added(loop.body.results[k], p):
                return False
        for cls, inside in self.inside.get(body, {}).items():
            if any(a.op.name in ("push", "pop") for a in inside):
                return False
            if not any(a.writes for a in inside) or all(a.op.name == "addto" for a in inside):
                continue
            if not self.own_index(loop, inside) and not (
                len(inside) == len(self.memory.accesses[cls]) and self.private(loop, cls, inside)
            ):
                return False
        return True

    def added(self, y: Operand, p: Operand, depth: int = 50) -> bool:
        """Whether a value is ``p`` plus something, as far as its shape tells; the generator checks the rest."""
        while depth and isinstance(y, Var):
            depth -= 1
            if y is p:
                return True
            stmt = self.where.definition.get(y)
            match stmt:
                case Op(name="add" | "accum"):
                    return any(self.added(x, p, depth) for x in stmt.args)
                case Op(name="sub"):
                    y = stmt.args[0]
                case If():
                    k = stmt.outs.index(y)
                    return self.added(stmt.then.results[k], p, depth) and self.added(stmt.orelse.results[k], p, depth)
                case For() | While() if y in stmt.outs:
                    k = stmt.outs.index(y)
                    if not self.added(stmt.body.results[k], stmt.params[k], depth):
                        return False
                    y = stmt.inits[k]
                case _:
                    return False
        return False

    def own_index(self, loop: For | While, inside: list[Access]) -> bool:
        """Whether all accesses have, on one axis, the loop's index plus one constant."""
        if not isinstance(loop, For):
            return False
        common: set[tuple[int, int]] | None = None
        for access in inside:
            found = subscripts_of(access.op)
            if found is None or not self.subscripts.counts_from_front(access.op):
                return False
            here = set()
            for axis, x in enumerate(found):
                at = self.subscripts.offset(x)
                if at.base is loop.index:
                    here.add((axis, at.constant))
            common = here if common is None else common & here
        return bool(common)

    def private(self, loop: For | While, cls: Var, inside: list[Access]) -> bool:
        arrays = {a.array for a in inside}
        if len(arrays) != 1 or self.names[cls] - arrays:
            return False
        (array,) = arrays
        made = self.where.definition.get(array)
        if not isinstance(made, Op) or made.name != "alloc":
            return False
        return _Coverage(self.where, array, made.args).block(loop.body)


class _Coverage:
    """Walks one iteration to see that every element is written before it is read."""

    def __init__(self, where: Scopes, array: Var, shape: tuple[Operand, ...]) -> None:
        self.where = where
        self.array = array
        self.shape = shape
        self.full = False
        self.known: set[tuple[object, ...]] = set()

    def block(self, block: Block) -> bool:
        return all(self.stmt(s) for s in block.stmts)

    def stmt(self, stmt: Stmt) -> bool:
        match stmt:
            case Op():
                return self.op(stmt)
            case If():
                return self.branch(stmt)
            case For():
                return self.loop(stmt)
            case While():
                saved = self.full, set(self.known)
                fine = self.block(stmt.cond) and self.block(stmt.body)
                self.full, self.known = saved
                return fine
        return False

    def op(self, op: Op) -> bool:
        if op.out is self.array:
            self.full = bool(op.attr("zeros"))
            return True
        if op.name == "dim" or self.array not in op.args:
            return True
        match op.name:
            case "store":
                self.known.add(tuple(map(key, op.args[2:])))
                self.full = self.full or self.all_known()
            case "fill":
                self.full = True
            case "copyto" if op.args[0] is self.array and op.args[1] is not self.array:
                self.full = True
            case "call":
                if self.array in parts(op)[1] or op.attr("adds"):
                    return self.full
                self.full = True
            case "load":
                return self.full or tuple(map(key, op.args[1:])) in self.known
            case "addto":
                return self.full or tuple(map(key, op.args[2:])) in self.known
            case _:
                return self.full
        return True

    def all_known(self) -> bool:
        """Whether a short vector's elements were all written one by one."""
        if len(self.shape) != 1 or not isinstance(self.shape[0], Const):
            return False
        n = int(self.shape[0].value.real)
        have = {repr_[0] for (repr_,) in self.known if isinstance(repr_, tuple)}
        return all(str(i) in have or str(i - n) in have for i in range(n))

    def branch(self, stmt: If) -> bool:
        before = self.full, set(self.known)
        if not self.block(stmt.then):
            return False
        then = self.full, set(self.known)
        self.full, self.known = before[0], set(before[1])
        if not self.block(stmt.orelse):
            return False
        self.full, self.known = self.full and then[0], self.known & then[1]
        return True

    def loop(self, stmt: For) -> bool:
        before = self.full, set(self.known)
        if not self.block(stmt.body):
            return False
        self.full, self.known = before
        if self.sweeps(stmt, ()):
            self.full = True
        return True

    def sweeps(self, stmt: For, axes: tuple[tuple[Var, Operand], ...]) -> bool:
        """Whether a nest of loops writes every element, whatever branches are taken."""
        if stmt.exits or stmt.step != 1 or not isinstance(stmt.start, Const) or stmt.start.value.real > 0:
            return False
        axes = (*axes, (stmt.index, stmt.stop))
        for s in stmt.body.stmts:
            if isinstance(s, For) and self.sweeps(s, axes):
                return True
            if isinstance(s, Op) and s.name == "store" and s.args[0] is self.array and self.fits(s.args[2:], axes):
                return True
        return False

    def fits(self, index: tuple[Operand, ...], axes: tuple[tuple[Var, Operand], ...]) -> bool:
        stops = dict(axes)
        if len(set(index)) != len(index):
            return False
        return all(
            isinstance(i, Var) and i in stops and self.is_length(stops[i], axis, n)
            for axis, (i, n) in enumerate(zip(index, self.shape, strict=True))
        )

    def is_length(self, stop: Operand, axis: int, n: Operand) -> bool:
        if key(stop) == key(n):
            return True
        longer = self.where.definition.get(n) if isinstance(n, Var) else None
        if isinstance(longer, Op) and longer.name == "max" and key(stop) in map(key, longer.args):
            # A length that is not negative: where it differs from the stop, both are empty.
            return const(0) in longer.args
        made = self.where.definition.get(stop) if isinstance(stop, Var) else None
        return isinstance(made, Op) and made.name == "dim" and made.args[0] is self.array and made.attr("axis") == axis
