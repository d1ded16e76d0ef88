"""The derivatives of calls, as operations to write into a program.

Owns how a row's ``terms`` or traced ``pull`` and ``push`` become statements: which arrays of the
primal they read, of which they read the lengths only, and how they are written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from revtrace.calls.core import ROWS, Row, Settings, Term, parts, row_of, settings_of
from revtrace.calls.users import NotImplementedTangent
from revtrace.errors import GradientError, InternalError, RevtraceError, UnsupportedError
from revtrace.passes import memory
from revtrace.passes.scopes import is_array
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, For, If, Loc, Op, Operand, Program, Stmt, Var, While, walk
from revtrace.program.rebuild import clone, fresh, substitute
from revtrace.program.types import INT, Array, Scalar, is_inexact

__all__ = ["Place", "Text", "pull_text", "push_text", "runs_forward", "write_program", "write_terms"]

Place = tuple[str, int]
"""An array of a call: ``("in", k)``, ``("out", k)``, ``("bar", k)`` or ``("dot", k)``."""


@dataclass(frozen=True, slots=True)
class Text:
    """A derivative of a call.

    Attributes
    ----------
    terms : tuple of Term
        Calls that add to a target, or nothing where there is a program.
    program : Program or None
        Its inputs are named by ``inputs``; its results go to ``targets``.
    inputs : tuple of (str, int) or (str, int, int)
        What each input of the program is: an array, or the length of an axis of one.
    targets : tuple of int
        The operand each result of the program is a share of the cotangent of, or the output it
        is the tangent of.
    reads : tuple of (str, int)
        The arrays of the primal whose elements it reads.
    lengths : tuple of (str, int, int)
        The lengths it reads.
    """

    terms: tuple[Term, ...] = ()
    program: Program | None = None
    inputs: tuple[tuple[Any, ...], ...] = ()
    targets: tuple[int, ...] = ()
    reads: tuple[Place, ...] = ()
    lengths: tuple[tuple[str, int, int], ...] = ()


def pull_text(op: Op, on: Callable[[Operand], bool]) -> Text:
    """Return what adds to the cotangents of a call's operands."""
    outs, ins = parts(op)
    row, settings = row_of(op), settings_of(op)
    active = tuple(on(x) for x in ins)
    seeded = tuple(is_inexact(x.type.dtype) and on(x) for x in outs)
    if not any(active) or row.why_zero:
        return Text()
    if row.terms is not None:
        return _of_terms([t for t in row.terms(settings) if active[t.target]])
    if row.pull is None:
        raise _unknown(op, "reverse")
    try:
        return _pulled(row, settings, _types(ins), _types(outs), active, seeded)
    except (InternalError, UnsupportedError):
        if row.foreign is None:
            raise
    return _pulled(replace(row, pull=row.foreign, foreign=None), settings, _types(ins), _types(outs), active, seeded)


def push_text(op: Op, on: Callable[[Operand], bool]) -> Text:
    """Return what makes the tangents of a call's outputs."""
    outs, ins = parts(op)
    row, settings = row_of(op), settings_of(op)
    active = tuple(on(x) for x in ins)
    if row.tangents is not None:
        terms = row.tangents(settings)
        return _of_terms([t for t in terms if all(kind != "dot" or active[k] for kind, k in t.reads)])
    if row.push is None:
        raise _unknown(op, "forward")
    return _pushed(row, settings, _types(ins), _types(outs), active)


def runs_forward(program: Program) -> bool:
    """Whether all calls of a program have tangents of their own."""
    rows = [row_of(s) for s in walk(program.body) if isinstance(s, Op) and s.name == "call"]
    return all(r.why_zero or r.tangents is not None or (r.push is not None and not r.transposed) for r in rows)


def _spoken(row: Row) -> str:
    """Return how messages call a row: users' rules have numbers in their names."""
    kind, _, rest = row.name.partition(":")
    return f"the rule of {rest.partition(':')[0]}" if kind == "rule" else row.name


def _unknown(op: Op, mode: str) -> UnsupportedError:
    return UnsupportedError(
        f"revtrace has no {mode}-mode derivative of {_spoken(row_of(op))}",
        row_of(op).why_unknown,
        "give one with revtrace.rule, or compute it by other operations",
        op.loc,
    )


def _types(xs: Sequence[Operand]) -> tuple[Array, ...]:
    assert all(isinstance(x.type, Array) for x in xs)
    return tuple(x.type for x in xs)  # type: ignore[misc]


def _of_terms(terms: Sequence[Term]) -> Text:
    reads = dict.fromkeys(place for t in terms for place in t.reads if place[0] in ("in", "out"))
    return Text(terms=tuple(terms), reads=tuple(reads))


# tracing -----------------------------------------------------------------------------------


def _pulled(
    row: Row,
    settings: Settings,
    ins: tuple[Array, ...],
    outs: tuple[Array, ...],
    active: tuple[bool, ...],
    seeded: tuple[bool, ...],
) -> Text:
    assert row.pull is not None
    return _traced(row, "pull", settings, ins, outs, active, seeded)


def _pushed(
    row: Row, settings: Settings, ins: tuple[Array, ...], outs: tuple[Array, ...], active: tuple[bool, ...]
) -> Text:
    return _traced(row, "push", settings, ins, outs, active, ())


@lru_cache(maxsize=512)
def _traced(
    row: Row,
    mode: str,
    settings: Settings,
    ins: tuple[Array, ...],
    outs: tuple[Array, ...],
    active: tuple[bool, ...],
    seeded: tuple[bool, ...],
) -> Text:
    """Trace a derivative that is given as a NumPy function."""
    from revtrace.passes import prepared
    from revtrace.trace.entry import trace

    function: Any = (row.pull if mode == "pull" else row.push)(**dict(settings))  # type: ignore[misc]
    kind = "bar" if mode == "pull" else "dot"
    given = outs if mode == "pull" else ins
    flags = seeded if mode == "pull" else active

    if mode == "pull":

        def derivative(ins: Any, outs: Any, bars: Any) -> Any:
            if not row.sparse:
                bars = [np.zeros_like(o) if b is None else b for o, b in zip(outs, bars)]  # noqa: B905
            return function(*ins, *outs, *bars)
    else:

        def derivative(ins: Any, outs: Any, bars: Any) -> Any:
            return function(*ins, *outs, *bars)

    samples = tuple(tuple(_sample(t) for t in types) for types in (ins, outs))
    seeds = tuple(_sample(t) if flag else None for t, flag in zip(given, flags, strict=True))
    try:
        traced = trace(derivative, (*samples, seeds))
    except RevtraceError:
        raise
    except Exception as error:
        raise GradientError(
            f"the {'adjoint' if mode == 'pull' else 'tangent'} of {_spoken(row)} raises {type(error).__name__}: {error}"
        ) from error
    wrong = next((g for g in traced.guards if g.kind in ("shape", "short")), None)
    if wrong is not None:
        raise InternalError(f"the derivative of {row.name} depends on the lengths of {wrong.source}")
    fields = getattr(traced.result, "fields", None)
    if fields is None:
        raise InternalError(f"the derivative of {row.name} returns no tuple")
    wanted = active if mode == "pull" else tuple(is_inexact(t.dtype) for t in outs)
    if len(fields) != len(wanted):
        raise InternalError(f"the derivative of {row.name} returns {len(fields)} values, not {len(wanted)}")
    for k, (_, leaf) in enumerate(fields):
        marker = getattr(leaf, "value", None)
        if wanted[k] and isinstance(marker, NotImplementedTangent):
            raise GradientError(f"{_spoken(row)} does not give this derivative: {marker.why}")
    targets = [k for k, (_, leaf) in enumerate(fields) if wanted[k] and hasattr(leaf, "index")]
    results = tuple(traced.program.body.results[fields[k][1].index] for k in targets)
    program = Program(row.name, traced.program.inputs, Block(traced.program.body.stmts, results))
    if traced.side_effects:
        raise UnsupportedError(
            "a derivative that changes something besides its results",
            "it would be changed once for each time that it is differentiated",
            "return what it changes, and assign it outside",
            traced.side_effects,
        )
    if any(entry.written for entry in traced.inputs):
        raise InternalError(f"the derivative of {row.name} writes to its arguments")
    places = [_place(entry.source, kind) for entry in traced.inputs]
    return _with_lengths(prepared(program), places, tuple(targets))


def _sample(kind: Array) -> Any:
    """Return an array of a type, no axis of it of length one."""
    dtype = np.dtype({"b1": "?"}.get(kind.dtype, kind.dtype))
    # Long enough that no product is written out, and without memory of that size.
    return np.broadcast_to(np.ones((), dtype), tuple(range(100, 100 + kind.ndim)))


def _place(source: Any, kind: str) -> Place:
    return {"ins": "in", "outs": "out", "bars": kind}[source.base.name], int(source.key)


def _with_lengths(program: Program, places: Sequence[Place], targets: tuple[int, ...]) -> Text:
    """Make the lengths that a program reads of its inputs inputs of their own."""
    program = fresh(program)
    named = dict(zip(program.inputs, places, strict=True))
    lengths: dict[tuple[str, int, int], Var] = {}
    stmts: list[Stmt] = []
    swaps: dict[Var, Operand] = {}
    for stmt in program.body.stmts:
        if isinstance(stmt, Op) and stmt.name == "dim" and stmt.args[0] in named and stmt.out is not None:
            axis = stmt.attr("axis")
            assert isinstance(axis, int)
            kind, k = named[stmt.args[0]]
            # A cotangent is shaped as its array.
            key = ({"bar": "out", "dot": "in"}.get(kind, kind), k, axis)
            swaps[stmt.out] = lengths.setdefault(key, Var(INT, "n"))
        else:
            stmts.append(substitute(stmt, swaps))
    results = tuple(swaps.get(x, x) if isinstance(x, Var) else x for x in program.body.results)
    body = Block(tuple(_again(s) for s in stmts), results)
    used = {x for s in walk(body) if isinstance(s, Op) for x in s.args} | set(results)
    for s in walk(body):
        used.update(getattr(s, "inits", ()))
    arrays = [v for v in program.inputs if v in used]
    inputs = [named[v] for v in arrays]
    made = Program(program.name, (*arrays, *lengths.values()), body)
    reads = tuple(p for p in inputs if p[0] in ("in", "out"))
    return Text((), made, (*inputs, *lengths), targets, reads, tuple(lengths))


def _again(stmt: Stmt) -> Stmt:
    """Mark a call of a derivative: where its result is not used it may go."""
    if isinstance(stmt, Op) and stmt.name == "call":
        return Op(stmt.name, stmt.args, None, (*stmt.attrs, ("again", True)), stmt.loc)
    return stmt


# writing -------------------------------------------------------------------------------------


def write_terms(b: Builder, text: Text, arrays: Mapping[Place, Var], targets: Mapping[int, Var]) -> None:
    """Append calls that add to targets."""
    for t in text.terms:
        b.do(
            "call",
            targets[t.target],
            *(arrays[place] for place in t.reads),
            row=t.row,
            outs=1,
            settings=t.settings,
            adds=True,
            again=True,
        )


def write_program(
    b: Builder, text: Text, values: Mapping[tuple[Any, ...], Operand], targets: Mapping[int, Var], adds: bool
) -> None:
    """Append a derivative's program; its results are added to targets, or put there."""
    assert text.program is not None
    env: dict[Var, Operand] = {v: values[place] for v, place in zip(text.program.inputs, text.inputs, strict=True)}
    results = list(text.program.body.results)
    direct = _direct(text.program) if adds else {}
    made: dict[int, list[Stmt]] = {}
    skipped: set[int] = set()
    for k, x in enumerate(results):
        if isinstance(x, Var) and x in direct and results.count(x) == 1:
            alloc, call = direct[x]
            skipped.add(id(alloc))
            made[id(call)] = [
                Op(
                    "call",
                    (targets[text.targets[k]], *call.args[1:]),
                    None,
                    (*_without(call), ("adds", True)),
                    call.loc,
                )
            ]
    for stmt in text.program.body.stmts:
        if id(stmt) not in skipped:
            for part in made.get(id(stmt), [stmt]):
                b.append(_at(clone(part, env), b.loc))
    for k, x in enumerate(results):
        if isinstance(x, Var) and x in direct and results.count(x) == 1:
            continue
        value = env.get(x, x) if isinstance(x, Var) else x
        target = targets[text.targets[k]]
        _put(b, target, value, adds)


def _at(stmt: Stmt, loc: Loc) -> Stmt:
    """Place a statement, and those in it, where the call is."""
    match stmt:
        case Op():
            return Op(stmt.name, stmt.args, stmt.out, stmt.attrs, loc)
        case If():
            return replace(stmt, then=_all_at(stmt.then, loc), orelse=_all_at(stmt.orelse, loc), loc=loc)
        case For():
            return replace(stmt, body=_all_at(stmt.body, loc), loc=loc)
        case While():
            return replace(stmt, cond=_all_at(stmt.cond, loc), body=_all_at(stmt.body, loc), loc=loc)


def _all_at(block: Block, loc: Loc) -> Block:
    return Block(tuple(_at(s, loc) for s in block.stmts), block.results)


def _put(b: Builder, target: Var, value: Operand, adds: bool) -> None:
    assert isinstance(target.type, Array)
    if not is_array(value):
        assert target.type.ndim == 0
        assert isinstance(value.type, Scalar)
        value = b.cast(value, target.type.dtype)
        b.do("addto" if adds else "store", target, value, safe=True)
    elif value.type.dtype != target.type.dtype:
        raise InternalError(f"a derivative is {value.type}, not {target.type}")
    elif adds:
        assert isinstance(value, Var)
        memory.add_array(b, target, value, checked=True)
    else:
        b.do("copyto", target, value)


def _without(call: Op) -> tuple[tuple[str, object], ...]:
    return tuple((k, v) for k, v in call.attrs if k != "adds")


def _direct(program: Program) -> dict[Var, tuple[Op, Op]]:
    """Return the results that one call makes and nothing else touches: the call can add to their target."""
    made = {s.out: s for s in program.body.stmts if isinstance(s, Op) and s.name == "alloc" and s.out is not None}
    uses: dict[Var, list[Stmt]] = {}
    for s in walk(program.body):
        for x in (*getattr(s, "args", ()), *getattr(s, "inits", ())):
            if x in made:
                uses.setdefault(x, []).append(s)
        for inner in ("then", "orelse", "body"):
            block = getattr(s, inner, None)
            for x in block.results if block is not None else ():
                if x in made:
                    uses.setdefault(x, []).append(s)
    found = {}
    for x in program.body.results:
        users = uses.get(x, []) if isinstance(x, Var) else []
        if isinstance(x, Var) and len(users) == 1 and isinstance(users[0], Op) and users[0].name == "call":
            call = users[0]
            if call.attr("outs") == 1 and call.args[0] is x and not call.attr("adds") and call in program.body.stmts:
                if ROWS[str(call.attr("row"))].terms is not None:
                    found[x] = (made[x], call)
    return found
