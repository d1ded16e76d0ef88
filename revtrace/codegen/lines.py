"""Lines of generated source, the names in them, and the values still to be written."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator
from contextlib import contextmanager

from revtrace.calls.bridge import Spec
from revtrace.codegen.contraction import handed_on
from revtrace.codegen.expressions import ATOM, NUMPY, Code, Literals
from revtrace.codegen.plan import Plan
from revtrace.codegen.storage import packed, returned
from revtrace.codegen.uses import Uses
from revtrace.codegen.vector import MATH
from revtrace.program.nodes import Const, Op, Operand, Program, Var, walk
from revtrace.program.types import Array, Stack
from revtrace.rules.runtime import NAMES

__all__ = ["INDENT", "TAKEN", "Lines"]

_LONG = 120
INDENT = "    "

_SHORT = 16
"""Iterations below which LLVM's vectors do not pay."""

_SMALL = 12
"""Lines of a loop that may be written twice."""

_LIMITS = {40: "small", 30: "medium", 20: "tiny"}

_PYTHON = frozenset((*keyword.kwlist, *dir(builtins)))

_WORDS = """
    at put bump acc fused sel wrap inb area trips imin imax small medium tiny around largest least
    largest_number least_number
    empty zeros output output_zeros outputs fill copy copyto same newstack entries larger grow keep
    one_by_one scratch again
    math cmath np inf nan Bail Deopt failed need
"""

TAKEN = frozenset((*_WORDS.split(), *NUMPY.values(), *(f"dim{k}" for k in range(32)), *(f"v{f}" for f in MATH)))


class Lines:
    """The text so far."""

    def __init__(self, program: Program, plan: Plan, careful: bool) -> None:
        self.program = program
        self.plan = plan
        self.careful = careful
        self.uses = Uses(program, plan)
        self.literals = Literals()
        self.lines: list[str] = []
        self.depth = 1
        self.names: dict[Var, str] = {}
        self.taken: set[str] = set()
        self.numbered: dict[str, int] = {}
        self.pending: dict[Var, Code] = {}
        self.vector = False
        self.handed_on = handed_on(program)
        self.calls: dict[Spec, str] = {}
        self.stacks: list[str] = []
        # Rooms for the terms of sums, and where the sums that are open find theirs.
        self.scratch: list[str] = []
        self.terms: dict[Operand, tuple[str, str, Var, Var, str]] = {}
        self.position = -1
        self.slots = {v: k for k, v in enumerate(returned(program))}
        self.packed = packed(program)
        self.soft = any(isinstance(s, Op) and s.name == "check" and s.attr("soft", False) for s in walk(program.body))
        # Names of checks made in a block but not entered yet; None where each is entered at once.
        self.failures: list[str] | None = None
        self.miss = "Bail" if careful else "Deopt"

    def line(self, text: str) -> None:
        """Append a line."""
        self.lines.append(INDENT * self.depth + text)

    @contextmanager
    def indented(self) -> Iterator[None]:
        """Write the lines of a suite, at least one."""
        self.depth += 1
        start = len(self.lines)
        yield
        if len(self.lines) == start:
            self.line("pass")
        self.depth -= 1

    def twice(self, head: int, length: str) -> None:
        """Write the loop from a line on for few iterations as well, where they run one by one.

        A loop over what is left of a row is short as often as not.  Vectors cost more there than they save: their
        code is entered for a handful of elements, and reads what was just written in other pieces.
        """
        loop = [INDENT + line for line in self.lines[head:]]
        if len(loop) > _SMALL or any(f"v{f}(" in line for line in loop for f in MATH):
            return
        first, *body = loop
        indent = INDENT * self.depth
        alone = f"{indent}{INDENT * 2}one_by_one()"
        self.lines[head:] = [f"{indent}if {length} < {_SHORT}:", first, alone, *body, f"{indent}else:", first, *body]

    def reserve(self, base: str) -> str:
        """Return an unused name like the given one."""
        base = re.sub(r"\W", "_", base) or "t"
        if base[0].isdigit() or base.startswith("_"):
            base = "t" + base
        name, k = base, self.numbered.get(base, 1)
        while k > 1 or name in self.taken or name in TAKEN or name in NAMES or name in _PYTHON:
            k += 1
            name = f"{base}_{k}"
            if name not in self.taken:
                self.numbered[base] = k
                break
        self.taken.add(name)
        return name

    def fresh(self, v: Var) -> str:
        """Name a value."""
        default = "a" if isinstance(v.type, Array) else "stk" if isinstance(v.type, Stack) else "t"
        name = self.names[v] = self.reserve(v.name or default)
        return name

    def assign(self, v: Var, code: Code) -> None:
        """Define a value by a statement."""
        self.line(f"{self.names.get(v) or self.fresh(v)} = {code.text}")
        self.magnitude(v)

    def magnitude(self, v: Var) -> None:
        """Test a value that bounds rely on not to overflow."""
        bits = self.plan.limits.get(v)
        if bits is not None:
            self.line(f"if not {_LIMITS[bits]}({self.names[v]}):")
            self.line(f"    raise {self.miss}")

    def value(self, x: Operand) -> Code:
        """Return an operand's expression; a folded value is written here."""
        if isinstance(x, Const):
            return self.literals.code(x)
        code = self.pending.pop(x, None)
        return code if code is not None else Code(self.names[x], ATOM, frozenset((self.names[x],)))

    def named(self, x: Operand) -> Code:
        """Return an operand's expression, short enough to be written twice."""
        if isinstance(x, Var) and x in self.pending:
            self.assign(x, self.pending.pop(x))
        return self.value(x)

    def settle(self, dtypes: frozenset[str]) -> None:
        """Name the folded values that read elements which are about to change."""
        for v in [v for v, code in self.pending.items() if code.loads & dtypes]:
            self.assign(v, self.pending.pop(v))

    def define(self, v: Var, code: Code) -> None:
        """Define a value, by a statement or later in its use."""
        if v in self.uses.folded and len(code.text) <= _LONG:
            self.pending[v] = code
        else:
            self.assign(v, code)

    def read(self, x: Operand) -> Code:
        """Return the expression of a named value."""
        return self.literals.code(x) if isinstance(x, Const) else Code(self.names[x])
