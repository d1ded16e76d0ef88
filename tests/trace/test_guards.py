"""What a traced function relied on is looked at again at every call: never a stale answer."""

from __future__ import annotations

import pytest

import revtrace


class Line:
    slope = 2.0

    def __init__(self, a):
        self.a = a

    def at(self, x):
        return self.a * x * self.slope

    @property
    def double(self):
        return self.a * 2


def through_a_class(x):
    line = Line(x)
    return line.at(x) + line.double


@pytest.mark.parametrize(
    ("name", "new", "gradient"),
    [
        ("at", lambda self, x: self.a * x * x * self.slope, 8.0),
        ("slope", 5.0, 12.0),
        ("double", property(lambda self: self.a * 7), 11.0),
        ("__init__", lambda self, a: setattr(self, "a", 3.0), 6.0),
    ],
)
def test_changed_class_gives_the_new_answer(monkeypatch, name, new, gradient) -> None:
    g = revtrace.grad(through_a_class)
    assert g(1.0) == 6.0
    monkeypatch.setattr(Line, name, new)
    assert g(1.0) == gradient
    monkeypatch.undo()
    assert g(1.0) == 6.0


def test_loop_on_one_line() -> None:
    def f(s):
        while s < 1e5: s = s * s + 1.0  # noqa: E701  # fmt: skip
        return s

    assert revtrace.grad(f)(2.0) > 0
