"""Trampolines on their own: guards, inputs, results, what happens when they do not fit."""

from __future__ import annotations

import dataclasses
import math
from types import FunctionType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from revtrace.dispatch.signature import ABSENT, EXTRA, compile_binder, passed
from revtrace.dispatch.trampoline import OTHER, boxed, compile_trampoline, form
from revtrace.program.nodes import Block, Program, Var
from revtrace.program.types import F64, Array
from revtrace.trace.constants import same, same_defaults
from revtrace.trace.record import (
    Arg,
    Attr,
    Cell,
    Fixed,
    Global,
    Guard,
    Input,
    Item,
    Leaf,
    Made,
    Source,
    StaticLeaf,
    Traced,
)

LIMIT = 5


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Model:
    weight: Any


def one(x: Any) -> Any:
    return x


def traced(
    inputs: tuple[Input, ...] = (), guards: tuple[Guard, ...] = (), result: Any = None, outputs: int = 1
) -> Traced:
    variables = tuple(Var(Array("f8", 1) if entry.kind == "array" else F64) for entry in inputs)
    program = Program("f", variables, Block((), tuple(Var(F64) for _ in range(outputs))))
    return Traced(program, inputs, Leaf(0, float) if result is None else result, guards)


def compiled(record: Traced, f: Any = one, **options: Any) -> Any:
    support = SimpleNamespace(recover=lambda *found: ("recovered", found), refuse_overlap=lambda *found: None)
    options.setdefault("execute", lambda *inputs: (sum(map(np.sum, inputs)),))
    return compile_trampoline(record, f, support=support, **options)


def number(source: Source) -> Input:
    return Input(source, "float", float)


# guards -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, value, good, bad",
    [
        ("is", None, None, 0),
        ("is", math.sin, math.sin, math.cos),
        ("type", list, [1], (1,)),
        ("len", 2, [1, 2], [1]),
        ("keys", ("a", "b"), {"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ("shape", (2, 3), np.ones((2, 3)), np.ones((3, 2))),
        ("dtype", np.dtype("f4"), np.ones(2, "f4"), np.ones(2)),
        ("equal", 3, 3, 3.0),
        ("equal", 3, 3, 4),
        ("equal", "text", "text", "other"),
        ("equal", True, True, 1),
        ("equal", 0.0, 0.0, -0.0),
        ("equal", math.nan, float("nan"), 1.0),
        ("equal", (1, 2.0), (1, 2.0), (1, 2)),
        ("equal", b"x", b"x", "x"),
    ],
)
def test_a_guard_holds_or_leaves(kind: str, value: Any, good: Any, bad: Any) -> None:
    call = compiled(traced(guards=(Guard(Arg("x"), kind, value),)), execute=lambda: (1.0,)).call
    assert call(good) == 1.0
    assert call(bad) is OTHER


def test_a_guard_that_cannot_be_read_leaves() -> None:
    call = compiled(traced(guards=(Guard(Attr(Arg("x"), "gone"), "is", 1),)), execute=lambda: (1.0,)).call
    assert call(3) is OTHER
    assert call(SimpleNamespace(gone=1)) == 1.0


def test_absent_holds_while_reading_raises() -> None:
    call = compiled(traced(guards=(Guard(Item(Arg("x"), "k"), "absent"),)), execute=lambda: (1.0,)).call
    assert call({}) == 1.0
    assert call({"k": 1}) is OTHER


def test_globals_are_the_users_own() -> None:
    namespace: dict[str, Any] = {"LIMIT": 5}
    exec("def f(x): return x", namespace)
    f = namespace["f"]
    guards = (Guard(Global(namespace, "LIMIT"), "equal", 5), Guard(Global(namespace, "len"), "is", len))
    trampoline = compiled(traced(guards=guards), f, execute=lambda: (1.0,))
    assert trampoline.call(0) == 1.0
    namespace["LIMIT"] = 6
    assert trampoline.call(0) is OTHER
    namespace["LIMIT"] = 5
    namespace["len"] = print
    assert trampoline.call(0) is OTHER
    del namespace["len"]
    assert trampoline.call(0) == 1.0
    assert set(namespace) == {"LIMIT", "f", "__builtins__"}


def test_globals_of_other_modules_and_of_a_parameters_name() -> None:
    other = {"scale": 2, "x": 7}
    own = one.__globals__
    guards = (
        Guard(Global(other, "scale"), "equal", 2),
        Guard(Global(other, "x"), "equal", 7),
        Guard(Global(own, "LIMIT"), "equal", 5),
    )
    call = compiled(traced(guards=guards), execute=lambda: (1.0,)).call
    assert call(None) == 1.0
    other["x"] = 8
    assert call(None) is OTHER


def test_cells_are_read_afresh() -> None:
    factor = 2.0

    def f(x: Any) -> Any:
        return x * factor

    record = traced((number(Cell(Fixed(f), 0)),), (Guard(Cell(Fixed(f), 0), "type", float),))
    call = compiled(record, f).call
    assert call(0) == 2.0
    factor = 3.0
    assert call(0) == 3.0
    factor = 3
    assert call(0) is OTHER


def test_code_guards_see_a_redefined_helper() -> None:
    def helper(x: Any, y: Any = 1.0, *, z: Any = 2.0) -> Any:
        return x

    value = (helper.__code__, helper.__defaults__, helper.__kwdefaults__)
    box = SimpleNamespace(f=helper)
    call = compiled(traced(guards=(Guard(Attr(Arg("x"), "f"), "code", value),)), execute=lambda: (1.0,)).call
    assert call(box) == 1.0
    helper.__defaults__ = (2.0,)
    assert call(box) is OTHER
    helper.__defaults__ = (1.0,)
    assert call(box) == 1.0
    box.f = lambda x: x
    assert call(box) is OTHER


def test_the_function_itself_is_guarded() -> None:
    def f(x: Any, y: Any = 1.0) -> Any:
        return x

    call = compiled(traced((number(Arg("y")),)), f).call
    assert call(0) == 1.0 and call(0, 4.0) == 4.0 and call(0, y=5.0) == 5.0
    f.__defaults__ = (2.0,)
    assert call(0) is OTHER
    f.__defaults__ = (1.0,)
    f.__code__ = (lambda x, y: y).__code__
    assert call(0) is OTHER


# inputs and results ---------------------------------------------------------------------------


def test_inputs_come_from_paths() -> None:
    record = traced(
        (
            number(Item(Item(Arg("x"), "a"), -1)),
            number(Attr(Item(Arg("x"), "p"), "y")),
            number(Attr(Item(Arg("x"), "m"), "weight")),
        )
    )
    call = compiled(record).call
    assert call({"a": [0.0, 1.0], "p": Point(0.0, 10.0), "m": Model(100.0)}) == 111.0
    assert call({"a": [0.0, 1.0], "p": Point(0.0, 10), "m": Model(100.0)}) is OTHER
    assert call({"a": [], "p": Point(0.0, 10.0), "m": Model(100.0)}) is OTHER


def test_arrays_are_exactly_ndarrays_of_the_dtype() -> None:
    call = compiled(traced((Input(Arg("x"), "array", np.ndarray),))).call
    assert call(np.ones(3)) == 3.0
    assert call([1.0]) is OTHER
    assert call(np.ones((1, 3)).view(np.matrix)) is OTHER


def test_arrays_are_left_to_a_kernel_that_tests_them() -> None:
    record = traced((Input(Arg("x"), "array", np.ndarray),))
    assert compiled(record, typed=True).call([1.0]) == 1.0
    written = traced((Input(Arg("x"), "array", np.ndarray, written=True),))
    # They are copied before.
    assert compiled(written, typed=True).call([1.0]) is OTHER


def test_written_arrays_are_copied_and_handed_back_in_place_only() -> None:
    def execute(x: Any) -> tuple[float, ...]:
        x[:] = 7.0
        return (1.0,)

    record = traced((Input(Arg("x"), "array", np.ndarray, written=True),))
    x = np.zeros(6)[::2]
    assert compiled(record, execute=execute).call(x) == 1.0
    assert x.tolist() == [0.0, 0.0, 0.0]
    assert compiled(record, execute=execute, in_place=True).call(x) == 1.0
    assert x.tolist() == [7.0, 7.0, 7.0]
    x.flags.writeable = False
    assert compiled(record, execute=execute).call(x)[0] == "recovered"


def test_results_are_built() -> None:
    result = Made(
        dict,
        (
            ("point", Made(Point, ((0, Leaf(0, float)), (1, Leaf(1, np.float64))))),
            ("model", Made(Model, (("weight", Leaf(1, int)),))),
            ("list", Made(list, ((0, StaticLeaf("text")), (1, StaticLeaf(None, Arg("x"))), (2, Made(tuple, ()))))),
            (3, Made(tuple, ((0, Leaf(2, bool)),))),
        ),
    )
    x = object()
    out = compiled(traced(result=result, outputs=3), execute=lambda: (1.0, 2.0, 1)).call(x)
    assert out == {"point": Point(1.0, 2.0), "model": Model(2), "list": ["text", x, ()], 3: (True,)}
    assert type(out["point"].y) is np.float64 and type(out["model"].weight) is int and out[3][0] is True


@pytest.mark.parametrize("value", [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1e308])
def test_float64_results_are_exact(value: float) -> None:
    out = compiled(traced(result=Leaf(0, np.float64)), execute=lambda: (value,)).call(0)
    assert type(out) is np.float64 and same(out, np.float64(value))


def test_numpy_scalars_come_from_a_kernel_that_makes_them() -> None:
    pair = Made(tuple, ((0, Leaf(0, np.float64)), (1, Leaf(1, np.float64)), (2, Leaf(1, float))))
    record = traced(result=pair, outputs=2)
    # The second is wanted as a Python float too.
    assert boxed(record) == {0}
    value = np.float64(1.5)
    out = compiled(record, execute=lambda: (value, 2.0), boxed=frozenset({0})).call(0)
    assert out[0] is value and [type(x) for x in out] == [np.float64, np.float64, float]


def test_results_in_order_are_the_kernels_tuple() -> None:
    out = (1.0, 2.0)
    record = traced(result=Made(tuple, ((0, Leaf(0, float)), (1, Leaf(1, float)))), outputs=2)
    assert compiled(record, execute=lambda: out).call(0) is out


def pair(*parts: Any) -> Made:
    return Made(tuple, tuple(enumerate(parts)))


def test_the_form_of_results_that_need_nothing_more() -> None:
    first, second = Leaf(0, float), Leaf(1, np.float64)
    assert form(traced(result=first)) == 0
    assert form(traced(result=pair(first, pair(second)), outputs=2)) == (0, (1,))
    out_of_order = pair(second, first)
    twice = pair(first, first, second)
    listed = pair(first, Made(list, ((0, second),)))
    known = pair(first, second, StaticLeaf(None))
    given = pair(first, Leaf(1, np.ndarray, Arg("x")))
    converted = pair(first, Leaf(1, int))
    for result in (out_of_order, twice, listed, known, given, converted, first, pair()):
        assert form(traced(result=result, outputs=2)) is None


def test_a_kernel_that_forms_its_results_returns_what_the_call_does() -> None:
    def execute(x: Any) -> Any:
        x[:] = 7.0
        return out

    out = (1.0, (2.0,))
    record = traced((Input(Arg("x"), "array", np.ndarray, written=True),), result=Leaf(0, float))
    x = np.zeros(2)
    assert compiled(record, execute=execute, form=(0, (1,))).call(x) is out
    assert compiled(record, execute=execute, form=(0, (1,)), in_place=True).call(x) is out and x[0] == 7.0


# ways out ---------------------------------------------------------------------------------------


def test_what_the_kernel_raises_is_recovered_outside_the_handler() -> None:
    def execute(x: Any) -> Any:
        raise KeyError(x)

    def f(x: Any, *rest: Any, k: Any = 1, **more: Any) -> Any:
        return x

    word, (error, inputs, args, kwargs) = compiled(traced((number(Arg("x")),)), f, execute=execute).call(
        2.0, 3, k=4, m=5
    )
    assert word == "recovered" and isinstance(error, KeyError)
    assert (inputs, args, kwargs) == ((2.0,), (2.0, 3), {"k": 4, "m": 5})


def test_otherwise_gets_the_call_as_it_was_made() -> None:
    def f(a: Any, b: Any = 2, c: Any = 3, *, d: Any = 4) -> Any:
        return a

    record = traced((number(Arg("a")),))
    call = compiled(record, f, otherwise=lambda args, kwargs: passed(f, args, kwargs)).call
    assert call(1.0) == 1.0
    assert call(1, 5) == ((1, 5, 3), {"d": 4})
    f.__defaults__ = (7, 8)
    assert call(1.0) == ((1.0,), {})
    assert call(1.0, c=9) == ((1.0,), {"c": 9})
    assert call(1.0, 5, d=6) == ((1.0, 5), {"d": 6})


def test_exceptions_of_otherwise_come_through() -> None:
    def otherwise(args: Any, kwargs: Any) -> Any:
        raise ValueError("from below")

    call = compiled(traced((number(Arg("x")),)), otherwise=otherwise).call
    with pytest.raises(ValueError, match="from below") as caught:
        call(1)
    assert caught.value.__context__ is None


def test_a_call_that_does_not_fit_the_signature_reads_as_cpythons() -> None:
    with pytest.raises(TypeError, match=r"one\(\) missing 1 required positional argument: 'x'"):
        compiled(traced()).call()


def test_seeds_come_before_the_arguments() -> None:
    def f(a: Any, /, b: Any) -> Any:
        return a

    record = traced((number(Item(Arg(EXTRA), 0)), number(Arg("b"))))
    call = compiled(record, f, extra=True).call
    assert call((10.0,), 0, 1.0) == 11.0 and call((10.0,), 0, b=2.0) == 12.0


def test_calls_are_counted() -> None:
    trampoline = compiled(traced((number(Arg("x")),)))
    assert trampoline.calls == 0
    for x in (1.0, 2, 3.0):
        trampoline.call(x)
    assert trampoline.calls == 2


def test_without_a_kernel_the_function_is_called() -> None:
    def f(a: Any, /, b: Any, *rest: Any, k: Any, **more: Any) -> Any:
        return a, b, rest, k, more

    assert compiled(traced(), f, execute=None).call(1, 2, 3, k=4, m=5) == (1, 2, (3,), 4, {"m": 5})


def test_only_inputs() -> None:
    record = traced((number(Arg("x")), number(Item(Arg(EXTRA), 0))), (Guard(Arg("x"), "type", float),))
    call = compiled(record, extra=True, only_inputs=True).call
    assert call(1.0) == (1.0, None) and call(1) is OTHER


# helpers ------------------------------------------------------------------------------------------


def test_binder_gives_every_parameter() -> None:
    def f(a: Any, b: Any = 2, /, *rest: Any, k: Any = 3, **more: Any) -> Any:
        return a

    assert isinstance(f, FunctionType)
    bind = compile_binder(f)
    assert bind(1) == {"a": 1, "b": 2, "rest": (), "k": 3, "more": {}}
    assert bind(1, 4, 5, k=6, z=7) == {"a": 1, "b": 4, "rest": (5,), "k": 6, "more": {"z": 7}}
    with pytest.raises(TypeError, match=r"f\(\) missing"):
        bind()


def test_passed_leaves_out_what_was_not_passed() -> None:
    def f(a: Any, b: Any = 1, c: Any = 2, *, d: Any = 3) -> Any:
        return a

    assert passed(f, (0, ABSENT, 5), {"d": ABSENT}) == ((0,), {"c": 5})
    assert passed(f, (0, 1, 5), {"d": 2}) == ((0, 1, 5), {"d": 2})


@pytest.mark.parametrize(
    "x, y, equal",
    [
        (1 + 0j, 1 + 0j, True),
        (complex(0.0, -0.0), complex(0.0, 0.0), False),
        (np.float32(0.1), np.float32(0.1), True),
        ({"a": 0.0}, {"a": -0.0}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        (frozenset({1}), frozenset({1}), True),
        ((1, (2.0,)), (1, (2,)), False),
    ],
)
def test_same(x: Any, y: Any, equal: bool) -> None:
    assert same(x, y) is equal


def test_same_defaults_by_object_or_constant() -> None:
    box = [1]
    assert same_defaults((box, 1.5), (box, 1.5))
    assert not same_defaults(([1], 1.5), (box, 1.5))
    assert not same_defaults((box,), (box, 1.5))
    assert same_defaults({"k": 1}, {"k": 1}) and not same_defaults({"k": 1}, {"j": 1}) and not same_defaults(None, (1,))
