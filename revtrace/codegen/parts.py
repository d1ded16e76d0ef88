"""Long generated functions as a function and others that it calls.

numba and LLVM take a time that grows faster than the length of a function: past a hundred loops twice as many took four
times as long.  So statements that follow one another in a long function become functions of their own, each
with the variables it needs as parameters and those that are needed after it as results.  Variables are numbered
in the order a part names them: parts that do the same have the same text, and are compiled once.

Works on source text, which `revtrace.codegen.emit` writes one statement to a line; knows nothing of numba.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

__all__ = ["Part", "divided"]

_LONG = 8000
"""Size of a function that stays whole, in lines."""

_PART = 1000
"""Size from which a part ends."""

_LEAST = 300
"""Size below which statements make no part."""

_LOOP = 100
"""Lines on numbers alone that cost as much as a loop, of which LLVM makes several."""

_AHEAD = 8
"""Earlier parts beginning alike that are looked for."""

_STAY = frozenset(("scratch", "newstack", "keep"))
"""Functions of what lives as long as the call of the function that makes it."""

_LOOPS = (ast.For, ast.While)


@dataclass(frozen=True, slots=True)
class Part:
    """A function made of statements.

    Attributes
    ----------
    name : str
        What the rest calls it by; it gets where the exception is that the part raised, or zero, then the results.
    text : str
        Its definition, under the name ``part``.
    names : dict of str to str
        Its names of the variables that it was made of.
    """

    name: str
    text: str
    names: dict[str, str]


def divided(text: str) -> tuple[str, tuple[Part, ...]]:
    """Return a function's source with calls of parts in it, and the parts; the text itself if it is short.

    Parameters
    ----------
    text : str
        The definition of one function.
    """
    if text.count("\n") + _LOOP * len(re.findall(r"^ *(?:for|while) ", text, re.MULTILINE)) <= _LONG:
        return text, ()
    return _Divider(text).divided()


@dataclass(slots=True, eq=False)
class _Group:
    """Statements that become a part.

    Attributes
    ----------
    stmts : list of ast.stmt
    before, after : set of str
        The variables whose values are needed before and after them.
    """

    stmts: list[ast.stmt]
    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Exits:
    """The variables needed where a loop is left, and where its next iteration begins."""

    left: frozenset[str] = frozenset()
    next: frozenset[str] = frozenset()


@dataclass
class _Divider:
    """Divides one function."""

    text: str
    groups: list[_Group] = field(default_factory=list)
    suites: dict[int, list[_Group]] = field(default_factory=dict)
    """The groups of a suite by the identity of its list."""
    known: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    """The shapes of statements of earlier groups, by the first."""

    def divided(self) -> tuple[str, tuple[Part, ...]]:
        """Return the rest and the parts."""
        self.lines = self.text.splitlines()
        loops = (line.lstrip().startswith(("for ", "while ")) for line in self.lines)
        # Of the lines before each.
        self.sizes = [0, *itertools.accumulate(1 + _LOOP * loop for loop in loops)]
        function = ast.parse(self.text).body[0]
        assert isinstance(function, ast.FunctionDef)
        arguments = {a.arg for a in function.args.args}
        self.locals = arguments | _assigned(function.body)
        self.divide(function.body)
        if not self.groups:
            return self.text, ()
        self.live(function.body, frozenset(), _Exits(), record=True)
        defined = self.defined(function.body, arguments)
        parts = []
        out: list[str | None] = [*self.lines]
        for k, group in enumerate(self.groups):
            first, last = _span(group.stmts)
            part, call = self.part(k, group, defined[id(group)])
            parts.append(part)
            out[first:last] = [None] * (last - first)
            out[first] = "\n".join(_indent(self.lines[first]) + line for line in call)
        return "\n".join(line for line in out if line is not None) + "\n", tuple(parts)

    # which statements ---------------------------------------------------------------------------

    def divide(self, suite: list[ast.stmt]) -> None:
        """Find the groups of a suite, and of the suites in its longer statements."""
        run: list[ast.stmt] = []
        for stmt in suite:
            if self.size([stmt]) > 2 * _PART and isinstance(stmt, (*_LOOPS, ast.If)):
                self.cut(suite, run)
                run = []
                for inner in _suites(stmt):
                    if not self.lines[inner[0].lineno - 1].lstrip().startswith("elif "):
                        self.divide(inner)
                    else:
                        self.divide_elif(inner[0])
            elif _stays(stmt):
                self.cut(suite, run)
                run = []
            else:
                run.append(stmt)
        self.cut(suite, run)

    def divide_elif(self, stmt: ast.stmt) -> None:
        """Find the groups in a branch that cannot be in one itself."""
        for inner in _suites(stmt):
            if self.lines[inner[0].lineno - 1].lstrip().startswith("elif "):
                self.divide_elif(inner[0])
            else:
                self.divide(inner)

    def cut(self, suite: list[ast.stmt], run: Sequence[ast.stmt]) -> None:
        """Make groups of statements; where an earlier group's shape begins again it is taken again."""
        if self.size(run) < _LEAST:
            return
        shapes = [self.shape(stmt) for stmt in run]
        start = 0
        while start < len(run):
            again = self.again(shapes, start)
            end = start + again
            while not again and end < len(run) and self.size(run[start:end]) < _PART:
                end += 1
                if end < len(run) and self.size(run[start:end]) >= _LEAST and self.again(shapes, end):
                    break
            if self.size(run[start:end]) >= _LEAST:
                group = _Group(list(run[start:end]))
                self.groups.append(group)
                self.suites.setdefault(id(suite), []).append(group)
                same = self.known.setdefault(shapes[start], [])
                if not again and len(same) < _AHEAD:
                    same.append(tuple(shapes[start:end]))
            start = end

    def size(self, stmts: Sequence[ast.stmt]) -> int:
        first, last = _span(stmts) if stmts else (0, 0)
        return self.sizes[last] - self.sizes[first]

    def again(self, shapes: Sequence[str], at: int) -> int:
        """Return how many statements from a place on are like those of an earlier group."""
        for known in self.known.get(shapes[at], ()):
            if tuple(shapes[at : at + len(known)]) == known:
                return len(known)
        return 0

    def shape(self, stmt: ast.stmt) -> str:
        """Return a statement's text with its variables numbered."""
        return _renamed("\n".join(self.lines[slice(*_span([stmt]))]), self.locals)[0]

    # which variables ----------------------------------------------------------------------------

    def live(self, suite: list[ast.stmt], after: frozenset[str], exits: _Exits, record: bool) -> frozenset[str]:
        """Return the variables whose values a suite and what follows need; enter those of its groups."""
        groups = self.suites.get(id(suite), ()) if record else ()
        ends = {id(g.stmts[-1]): g for g in groups}
        starts = {id(g.stmts[0]): g for g in groups}
        needed = set(after)
        for stmt in reversed(suite):
            if id(stmt) in ends:
                ends[id(stmt)].after = frozenset(needed)
            self.through(stmt, needed, exits, record)
            if id(stmt) in starts:
                starts[id(stmt)].before = frozenset(needed)
        return frozenset(needed)

    def through(self, stmt: ast.stmt, needed: set[str], exits: _Exits, record: bool) -> None:
        """Turn the variables needed after a statement into those needed before it."""
        match stmt:
            case ast.If():
                after = frozenset(needed)
                needed.clear()
                needed |= self.live(stmt.body, after, exits, record) | self.live(stmt.orelse, after, exits, record)
                needed |= self.read(stmt.test)
            case ast.For() | ast.While():
                after = frozenset(needed)
                test = self.read(stmt.test if isinstance(stmt, ast.While) else stmt.target) | after
                own = _assigned([ast.Expr(stmt.target)]) if isinstance(stmt, ast.For) else frozenset()
                # A fixed point: what an iteration needs of the one before is needed by the first.
                head = test | (self.live(stmt.body, test, _Exits(after, test), record=False) - own)
                if record:
                    self.live(stmt.body, head, _Exits(after, head), record=True)
                needed |= head
                needed |= self.read(stmt.iter) if isinstance(stmt, ast.For) else frozenset()
            case ast.Break() | ast.Continue():
                needed.clear()
                needed |= exits.left if isinstance(stmt, ast.Break) else exits.next
            case _:
                if isinstance(stmt, ast.Raise | ast.Return):
                    needed.clear()
                needed -= _assigned([stmt])
                needed |= self.read(stmt)

    def read(self, node: ast.AST) -> frozenset[str]:
        """Return the variables that are read in an expression or a simple statement."""
        found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        if isinstance(node, ast.AugAssign):
            found |= _assigned([node])
        return frozenset(self.locals & found)

    def defined(self, suite: list[ast.stmt], before: Iterable[str]) -> dict[int, frozenset[str]]:
        """Return the variables that may have been assigned before each group."""
        found: dict[int, frozenset[str]] = {}

        def visit(suite: list[ast.stmt], known: set[str]) -> None:
            starts = {id(g.stmts[0]): g for g in self.suites.get(id(suite), ())}
            for stmt in suite:
                if id(stmt) in starts:
                    found[id(starts[id(stmt)])] = frozenset(known)
                if isinstance(stmt, _LOOPS):
                    known |= _assigned([stmt])
                for inner in _suites(stmt):
                    visit(inner, known)
                known |= _assigned([stmt])

        visit(suite, set(before))
        return found

    # what is made -------------------------------------------------------------------------------

    def part(self, number: int, group: _Group, defined: frozenset[str]) -> tuple[Part, tuple[str, ...]]:
        """Return a group as a function, and the lines in its place.

        What it raises is raised by a statement: before that, numba frees what the caller holds.
        """
        first, last = _span(group.stmts)
        cut = len(_indent(self.lines[first]))
        made = _assigned(group.stmts)
        named = {n.id for stmt in group.stmts for n in ast.walk(stmt) if isinstance(n, ast.Name)} & self.locals
        body, names = _renamed("\n".join("    " + line[cut:] for line in self.lines[first:last]), named)
        # In the order of their numbers: in that they come in parts that do the same.
        given = [x for x in names if x in group.before and x in defined]
        results = [x for x in names if x in made and x in group.after]
        text = f"def part({', '.join(names[x] for x in given)}):\n{body}\n"
        if results:
            text += f"    return {', '.join(names[x] for x in results)}\n"
        name, error = f"_part_{number}", f"_error_{number}"
        call = f"{', '.join((error, *results))} = {name}({', '.join(given)})"
        if not results:
            call = call.replace(" =", ", =", 1)
        return Part(name, text, names), (call, f"if {error} != 0:", f"    again({error})", "    raise Bail")


def _renamed(text: str, variables: Iterable[str]) -> tuple[str, dict[str, str]]:
    """Return text with its variables numbered as they come, and their numbers."""
    names: dict[str, str] = {}
    ours = frozenset(variables)

    def number(m: re.Match[str]) -> str:
        word = m.group()
        return names.setdefault(word, f"_v{len(names)}") if word in ours else word

    return re.sub(r"(?<![\w.])[A-Za-z_]\w*", number, text), names


def _assigned(stmts: Iterable[ast.stmt]) -> frozenset[str]:
    """Return the variables that statements assign."""
    nodes = (n for stmt in stmts for n in ast.walk(stmt) if isinstance(n, ast.Name))
    return frozenset(n.id for n in nodes if isinstance(n.ctx, ast.Store))


def _suites(stmt: ast.stmt) -> Iterator[list[ast.stmt]]:
    if isinstance(stmt, (*_LOOPS, ast.If)):
        yield from (suite for suite in (stmt.body, stmt.orelse) if suite)


def _stays(stmt: ast.stmt) -> bool:
    """Whether a statement leaves what it is in, or makes what may not be handed on."""
    if any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in _STAY for n in ast.walk(stmt)):
        return True
    todo: list[tuple[ast.stmt, bool]] = [(stmt, False)]
    while todo:
        each, inside = todo.pop()
        if isinstance(each, ast.Return) or isinstance(each, ast.Break | ast.Continue) and not inside:
            return True
        todo += [(s, inside or isinstance(each, _LOOPS)) for suite in _suites(each) for s in suite]
    return False


def _span(stmts: Sequence[ast.stmt]) -> tuple[int, int]:
    """Return where the lines of statements begin and end."""
    return stmts[0].lineno - 1, stmts[-1].end_lineno or 0


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
