"""Accesses, allocations, checks and stacks as lines of generated source."""

from __future__ import annotations

import re
from collections.abc import Sequence

from revtrace.calls.bridge import Spec
from revtrace.codegen.expressions import ATOM, NUMPY, Code, call
from revtrace.codegen.guards import poly_code
from revtrace.codegen.lines import Lines
from revtrace.codegen.plan import CHECK, END, IN, WRAP, Room
from revtrace.codegen.uses import writes
from revtrace.program.nodes import Const, Op, Operand, Var
from revtrace.program.types import Array, Stack

__all__ = ["Memory"]

_TOGETHER = 50


class Memory(Lines):
    """Writes what touches memory."""

    def element(self, op: Op, position: int) -> None:
        """Write a load, a store or an addto."""
        array, *rest = op.args
        index = rest if op.name == "load" else rest[1:]
        at = self.index(array, index, self.plan.access.get(position, (CHECK,) * len(index)))
        a = self.value(array)
        kind = array.type
        assert isinstance(kind, Array)
        flags = array in self.packed
        byte = (*at[:-1], Code(f"{at[-1].within(11)} >> 3", 11, at[-1].names)) if flags else tuple(at)
        if op.name == "load":
            assert op.out is not None
            if self.uses.count[op.out]:
                code = call("at", a, *byte)
                code = call("bit", code, at[-1]) if flags else code
                self.define(op.out, Code(code.text, ATOM, code.names, code.loads | {kind.dtype}))
            return
        value = self.value(rest[0])
        self.settle(frozenset((kind.dtype,)))
        if flags:
            self.line(f"{a.text}_w = follow({a.text}_w, {value.text}, {at[-1].text})")
            value = Code(f"{a.text}_w")
        self.line(call("put" if op.name == "store" else "bump", a, value, *byte).text)

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
            if self.failures is None:
                self.line(f"failed |= {inner.within(9)}")
                return
            name = self.reserve("bad")
            self.line(f"{name} = {failing}")
            self.failures.append(name)
            if len(self.failures) == _TOGETHER:
                self.collect_failures()
        else:
            self.line(f"if {failing}:")
            self.line("    raise Bail")

    def collect_failures(self) -> None:
        """Enter the checks of a block."""
        if self.failures:
            self.line(f"failed |= {' | '.join(self.failures)}")
            self.failures.clear()

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
        self.assign(op.out, self.new(op.out, lengths, zeros=bool(op.attr("zeros", False))))
        if op.out in self.packed:
            self.taken.add(f"{self.names[op.out]}_w")
            self.line(f"{self.names[op.out]}_w = 0")

    def new(self, out: Var, lengths: Sequence[Code], *, zeros: bool = False) -> Code:
        """Return the expression of a new array."""
        assert isinstance(out.type, Array)
        function, given = ("zeros" if zeros else "empty"), [Code(NUMPY[out.type.dtype]), *lengths]
        if out in self.packed:
            *outer, last = lengths
            given = [Code(NUMPY["u1"]), *outer, Code(f"{last.within(12)} + 7 >> 3", 11, last.names)]
        slot = self.slots.get(out)
        if slot is not None:
            function, given = ("output_zeros" if zeros else "output"), [Code("outputs"), Code(str(slot)), *given]
        return call(function, *given)

    def write_copy(self, op: Op, position: int) -> None:
        """Write a copy."""
        assert op.out is not None and isinstance(op.out.type, Array)
        source = self.value(op.args[0])
        if op.out not in self.slots:
            self.assign(op.out, call("copy", source))
            return
        self.assign(op.out, self.new(op.out, [call(f"dim{k}", source) for k in range(op.out.type.ndim)]))
        self.line(call("copyto", Code(self.names[op.out]), source).text)

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

    def write_call(self, op: Op, position: int) -> None:
        """Write a call of a row."""
        outs, settings = op.attr("outs"), op.attr("settings", ())
        assert isinstance(outs, int) and isinstance(settings, tuple)
        kinds = tuple((x.type.dtype, x.type.ndim) for x in op.args if isinstance(x.type, Array))
        spec = Spec(str(op.attr("row")), settings, bool(op.attr("adds")), outs, kinds)
        name = self.calls.get(spec) or self.calls.setdefault(
            spec, self.reserve(f"call_{re.sub('[^a-z]', '', spec.row)}")
        )
        args = [self.value(x) for x in op.args]
        self.settle(writes(op))
        self.line(f"if not {call(name, *args).text}:")
        self.line("    raise Bail")

    def write_stack(self, op: Op, position: int) -> None:
        """Write a new stack: a buffer and the number of entries."""
        assert op.out is not None and isinstance(op.out.type, Stack)
        name = self.fresh(op.out)
        for suffix in ("p", "n", "cap", "w"):
            self.taken.add(f"{name}_{suffix}")
        self.stacks.append(name)
        self.line(f"{name} = newstack()")
        flags = _flags(op.out)
        self.line(f"{name}_p = entries({name}, {NUMPY['u1' if flags else op.out.type.dtype]})")
        self.line(f"{name}_n = {name}_cap = {f'{name}_w = ' if flags else ''}0")

    def write_push(self, op: Op, position: int) -> None:
        """Write a push; the plan has made room."""
        stack, value = self.value(op.args[0]).text, self.value(op.args[1])
        if _flags(op.args[0]):
            self.line(f"{stack}_w = follow({stack}_w, {value.text}, {stack}_n)")
            self.line(f"put({stack}_p, {stack}_w, {stack}_n >> 3)")
        else:
            self.line(f"put({stack}_p, {value.text}, {stack}_n)")
        self.line(f"{stack}_n += 1")

    def write_pop(self, op: Op, position: int) -> None:
        """Write a pop."""
        stack = self.value(op.args[0]).text
        self.line(f"{stack}_n -= 1")
        assert op.out is not None
        if _flags(op.args[0]):
            # What is pushed next follows the flags below.
            self.line(f"{stack}_w = int64(at({stack}_p, {stack}_n >> 3))")
        if self.uses.count[op.out]:
            entry = f"bit({stack}_w, {stack}_n)" if _flags(op.args[0]) else f"at({stack}_p, {stack}_n)"
            self.assign(op.out, Code(entry))

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
        size = f"{stack}_cap + 7 >> 3" if _flags(room.stack) else f"{stack}_cap"
        self.line(f"    {stack}_p = grow({stack}, {stack}_p, {size})")


def _flags(stack: Operand) -> bool:
    """Whether a stack's entries are bits."""
    return isinstance(stack.type, Stack) and stack.type.dtype == "b1"
