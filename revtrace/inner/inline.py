"""Record a function's derivative in place: walk the function, take what it recorded out, derive it, put that in.

Owns how traced values become inputs of a program of their own and how its results become traced
values again.  Which derivative is meant is the business of the callers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from revtrace.calls.draws import GENERATORS
from revtrace.containers import map_leaves, new_instance
from revtrace.dispatch.signature import EXTRA
from revtrace.loc import Loc
from revtrace.passes.effects import buffers, touched
from revtrace.passes.scopes import free, is_array, scopes
from revtrace.program.nodes import Block, Operand, Program, Var, walk
from revtrace.program.rebuild import clone_block
from revtrace.program.types import Array, Scalar
from revtrace.request import Request, request
from revtrace.trace.builtin_classes import builtin_of
from revtrace.trace.callables.calls import call
from revtrace.trace.entry import result_of
from revtrace.trace.machine import Tracer
from revtrace.trace.ndarray import arrays
from revtrace.trace.numbers import as_num
from revtrace.trace.objects import containers, growing
from revtrace.trace.objects.attributes import get_attribute
from revtrace.trace.objects.held import make
from revtrace.trace.record import Arg, Input, Item, Leaf, Made, Result, StaticLeaf, Traced
from revtrace.trace.state import DictBox, Growing, ListBox, ObjectBox, State
from revtrace.trace.values import Num, Ref, Static, Tup, View, is_number

__all__ = ["Asked", "Recorded", "flat", "inlined", "like", "record"]

_TYPES = {"f8": float, "f4": np.float32, "c16": complex, "c8": np.complex64, "b1": bool} | {
    f"{kind}{size}": int for kind in "iu" for size in (1, 2, 4, 8)
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The arguments to differentiate by: their positions or names, and whether one alone is meant.

    ``name`` and ``spelled`` are what messages call the function and the arguments.
    """

    where: tuple[int | str, ...]
    single: bool
    strict: bool = True
    name: str = "the function"
    spelled: tuple[str, ...] = ()

    def chosen(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the arguments asked for in a call, as one value."""
        found = tuple(args[k] if isinstance(k, int) else kwargs[k] for k in self.where)
        return found[0] if self.single else Tup(found)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A function walked on values of its own, as a program.

    Attributes
    ----------
    traced : Traced
        Its inputs are the numbers and arrays asked for, then everything else that it reads.
    request : Request
    result : value
        What the function returned.  Its numbers and arrays are no longer recorded; its structure is.
    """

    traced: Traced
    request: Request
    result: Any


# arguments --------------------------------------------------------------------------------


class _Copies:
    """Copies of arguments: each number and array that has a derivative is a value of its own."""

    def __init__(self, t: Tracer, st: State) -> None:
        self.t, self.st = t, st
        self.inputs: list[Var] = []

    def of(self, value: Any) -> tuple[Any, Any]:
        """Return a copy of a traced value, and an example of what it stands for."""
        t, st = self.t, self.st
        value = t.use(value)
        if arrays.is_array(value):
            view = arrays.settle(t, value)
            sample = np.empty((0,) * view.ndim, "?" if view.dtype == "b1" else view.dtype)
            if view.dtype[0] not in "fc":
                return view, sample
            copied = arrays.copy_of(t, view)
            self._enter(copied.root)
            return copied, sample
        if isinstance(value, Num) or (isinstance(value, Static) and _is_inexact(value.value)):
            return self._number(as_num(t, value))
        if isinstance(value, Static) and isinstance(value.value, tuple):
            kind = type(value.value)
            value = Tup(tuple(containers.items_of(t, st, value)), None if kind is tuple else kind)
        if isinstance(value, Static):
            return value, value.value
        if isinstance(value, Tup):
            copies, samples = self._all(value.items)
            kind = value.cls or tuple
            return Tup(copies, value.cls), tuple.__new__(kind, samples)
        if isinstance(value, Ref):
            box = st.box(value)
            if isinstance(box, Growing):
                box = growing.settled(t, st, value, "it is an argument of a function that is differentiated here")
            if isinstance(box, ListBox):
                copies, samples = self._all(box.items)
                return st.new(ListBox(copies)), list(samples)
            if isinstance(box, DictBox):
                copies, samples = self._all(tuple(v for _, v in box.items))
                keys = [k for k, _ in box.items]
                made = DictBox(tuple(zip(keys, copies, strict=True)), default=box.default)
                return st.new(made), dict(zip(keys, samples, strict=True))
            if isinstance(box, ObjectBox) and dataclasses.is_dataclass(box.cls):
                names = tuple(f.name for f in dataclasses.fields(box.cls))
                copies, samples = self._all(tuple(get_attribute(t, st, value, name) for name in names))
                given = dict(box.fields) | dict(zip(names, copies, strict=True))
                return st.new(ObjectBox(box.cls, tuple(given.items()))), new_instance(box.cls, names, samples)
        return value, None

    def _all(self, values: Sequence[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        pairs = [self.of(v) for v in values]
        return tuple(copy for copy, _ in pairs), tuple(sample for _, sample in pairs)

    def _number(self, number: Num) -> tuple[Any, Any]:
        kind = _TYPES[number.dtype] if number.weak else np.dtype("?" if number.dtype == "b1" else number.dtype).type
        if number.dtype[0] not in "fc":
            return number, kind(0)
        copied = self.t.b.op("cast", number.operand, type=number.operand.type)
        self._enter(copied)
        return Num(copied, number.weak), kind(0)

    def _enter(self, root: Operand) -> None:
        assert isinstance(root, Var)
        self.inputs.append(root)


def _is_inexact(value: Any) -> bool:
    return is_number(value) and isinstance(value, (float, complex, np.inexact))


# recording --------------------------------------------------------------------------------


def record(
    t: Tracer, st: State, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], asked: Asked
) -> Recorded:
    """Walk a function on copies of the arguments asked for, and take what it recorded out again.

    The caller's objects are left as they are; a function that changes others than its arguments is refused.
    """
    here = t.b.loc
    inner = st.fork()
    copies = _Copies(t, inner)
    positional, named = list(args), dict(kwargs)
    samples: dict[str, Any] = {}
    for key in asked.where:
        if isinstance(key, int):
            positional[key], samples[str(key)] = copies.of(args[key])
        else:
            named[key], samples[key] = copies.of(kwargs[key])
    before, effects = dict(inner.heap), t.side_effects
    t.side_effects = None
    start, stmts = len(t.b.stmts), t.b.stmts
    value = call(t, inner, function, tuple(positional), named)
    outputs: list[Operand] = []
    t.b.loc = here
    built = map_leaves(_without_source, result_of(t, inner, value, outputs, set()))
    changed, t.side_effects = t.side_effects, effects
    for k, box in before.items():
        now = inner.heap[k]
        if now != box and getattr(now, "cls", None) in GENERATORS:
            raise _refused(t, "draws random numbers from a generator outside of it", "take them as an argument")
        if now != box and (changed is not None or getattr(now, "source", None) is None):
            raise _refused(t, "changes an object outside of it", "return what it computes")
    if changed is not None:
        raise _refused(t, "changes an object outside of it", "return what it computes")
    t.current = st
    assert t.b.stmts is stmts
    body = Block(tuple(stmts[start:]), tuple(outputs))
    del stmts[start:]
    return _taken_out(t, body, built, value, copies.inputs, samples, asked, here)


def _without_source(leaf: Leaf | StaticLeaf) -> Leaf | StaticLeaf:
    return replace(leaf, source=None)


def _refused(t: Tracer, what: str, instead: str) -> BaseException:
    return t.unsupported(
        f"a derivative taken inside, of a function that {what}",
        "derivatives leave the objects of the caller as they are",
        f"let the function {instead}",
    )


def _taken_out(
    t: Tracer,
    body: Block,
    built: Result,
    result: Any,
    inputs: list[Var],
    samples: dict[str, Any],
    asked: Asked,
    here: Loc,
) -> Recorded:
    others = [x for x in free(body) if x not in inputs]
    keys = [str(k) for k in asked.where]
    wanted = request(
        tuple(Arg(k) for k in keys),
        asked.spelled or tuple(f"argument {k}" for k in keys),
        tuple(samples[k] for k in keys),
        single=asked.single,
        arguments=samples,
        here=here,
        strict=asked.strict,
    )
    entries = [
        Input(slot.source, _kind(var), type(slot.value)) for slot, var in zip(wanted.floats, inputs, strict=True)
    ]
    for k, var in enumerate(others):
        entries.append(Input(Arg(f" {k}"), _kind(var), np.ndarray if is_array(var) else _TYPES[var.type.dtype]))
    program = Program(asked.name, (*inputs, *others), body)
    classes = buffers(program, scopes(program))
    written = {classes.find(touch.array) for stmt in body.stmts for touch in touched(stmt) if touch.writes}
    if any(is_array(x) and classes.find(x) in written for x in others):
        raise _refused(t, "writes an array outside of it", "write to a copy")
    return Recorded(Traced(program, tuple(entries), built, ()), wanted, result)


def _kind(var: Var) -> str:
    if is_array(var):
        return "array"
    return {"f": "float", "c": "complex", "i": "int", "u": "int", "b": "bool"}[var.type.dtype[0]]


# putting in ---------------------------------------------------------------------------------


def inlined(t: Tracer, st: State, recorded: Recorded, derived: Traced, seeds: Sequence[Operand] = ()) -> Any:
    """Append a derived program and return its result as a traced value."""
    values: dict[Var, Operand] = {}
    outside = dict(zip((e.source for e in recorded.traced.inputs), recorded.traced.program.inputs, strict=True))
    for entry, var in zip(derived.inputs, derived.program.inputs, strict=True):
        source = entry.source
        operand: Operand
        if isinstance(source, Item) and source.base == Arg(EXTRA):
            operand = seeds[source.key]
        else:
            operand = outside[source]
        if entry.written and isinstance(operand, Var):
            operand = t.b.op("copy", operand, type=operand.type)
        values[var] = operand
    body = clone_block(derived.program.body, values)
    for stmt in body.stmts:
        t.b.append(stmt)
    t.b.appended += sum(1 for _ in walk(body)) - len(body.stmts)
    return _value(t, st, derived.result, body.results)


def _value(t: Tracer, st: State, result: Result, outputs: Sequence[Operand]) -> Any:
    match result:
        case StaticLeaf(value):
            return Static(value)
        case Leaf(index, python_type):
            operand = outputs[index]
            if isinstance(operand.type, Scalar):
                return Num(operand, python_type in (float, complex, int, bool))
            assert isinstance(operand.type, Array)
            return arrays.whole(t, operand, [t.b.dim(operand, k) for k in range(operand.type.ndim)])
        case Made(kind, fields):
            parts = tuple((key, _value(t, st, part, outputs)) for key, part in fields)
            if kind is list:
                return st.new(ListBox(tuple(v for _, v in parts)))
            if kind is dict:
                return st.new(DictBox(parts))
            if issubclass(kind, tuple):
                return Tup(tuple(v for _, v in parts), None if kind is tuple else kind)
            if builtin_of(kind) is not None:
                held = ListBox(tuple(v for _, v in parts)) if issubclass(kind, list) else DictBox(parts)
                return make(st, kind, held)
            return st.new(ObjectBox(kind, parts))
    raise AssertionError(result)


def like(t: Tracer, st: State, value: Any, other: Any) -> Any:
    """Return a value of another one's structure with arrays known to have its lengths."""
    if isinstance(value, View) and isinstance(other, View) and value.ndim == other.ndim:
        return View(value.root, value.maps, other.shape)
    if isinstance(value, Tup) and isinstance(other, Tup) and len(value.items) == len(other.items):
        return Tup(tuple(like(t, st, v, o) for v, o in zip(value.items, other.items, strict=True)), value.cls)
    if isinstance(value, Ref) and isinstance(other, Ref):
        a, b = st.box(value), st.box(other)
        if isinstance(a, ListBox) and isinstance(b, ListBox) and len(a.items) == len(b.items):
            st.set(value, replace(a, items=tuple(like(t, st, v, o) for v, o in zip(a.items, b.items, strict=True))))
        elif isinstance(a, DictBox) and isinstance(b, DictBox):
            known = dict(b.items)
            st.set(value, replace(a, items=tuple((k, like(t, st, v, known.get(k))) for k, v in a.items)))
        elif isinstance(a, ObjectBox) and isinstance(b, ObjectBox):
            known = dict(b.fields)
            st.set(value, replace(a, fields=tuple((k, like(t, st, v, known.get(k))) for k, v in a.fields)))
    return value


def is_sequence(st: State, value: Any) -> bool:
    """Whether a value is a tuple or a list, also one that is known when tracing."""
    if isinstance(value, Static):
        return isinstance(value.value, (tuple, list))
    return isinstance(value, Tup) or (isinstance(value, Ref) and isinstance(st.box(value), (ListBox, Growing)))


def flat(t: Tracer, st: State, value: Any) -> list[Any]:
    """List the numbers and arrays of a value that have derivatives, in the order of `revtrace.containers`."""
    value = t.use(value)
    if arrays.is_array(value):
        view = arrays.settle(t, value)
        return [view] if view.dtype[0] in "fc" else []
    if isinstance(value, Num) or (isinstance(value, Static) and _is_inexact(value.value)):
        number = as_num(t, value)
        return [number] if number.dtype[0] in "fc" else []
    if is_sequence(st, value):
        return [x for v in containers.items_of(t, st, value) for x in flat(t, st, v)]
    if isinstance(value, Ref):
        box = st.box(value)
        if isinstance(box, DictBox):
            return [x for _, v in box.items for x in flat(t, st, v)]
        if isinstance(box, ObjectBox) and dataclasses.is_dataclass(box.cls):
            names = [f.name for f in dataclasses.fields(box.cls)]
            return [x for name in names for x in flat(t, st, get_attribute(t, st, value, name))]
    return []
