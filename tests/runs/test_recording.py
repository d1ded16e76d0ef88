"""Recorded runs: every step forward and back, within a bounded amount of memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.replay import run
from revtrace.runs import Recording, Stepper
from revtrace.runs import recording as recording_module
from revtrace.runs.call import call_of
from tests import oracles
from tests.dumps.functions import CALLS, grown, line_of, recurrent, smooth, squares
from tests.programs.corpus import corpus


def recorded(function: Any, args: tuple[Any, ...]) -> Recording:
    found = revtrace.wrap(function).record(*args)
    assert isinstance(found, Recording)
    return found


@pytest.mark.parametrize("function, args", CALLS, ids=lambda x: getattr(x, "__name__", ""))
def test_the_stepper_does_what_the_interpreter_does(function: Any, args: tuple[Any, ...]) -> None:
    call = call_of(revtrace.wrap(function), args, {}, tidy=False)
    events: list[Any] = []
    results = run(call.traced.program, call.inputs(), observer=lambda e: events.append((e.step, e.stmt, repr(e.out))))
    stepper = Stepper.start(call.traced.program, call.inputs())
    for step, stmt, out in events:
        coming = stepper.next()
        event = stepper.step()
        assert event is not None and (event.step, event.stmt, repr(event.out)) == (step, stmt, out)
        assert coming is not None
    assert stepper.step() is None
    for a, b in zip(stepper.results(), results, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("function, args", CALLS, ids=lambda x: getattr(x, "__name__", ""))
def test_every_step_is_the_same_forward_and_back(function: Any, args: tuple[Any, ...]) -> None:
    made = recorded(function, args)

    def state() -> str:
        return repr((made.moment(), made.values(), made.variables(), made.adjoints()))

    forward = [(made.at(k), state())[1] for k in range(made.length + 1)]
    backward = [(made.back(), state())[1] for _ in range(made.length)]
    assert backward == forward[-2::-1]
    order = np.random.default_rng(0).permutation(made.length + 1)
    assert [(made.at(int(k)), state())[1] for k in order] == [forward[k] for k in order]


def test_results_are_values_and_gradients() -> None:
    args = CALLS[0][1]
    made = recorded(recurrent, args)
    assert made.results is not None
    value, (da, db, dx) = revtrace.value_and_grad(recurrent, argnums=(0, 1, 2))(*args)
    assert made.results[0] == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(made.results[1], da, rtol=1e-13)
    np.testing.assert_allclose(made.results[2], db, rtol=1e-13)
    np.testing.assert_allclose(made.results[3], dx, rtol=1e-13)


def test_variables_go_back_on_the_way_back() -> None:
    x = 2.0
    seen: list[float] = []
    s = 1.0
    while s < 100.0:
        seen.append(s)
        s = s * x if s > 3 else s * s + x
    made = recorded(grown, (x,))
    turn = made.summary.turn
    assert turn is not None
    assert made.at(turn).step and made.variables()["s"] == s
    back = []
    for k in range(turn + 1, made.length + 1):
        moment = made.at(k)
        if moment.loc.role == "fetch":
            back.append(made.variables()["s"])
    assert back == seen[::-1]


def test_adjoints_are_derivatives_of_the_result_by_each_assignment() -> None:
    # The result is s at the end; by the value that line 24 gave in its last run but n, it is x**n.
    made = recorded(grown, (2.0,))
    line = line_of(grown, "s = s * x")
    found = [m for k in range(made.length) if (m := made.at(k + 1)).loc.role == "bar" and m.loc.line == line]
    assert [m.result for m in found] == [1.0, 2.0, 4.0, 8.0]
    assert made.at(found[-1].step) and made.adjoints()["s"] == 8.0


def test_writes_show_before_and_after() -> None:
    u = np.array([1.0, 4.0, 2.0, 5.0])
    made = recorded(smooth, (u, 2))
    first = made.find(lambda m: m.text.startswith("store u["))
    assert first is not None
    assert first.before == u[1] != first.after
    assert first.after == pytest.approx(u[1] + 0.25 * u[0] * (u[0] - 2.0 * u[1] + u[2]))
    assert made.at(first.step - 1) and made.variables()["u"][1] == u[1]
    assert made.step() and made.variables()["u"][1] == first.after


def overflowing(x: Any) -> Any:
    y = x
    for _ in range(12):
        y = y * y
    return y


def test_the_first_infinity_is_found() -> None:
    made = recorded(overflowing, (1e30,))
    bad = made.first_bad()
    assert bad is not None and bad.result == math.inf and bad.loc.line == line_of(overflowing, "y = y * y")
    assert all(math.isfinite(value) for _, value in bad.reads)
    assert f"step {bad.step}" in str(made)
    assert recorded(squares, CALLS[3][1]).first_bad() is None


def test_the_first_infinity_of_an_adjoint_is_found() -> None:
    made = recorded(lambda x: x**0.5 * 1e300 * 1e300, (4.0,))
    bad = made.first_bad()
    assert bad is not None and bad.result == math.inf


def test_the_first_nan_is_found_after_an_infinity_of_the_user() -> None:
    # The infinity is meant; what it becomes is not.
    made = recorded(lambda x: (x - 3.0) * np.inf * 0.0, (4.0,))
    bad = made.first_bad()
    assert bad is not None and math.isnan(bad.result) and [value for _, value in bad.reads] == [math.inf]
    made = recorded(lambda x: np.sum(np.sqrt(x)), (np.array([1.0, -1.0], np.float32),))
    bad = made.first_bad()
    assert bad is not None and math.isnan(bad.result) and "sqrt" in bad.text


def clipped_sum(p: Any, x: Any) -> Any:
    slope, offset = p[0], p[1]
    s = 0.0
    for v in x:
        r = slope * v + offset
        a = abs(r)
        s += a * a if a < 1.0 else 2.0 * a
    return s


def test_adjoints_are_those_of_the_last_values() -> None:
    made = recorded(clipped_sum, (np.array([0.5, 0.1]), np.array([0.2, 3.0])))
    facts = {name: found for line in made.summary.lines.values() for name, found in line.assigned.items()}
    # The last residual, 1.6, is beyond 1; the one before, 0.2, is not.
    assert {name: found.value for name, found in facts.items()} == pytest.approx(
        {"slope": 0.5, "offset": 0.1, "r": 1.6, "a": 1.6, "s": 0.04 + 3.2}
    )
    adjoints = {name: found.adjoint for name, found in facts.items()}
    assert adjoints == pytest.approx({"slope": 6.08, "offset": 2.4, "r": 2.0, "a": 2.0, "s": 1.0})


def softened(x: Any) -> Any:
    w = np.exp(x)
    w = w / 2.0
    return np.sum(w * w)


def test_arrays_have_their_last_elements() -> None:
    x = np.array([0.0, 1.0])
    made = recorded(softened, (x,))
    first, second = (made.summary.lines[softened.__code__.co_filename, line_of(softened, text)].assigned["w"]
                     for text in ("np.exp", "w / 2.0"))  # fmt: skip
    w = np.exp(x) / 2.0
    assert (first.variable, first.value, first.adjoint) == ("w[1]", 2.0 * w[1], pytest.approx(w[1]))
    assert (second.variable, second.value, second.adjoint) == ("w[1]", w[1], pytest.approx(2.0 * w[1]))
    made.at(made.summary.turn or 0)
    np.testing.assert_allclose(made.variables()["w"], w, rtol=1e-15)


def test_tables_fit_a_width() -> None:
    made = recorded(clipped_sum, (np.array([0.5, 0.1]), np.array([0.2, 3.0])))
    for width in (80, 90, 120, None):
        table = made.summary.table(made, width).split("\n\n")[0].splitlines()
        assert width is None or max(map(len, table)) <= width
        assert ("forward" in table[0]) == (width in (120, None)) and "its adjoint" in table[0]


def test_a_failed_check_ends_the_run_with_its_place() -> None:
    def outside(x: Any) -> Any:
        return x[0] + x[len(x) + 1 - 1]

    call = call_of(revtrace.wrap(outside), (np.ones(3),), {}, tidy=False)
    made = Recording.of(call)
    assert made.failed is not None and made.results is None
    assert "x[len(x) + 1 - 1]" in str(made.failure()) and "^" in str(made.failure())
    assert "stops there" in str(made)


def test_memory_is_bounded_and_every_step_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, "_COPIES", 8)
    made = recorded(recurrent, (0.5, 0.25, np.ones(400)))
    assert made.length > 5000
    assert 2 <= len(made.copies) <= 8
    texts = {k: made.at(k).text for k in range(0, made.length, 97)}
    assert all(made.at(k).text == texts[k] for k in sorted(texts, reverse=True))
    for _ in range(40):
        made.back()
    assert len(made.near) <= recording_module._NEAR
    monkeypatch.setattr(recording_module, "_BUDGET", 1)
    assert len(recorded(recurrent, (0.5, 0.25, np.ones(400))).copies) <= 2


def test_going_nowhere() -> None:
    made = recorded(grown, (2.0,))
    assert made.at(-1).step == made.length
    assert made.step().step == made.length
    assert made.back(10**6).step == 0
    with pytest.raises(IndexError, match="steps 0 to"):
        made.at(made.length + 1)
    cut = Recording.of(made.call, limit=10)
    assert not cut.complete and cut.length == 10 and "cut off" in str(cut)


def test_curves() -> None:
    made = recorded(recurrent, (0.5, 0.25, np.ones(100)))
    kept = [value for _, value in made.summary.kept.steps()]
    assert max(kept) == made.summary.most == 800 and kept[-1] <= 16
    peak = kept.index(800)
    assert kept[: peak + 1] == sorted(kept[: peak + 1]) and len(kept) <= 512
    assert max(value for _, value in made.summary.adjoints.steps()) > 0.1


class Particle:
    def __init__(self, v: Any) -> None:
        self.v = v


def moved(x: Any) -> Any:
    one = Particle(x)
    out = np.zeros(3)
    for i in range(3):
        one.v = math.exp(one.v) * 0.1
        out[i] = max(one.v, x)
    return np.sum(out)


def test_attributes_and_elements_have_their_values_and_adjoints() -> None:
    made = recorded(moved, (0.2,))
    v = [0.2]
    for _ in range(3):
        v.append(math.exp(v[-1]) * 0.1)
    text = str(made)
    assert f"one.v = {v[-1]:.6g}" in text
    assert "out[2] = 0.2 " in text and "True" not in text and "False" not in text
    turn = made.summary.turn
    assert turn is not None and made.at(turn).step == turn and made.variables()["one.v"] == v[-1]


def test_what_only_checks_read_has_no_name() -> None:
    made = recorded(lambda x: math.sin(x) * 2.0, (0.5,))
    assert made.names.tested
    assert not any(made.names.of(stmt) for stmt in made.program.body.stmts)


NAMED = """def f(a):
    b, c = a * a, a + 1.0
    b -= c
    d: float = b * c
    return d if (e := d * a) > 0 else e
"""


def test_names_are_read_off_assignments(tmp_path: Any) -> None:
    path = tmp_path / "named.py"
    path.write_text(NAMED)
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    made = recorded(names["f"], (3.0,))
    assert made.at(made.summary.turn or 0).step
    assert {k: v for k, v in made.variables().items()} == {"a": 3.0, "b": 5.0, "c": 4.0, "d": 20.0, "e": 60.0}
    assert made.names.of(made.program.body.stmts[0]) == "b"


QUICK = [p for k, p in enumerate(corpus()) if k % 11 == 5 and "slow" not in p.tags]
REST = [p for p in corpus() if p not in QUICK]


@pytest.mark.parametrize("program", [*QUICK, *(pytest.param(p, marks=pytest.mark.slow) for p in REST)], ids=str)
def test_programs_of_the_corpus(program: Any) -> None:
    handle, kwargs = revtrace.wrap(program.function), dict(program.kwargs)
    made = Recording.of(call_of(handle, oracles.copied(program.args), kwargs, tidy=False), limit=20_000)
    assert str(made)
    middle = made.at(made.length // 2)
    made.at(made.length)
    assert repr(made.at(made.length // 2)) == repr(middle)
    if made.complete and made.failed is None:
        tidy = call_of(handle, oracles.copied(program.args), kwargs)
        single = any(np.asarray(x).dtype.itemsize == 4 for x in tidy.inputs() if isinstance(x, np.ndarray | np.generic))
        made.at(made.length)
        for a, b in zip(made.results or (), run(tidy.traced.program, tidy.inputs()), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5 if single else 1e-9, atol=1e-12)
