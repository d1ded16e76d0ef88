"""Every rule of well-formedness is broken once, and the verifier names it."""

import pytest
from hypothesis import given, settings

from revtrace.errors import InternalError
from revtrace.loc import Loc
from revtrace.program import Array, Block, Const, For, If, Op, Program, Scalar, Stack, Var, While
from revtrace.program.nodes import const
from revtrace.program.parse import parse
from revtrace.program.types import BOOL, F64, INT
from revtrace.program.verify import problems, verify
from tests.strategies import Case, programs

VALID = {
    "empty": "f() {\n}",
    "stack": """
        f(x: f8) {
          s: stack<f8> = stack
          for i in range(0, 3, 1) {
            push s, x
          }
          y: f8 = pop s
          return y
        }""",
    "swap": """
        f(x: f8[:], y: f8[:]) {
          for i in range(0, 3, 1) carry (a: f8[:] = x, b: f8[:] = y) -> (c: f8[:], d: f8[:]), count n {
            yield b, a
          }
          return c, d, n
        }""",
    "while with exit": """
        f(a: f8[:], c: b1) {
          while carry (k: i8 = 0) -> (m: i8), count n {
            v: f8 = load a[k]
            t: b1 = lt v, 3.0
            test t
          } do {
            j: i8 = add k, 1
            yield j exit c
          }
          return m, n
        }""",
    "kinds": """
        f(x: f4, z: c16, i: i8) {
          a: f4 = add x, 1.0:f4
          b: f8 = abs z
          c: c16 = powi z, 2
          d: b1 = lt i, 3
          e: c8 = complex x, a
          g: f8 = select d, b, 0.5
          h: i8 = cast b
          j: f8[:,:] = alloc i, 3 zeros=true
          k: f8[] = alloc zeros=false
          m: f8 = load k[]
          return a, c, e, g, h, j, m
        }""",
}

# What is wrong, and words of the message.
BROKEN = {
    "dtypes mixed": ("y: f8 = add x, 1", "add mixes f8, i8"),
    "wrong result": ("y: f4 = add x, x", "add returns f4, not f8"),
    "comparison not b1": ("y: f8 = lt x, x", "lt returns f8, not b1"),
    "missing result": ("sin x", "sin returns None, not f8"),
    "unknown operation": ("y: f8 = frobnicate x", "frobnicate is no operation"),
    "too few operands": ("y: f8 = add x", "add has 1 operands, not 2"),
    "array as number": ("y: f8[:] = sin a", "sin takes numbers"),
    "integer division": ("y: i8 = div n, n", "div takes no i8"),
    "number where b1": ("y: f8 = not x", "not takes no f8"),
    "complex floor": ("y: c16 = floor 1j", "floor takes no c16"),
    "powi by float": ("y: f8 = powi x, x", "powi takes a float or complex and an i8"),
    "abs of complex": ("y: c16 = abs 1j", "abs returns c16, not f8"),
    "load from number": ("y: f8 = load x[n]", "load takes an array first"),
    "too many indices": ("y: f8 = load a[n, n]", "load has 2 indices for 1 axes"),
    "float index": ("y: f8 = load a[x]", "load has an index that is not an i8"),
    "loaded type": ("y: f4 = load a[n]", "load returns f4, not f8"),
    "stored type": ("store a[n] = 1", "store puts i8 in an array of f8"),
    "store returns": ("y: f8 = store a[n] = x", "store returns f8, not None"),
    "added type": ("addto a[n] += true", "addto puts b1 in an array of f8"),
    "alloc length": ("y: f8[:] = alloc x", "alloc has a length that is not an i8"),
    "alloc axes": ("y: f8[:,:] = alloc n", "alloc must return an array"),
    "fill type": ("fill a, 1", "fill takes an array and a number"),
    "copy of number": ("y: f8 = copy x", "copy takes an array"),
    "copy type": ("y: f4[:] = copy a", "copy returns f4[:], not f8[:]"),
    "copyto type": ("copyto a, x", "copyto takes two arrays"),
    "dim axis": ("y: i8 = dim a axis=1", "dim has no axis 1"),
    "dim without axis": ("y: i8 = dim a", "dim has no axis None"),
    "dim of number": ("y: i8 = dim x axis=0", "dim takes an array"),
    "select": ("y: f8 = select x, x, x", "select takes a b1"),
    "cast to array": ("y: f8[:] = cast x", "cast converts one number"),
    "accum": ("y: f8 = accum x, n", "accum takes two numbers"),
    "check": ("check x", "check takes a b1"),
    "stack with operand": ("y: stack<f8> = stack x", "stack takes nothing"),
    "push type": ("y: stack<f8> = stack\n push y, 1", "push takes a stack and a number"),
    "pop type": ("y: stack<f8> = stack\n z: i8 = pop y", "pop returns i8, not f8"),
    "pop of number": ("z: f8 = pop x", "pop takes a stack"),
    "nested stack": ("if true {\n y: stack<f8> = stack\n }", "stack is created inside a region"),
    "unknown dtype": ("y: f16 = cast x", "unknown dtype 'f16'"),
    "constant too large": ("y: u1 = add 256:u1, 1:u1", "out of range"),
    "if on number": ("if x {\n }", "the condition of if is"),
    "arm without result": ("if true -> (r: f8) {\n yield x\n }", "the second arm of if has 0 results, not 1"),
    "arm of wrong type": (
        "if true -> (r: f8) {\n yield 1\n } else {\n yield x\n }",
        "result 0 of the first arm of if is 1:i8, not of type f8",
    ),
    "out of block": ("if true {\n y: f8 = sin x\n }\n z: f8 = sin y", "is used outside its block"),
    "across arms": ("if true {\n y: f8 = sin x\n } else {\n z: f8 = sin y\n }", "is used outside its block"),
    "param after loop": (
        "for i in range(0, n, 1) carry (p: f8 = x) -> (q: f8) {\n yield p\n }\n z: f8 = sin p",
        "outside",
    ),
    "index after loop": ("for i in range(0, n, 1) {\n }\n z: i8 = neg i", "is used outside its block"),
    "float bound": ("for i in range(0, x, 1) {\n }", "the stop of for is"),
    "zero step": ("for i in range(0, n, 0) {\n }", "the step of for is 0"),
    "init type": ("for i in range(0, n, 1) carry (p: f8 = 0) -> (q: f8) {\n yield p\n }", "init 0 of a loop is 0:i8"),
    "out type": ("for i in range(0, n, 1) carry (p: f8 = x) -> (q: i8) {\n yield p\n }", "out 0 of a loop is"),
    "yield type": (
        "for i in range(0, n, 1) carry (p: f8 = x) -> (q: f8) {\n yield i\n }",
        "result 0 of the body of for",
    ),
    "yield missing": ("for i in range(0, n, 1) carry (p: f8 = x) -> (q: f8) {\n }", "has 0 results, not 1"),
    "exit not b1": ("for i in range(0, n, 1) {\n yield exit i\n }", "result 0 of the body of for is"),
    "foreign array": (
        "for i in range(0, n, 1) carry (p: f8[:] = a) -> (q: f8[:]) {\n yield a\n }",
        "not a permutation of its params",
    ),
    "array twice": (
        "b: f8[:] = copy a\n "
        "for i in range(0, n, 1) carry (p: f8[:] = a, q: f8[:] = b) -> (r: f8[:], s: f8[:]) {\n yield p, p\n }",
        "not a permutation of its params",
    ),
    "condition not b1": ("while {\n test n\n } do {\n }", "result 0 of the condition of while is"),
    "condition missing": ("while {\n } do {\n }", "the condition of while has 0 results"),
    "condition writes": ("while {\n store a[n] = x\n test true\n } do {\n }", "store in the condition of while"),
    "condition's value in body": (
        "while {\n t: b1 = lt x, x\n test t\n } do {\n if t {\n }\n }",
        "is used outside its block",
    ),
}


@pytest.mark.parametrize("name", VALID)
def test_valid(name: str) -> None:
    verify(parse(VALID[name]))


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name: str) -> None:
    body, message = BROKEN[name]
    program = parse(f"f(x: f8, n: i8, a: f8[:]) {{\n{body}\n return x\n}}")
    with pytest.raises(InternalError) as caught:
        verify(program)
    assert message in str(caught.value)
    assert "'f' is not well formed" in str(caught.value)


def one(*stmts: object, results: tuple[object, ...] = (), inputs: tuple[Var, ...] = ()) -> str:
    """Return the message about a program that text cannot express."""
    found = problems(Program("f", inputs, Block(stmts, results)))  # type: ignore[arg-type]
    return "; ".join(text for text, _ in found)


def test_defined_twice() -> None:
    x, y = Var(F64, "x"), Var(F64, "y")
    assert "is defined twice" in one(Op("sin", (x,), y), Op("cos", (x,), y), inputs=(x,))
    assert "is defined twice" in one(inputs=(x, x))
    assert "is defined twice" in one(
        If(const(True), Block((Op("sin", (x,), y),)), Block((Op("sin", (x,), y),)), ()), inputs=(x,)
    )


def test_undefined() -> None:
    x, y = Var(F64, "x"), Var(F64, "y")
    assert "is used before it is defined, as operand 0 of sin" in one(Op("sin", (x,), y))
    assert "is used before it is defined, as output 0" in one(results=(x,))


def test_own_result() -> None:
    y = Var(F64, "y")
    assert "is used before it is defined" in one(Op("sin", (y,), y))


def test_stacks_stay_inside() -> None:
    s = Var(Stack("f8"), "s")
    assert "input 0 is a stack" in one(inputs=(s,))
    assert "output 0 is a stack" in one(Op("stack", (), s), results=(s,))
    out = Var(Stack("f8"))
    arm = Block((), (s,))
    assert "out 0 of a region is a stack" in one(Op("stack", (), s), If(const(True), arm, arm, (out,)))


def test_constant_of_wrong_kind() -> None:
    assert "the value of 1:f8 is a int" in one(results=(Const(1, F64),))
    assert "the value of True:i8 is a bool" in one(results=(Const(True, INT),))
    assert "has no scalar type" in one(results=(Const(1.0, Array("f8", 1)),))  # type: ignore[arg-type]


def test_no_operand_no_statement() -> None:
    assert "which is no operand" in one(results=(3,))
    assert "is no statement" in one(Block(()))


def test_loop_with_uneven_params() -> None:
    p = Var(F64)
    loop = For(Var(INT), const(0), const(1), 1, (p,), (), Block((), (p,)), (), Var(INT))
    assert "1 params, 0 inits and 0 outs of a loop" in one(loop)


def test_index_and_count_types() -> None:
    loop = For(Var(F64), const(0), const(1), 1, (), (), Block(()), (), Var(BOOL))
    assert "the index of for is" in one(loop)
    assert "the count of a loop is" in one(loop)
    assert "the step of for is True" in one(For(Var(INT), const(0), const(1), True, (), (), Block(()), (), Var(INT)))


def test_settings_can_be_written_down() -> None:
    x = Var(F64)
    assert "cannot be written down" in one(Op("sin", (x,), Var(F64), (("k", object()),)), inputs=(x,))
    assert "one setting twice" in one(Op("sin", (x,), Var(F64), (("k", 1), ("k", 2))), inputs=(x,))


def test_message_lists_everything_with_places() -> None:
    x = Var(F64, "x")
    stmts = (
        Op("sin", (x,), Var(INT), loc=Loc("there.py", 7)),
        While((), (), Block((), (x,)), Block(()), (), Var(INT), loc=Loc("there.py", 9)),
    )
    with pytest.raises(InternalError) as caught:
        verify(Program("f", (x,), Block(stmts)))
    assert "there.py:7: sin returns i8" in str(caught.value)
    assert "there.py:9: result 0 of the condition" in str(caught.value)
    assert caught.value.loc == Loc("there.py", 7)


def test_kinds_of_scalars() -> None:
    x = Var(Scalar("f4"), "x")
    assert one(Op("sin", (x,), Var(Scalar("f4"))), inputs=(x,)) == ""
    assert "sin takes no i8" in one(Op("sin", (const(1),), Var(INT)))


@settings(max_examples=60, deadline=None)
@given(programs())
def test_random_programs_are_valid(case: Case) -> None:
    verify(case.program)
