"""Loops as lines of Python source: what they carry, the order of assignments, blocks for sums.

A loop's carried value shares its name with what it starts from where that is dead.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from revtrace.codegen.expressions import Code
from revtrace.codegen.lines import INDENT
from revtrace.codegen.memory_lines import Memory
from revtrace.codegen.uses import writes
from revtrace.program.nodes import Block, For, Operand, Var, While, const
from revtrace.program.sums import BLOCK, blocked

__all__ = ["Loops"]


class Loops(Memory):
    """Writes loops; what is in them is for the class that derives from this one."""

    def block(self, block: Block) -> None:
        """Write the statements of a block."""
        raise NotImplementedError

    def enter(self, stmt: For | While) -> None:
        """Give a loop's carried values their names and first values."""
        codes: list[tuple[str, Code]] = []
        for p, out, init in zip(stmt.params, stmt.outs, stmt.inits, strict=True):
            sole = (
                isinstance(init, Var)
                and self.uses.count[init] == 1
                and self.uses.home[init] == self.uses.home[out]
                and init not in self.program.inputs
                and init in self.names
            )
            if sole:
                assert isinstance(init, Var)
                self.names[p] = self.names[init]
            else:
                code = self.value(init)
                codes.append((self.fresh(p), code))
            self.names[out] = self.names[p]
        for name, code in codes:
            self.line(f"{name} = {code.text}")

    def move(self, targets: Sequence[Var], values: Sequence[Operand]) -> None:
        """Assign several values at once; a value nobody reads is not assigned."""
        todo: list[tuple[str, Code]] = []
        for t, x in zip(targets, values, strict=True):
            code = self.value(x)
            if t in self.names and code.text != self.names[t]:
                todo.append((self.names[t], code))
        reads: Counter[str] = Counter(n for _, c in todo for n in c.names)
        for name, c in todo:
            reads[name] -= name in c.names  # Its own reading does not hold an assignment back.
        waiting = dict(todo)
        free = [name for name, _ in todo if not reads[name]]
        while waiting:
            if not free:
                # A circle: one old value gets a name of its own.
                name = next(iter(waiting))
                kept = self.reserve("old")
                self.line(f"{kept} = {name}")
                for n, c in waiting.items():
                    if n != name and name in c.names:
                        text = re.sub(rf"\b{name}\b", kept, c.text)
                        waiting[n] = Code(text, c.level, c.names - {name} | {kept})
                reads[name] = 0
                free = [name]
            name = free.pop(0)
            code = waiting.pop(name)
            self.line(f"{name} = {code.text}")
            for n in code.names - {name}:
                reads[n] -= 1
                if not reads[n] and n in waiting:
                    free.append(n)

    def finish(self, stmt: For | While) -> None:
        """Write the end of an iteration."""
        results = stmt.body.results
        leave: Code | None = None
        if stmt.exits:
            flag = results[-1]
            targets = frozenset(self.names[p] for p in stmt.params)
            leave = self.value(flag)
            if leave.names & targets or leave.loads:
                name = self.reserve("leave")
                self.line(f"{name} = {leave.text}")
                leave = Code(name)
        self.move(stmt.params, results[: len(stmt.params)])
        if stmt.count in self.names and (stmt.exits or isinstance(stmt, While)):
            self.line(f"{self.names[stmt.count]} += 1")
        if leave is not None and leave.text != "False":
            self.line(f"if {leave.text}:")
            self.line("    break")

    def count(self, stmt: For) -> None:
        """Write a counted loop."""
        ragged, apart = self.position in self.plan.ragged, self.plan.chains.get(self.position)
        if self.uses.count[stmt.count]:
            self.fresh(stmt.count)
        start, stop = (self.named(x) if self.uses.count[stmt.count] else self.value(x) for x in (stmt.start, stmt.stop))
        self.settle(writes(stmt))
        self.enter(stmt)
        if stmt.count in self.names:
            first = "0" if stmt.exits else f"trips({start.text}, {stop.text}, {stmt.step})"
            self.line(f"{self.names[stmt.count]} = {first}")
        sums = [stmt.params[k] for k in blocked(stmt)]
        if sums:
            self.blocks(stmt, start.text, stop.text, sums)
        elif apart:
            self.add_up(stmt, start.text, stop.text, apart)
        else:
            parts = [start.text, stop.text, str(stmt.step)]
            if stmt.step == 1:
                parts = parts[1:2] if start.text == "0" else parts[:2]
            head = len(self.lines)
            self.iterations(stmt, parts)
            if ragged and stmt.step == 1:
                self.twice(head, f"{stop.within(12)} - {start.within(13)}" if start.text != "0" else stop.text)
        for out in stmt.outs:
            self.magnitude(out)

    def iterations(self, stmt: For, parts: Sequence[str]) -> None:
        """Write the loop itself, over a range of these arguments."""
        self.line(f"for {self.fresh(stmt.index)} in range({', '.join(parts)}):")
        with self.indented():
            for p in (stmt.index, *stmt.params):
                self.magnitude(p)
            self.block(stmt.body)
            self.finish(stmt)

    def blocks(self, stmt: For, start: str, stop: str, sums: Sequence[Var]) -> None:
        """Write a loop that adds up in blocks; the blocks' sums are added with their rounding errors."""
        totals = {p: self.names[p] for p in sums}
        parts = {p: self.reserve("part") for p in sums}
        lows = {p: self.reserve("low") for p in sums if p.type.dtype[0] == "f"}
        zero = {p: self.value(const(0, p.type.dtype)).text for p in sums}
        for p, name in lows.items():
            self.line(f"{name} = {zero[p]}")
        first = self.reserve("first")
        self.line(f"for {first} in range({start}, {stop}, {BLOCK}):")
        with self.indented():
            for p in sums:
                self.names[p] = parts[p]
                self.line(f"{parts[p]} = {zero[p]}")
            self.iterations(stmt, (first, f"imin({first} + {BLOCK}, {stop})"))
            for p, total in totals.items():
                if p in lows:
                    self.line(f"{lows[p]} += sum_error({total}, {parts[p]})")
                self.line(f"{total} += {parts[p]}")
        for p, name in lows.items():
            self.line(f"{totals[p]} = with_error({totals[p]}, {name})")

    def add_up(self, stmt: For, start: str, stop: str, apart: Mapping[Var, Var]) -> None:
        """Write a loop a block of iterations at a time, and after each the sums of the terms that it set aside."""
        first, last, k = self.reserve("first"), self.reserve("last"), self.reserve("k")
        sums = [
            (p, r) for p, r in zip(stmt.params, stmt.body.results, strict=True) if isinstance(r, Var) and r in apart
        ]
        while len(self.scratch) < len(sums):
            self.scratch.append(self.reserve("terms"))
        rooms = dict(zip((r for _, r in sums), self.scratch, strict=False))
        self.line(f"for {first} in range({start}, {stop}, {BLOCK}):")
        with self.indented():
            self.line(f"{last} = imin({first} + {BLOCK}, {stop})")
            for p, r in sums:
                self.terms[r] = (rooms[r], self.names[p], apart[r], stmt.index, first)
            self.iterations(stmt, (first, last))
            self.line(f"for {k} in range({last} - {first}):")
            for p, r in sums:
                self.line(f"    {self.names[p]} = {self.names[p]} + at({rooms[r]}, {k})")

    def set_aside(self, total: Var) -> None:
        """Write the term of a sum that is added up later."""
        room, name, term, index, first = self.terms[total]
        self.line(f"put({room}, {self.value(term).text}, {self.names[index]} - {first})")
        self.names[total] = name

    def loop(self, stmt: While) -> None:
        """Write a loop whose condition is computed each time."""
        self.settle(writes(stmt))
        self.enter(stmt)
        if self.uses.count[stmt.count]:
            self.line(f"{self.fresh(stmt.count)} = 0")
        head = len(self.lines)
        self.line("while True:")
        with self.indented():
            for p in stmt.params:
                self.magnitude(p)
            before = len(self.lines)
            self.block(stmt.cond)
            cond = self.value(stmt.cond.results[0])
            if len(self.lines) == before:
                self.lines[head:] = [INDENT * (self.depth - 1) + f"while {cond.text}:"]
            elif cond.text != "True":
                self.line(f"if not {cond.within(6)}:")
                self.line("    break")
            self.block(stmt.body)
            if self.soft:
                # A value that failed its check may keep the condition true for ever.
                self.line("if failed:")
                self.line("    raise Bail")
            self.finish(stmt)
        for out in stmt.outs:
            self.magnitude(out)
