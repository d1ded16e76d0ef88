"""The text form: its look, unique names, remarks at the end of lines."""

import numpy as np
from hypothesis import given, settings

from revtrace.loc import Loc
from revtrace.program import Array, Block, Builder, Const, For, If, Op, Program, Scalar, Var
from revtrace.program.nodes import const
from revtrace.program.parse import parse
from revtrace.program.show import names, show
from revtrace.program.types import BOOL, F64, INT
from revtrace.replay import run
from tests.strategies import Case, programs, same

NORM2 = """\
norm2(x: f8[:]) {
  n: i8 = dim x axis=0
  for i in range(0, n, 1) carry (out: f8 = 0.0) -> (out1: f8) {
    a: f8 = load x[i]
    b: f8 = powi a, 2
    out2: f8 = add out, b
    yield out2
  }
  return out1
}
"""

NORM2_PLACES = """\
norm2(x: f8[:]) {
  n: i8 = dim x axis=0
  for i in range(0, n, 1) carry (out: f8 = 0.0) -> (out1: f8) {  # n.py:5
    a: f8 = load x[i]
    b: f8 = powi a, 2
    out2: f8 = add out, b                                        # n.py:6
    yield out2
  }
  return out1
}
"""


def norm2() -> Program:
    x, i = Var(Array("f8", 1), "x"), Var(INT, "i")
    b = Builder()
    n = b.op("dim", x, type=INT, hint="n", axis=0)
    out, after = Var(F64, "out"), Var(F64, "out")
    with b.block() as body:
        a = b.load(x, i, hint="a")
        square = b.op("powi", a, const(2), hint="b")
        b.loc = Loc("/home/me/n.py", 6)
        total = b.op("add", out, square, hint="out")
    loop = For(i, const(0), n, 1, (out,), (const(0.0),), Block(tuple(body), (total,)), (after,), Var(INT, "c"))
    b.append(For(**{f: getattr(loop, f) for f in loop.__dataclass_fields__} | {"loc": Loc("/home/me/n.py", 5)}))
    return Program("norm2", (x,), b.close(after))


def test_look() -> None:
    assert show(norm2()) == NORM2
    assert str(norm2()) == NORM2


def test_places_are_aligned_and_short() -> None:
    assert show(norm2(), locs=True) == NORM2_PLACES


def test_notes() -> None:
    text = show(norm2(), note=lambda stmt: "kept" if isinstance(stmt, Op) and stmt.name == "load" else "")
    assert [line for line in text.splitlines() if "#" in line] == ["    a: f8 = load x[i]  # kept"]
    both = show(norm2(), locs=True, note=lambda stmt: "kept")
    assert "# n.py:6  kept\n" in both
    assert show(parse(both)) == NORM2
    assert show(parse(both), locs=True) == NORM2_PLACES


def printed(*hints: str) -> list[str]:
    inputs = tuple(Var(F64, h) for h in hints)
    return list(names(Program("f", inputs, Block(()))).values())


def test_names_are_unique() -> None:
    assert printed("a", "a", "a1", "a", "a1") == ["a", "a1", "a11", "a2", "a12"]


def test_nameless_values() -> None:
    assert printed("", "v0", "", "") == ["v0", "v01", "v1", "v2"]


def test_names_that_are_no_names() -> None:
    assert printed("a b", "1st", "for", "range", "inf", "x.y", "nanj", "größe") == [
        "a_b",
        "_1st",
        "for_",
        "range_",
        "inf_",
        "x_y",
        "nanj_",
        "größe",
    ]


def test_constants() -> None:
    values = [
        (True, "b1", "true"),
        (3, "i8", "3"),
        (3, "i4", "3:i4"),
        (-0.0, "f8", "-0.0"),
        (1e300, "f8", "1e+300"),
        (np.inf, "f8", "inf"),
        (-np.inf, "f4", "-inf:f4"),
        (np.nan, "f8", "nan"),
        (1 + 2j, "c16", "(1+2j)"),
        (complex(np.nan, -np.inf), "c8", "(nan-infj):c8"),
        (-1j, "c16", "(-0-1j)"),
    ]
    results = tuple(Const(v, Scalar(d)) for v, d, _ in values)
    text = show(Program("f", (), Block((), results)))
    assert text == f"f() {{\n  return {', '.join(t for _, _, t in values)}\n}}\n"
    assert show(parse(text)) == text


def test_settings() -> None:
    attrs = (("a", None), ("b", True), ("c", 'x "#\n'), ("d", (1, (2.5, "y"))), ("e", 1j), ("f", -3))
    text = show(Program("f", (), Block((Op("check", (const(True),), None, attrs),))))
    assert text == 'f() {\n  check true a=none b=true c="x \\"#\\n" d=[1, [2.5, "y"]] e=1j f=-3\n}\n'
    assert parse(text).body.stmts[0].attrs == attrs  # type: ignore[union-attr]


def test_names_of_programs() -> None:
    for name, text in (("A.f", "A.f"), ("<lambda>", "<lambda>"), ("f.<locals>.g", "f.<locals>.g"), ("a b", '"a b"')):
        shown = show(Program(name, (), Block(())))
        assert shown == f"{text}() {{\n}}\n"
        assert parse(shown).name == name


def test_empty_second_arm_is_left_out() -> None:
    x = Var(BOOL, "x")
    text = show(Program("f", (x,), Block((If(x, Block(()), Block(()), ()),))))
    assert text == "f(x: b1) {\n  if x {\n  }\n}\n"


def test_broken_programs_print() -> None:
    text = show(Program("f", (), Block((Op("sin", (Var(F64, "lost"),), Var(F64, "y")),))))
    assert "y: f8 = sin lost" in text


def test_same_text_every_time() -> None:
    # Ids of values grow from one build to the next; the text does not show them.
    assert show(norm2()) == show(norm2())


@settings(max_examples=150, deadline=None)
@given(programs(special=True))
def test_parse_gives_the_program_back(case: Case) -> None:
    text = show(case.program)
    again = parse(text)
    assert show(again) == text
    first, second = case.copies(), case.copies()
    assert same(run(case.program, first), run(again, second))
    assert same(first, second)
