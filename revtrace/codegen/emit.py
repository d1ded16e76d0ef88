"""Programs as Python source that numba compiles.

One function per program: scalars are local variables, regions are ``for``, ``while`` and
``if``, memory is reached through the few functions of `revtrace.codegen.intrinsics`.  Values
used once are written where they are used.  Lines for memory are in `revtrace.codegen.memory_lines`, those for
loops in `revtrace.codegen.loop_lines`.  Knows nothing of numba.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from revtrace.calls.bridge import Spec
from revtrace.codegen.expressions import operation
from revtrace.codegen.guards import conditions
from revtrace.codegen.lines import INDENT, TAKEN
from revtrace.codegen.loop_lines import Loops
from revtrace.codegen.plan import Plan
from revtrace.codegen.storage import buffers, written
from revtrace.codegen.uses import EFFECTS, writes
from revtrace.program.nodes import Block, For, If, Op, Operand, Program, Var, While
from revtrace.program.sums import BLOCK
from revtrace.program.types import Stack
from revtrace.rules.runtime import NAMES

__all__ = ["Source", "TooDeep", "write"]

_DEEPEST = 95
"""Levels of indentation; Python's own limit is a hundred."""

_FEW = 2
"""Checks in a block that are entered one by one."""


class TooDeep(Exception):
    """A program nests deeper than Python's source can."""


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a program.

    Attributes
    ----------
    text : str
        One function definition.
    name : str
        Its name.
    constants : tuple of (str, str, object)
        Globals it reads: name, dtype, value.
    runtime : tuple of str
        Functions of `revtrace.rules.runtime` it calls.
    buffers : tuple of (str, tuple of int)
        Arrays and stacks by name, and the buffers each may be.
    careful : bool
        Whether it was written for any indices at all.
    outputs : int
        How many arrays it makes to be returned; a first argument takes them where there are any.
    written : tuple of int
        Positions of the inputs that it may write.
    boxed : tuple of int
        Positions of the results to return as numpy scalars.
    calls : tuple of (str, Spec)
        Rows it calls, by the names it gives them.
    form : int or nested tuple of int or None
        What to return: positions of the results, in order, a number alone or in tuples; None for one tuple of all.
    native : bool
        Whether it is called from C, see `revtrace.codegen.native`, rather than from Python.
    """

    text: str
    name: str
    constants: tuple[tuple[str, str, object], ...]
    runtime: tuple[str, ...]
    buffers: tuple[tuple[str, tuple[int, ...]], ...]
    careful: bool
    outputs: int = 0
    written: tuple[int, ...] = ()
    boxed: tuple[int, ...] = ()
    calls: tuple[tuple[str, Spec], ...] = ()
    form: Any = None
    native: bool = False


def write(
    program: Program,
    plan: Plan,
    *,
    careful: bool = False,
    boxed: Iterable[int] = (),
    form: Any = None,
    native: bool = False,
) -> Source:
    """Return the source of a program for which everything was decided."""
    source = _Writer(program, plan, careful).source()
    return replace(source, boxed=tuple(sorted(boxed)), form=form, native=native)


class _Writer(Loops):
    """Writes statements and branches."""

    def source(self) -> Source:
        """Write everything."""
        arguments = [self.fresh(v) for v in self.program.inputs]
        if self.soft:
            self.line("failed = False")
        for v in self.program.inputs:
            self.magnitude(v)
        self.block(self.program.body)
        results = [self.value(r) for r in self.program.body.results]
        if self.soft:
            self.line("if failed:")
            self.line("    raise Bail")
        self.lines[:0] = [f"{INDENT}{name} = scratch(float64, {BLOCK})" for name in self.scratch]
        for name in self.stacks:
            # numba frees what is not named any more; the entries are reached by address.
            self.line(f"keep({name})")
        inside = ", ".join(r.text for r in results)
        self.line(f"return ({inside},)" if len(results) == 1 else f"return ({inside})")
        name = re.sub(r"\W", "_", self.program.name) or "f"
        name = f"{name}_" if keyword.iskeyword(name) or name in TAKEN or name[0].isdigit() else name
        if self.slots:
            arguments.insert(0, "outputs")
        if any(line.startswith(INDENT * _DEEPEST) for line in self.lines):
            raise TooDeep
        text = "\n".join([f"def {name}({', '.join(arguments)}):", *self.lines, ""])
        words = set(re.findall(r"[A-Za-z_]\w*", text)) - self.taken
        return Source(
            text,
            name,
            tuple((n, dtype, value) for n, (dtype, value) in self.literals.named.items()),
            tuple(sorted(words & NAMES.keys())),
            self.buffers(),
            self.careful,
            len(self.slots),
            written(self.program),
            calls=tuple((name, spec) for spec, name in self.calls.items()),
        )

    def buffers(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Return the buffers behind each name."""
        found: dict[str, set[int]] = {}
        for v, numbers in buffers(self.program).items():
            if v in self.names:
                name = f"{self.names[v]}_p" if isinstance(v.type, Stack) else self.names[v]
                found.setdefault(name, set()).update(numbers)
        return tuple((name, tuple(sorted(numbers))) for name, numbers in found.items())

    def block(self, block: Block) -> None:
        """Write the statements of a block.

        Where many values are checked they are entered together: numba takes long over names assigned often.
        """
        checks = sum(isinstance(s, Op) and s.name == "check" and bool(s.attr("soft", False)) for s in block.stmts)
        outer, self.failures = self.failures, [] if checks > _FEW else None
        self.statements(block)
        self.collect_failures()
        self.failures = outer

    def statements(self, block: Block) -> None:
        for stmt in block.stmts:
            self.position += 1
            self.before(self.position)
            match stmt:
                case Op():
                    self.op(stmt, self.position)
                case If():
                    self.branch(stmt)
                case For():
                    outer, self.vector = self.vector, self.position in self.plan.vector
                    self.count(stmt)
                    self.vector = outer
                case While():
                    self.loop(stmt)

    def before(self, position: int) -> None:
        """Write what the plan puts before a statement."""
        text = conditions(self.plan, self.plan.guards.get(position, ()), self.read)
        if text:
            self.line(f"if {text}:")
            self.line(f"    raise {self.miss}")
        for room in self.plan.room.get(position, ()):
            self.make_room(room)

    def op(self, op: Op, position: int) -> None:
        """Write one operation."""
        if op.name in ("load", "store", "addto"):
            self.element(op, position)
        elif op.name in EFFECTS:
            getattr(self, f"write_{op.name}")(op, position)
        else:
            assert op.out is not None
            if op.out in self.terms:
                self.set_aside(op.out)
                return
            args = [self.value(x) for x in op.args]
            if self.uses.count[op.out]:
                fused = op.out not in self.handed_on and not op.attr("blocks", False)
                self.define(op.out, operation(op, args, vector=self.vector, fused=fused))

    def branch(self, stmt: If) -> None:
        """Write an ``if``."""
        cond = self.value(stmt.cond)
        self.settle(writes(stmt))
        for out, a, b in zip(stmt.outs, stmt.then.results, stmt.orelse.results, strict=True):
            if out not in self.names:
                self.share(stmt, out, a, b)
        self.hand_on(stmt)
        head = len(self.lines)
        self.line(f"if {cond.text}:")
        with self.indented():
            self.block(stmt.then)
            self.move(stmt.outs, stmt.then.results)
        mark = len(self.lines)
        self.line("else:")
        with self.indented():
            self.block(stmt.orelse)
            self.move(stmt.outs, stmt.orelse.results)
        nothing = [INDENT * (self.depth + 1) + "pass"]
        if self.lines[mark + 1 :] == nothing:
            del self.lines[mark:]
        elif self.lines[head + 1 : mark] == nothing:
            self.lines[head : mark + 1] = [INDENT * self.depth + f"if not {cond.within(6)}:"]
        else:
            self.join_else(mark)
        for out in stmt.outs:
            self.magnitude(out)

    def hand_on(self, stmt: If) -> None:
        """Name the results of a branch that ends the other arm as they are handed on by this one."""
        arm = stmt.orelse
        results = [r for r in arm.results if isinstance(r, Var)]
        inner = arm.stmts[-1] if arm.stmts else None
        if not isinstance(inner, If) or len(set(results)) != len(results) or not set(results) <= set(inner.outs):
            return
        for out, r in zip(stmt.outs, arm.results, strict=True):
            if isinstance(r, Var) and out in self.names and self.uses.count[r] == 1:
                self.names[r] = self.names[out]

    def join_else(self, mark: int) -> None:
        """Write an ``else`` that holds one ``if`` as ``elif``: Python nests no deeper than a hundred levels."""
        inner = INDENT * (self.depth + 1)
        first, *rest = self.lines[mark + 1 :]
        if not first.startswith(f"{inner}if "):
            return
        for line in rest:
            if not line.startswith(inner + INDENT) and not line.startswith((f"{inner}elif ", f"{inner}else:")):
                return
        self.lines[mark:] = [f"{INDENT * self.depth}el{first.lstrip()}", *(line[len(INDENT) :] for line in rest)]

    def share(self, stmt: If, out: Var, *results: Operand) -> None:
        """Name the result of a branch, like the value it replaces where that is dead."""
        for r in results:
            if (
                isinstance(r, Var)
                and r in self.names
                and r not in self.pending
                and r not in self.program.inputs
                and self.uses.home[r] == self.uses.home[out]
                and self.uses.only_within(r, stmt)
                and all(self.names.get(o) != self.names[r] for o in stmt.outs)
            ):
                self.names[out] = self.names[r]
                return
        if self.uses.count[out]:
            self.fresh(out)
