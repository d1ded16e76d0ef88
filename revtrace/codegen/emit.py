"""Programs as Python source that numba compiles.

One function per program: scalars are local variables, regions are ``for``, ``while`` and
``if``, memory is reached through the few functions of `revtrace.codegen.intrinsics`.  Values
used once are written where they are used; a loop's carried value shares its name with
what it starts from where that is dead.  Knows nothing of numba.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from revtrace.codegen.expressions import ATOM, NUMPY, Code, Literals, call, operation
from revtrace.codegen.guards import conditions, poly_code
from revtrace.codegen.plan import CHECK, END, IN, WRAP, Plan, Room
from revtrace.codegen.storage import buffers
from revtrace.codegen.uses import EFFECTS, Uses, writes
from revtrace.codegen.vector import MATH
from revtrace.program.nodes import Block, Const, For, If, Op, Operand, Program, Var, While, walk
from revtrace.program.types import Array, Stack
from revtrace.rules.runtime import NAMES

__all__ = ["Source", "write"]

_LONG = 120
_INDENT = "    "

_LIMITS = {40: "small", 30: "medium", 20: "tiny"}

_PYTHON = frozenset((*keyword.kwlist, *dir(builtins)))

_WORDS = """
    at put bump acc sel wrap inb area trips imin imax small medium tiny
    empty zeros fill copy copyto same newstack entries larger grow keep
    math cmath np inf nan Bail Deopt failed need
"""

_TAKEN = frozenset((*_WORDS.split(), *NUMPY.values(), *(f"dim{k}" for k in range(32)), *(f"v{f}" for f in MATH)))


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
    """

    text: str
    name: str
    constants: tuple[tuple[str, str, object], ...]
    runtime: tuple[str, ...]
    buffers: tuple[tuple[str, tuple[int, ...]], ...]
    careful: bool


def write(program: Program, plan: Plan, *, careful: bool = False) -> Source:
    """Return the source of a program for which everything was decided."""
    return _Writer(program, plan, careful).source()


class _Writer:
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
        self.pending: dict[Var, Code] = {}
        self.vector = False
        self.stacks: list[str] = []
        self.position = -1
        self.soft = any(isinstance(s, Op) and s.name == "check" and s.attr("soft", False) for s in walk(program.body))
        self.miss = "Bail" if careful else "Deopt"

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
        for name in self.stacks:
            # numba frees what is not named any more; the entries are reached by address.
            self.line(f"keep({name})")
        inside = ", ".join(r.text for r in results)
        self.line(f"return ({inside},)" if len(results) == 1 else f"return ({inside})")
        name = re.sub(r"\W", "_", self.program.name) or "f"
        name = f"{name}_" if keyword.iskeyword(name) or name in _TAKEN or name[0].isdigit() else name
        text = "\n".join([f"def {name}({', '.join(arguments)}):", *self.lines, ""])
        words = set(re.findall(r"[A-Za-z_]\w*", text)) - self.taken
        return Source(
            text,
            name,
            tuple((n, dtype, value) for n, (dtype, value) in self.literals.named.items()),
            tuple(sorted(words & NAMES.keys())),
            self.buffers(),
            self.careful,
        )

    def buffers(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Return the buffers behind each name."""
        found: dict[str, set[int]] = {}
        for v, numbers in buffers(self.program).items():
            if v in self.names:
                name = f"{self.names[v]}_p" if isinstance(v.type, Stack) else self.names[v]
                found.setdefault(name, set()).update(numbers)
        return tuple((name, tuple(sorted(numbers))) for name, numbers in found.items())

    # lines and names ----------------------------------------------------------------------

    def line(self, text: str) -> None:
        """Append a line."""
        self.lines.append(_INDENT * self.depth + text)

    @contextmanager
    def indented(self) -> Iterator[None]:
        """Write the lines of a suite, at least one."""
        self.depth += 1
        start = len(self.lines)
        yield
        if len(self.lines) == start:
            self.line("pass")
        self.depth -= 1

    def reserve(self, base: str) -> str:
        """Return an unused name like the given one."""
        base = re.sub(r"\W", "_", base) or "t"
        if base[0].isdigit() or base.startswith("_"):
            base = "t" + base
        name, k = base, 2
        while name in self.taken or name in _TAKEN or name in NAMES or name in _PYTHON:
            name, k = f"{base}_{k}", k + 1
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

    # statements ---------------------------------------------------------------------------

    def block(self, block: Block) -> None:
        """Write the statements of a block."""
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

    def read(self, x: Operand) -> Code:
        """Return the expression of a named value."""
        return self.literals.code(x) if isinstance(x, Const) else Code(self.names[x])

    def op(self, op: Op, position: int) -> None:
        """Write one operation."""
        if op.name in ("load", "store", "addto"):
            self.element(op, position)
        elif op.name in EFFECTS:
            getattr(self, f"write_{op.name}")(op, position)
        else:
            assert op.out is not None
            args = [self.value(x) for x in op.args]
            if self.uses.count[op.out]:
                self.define(op.out, operation(op, args, vector=self.vector))

    def element(self, op: Op, position: int) -> None:
        """Write a load, a store or an addto."""
        array, *rest = op.args
        index = rest if op.name == "load" else rest[1:]
        at = self.index(array, index, self.plan.access.get(position, (CHECK,) * len(index)))
        a = self.value(array)
        kind = array.type
        assert isinstance(kind, Array)
        if op.name == "load":
            assert op.out is not None
            if self.uses.count[op.out]:
                code = call("at", a, *at)
                self.define(op.out, Code(code.text, ATOM, code.names, code.loads | {kind.dtype}))
            return
        value = self.value(rest[0])
        self.settle(frozenset((kind.dtype,)))
        self.line(call("put" if op.name == "store" else "bump", a, value, *at).text)

    def index(self, array: Operand, index: Sequence[Operand], how: Sequence[str]) -> list[Code]:
        """Write the tests an access needs and return its indices, counted from the front."""
        out: list[Code] = []
        tests: list[str] = []
        for axis, (x, mode) in enumerate(zip(index, how, strict=True)):
            if mode == IN:
                out.append(self.value(x))
                continue
            i = self.named(x)
            n = call(f"dim{axis}", self.value(array))
            if mode == END:
                out.append(Code(f"{n.text} + {i.within(13)}", 12, i.names | n.names))
            elif mode == WRAP:
                out.append(call("wrap", i, n))
            elif self.careful:
                w = self.reserve("w")
                self.line(f"{w} = wrap({i.text}, {n.text})")
                tests.append(f"inb({w}, {n.text})")
                out.append(Code(w, ATOM, frozenset((w,))))
            else:
                tests.append(f"inb({i.text}, {n.text})")
                out.append(i)
        if tests:
            self.line(f"if not {tests[0]}:" if len(tests) == 1 else f"if not ({' & '.join(tests)}):")
            self.line(f"    raise {self.miss}")
        return out

    def write_check(self, op: Op, position: int) -> None:
        """Write a check."""
        code = self.value(op.args[0])
        failing = code.text[4:] if code.text.startswith("not ") else f"not {code.within(6)}"
        if op.attr("soft", False):
            inner = Code(failing, 6)
            self.line(f"failed |= {inner.within(9)}")
        else:
            self.line(f"if {failing}:")
            self.line("    raise Bail")

    def write_alloc(self, op: Op, position: int) -> None:
        """Write an allocation."""
        assert op.out is not None and isinstance(op.out.type, Array)
        lengths = [self.named(x) for x in op.args]
        if position not in self.plan.sure:
            tests = [n.text for n, x in zip(lengths, op.args, strict=True) if not isinstance(x, Const)]
            if any(isinstance(x, Const) and x.value < 0 for x in op.args):  # type: ignore[operator]
                tests = ["-1"]
            if tests:
                self.line("if " + " | ".join(f"({n} < 0)" if len(tests) > 1 else f"{n} < 0" for n in tests) + ":")
                self.line("    raise Bail")
        function = "zeros" if op.attr("zeros", False) else "empty"
        self.assign(op.out, call(function, Code(NUMPY[op.out.type.dtype]), *lengths))

    def write_copy(self, op: Op, position: int) -> None:
        """Write a copy."""
        assert op.out is not None
        self.assign(op.out, call("copy", self.value(op.args[0])))

    def write_copyto(self, op: Op, position: int) -> None:
        """Write an assignment of all elements."""
        target, source = self.value(op.args[0]), self.value(op.args[1])
        if position not in self.plan.sure:
            self.line(f"if not same({target.text}, {source.text}):")
            self.line("    raise Bail")
        self.settle(writes(op))
        self.line(call("copyto", target, source).text)

    def write_fill(self, op: Op, position: int) -> None:
        """Write an assignment of one number to all elements."""
        array, value = self.value(op.args[0]), self.value(op.args[1])
        self.settle(writes(op))
        self.line(call("fill", array, value).text)

    # stacks ---------------------------------------------------------------------------------

    def write_stack(self, op: Op, position: int) -> None:
        """Write a new stack: a buffer and the number of entries."""
        assert op.out is not None and isinstance(op.out.type, Stack)
        name = self.fresh(op.out)
        for suffix in ("p", "n", "cap"):
            self.taken.add(f"{name}_{suffix}")
        self.stacks.append(name)
        self.line(f"{name} = newstack()")
        self.line(f"{name}_p = entries({name}, {NUMPY[op.out.type.dtype]})")
        self.line(f"{name}_n = {name}_cap = 0")

    def write_push(self, op: Op, position: int) -> None:
        """Write a push; the plan has made room."""
        stack, value = self.value(op.args[0]).text, self.value(op.args[1])
        self.line(f"put({stack}_p, {value.text}, {stack}_n)")
        self.line(f"{stack}_n += 1")

    def write_pop(self, op: Op, position: int) -> None:
        """Write a pop."""
        stack = self.value(op.args[0]).text
        self.line(f"{stack}_n -= 1")
        assert op.out is not None
        if self.uses.count[op.out]:
            self.assign(op.out, Code(f"at({stack}_p, {stack}_n)"))

    def make_room(self, room: Room) -> None:
        """Write the growth of a stack."""
        stack = self.names[room.stack]
        areas = [call("area", *(poly_code(self.plan, p, self.read) for p in product)) for product in room.counts]
        products = [a.text for a in areas]
        if all(p.constant == 1 for product in room.counts for p in product):
            products = [str(len(room.counts))]
        self.line(f"need = {stack}_n + {' + '.join(products)}")
        self.line(f"if need > {stack}_cap:")
        self.line(f"    {stack}_cap = larger({stack}_cap, need)")
        self.line(f"    {stack}_p = grow({stack}, {stack}_p, {stack}_cap)")

    # regions --------------------------------------------------------------------------------

    def branch(self, stmt: If) -> None:
        """Write an ``if``."""
        cond = self.value(stmt.cond)
        self.settle(writes(stmt))
        for out, a, b in zip(stmt.outs, stmt.then.results, stmt.orelse.results, strict=True):
            self.share(stmt, out, a, b)
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
        nothing = [_INDENT * (self.depth + 1) + "pass"]
        if self.lines[mark + 1 :] == nothing:
            del self.lines[mark:]
        elif self.lines[head + 1 : mark] == nothing:
            self.lines[head : mark + 1] = [_INDENT * self.depth + f"if not {cond.within(6)}:"]
        for out in stmt.outs:
            self.magnitude(out)

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
        while todo:
            free = [k for k, (n, _) in enumerate(todo) if not any(n in c.names for _, c in todo[:k] + todo[k + 1 :])]
            if free:
                name, code = todo.pop(free[0])
                self.line(f"{name} = {code.text}")
            else:
                name, code = todo[0]
                kept = self.reserve("old")
                self.line(f"{kept} = {name}")
                todo = [
                    (n, Code(re.sub(rf"\b{name}\b", kept, c.text), c.level, c.names - {name} | {kept}) if k else c)
                    for k, (n, c) in enumerate(todo)
                ]

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
        if self.uses.count[stmt.count]:
            self.fresh(stmt.count)
        start, stop = (self.named(x) if self.uses.count[stmt.count] else self.value(x) for x in (stmt.start, stmt.stop))
        self.settle(writes(stmt))
        self.enter(stmt)
        if stmt.count in self.names:
            first = "0" if stmt.exits else f"trips({start.text}, {stop.text}, {stmt.step})"
            self.line(f"{self.names[stmt.count]} = {first}")
        parts = [start.text, stop.text, str(stmt.step)]
        if stmt.step == 1:
            parts = parts[1:2] if start.text == "0" else parts[:2]
        self.line(f"for {self.fresh(stmt.index)} in range({', '.join(parts)}):")
        with self.indented():
            for p in (stmt.index, *stmt.params):
                self.magnitude(p)
            self.block(stmt.body)
            self.finish(stmt)
        for out in stmt.outs:
            self.magnitude(out)

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
                self.lines[head:] = [_INDENT * (self.depth - 1) + f"while {cond.text}:"]
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
