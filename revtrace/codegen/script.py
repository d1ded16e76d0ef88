"""Generated code as a script that runs on its own: plain Python and numpy, no numba, no revtrace.

Accesses are written as subscripts, lengths as shapes; what else generated code calls is copied in.  For
reading, and for stepping through with a debugger.  What SciPy computes for the function it computes for the script.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any, TypeGuard

from revtrace.calls.bridge import Spec
from revtrace.calls.core import row_named
from revtrace.codegen import plain
from revtrace.codegen.emit import Source
from revtrace.codegen.expressions import NUMPY
from revtrace.codegen.vector import MATH
from revtrace.rules.runtime import NAMES

__all__ = ["script"]


_IMPORTS = (
    "import cmath",
    "import functools",
    "import math",
    "from math import inf, nan",
    "from typing import Any",
    "",
    "import numpy as np",
)


def script(*sources: Source) -> str:
    """Return generated code as the text of a script that defines the same functions.

    Parameters
    ----------
    *sources : Source
        What `revtrace.codegen.emit` wrote; the second with other names than the first.
    """
    trees = [_tree(source) for source in sources]
    words = set().union(*map(_names, trees))
    calls = [_call(name, spec) for name, spec in dict(call for source in sources for call in source.calls).items()]
    copied = _functions(words, calls)
    parts = ["\n".join(_IMPORTS)]
    for name, meaning in (("Bail", "What Python would raise an exception for."), ("Deopt", "Not as was assumed.")):
        parts += [f'class {name}(Exception):\n    """{meaning}"""'] if name in words else []
    types = sorted({name for name in NUMPY.values() if name in words})
    if types:
        parts.append("\n".join(f"{name} = np.{name}" for name in types))
    constants = {name: f"{name} = np.{NUMPY[dtype]}({value!r})" for s in sources for name, dtype, value in s.constants}
    if constants:
        parts.append("\n".join(constants.values()))
    parts += [*copied, *(call.text for call in calls), *map(ast.unparse, trees)]
    return "from __future__ import annotations\n\n" + "\n\n\n".join(parts) + "\n"


def _tree(source: Source) -> ast.Module:
    tree = ast.parse(source.text)
    if source.outputs and isinstance(tree.body[0], ast.FunctionDef):
        # What the caller lends for the results is made in the script.
        del tree.body[0].args.args[0]
    _Plainer().visit(tree)
    return ast.fix_missing_locations(tree)


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of a row: the definition of the function that generated code calls, and what that needs."""

    text: str
    needs: tuple[Callable[..., Any], ...] = ()


def called(run: Any, settings: dict[str, Any], adds: bool, outs: Any, ins: Any) -> bool:
    """Write the results of a function of arrays, or add them; always true: what it raises comes out."""
    found = run(*ins, **settings)
    for out, result in zip(outs, found if isinstance(found, tuple) else (found,), strict=True):
        out[...] = out + result if adds else result
    return True


def _call(name: str, spec: Spec) -> _Call:
    row = row_named(spec.row)
    if not row.fixed or row.stays:
        why = "draws from a generator of the caller's" if row.stays else "has a rule of yours"
        refusal = f"{row.name} {why}, which is not in this script"
        return _Call(f"def {name}(*arrays):\n    raise NotImplementedError({refusal!r})")
    run = row.run
    copied = isinstance(run, FunctionType) and run.__module__.startswith("revtrace.")
    function = run.__name__ if copied else f"{run.__module__}.{run.__name__}".replace("numpy.", "np.", 1)
    settings = f"dict({', '.join(f'{key}={value!r}' for key, value in spec.settings)})"
    arguments = f"{function}, {settings}, {spec.adds}, arrays[:{spec.outs}], arrays[{spec.outs}:]"
    return _Call(f"def {name}(*arrays):\n    return called({arguments})", (called, *((run,) if copied else ())))


def _functions(words: Iterable[str], calls: Sequence[_Call]) -> list[str]:
    """Return the source of functions that are called, and of those that these call."""
    known: dict[str, Callable[..., Any]] = {**_globals(vars(plain)), **NAMES}
    needed = {function.__name__: function for call in calls for function in call.needs}
    known |= needed
    found: dict[str, str] = {}
    constants: dict[str, str] = {}
    work = sorted({*needed, *(word for word in words if word in known)})
    while work:
        name = work.pop()
        if name in found:
            continue
        function = inspect.unwrap(known[name])
        assert isinstance(function, FunctionType)
        found[name] = textwrap.dedent(inspect.getsource(function)).rstrip()
        for used in sorted(_names(ast.parse(found[name]))):
            value = function.__globals__.get(used)
            if used in known:
                work.append(used)
            elif _is_ours(value):
                known[used] = value
                work.append(used)
            elif isinstance(value, ModuleType) and used not in ("cmath", "functools", "math", "np"):
                constants[used] = f"import {value.__name__} as {used}"
            elif isinstance(value, (int, float, complex, tuple, dict)):
                constants[used] = f"{used} = {value!r}"
    return [*(["\n".join(constants.values())] if constants else []), *found.values()]


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _is_ours(value: Any) -> TypeGuard[Callable[..., Any]]:
    """Whether a value is a function of revtrace's, which may be remembering its results."""
    function = inspect.unwrap(value) if callable(value) else None
    return isinstance(function, FunctionType) and function.__module__.partition(".")[0] == __name__.partition(".")[0]


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
            case ast.Call(func=ast.Name(id="acc" | "fused"), args=[x, y]):
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
