"""Writes at fixed places: what is live although something else of the buffer is written later."""

from __future__ import annotations

from revtrace.passes import differentiate
from revtrace.program.parse import parse
from tests.passes.test_plan import answers, kept

FIXED = """
f(x: f8[:]) {
  w: f8[:] = alloc 4 zeros=true
  a: f8 = load x[0]
  store w[0] = a
  for t in range(0, 5, 1) carry (s: f8 = 1.0) -> (s1: f8) {
    b: f8 = load w[0]
    c: f8 = mul b, b
    d: f8 = mul c, s
    store w[1] = d
    e: f8 = load w[1]
    g: f8 = sin e
    store w[2] = g
    yield g
  }
  return s1
}
"""


def test_an_element_is_live_though_its_neighbours_are_written_in_a_loop() -> None:
    assert [a.answer for a in answers(FIXED, (0,)) if a.name == "b"] == ["live"]


def test_an_element_written_again_is_not() -> None:
    again = FIXED.replace("store w[2] = g", "store w[0] = g")
    assert [a.answer for a in answers(again, (0,)) if a.name == "b"] != ["live"]
    assert kept(again)


def test_negative_places_may_be_any() -> None:
    assert [a.answer for a in answers(FIXED.replace("store w[2] = g", "store w[-4] = g"), (0,)) if a.name == "b"] != [
        "live"
    ]


def test_an_element_stored_once_is_not_cleared() -> None:
    """What was stored before at other places is no reason to clear its adjoint."""
    text = """
f(x: f8[:]) {
  w: f8[:] = alloc 3 zeros=true
  a: f8 = load x[0]
  store w[0] = a
  store w[1] = a
  b: f8 = load w[0]
  c: f8 = load w[1]
  d: f8 = mul b, c
  return d
}
"""
    made = differentiate(parse(text), (0,), (0,))
    assert "w_bar" not in {getattr(s, "name", "") for s in made.body.stmts}
