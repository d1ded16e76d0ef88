"""Which of the user's variables a statement gives a value, read off the source.

A program has values, not variables: the name on the left of an assignment is found by the place of the
expression on its right.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator

from revtrace.loc import Loc
from revtrace.program.nodes import Op, Stmt

__all__ = ["Names"]


class Names:
    """Names by place, for the files that were traced."""

    def __init__(self) -> None:
        self._files: dict[str, dict[tuple[int, int, int], str]] = {}
        self._loops: dict[str, dict[int, str]] = {}

    def of(self, stmt: Stmt) -> str:
        """Return the variable that an operation's result is assigned to; empty where there is none."""
        if not isinstance(stmt, Op) or stmt.out is None or stmt.loc.role or not stmt.loc.line:
            return ""
        return self.at(stmt.loc)

    def at(self, loc: Loc) -> str:
        """Return the variable that the expression at a place is assigned to."""
        found = self._files.get(loc.file)
        if found is None:
            found = self._files[loc.file] = dict(_assigned("".join(linecache.getlines(loc.file))))
        return found.get((loc.line, loc.column, loc.end_column), "")

    def counted(self, loc: Loc) -> str:
        """Return the variable that a loop over a range on this line counts; empty where there is none, or several."""
        found = self._loops.get(loc.file)
        if found is None:
            found = self._loops[loc.file] = _counted("".join(linecache.getlines(loc.file)))
        return found.get(loc.line, "")


def _counted(text: str) -> dict[int, str]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return {}
    found: dict[int, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.For(target=target, iter=over) | ast.comprehension(target=target, iter=over):
                line = target.lineno
                ranges = isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "range"
                name = target.id if ranges and isinstance(target, ast.Name) else ""
                found[line] = "" if line in found else name
    return found


def _assigned(text: str) -> Iterator[tuple[tuple[int, int, int], str]]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        match node:
            case ast.AugAssign(target=ast.Name(id=name)):
                yield _place(node), name
            case ast.Assign(targets=[target], value=value):
                yield from _paired(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from _paired(target, value)
            case ast.NamedExpr(target=target, value=value):
                yield from _paired(target, value)


def _paired(target: ast.expr, value: ast.expr) -> Iterator[tuple[tuple[int, int, int], str]]:
    match target, value:
        case ast.Name(id=name), _:
            yield _place(value), name
        case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
            for one, other in zip(targets, values, strict=True):
                yield from _paired(one, other)


def _place(node: ast.stmt | ast.expr) -> tuple[int, int, int]:
    return node.lineno, node.col_offset, node.end_col_offset or 0
