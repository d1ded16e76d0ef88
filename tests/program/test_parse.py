"""Reading the text form: by hand, with comments, and what is refused."""

import pytest

from revtrace.program import Array, Const, For, Op, Scalar, Stack, Var, While
from revtrace.program.nodes import NOWHERE, Loc
from revtrace.program.parse import ParseError, parse, parse_type
from revtrace.program.show import show
from revtrace.program.verify import verify

EVERYTHING = """\
f(x: f8[:,:], b: f8[], c: b1) {
  s: stack<f4> = stack
  b1: f8[] = copy b
  push s, 0.5:f4
  q: f8 = load b1[]
  store b1[] = -inf
  z: c16 = add (1+2j), -0j
  addto x[0, -1] += nan safe=false
  while carry (k: i8 = 0) -> (k2: i8), count n {
    t: b1 = lt k, 3
    test t
  } do {
    k3: i8 = add k, 1
    check true kind="zero" soft=true
    yield k3 exit c
  }
  while count m {
    test c
  } do {
  }
  for i in range(n, -1, -2) count trips {
    yield exit c
  }
  if c {
    fill x, 0.0
  }
  if c -> (r: f8, w: f8[]) {
    yield 0.0, b
  } else {
    yield q, b1
  }
  return x, n, m, trips, r, w
}
"""


def test_everything() -> None:
    program = parse(EVERYTHING)
    verify(program)
    assert show(program) == EVERYTHING


def test_records() -> None:
    program = parse(
        "g(a: f8[:]) {\n y: f8 = load a[-1] safe=true  # k.py:12\n for i in range(0, 3, 2) { # j.py:1\n }\n return y\n}"
    )
    (a,) = program.inputs
    load, loop = program.body.stmts
    assert isinstance(load, Op) and isinstance(loop, For)
    assert (a.type, a.name) == (Array("f8", 1), "a")
    assert load.args == (a, Const(-1, Scalar("i8")))
    assert load.attrs == (("safe", True),)
    assert load.loc == Loc("k.py", 12)
    assert load.out is not None and program.body.results == (load.out,)
    assert (loop.loc, loop.step, loop.start, loop.exits) == (Loc("j.py", 1), 2, Const(0, Scalar("i8")), False)


def test_comments_and_blank_lines() -> None:
    text = "\n# a comment\nf() {  # another\n\n  # and one more\n  while {\n test false # x\n } do {\n }\n\n}\n\n"
    (loop,) = parse(text).body.stmts
    assert isinstance(loop, While)
    assert loop.loc == NOWHERE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected a program's name, found 'the end'"),
        ("f(", "expected a name"),
        ("f() {\n y: f8 = sin x\n}", "line 2: expected the name of a value defined above, found 'x'"),
        ("f(x: f8) {\n x: f8 = sin x\n}", "x is defined twice"),
        ("f(x: g8) {\n}", "line 1: expected a type, found 'g8'"),
        ("f(x: f8[,]) {\n}", "expected ':'"),
        ("f() {\n return 1\n y: f8 = neg 1.0\n}", "line 3: expected '}'"),
        ("f() {\n}\nextra", "line 3: expected the end, found 'extra'"),
        ("f() {\n check true kind=@\n}", "line 2: cannot read '@"),
        ("f() {\n check true kind=word\n}", "expected a number, found 'word'"),
        ("f() {\n while {\n }\n}", "expected 'do'"),
        ("f() {\n store 1 2\n}", "expected '['"),
        ("f() {\n for i in range(0, 3) {\n}\n}", "expected ','"),
        ("f() { g h }", "expected the end of the line"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert message in str(caught.value)


def test_types() -> None:
    for type_ in (Scalar("f8"), Scalar("c16"), Array("u1", 3), Array("b1", 0), Array("f4", 1), Stack("i8")):
        assert parse_type(str(type_)) == type_
    for text in ("", "f", "f8[", "f8[:;]", "f8[,]", "stack", "stack<f8", "x8"):
        with pytest.raises(ValueError, match="is no type"):
            parse_type(text)


def test_values_keep_their_names() -> None:
    program = parse("f(first: f8) {\n}")
    assert [v.name for v in program.inputs if isinstance(v, Var)] == ["first"]
