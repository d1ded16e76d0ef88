"""From a traced function to its derivatives, each again a traced function.

Owns which inputs of the program the user's arguments are, what is asked of the passes,
and the form of the result.  A derivative has the signature of the function it comes from;
seeds and tangents come in before it (`EXTRA`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from revtrace import passes
from revtrace.containers import Slot, canonical, describe, leaves, map_leaves
from revtrace.dispatch.signature import EXTRA
from revtrace.errors import GradientError, UnsupportedError
from revtrace.loc import Loc
from revtrace.passes.calls import runs_forward
from revtrace.passes.effects import buffers, touched
from revtrace.passes.plan import Plan
from revtrace.passes.scopes import scopes
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, Operand, Program, Var, const
from revtrace.program.rebuild import clone_block
from revtrace.program.types import Array, Scalar, is_inexact
from revtrace.request import Request, type_of
from revtrace.trace.callables.traced_function import TracedFunction
from revtrace.trace.record import Arg, Attr, Input, Item, Leaf, Made, Result, Source, StaticLeaf, Traced, rendered

__all__ = ["chosen", "float_leaves", "gradient", "pullback", "pushforward", "sweeps"]


# inputs -----------------------------------------------------------------------------------


def chosen(traced: Traced, asked: Request, which: tuple[int, ...]) -> Request:
    """Return the request for some of the floats: those of the arguments, then the seeds that come in before them."""
    known = {entry.source: var for entry, var in zip(traced.inputs, traced.program.inputs, strict=True)}
    seeds = []
    for entry in sorted(_extras(traced), key=_place):
        kind = known[entry.source].type
        value = np.empty((0,) * kind.ndim, kind.dtype) if isinstance(kind, Array) else entry.python_type(0)
        seeds.append(Slot(entry.source, value))
    return replace(asked, seeds=tuple(seeds), chosen=which)


def _place(entry: Input) -> int:
    assert isinstance(entry.source, Item)
    return int(entry.source.key)


def with_inputs(traced: Traced, asked: Request) -> tuple[Traced, tuple[int, ...]]:
    """Give every float slot exactly one program input; return their positions too."""
    where: dict[Source, int] = {}
    same: dict[Var, Operand] = {}
    entries: list[Input] = []
    variables: list[Var] = []
    for entry, var in zip(traced.inputs, traced.program.inputs, strict=True):
        source = canonical(entry.source, asked.arguments)
        if source in where:
            first = where[source]
            same[var] = variables[first]
            entries[first] = replace(entries[first], written=entries[first].written or entry.written)
        else:
            where[source] = len(entries)
            entries.append(entry)
            variables.append(var)
    for slot in asked.floats:
        if slot.source not in where:
            _refuse_constant(slot, traced, asked)
            where[slot.source] = len(entries)
            kind = "array" if isinstance(slot.value, np.ndarray) else "float"
            entries.append(Input(slot.source, kind, type(slot.value)))
            variables.append(Var(type_of(slot, asked.here), "unread"))
    body = clone_block(traced.program.body, same) if same else traced.program.body
    program = Program(traced.program.name, tuple(variables), body)
    guards = dict.fromkeys(traced.guards)
    guards.update(dict.fromkeys(asked.guards()))
    extended = replace(traced, program=program, inputs=tuple(entries), guards=tuple(guards))
    return extended, tuple(where[slot.source] for slot in asked.floats)


def _refuse_constant(slot: Slot, traced: Traced, asked: Request) -> None:
    """Refuse where the tracer took the value for a constant: its derivative would be lost."""
    above: set[Source] = {slot.source}
    source = slot.source
    while isinstance(source, (Item, Attr)):
        source = source.base
        above.add(source)
    for guard in traced.guards:
        if guard.kind not in ("equal", "is", "contents", "data") or guard.value is None:
            continue
        if canonical(guard.source, asked.arguments) in above:
            raise UnsupportedError(
                f"the value of {rendered(slot.source)} decides the structure of the computation",
                "it was taken for a constant, so it has no derivative",
                "pass what decides the structure as an int argument of its own",
                asked.here,
            )


# results ------------------------------------------------------------------------------------


@dataclass
class _Outputs:
    """Results chosen from those of a program, in a new order."""

    old: Sequence[Operand]
    chosen: list[Operand] = field(default_factory=list)

    def take(self, index: int) -> int:
        """Choose a result; return its new position."""
        self.chosen.append(self.old[index])
        return len(self.chosen) - 1

    def moved(self, result: Result, traced: Traced) -> Result:
        """Return a result tree with the new positions.

        An array of the caller's that the program writes is given back as the program's copy.
        """
        written = {entry.source for entry in traced.inputs if entry.written}

        def leaf(x: Leaf | StaticLeaf) -> Leaf | StaticLeaf:
            if isinstance(x, StaticLeaf):
                return x
            source = None if x.source in written else x.source
            return Leaf(self.take(x.index), x.python_type, source)

        return map_leaves(leaf, result)  # type: ignore[no-any-return]


def float_leaves(result: Result) -> tuple[Leaf | StaticLeaf, ...]:
    """Return the leaves of a result that carry derivatives."""
    return tuple(leaf for leaf in leaves(result) if _is_float_leaf(leaf))


def _is_float_leaf(leaf: Leaf | StaticLeaf) -> bool:
    if isinstance(leaf, StaticLeaf):
        return isinstance(leaf.value, (float, complex, np.inexact))
    return True if leaf.python_type is np.ndarray else issubclass(leaf.python_type, (float, complex, np.inexact))


def numbered(traced: Traced) -> Traced:
    """Give every number and array of the result its own output, constants included."""
    results = list(traced.program.body.results)
    taken: set[int] = set()

    def leaf(x: Leaf | StaticLeaf) -> Leaf | StaticLeaf:
        if isinstance(x, StaticLeaf):
            if not _is_float_leaf(x):
                return x
            dtype = np.dtype(type(x.value))
            results.append(const(x.value, f"{dtype.kind}{dtype.itemsize}"))
            return Leaf(len(results) - 1, type(x.value))
        if x.index in taken:
            results.append(results[x.index])
            x = replace(x, index=len(results) - 1)
        taken.add(x.index)
        return x

    result = map_leaves(leaf, traced.result)
    program = traced.program
    body = Block(program.body.stmts, tuple(results))
    return replace(traced, program=Program(program.name, program.inputs, body), result=result)


def with_aux(traced: Traced, has_aux: bool, here: Loc) -> tuple[Result, Result | None]:
    """Return the result to differentiate and what is passed through."""
    result = traced.result
    if not has_aux:
        return result, None
    if isinstance(result, Made) and issubclass(result.kind, tuple) and len(result.fields) == 2:
        return result.fields[0][1], result.fields[1][1]
    raise GradientError(
        f"{traced.program.name} does not return a pair", "has_aux=True is for functions that return (value, aux)",
        "return (value, aux), or leave has_aux out", traced.returned if traced.returned.line else here,
    )  # fmt: skip


def scalar(result: Result, traced: Traced, here: Loc) -> Leaf:
    """Return the one real number in a result, or refuse."""
    here = traced.returned if traced.returned.line else here
    name = traced.program.name
    if isinstance(result, Made):
        shape = getattr(result.kind, "__name__", "container")
        what, why = f"{name} returns a {shape} of {len(result.fields)}", "a gradient is of one number"
        return _no_gradient(what, why, "revtrace.jacobian or revtrace.vjp; has_aux=True for (value, aux)", here)
    if isinstance(result, StaticLeaf):
        what = f"{name} returns {'a function' if isinstance(result.value, TracedFunction) else describe(result.value)}"
        return _no_gradient(what, "a gradient is of one float", "return the number to differentiate", here)
    kind = traced.program.body.results[result.index].type
    dtype = kind.dtype
    if isinstance(kind, Array) and kind.ndim > 0:
        what, why = f"{name} returns a {kind.ndim}-dimensional array", "a gradient is of one number"
        return _no_gradient(what, why, "revtrace.jacobian or revtrace.vjp, or return its sum", here)
    if dtype[0] == "c":
        what, why = f"{name} returns a complex number", "a gradient is of a real number"
        return _no_gradient(what, why, "return its real part or abs(), or use revtrace.vjp", here)
    if dtype[0] != "f":
        what, why = f"{name} returns {'a bool' if dtype == 'b1' else 'an int'}", "integers have no gradient"
        return _no_gradient(what, why, "return a float: start the sum at 0.0, or use /", here)
    return result


def _no_gradient(what: str, why: str, instead: str, here: Loc) -> Leaf:
    raise GradientError(what, why, instead, here)


# derivatives --------------------------------------------------------------------------------


def gradient(
    traced: Traced, asked: Request, *, value: bool, has_aux: bool, checkpoint: bool = False
) -> tuple[Traced, Plan | None]:
    """Return the function that computes a gradient, with the value where asked, and what it keeps.

    By one real scalar it runs forward (nothing has to be kept) where all it calls can, else in reverse.
    """
    traced, active = with_inputs(numbered(traced), asked)
    primal, aux = with_aux(traced, has_aux, asked.here)
    leaf = scalar(primal, traced, asked.here)
    program = traced.program
    seed_type = program.body.results[leaf.index].type
    variable = [program.inputs[k].type for k in active]
    alone = len(active) == 1 and variable[0] in (Scalar("f8"), Scalar("f4")) and isinstance(seed_type, Scalar)
    if alone and runs_forward(program):
        derived, plan = passes.tangent(passes.prepared(program), active), None
        dots = [k for k, x in enumerate(program.body.results) if is_inexact(x.type.dtype)]
        gradients = [len(program.body.results) + dots.index(leaf.index)]
        seed_type = variable[0]
    else:
        derived, plan = program, None
        if active:
            derived, plan = passes.reverse(passes.prepared(program), active, (leaf.index,), checkpoint=checkpoint)
        gradients = [len(program.body.results) + k for k in range(len(active))]
    derived = _bind_one(derived, seed_type) if active else derived
    outputs = _Outputs(derived.body.results)
    parts: list[Result] = []
    if value:
        parts.append(outputs.moved(primal, traced))
    if aux is not None:
        parts.append(outputs.moved(aux, traced))
    grads = iter(gradients)
    answer = asked.shaped(lambda slot: Leaf(outputs.take(next(grads)), type(slot.value)))
    if value and aux is not None:
        parts = [Made(tuple, tuple(enumerate(parts)))]
        result: Result = Made(tuple, ((0, parts[0]), (1, answer)))
    elif value:
        result = Made(tuple, ((0, parts[0]), (1, answer)))
    elif aux is not None:
        result = Made(tuple, ((0, answer), (1, parts[0])))
    else:
        result = answer
    return _finished(traced, derived, outputs, result, "grad"), plan


def pullback(
    traced: Traced, asked: Request, *, has_aux: bool = False, checkpoint: bool = False
) -> tuple[Traced, Plan | None]:
    """Return the function that takes one seed per float of the result and returns the cotangents, and what it keeps.

    The seeds come after those that the function takes already.
    """
    already = len(_extras(traced))
    traced, active = with_inputs(numbered(traced), asked)
    primal, _ = with_aux(traced, has_aux, asked.here)
    seeded = [leaf for leaf in float_leaves(primal) if _inexact(leaf, traced.program)]
    program = traced.program
    indices = tuple(leaf.index for leaf in seeded if isinstance(leaf, Leaf))
    derived, plan = passes.reverse(passes.prepared(program), active, indices, checkpoint=checkpoint)
    outputs = _Outputs(derived.body.results)
    gradients = iter(range(len(program.body.results), len(derived.body.results)))
    answer = asked.shaped(lambda slot: Leaf(outputs.take(next(gradients)), type(slot.value)))
    seeds = _extra_inputs([program.body.results[k] for k in indices], already)
    traced = replace(traced, inputs=traced.inputs + seeds)
    return _finished(traced, derived, outputs, answer, "pullback"), plan


def sweeps(
    traced: Traced, asked: Request, *, tidy: bool = True, checkpoint: bool = False
) -> tuple[Traced, Plan | None, tuple[int, ...]]:
    """Return the function that returns its own results, then the cotangents, by both sweeps; and what it keeps.

    For reading and stepping through: always in reverse, also where a call would run forward.  One number is
    seeded with one; other results take a seed each, and their positions are returned too.  Without ``tidy``
    the statements stand as they were traced, and each sweep for itself.
    """
    traced, active = with_inputs(numbered(traced), asked)
    seeded = [leaf for leaf in float_leaves(traced.result) if _inexact(leaf, traced.program)]
    program = traced.program
    indices = tuple(leaf.index for leaf in seeded if isinstance(leaf, Leaf))
    first = passes.prepared(program) if tidy else program
    if not active or not indices:
        return replace(traced, program=first), None, ()
    derived, plan = passes.reverse(first, active, indices, apart=not tidy, checkpoint=checkpoint)
    seeds = [program.body.results[k] for k in indices]
    entries = traced.inputs
    if len(seeds) == 1 and isinstance(seeds[0].type, Scalar) and seeds[0].type.dtype[0] == "f":
        derived, indices = _bind_one(derived, seeds[0].type), ()
    else:
        entries += _extra_inputs(seeds, 0)
    derived = passes.cleaned(derived) if tidy else passes.dce(derived)
    return replace(traced, program=derived, inputs=entries), plan, indices


def pushforward(traced: Traced, asked: Request, *, has_aux: bool = False, value: bool = True) -> Traced:
    """Return the function that takes one tangent per float asked for and returns ``(result, tangent)``.

    The tangents come after the seeds that the function takes already.  With ``has_aux`` the result is
    ``(result, tangent, aux)``; without ``value``, the tangent alone.
    """
    already = len(_extras(traced))
    traced, active = with_inputs(numbered(traced), asked)
    primal, aux = with_aux(traced, has_aux, asked.here)
    program = traced.program
    derived = passes.tangent(passes.prepared(program), active)
    outputs = _Outputs(derived.body.results)
    dots = [k for k, x in enumerate(program.body.results) if is_inexact(x.type.dtype)]
    count = len(program.body.results)

    def dot(leaf: Leaf | StaticLeaf) -> Leaf | StaticLeaf:
        if isinstance(leaf, StaticLeaf) or leaf.index not in dots:
            return StaticLeaf(None)
        return Leaf(outputs.take(count + dots.index(leaf.index)), leaf.python_type)

    if not value:
        tangents = _extra_inputs([program.inputs[k] for k in active], already)
        result = map_leaves(dot, primal)
        return _finished(replace(traced, inputs=traced.inputs + tangents), derived, outputs, result, "jvp")
    parts = [outputs.moved(primal, traced), map_leaves(dot, primal)]
    if aux is not None:
        parts.append(outputs.moved(aux, traced))
    tangents = _extra_inputs([program.inputs[k] for k in active], already)
    traced = replace(traced, inputs=traced.inputs + tangents)
    return _finished(traced, derived, outputs, Made(tuple, tuple(enumerate(parts))), "jvp")


def _inexact(leaf: Leaf | StaticLeaf, program: Program) -> bool:
    return isinstance(leaf, Leaf) and is_inexact(program.body.results[leaf.index].type.dtype)


def _extras(traced: Traced) -> list[Input]:
    return [e for e in traced.inputs if isinstance(e.source, Item) and e.source.base == Arg(EXTRA)]


def _extra_inputs(like: Sequence[Operand], first: int) -> tuple[Input, ...]:
    """Return inputs that come in through the extra argument, one per operand."""
    kinds = {"f8": float, "f4": np.float32, "c16": complex, "c8": np.complex64}
    entries = []
    for k, x in enumerate(like, first):
        array = isinstance(x.type, Array)
        kind = "array" if array else "complex" if x.type.dtype[0] == "c" else "float"
        entries.append(Input(Item(Arg(EXTRA), k), kind, np.ndarray if array else kinds[x.type.dtype]))
    return tuple(entries)


def _bind_one(program: Program, kind: Any) -> Program:
    """Return the program with its last input fixed at one."""
    *inputs, seed = program.inputs
    if isinstance(kind, Scalar):
        body = clone_block(program.body, {seed: const(1.0, kind.dtype)})
        return Program(program.name, tuple(inputs), body)
    b = Builder()
    one = b.alloc(kind.dtype, hint="seed")
    b.store(one, const(1.0, kind.dtype))
    body = clone_block(program.body, {seed: one})
    return Program(program.name, tuple(inputs), Block((*b.stmts, *body.stmts), body.results))


def _finished(traced: Traced, derived: Program, outputs: _Outputs, result: Result, suffix: str) -> Traced:
    """Return the derived function, without what its result does not need."""
    name = f"{traced.program.name}_{suffix}"
    program = Program(name, derived.inputs, Block(derived.body.stmts, tuple(outputs.chosen)))
    program = passes.cleaned(program)
    changed = _written(program)
    entries = tuple(
        replace(entry, written=True) if var in changed else entry
        for entry, var in zip(traced.inputs, program.inputs, strict=True)
    )
    return replace(traced, program=program, inputs=entries, result=result)


def _written(program: Program) -> set[Var]:
    """Return the inputs that a program may write, seeds and tangents among them."""
    classes = buffers(program, scopes(program))
    stored = {classes.find(touch.array) for stmt in program.body.stmts for touch in touched(stmt) if touch.writes}
    return {var for var in program.inputs if isinstance(var.type, Array) and classes.find(var) in stored}
