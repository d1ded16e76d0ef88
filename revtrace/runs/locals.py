"""Which of the user's variables a statement gives a value, read off the source.

A program has values, not variables: the name on the left of an assignment is found by the place of the
expression on its right.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from revtrace.loc import Loc
from revtrace.program.nodes import For, If, Op, Operand, Program, Stmt, Var, While, regions, walk
from revtrace.program.types import Scalar

__all__ = ["Names"]


class Names:
    """Names by place, for the files that were traced.

    Parameters
    ----------
    tested : set of Var
        Values that only tests read: of an expression's place, too, but not its value.
    filled : set of Loc
        Places of statements that write elements: the numbers that these compute are not what the place is assigned to.
    """

    def __init__(self, tested: AbstractSet[Var] = frozenset(), filled: AbstractSet[Loc] = frozenset()) -> None:
        self.tested = tested
        self.filled = {_of(loc) for loc in filled}
        self._files: dict[str, dict[_Place, str]] = {}
        self._loops: dict[str, dict[int, str]] = {}
        self._functions: dict[str, list[tuple[int, int]]] = {}

    @classmethod
    def of_program(cls, program: Program) -> Names:
        """Return the names of a program's values."""
        stores = (stmt for stmt in walk(program.body) if isinstance(stmt, Op) and stmt.name == "store")
        return cls(_tested(program), {stmt.loc for stmt in stores if not stmt.loc.role})

    def of(self, stmt: Stmt) -> str:
        """Return the variable that an operation's result is assigned to; empty where there is none."""
        if not isinstance(stmt, Op) or stmt.out is None or stmt.loc.role or not stmt.loc.line:
            return ""
        if stmt.out in self.tested or (isinstance(stmt.out.type, Scalar) and _of(stmt.loc) in self.filled):
            return ""
        return self.at(stmt.loc)

    def at(self, loc: Loc) -> str:
        """Return the variable or attribute that the expression at a place is assigned to."""
        target = self.target(loc)
        return "" if target.endswith("]") else target

    def target(self, loc: Loc) -> str:
        """Return what the expression at a place is assigned to, which may be an element, as it is written."""
        found = self._files.get(loc.file)
        if found is None:
            found = self._files[loc.file] = dict(_assigned(_tree(loc.file)))
        return found.get((loc.line, loc.column, loc.end_column), "")

    def counted(self, loc: Loc) -> str:
        """Return the variable that a loop over a range on this line counts; empty where there is none, or several."""
        found = self._loops.get(loc.file)
        if found is None:
            found = self._loops[loc.file] = _counted(_tree(loc.file))
        return found.get(loc.line, "")

    def function(self, loc: Loc) -> tuple[int, int]:
        """Return the first and last line of the innermost function around a place; of the line where there is none."""
        found = self._functions.get(loc.file)
        if found is None:
            nodes = ast.walk(_tree(loc.file))
            functions = [n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
            found = self._functions[loc.file] = [(n.lineno, n.end_lineno or n.lineno) for n in functions]
        around = [span for span in found if span[0] <= loc.line <= span[1]]
        return max(around, default=(loc.line, loc.line))


def _tested(program: Program) -> frozenset[Var]:
    """Return the values that nothing but checks read, at first or second hand."""
    made: dict[Var, Op] = {}
    work: list[Operand] = list(program.body.results)
    for stmt in walk(program.body):
        match stmt:
            case Op(name="check"):
                continue
            case Op(out=Var() as out):
                made[out] = stmt
                continue
            case Op():
                work += stmt.args
            case If():
                work.append(stmt.cond)
            case For():
                work += [stmt.start, stmt.stop, *stmt.inits]
            case While():
                work += stmt.inits
        work += [result for block in regions(stmt) for result in block.results]
    read: set[Var] = set()
    while work:
        x = work.pop()
        if isinstance(x, Var) and x not in read:
            read.add(x)
            work += made[x].args if x in made else ()
    return frozenset(made.keys() - read)


_Place = tuple[int, int, int]


def _of(loc: Loc) -> tuple[str, int, int, int]:
    return loc.file, loc.line, loc.column, loc.end_column


def _tree(file: str) -> ast.Module:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return ast.Module([], [])


def _counted(tree: ast.Module) -> dict[int, str]:
    found: dict[int, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.For(target=target, iter=over) | ast.comprehension(target=target, iter=over):
                line = target.lineno
                ranges = isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "range"
                name = target.id if ranges and isinstance(target, ast.Name) else ""
                found[line] = "" if line in found else name
    return found


def _assigned(tree: ast.Module) -> Iterator[tuple[_Place, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.AugAssign(target=target):
                yield _place(node), ast.unparse(target)
                yield from _element(target)
            case ast.Assign(targets=[target], value=value):
                yield from _paired(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from _paired(target, value)
            case ast.NamedExpr(target=target, value=value):
                yield from _paired(target, value)


def _paired(target: ast.expr, value: ast.expr) -> Iterator[tuple[_Place, str]]:
    match target, value:
        case ast.Name() | ast.Attribute() | ast.Subscript(), _:
            yield _place(value), ast.unparse(target)
            yield from _element(target)
        case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
            for one, other in zip(targets, values, strict=True):
                yield from _paired(one, other)


def _element(target: ast.expr) -> Iterator[tuple[_Place, str]]:
    """Yield where an element is written, or an array that is made when it is given its name."""
    if isinstance(target, ast.Subscript | ast.Name):
        yield _place(target), ast.unparse(target)


def _place(node: ast.stmt | ast.expr) -> _Place:
    return node.lineno, node.col_offset, node.end_col_offset or 0
