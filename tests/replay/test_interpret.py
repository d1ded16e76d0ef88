"""What each statement means: values, memory, regions, bailing, observing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from revtrace.errors import InternalError
from revtrace.program import For, If, Op, Program, While
from revtrace.program.parse import parse
from revtrace.replay import Bail, Event, run
from tests.strategies import Case, programs, same


def evaluate(body: str, *inputs: Any, head: str = "") -> tuple[Any, ...]:
    """Run a program given by its body; inputs are x, y, z with types from the values."""
    return run(program(body, *inputs, head=head), list(inputs))


def program(body: str, *inputs: Any, head: str = "") -> Program:
    def type_of(x: Any) -> str:
        dtype = np.asarray(x).dtype.str[1:]
        return f"{dtype}[{','.join(':' * x.ndim)}]" if isinstance(x, np.ndarray) else dtype

    head = head or ", ".join(f"{n}: {type_of(x)}" for n, x in zip("xyz", inputs, strict=False))
    return parse(f"f({head}) {{\n{body}\n}}")


# Scalars --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "inputs", "expected"),
    [
        ("r: f8 = add x, y\n return r", (1.5, 2.0), 3.5),
        ("r: f8 = div x, y\n return r", (1.0, 0.0), np.inf),
        ("r: f8 = div x, y\n return r", (-1.0, 0.0), -np.inf),
        ("r: f8 = div x, y\n return r", (0.0, 0.0), np.nan),
        ("r: f8 = mul x, y\n return r", (1e308, 10.0), np.inf),
        ("r: f8 = sqrt x\n return r", (-1.0,), np.nan),
        ("r: f8 = log x\n return r", (0.0,), -np.inf),
        ("r: f8 = exp x\n return r", (1e4,), np.inf),
        ("r: f8 = powi x, y\n return r", (2.0, -2), 0.25),
        ("r: f8 = powi x, y\n return r", (1e-300, -3), np.inf),
        ("r: i8 = floordiv x, y\n return r", (-7, 2), -4),
        ("r: i8 = mod x, y\n return r", (-7, 3), 2),
        ("r: c16 = mul x, y\n return r", (1j, 2 + 1j), -1 + 2j),
        ("r: f8 = abs x\n return r", (3 + 4j,), 5.0),
        ("r: c16 = complex x, y\n return r", (1.0, -0.0), complex(1, -0.0)),
        ("r: f8 = imag x\n return r", (1 - 2j,), -2.0),
        ("r: b1 = lt x, y\n return r", (np.nan, 1.0), False),
        ("r: b1 = ne x, y\n return r", (np.nan, np.nan), True),
        ("r: f8 = select x, 1.0, 2.0\n return r", (False,), 2.0),
        ("r: f8 = accum x, y\n return r", (0.5, 0.25), 0.75),
        ("return x, y", (True, 3), None),
    ],
)
def test_scalars(body: str, inputs: tuple[Any, ...], expected: Any) -> None:
    out = evaluate(body, *inputs)
    assert same(out, (expected,) if expected is not None else inputs)


@pytest.mark.parametrize(
    ("source", "value", "target", "expected"),
    [
        ("f8", 2.9, "i8", 2),
        ("f8", -2.9, "i8", -2),
        ("f8", np.nan, "i8", -(2**63)),
        ("f8", 0.1, "f4", np.float32(0.1)),
        ("f8", 1e300, "f4", np.float32(np.inf)),
        ("i8", 300, "u1", np.uint8(44)),
        ("i8", -1, "u8", np.uint64(2**64 - 1)),
        ("i8", 200, "i1", np.int8(-56)),
        ("i8", 2**53 + 1, "f8", float(2**53)),
        ("b1", True, "f8", 1.0),
        ("f8", 0.0, "b1", False),
        ("f8", np.nan, "b1", True),
        ("c16", 1 + 2j, "f8", 1.0),
        ("c16", 2j, "b1", True),
        ("f8", 0.1, "c8", np.complex64(0.1)),
    ],
)
def test_cast(source: str, value: Any, target: str, expected: Any) -> None:
    (out,) = evaluate(f"r: {target} = cast x\n return r", value, head=f"x: {source}")
    assert same(out, expected)


def test_single_precision_is_rounded_after_each_operation() -> None:
    x, y = np.float32(0.1), np.float32(0.7)
    (out,) = evaluate("a: f4 = mul x, y\n b: f4 = add a, x\n c: f4 = sin b\n return c", x, y)
    assert same(out, np.float32(np.sin(np.float64(np.float32(x * y) + x))))
    (constant,) = evaluate("a: f4 = add x, 0.1:f4\n return a", x)
    assert same(constant, np.float32(x + np.float32(0.1)))
    (large,) = evaluate("a: f4 = mul x, 1e+30:f4\n return a", np.float32(1e30))
    assert same(large, np.float32(np.inf))


def test_single_complex_is_rounded() -> None:
    z = np.complex64(0.1 + 0.7j)
    assert same(evaluate("a: c8 = mul x, x\n return a", z), (np.complex64(complex(z) * complex(z)),))


def test_integers_wrap() -> None:
    assert evaluate("r: i8 = add x, 1\n return r", 2**63 - 1) == (-(2**63),)
    assert evaluate("r: i8 = mul x, x\n return r", 2**40) == (0,)
    assert same(evaluate("r: u1 = sub x, 1:u1\n return r", np.uint8(0)), (np.uint8(255),))
    assert same(evaluate("r: i4 = neg x\n return r", np.int32(-(2**31))), (np.int32(-(2**31)),))


def test_no_warnings() -> None:
    x = np.array([1e300, np.nan])
    with np.errstate(all="raise"):
        evaluate("a: f8 = load x[0]\n b: f8 = mul a, a\n c: f4 = cast a\n store x[1] = b\n return b, c", x)


# Memory -----------------------------------------------------------------------------------


def test_load_store_addto() -> None:
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    out = evaluate("a: f8 = load x[0, -1]\n store x[-2, 0] = a\n addto x[1, 1] += 0.5\n return a", x)
    assert out == (2.0,)
    assert x.tolist() == [[2.0, 2.0], [3.0, 4.5]]


def test_without_axes() -> None:
    x = np.array(2.0)
    assert evaluate("a: f8 = load x[]\n store x[] = 5.0\n return a", x) == (2.0,)
    assert x[()] == 5.0


@pytest.mark.parametrize("index", [2, -3, 2**40])
@pytest.mark.parametrize("op", ["a: f8 = load x[y]", "store x[y] = 1.0", "addto x[y] += 1.0"])
def test_out_of_range(op: str, index: int) -> None:
    x = np.array([1.0, 2.0])
    with pytest.raises(Bail, match=f"index {index} is out of range for an axis of length 2") as caught:
        evaluate(f"{op}  # there.py:8\n", x, index)
    assert caught.value.op.name in op
    assert str(caught.value).startswith("there.py:8")
    assert x.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("index", [-1, 2])
def test_wrong_claim_of_safety_is_a_defect(index: int) -> None:
    with pytest.raises(InternalError, match="marked safe"):
        evaluate("a: f8 = load x[y] safe=true", np.zeros(2), index)


def test_alloc_copy_fill_copyto() -> None:
    x = np.array([1.0, 2.0])
    body = """
        a: f8[:] = copy x
        fill x, 7.0
        n: i8 = dim x axis=0
        b: f8[:,:] = alloc n, 3 zeros=true
        c: f8[:] = alloc n zeros=true
        copyto c, a
        return a, b, c, x"""
    a, b, c, y = evaluate(body, x)
    assert (a.tolist(), b.tolist(), c.tolist()) == ([1.0, 2.0], [[0.0] * 3] * 2, [1.0, 2.0])
    assert y is x
    assert x.tolist() == [7.0, 7.0]


def test_undefined_memory_is_seen() -> None:
    (a,) = evaluate("a: f8[:] = alloc 2 zeros=false\n return a")
    assert np.isnan(a).all()


def test_copy_is_contiguous() -> None:
    x = np.arange(6.0).reshape(2, 3).T
    (a,) = evaluate("a: f8[:,:] = copy x\n return a", x)
    assert a.flags.c_contiguous
    assert a.tolist() == x.tolist()


def test_dtypes_of_memory() -> None:
    for dtype in ("f8", "f4", "c16", "c8", "i8", "i4", "u1", "b1"):
        (a,) = evaluate(f"a: {dtype}[:] = alloc 2 zeros=true\n return a")
        assert same(a, np.zeros(2, dtype))


def test_copyto_other_shape() -> None:
    with pytest.raises(Bail, match="differ"):
        evaluate("copyto x, y", np.zeros(2), np.zeros(3))


def test_negative_length() -> None:
    with pytest.raises(Bail, match="negative length"):
        evaluate("a: f8[:] = alloc x zeros=true", -1)


def test_check() -> None:
    body = 'check x kind="zero" soft=true\n return 1'
    assert evaluate(body, True) == (1,)
    with pytest.raises(Bail, match="zero"):
        evaluate(body, False)


def test_stack() -> None:
    body = """
        s: stack<f8> = stack
        for i in range(0, 3, 1) {
          v: f8 = load x[i]
          push s, v
        }
        for j in range(0, 3, 1) {
          w: f8 = pop s
          store x[j] = w
        }
        return x"""
    assert evaluate(body, np.array([1.0, 2.0, 3.0]))[0].tolist() == [3.0, 2.0, 1.0]
    with pytest.raises(InternalError, match="popped empty"):
        evaluate("s: stack<f8> = stack\n v: f8 = pop s")


# Regions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bounds", [(0, 4, 1), (4, 0, -1), (0, 5, 2), (5, 0, -2), (3, 3, 1), (3, 1, 1), (-2, 2, 3)], ids=str
)
def test_for(bounds: tuple[int, int, int]) -> None:
    start, stop, step = bounds
    body = f"""
        for i in range(x, y, {step}) carry (k: i8 = 0) -> (m: i8), count n {{
          a: i8 = mul k, 10
          b: i8 = add a, i
          yield b
        }}
        return m, n"""
    expected = 0
    for i in range(start, stop, step):
        expected = expected * 10 + i
    assert evaluate(body, start, stop) == (expected, len(range(start, stop, step)))


def test_for_exits_after_the_iteration() -> None:
    body = """
        for i in range(0, 10, 1) carry (k: i8 = 0) -> (m: i8), count n {
          a: i8 = add k, i
          t: b1 = ge a, 6
          yield a exit t
        }
        return m, n"""
    assert evaluate(body) == (6, 4)


def test_while() -> None:
    body = """
        while carry (a: f8 = x, b: f8 = 1.0) -> (c: f8, d: f8), count n {
          t: b1 = gt a, 1.0
          test t
        } do {
          h: f8 = div a, 2.0
          e: f8 = add b, a
          q: b1 = gt e, y
          yield h, e exit q
        }
        return c, d, n"""
    assert evaluate(body, 8.0, 100.0) == (1.0, 15.0, 3)
    assert evaluate(body, 8.0, 12.0) == (2.0, 13.0, 2)
    assert evaluate(body, 0.5, 12.0) == (0.5, 1.0, 0)


def test_carried_values_change_together() -> None:
    body = """
        for i in range(0, 5, 1) carry (a: i8 = 0, b: i8 = 1) -> (c: i8, d: i8) {
          e: i8 = add a, b
          yield b, e
        }
        return c"""
    assert evaluate(body) == (5,)


def test_swap_of_arrays() -> None:
    body = """
        for i in range(0, z, 1) carry (a: f8[:] = x, b: f8[:] = y) -> (c: f8[:], d: f8[:]) {
          v: f8 = load a[0]
          w: f8 = add v, 1.0
          store b[0] = w
          yield b, a
        }
        return c, d"""
    x, y = np.array([0.0]), np.array([0.0])
    c, d = evaluate(body, x, y, 3)
    assert c is y and d is x
    assert (c[0], d[0]) == (3.0, 2.0)


def test_branch_runs_one_arm() -> None:
    body = """
        if x -> (r: f8, a: f8[:]) {
          store y[0] = 1.0
          yield 1.0, y
        } else {
          store y[1] = 2.0
          b: f8[:] = copy y
          yield 2.0, b
        }
        return r, a"""
    y = np.zeros(2)
    r, a = evaluate(body, True, y)
    assert r == 1.0 and a is y and y.tolist() == [1.0, 0.0]
    y = np.zeros(2)
    r, a = evaluate(body, False, y)
    assert r == 2.0 and a is not y and a.tolist() == [0.0, 2.0]


# Arguments --------------------------------------------------------------------------------


def test_wrong_arguments() -> None:
    f = program("return x", np.zeros(2))
    with pytest.raises(TypeError, match="takes 1 inputs, got 0"):
        run(f, [])
    with pytest.raises(TypeError, match="with 1 axes, got 2"):
        run(f, [np.zeros((2, 2))])
    with pytest.raises(TypeError, match="array of f8, got float32"):
        run(f, [np.zeros(2, "f4")])


def test_lists_are_taken_as_arrays() -> None:
    assert run(program("a: f8 = load x[1]\n return a", np.zeros(2)), [[1.0, 2.0]]) == (2.0,)


def test_outputs_have_the_declared_types() -> None:
    out = evaluate("return x, y, 1:u2, 1j:c8, 2", np.float32(1), 1.0)
    assert [type(v) for v in out] == [np.float32, float, np.uint16, np.complex64, int]


# Observing --------------------------------------------------------------------------------


def test_events_in_order() -> None:
    body = """
        for i in range(0, 2, 1) carry (k: f8 = 0.5) -> (m: f8) {
          store x[i] = k
          v: f8 = add k, 1.0
          yield v
        }
        if true {
          fill x, m
        }"""
    seen: list[Event] = []
    run(program(body, np.array([8.0, 9.0])), [np.array([8.0, 9.0])], observer=seen.append)
    steps = [
        (
            type(e.stmt),
            e.stmt.name if isinstance(e.stmt, Op) else "",
            e.args[e.stmt.name == "store" if isinstance(e.stmt, Op) else 0 :],
            e.out,
        )
        for e in seen
    ]
    assert [e.step for e in seen] == list(range(len(seen)))
    assert [(t, n) for t, n, _, _ in steps] == [
        (For, ""),
        (Op, "store"),
        (Op, "add"),
        (For, ""),
        (Op, "store"),
        (Op, "add"),
        (For, ""),
        (If, ""),
        (Op, "fill"),
    ]
    assert seen[0].args == (0, 0.5)
    assert seen[1].old == 8.0
    assert seen[2].args == (0.5, 1.0) and seen[2].out == 1.5
    assert seen[3].args == (1, 1.5)
    assert seen[6].args == (2.5,) and seen[6].out == 2
    assert seen[7].args == (True,)
    assert seen[8].old.tolist() == [0.5, 1.5]


@settings(max_examples=100, deadline=None)
@given(programs(special=True))
def test_memory_can_be_stepped_back(case: Case) -> None:
    seen: list[Event] = []
    inputs = case.copies()
    results = run(case.program, inputs, observer=seen.append)
    assert same(results, run(case.program, case.copies()))
    for event in reversed(seen):
        if isinstance(event.stmt, Op) and event.old is not None:
            array, _, *index = event.args
            if event.stmt.name in ("store", "addto"):
                array[tuple(index)] = event.old
            else:
                array[...] = event.old
    assert same(inputs, case.copies())


@settings(max_examples=100, deadline=None)
@given(programs(loose=True, special=True))
def test_only_bails(case: Case) -> None:
    try:
        results = run(case.program, case.copies())
    except Bail as bail:
        assert bail.op.name in ("load", "store", "addto")
    else:
        assert len(results) == len(case.program.body.results)


@settings(max_examples=100, deadline=None)
@given(programs())
def test_loops_count_their_events(case: Case) -> None:
    # An independent tally of iterations agrees with what loops report.
    trips: dict[int, int] = {}

    def observe(event: Event) -> None:
        if isinstance(event.stmt, For | While):
            if event.out is None:
                trips[id(event.stmt)] = trips.get(id(event.stmt), 0) + 1
            else:
                assert trips.pop(id(event.stmt), 0) == event.out

    run(case.program, case.copies(), observer=observe)
    assert not trips
