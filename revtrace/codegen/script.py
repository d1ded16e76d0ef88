"""Generated code as a script that runs on its own: plain Python and numpy, no numba, no revtrace.

Accesses are written as subscripts, lengths as shapes; what else generated code calls is copied in.  For
reading, and for stepping through with a debugger.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from revtrace.codegen import plain
from revtrace.codegen.emit import Source
from revtrace.codegen.expressions import NUMPY
from revtrace.codegen.vector import MATH
from revtrace.rules.runtime import NAMES

__all__ = ["script"]


def script(source: Source) -> str:
    """Return generated code as the text of a script that defines the same function.

    Parameters
    ----------
    source : Source
        What `revtrace.codegen.emit` wrote.
    """
    tree = ast.parse(source.text)
    if source.outputs and isinstance(tree.body[0], ast.FunctionDef):
        # What the caller lends for the results is made in the script.
        del tree.body[0].args.args[0]
    tree = _Plainer().visit(tree)
    body = ast.unparse(ast.fix_missing_locations(tree))
    words = set(re.findall(r"[A-Za-z_]\w*", body))
    copied = _functions(words)
    parts = ["import cmath\nimport math\nfrom math import inf, nan\nfrom typing import Any\n\nimport numpy as np"]
    parts += [f"class {name}(Exception):\n    pass" for name in ("Bail", "Deopt") if name in words]
    types = sorted({name for name in NUMPY.values() if name in words})
    if types:
        parts.append("\n".join(f"{name} = np.{name}" for name in types))
    constants = [f"{name} = np.{NUMPY[dtype]}({value!r})" for name, dtype, value in source.constants]
    if constants:
        parts.append("\n".join(constants))
    return "from __future__ import annotations\n\n" + "\n\n\n".join([*parts, *copied, body]) + "\n"


def _functions(words: Iterable[str]) -> list[str]:
    """Return the source of functions that are called, and of those that these call."""
    known: dict[str, Callable[..., Any]] = {**_globals(vars(plain)), **NAMES}
    found: dict[str, str] = {}
    constants: dict[str, str] = {}
    work = sorted(word for word in words if word in known)
    while work:
        name = work.pop()
        if name in found:
            continue
        function = known[name]
        assert isinstance(function, FunctionType)
        found[name] = textwrap.dedent(inspect.getsource(function)).rstrip()
        for used in function.__code__.co_names:
            value = function.__globals__.get(used)
            if used in known:
                work.append(used)
            elif isinstance(value, FunctionType) and value.__module__ == function.__module__:
                known[used] = value
                work.append(used)
            elif isinstance(value, (int, float, complex, tuple)):
                constants[used] = f"{used} = {value!r}"
    return [*(["\n".join(constants.values())] if constants else []), *found.values()]


def _globals(names: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    return {
        name: f
        for name, f in names.items()
        if isinstance(f, FunctionType) and f.__module__ == plain.__name__ and name not in ("load", "_dim")
    }


class _Plainer(ast.NodeTransformer):
    """Writes what generated code calls as Python has it."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        self.generic_visit(node)
        match node.value:
            case ast.Call(func=ast.Name(id="put" | "bump" as name), args=[array, value, *index]):
                target = _subscript(array, index, ast.Store())
                if name == "put":
                    return ast.Assign([target], value)
                return ast.AugAssign(target, ast.Add(), value)
            case ast.Call(func=ast.Name(id="fill"), args=[array, value]):
                return ast.Assign([_subscript(array, [ast.Constant(...)], ast.Store())], value)
            case ast.Call(func=ast.Name(id="copyto"), args=[array, value]):
                return ast.Assign([_subscript(array, [ast.Constant(...)], ast.Store())], value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id="at"), args=[array, *index]):
                return _subscript(array, index, ast.Load())
            case ast.Call(func=ast.Name(id="acc"), args=[x, y]):
                return ast.BinOp(x, ast.Add(), y)
            case ast.Call(func=ast.Name(id="sel"), args=[condition, x, y]):
                return ast.IfExp(condition, x, y)
            case ast.Call(func=ast.Name(id="copy"), args=[array]):
                return ast.Call(ast.Attribute(array, "copy", ast.Load()), [], [])
            case ast.Call(func=ast.Name(id="output" | "output_zeros" as name), args=[_, _, dtype, *shape]):
                node = ast.Call(ast.Name("zeros" if "zeros" in name else "empty", ast.Load()), [dtype, *shape], [])
                return self.visit_Call(node)
            case ast.Call(func=ast.Name(id="empty" | "zeros" as name), args=[dtype, *shape]):
                made = ast.Attribute(ast.Name("np", ast.Load()), name, ast.Load())
                return ast.Call(made, [ast.Tuple(shape, ast.Load()), dtype], [])
            case ast.Call(func=ast.Name(id=name), args=[array]) if re.fullmatch(r"dim\d+", name):
                lengths = ast.Attribute(array, "shape", ast.Load())
                return ast.Subscript(lengths, ast.Constant(int(name[3:])), ast.Load())
            case ast.Call(func=ast.Name(id=name)) if name[:1] == "v" and name[1:] in MATH:
                node.func = ast.Attribute(ast.Name("math", ast.Load()), name[1:], ast.Load())
        return node


def _subscript(array: ast.expr, index: list[ast.expr], context: ast.expr_context) -> ast.Subscript:
    at = index[0] if len(index) == 1 else ast.Tuple(index, ast.Load())
    return ast.Subscript(array, at, context)
