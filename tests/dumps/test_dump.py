"""The dump of a call, in all its forms."""

from __future__ import annotations

import contextlib
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.dumps import Dump
from revtrace.dumps.columns import painted, plain
from revtrace.dumps.difference import difference
from revtrace.program.parse import parse
from revtrace.program.show import show
from revtrace.replay import run
from tests import oracles
from tests.dumps.functions import CALLS, dumped, grown, line_of, recurrent, smooth, squares
from tests.programs.corpus import corpus

GOLDEN = """\
source line                      | forward ops                | plan | backward ops, from below | bytes/iter
---------------------------------+----------------------------+------+--------------------------+-----------
   1 def norm(x):                | norm_grad(x: f8[:])        |      | return out1, x_bar       |
                                 | v0: i8 = dim x axis=0      |      |                          |
   3     for i in range(len(x)): | for i in range(0, v0, 1) { |      |                          |
                                 |   carry out: f8 = 0.0      |      |                          |
   4         out += x[i] ** 2    |   v1: f8 = load x[i]       |      |   store x_bar[i] = v4    |
                                 |   v2: f8 = powi v1, 2      |      |   v4: f8 = mul 2.0, v1   |
                                 |   v3: f8 = add out, v2     |      |                          |
   3     for i in range(len(x)): |   yield v3                 |      |                          |
                                 | } -> out1: f8              |      |                          |
                                 |                            |      | x_bar: f8[:] = alloc v0  |

Nothing is kept for the backward sweep.
"""


def test_table_is_as_people_were_shown_it(tmp_path: Path) -> None:
    path = tmp_path / "norm.py"
    path.write_text(
        "def norm(x):\n    out = 0.0\n    for i in range(len(x)):\n        out += x[i] ** 2\n    return out\n"
    )
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    text = str(revtrace.wrap(names["norm"]).dump(np.ones(3)))
    assert text + "\n" == GOLDEN


@pytest.mark.parametrize("function, args", CALLS, ids=lambda x: getattr(x, "__name__", ""))
def test_columns_are_aligned(function: Any, args: tuple[Any, ...]) -> None:
    seen = dumped(function, args)
    lines = str(seen).split("\n\n")[0].splitlines()
    bars = {tuple(k for k in range(len(line)) if line[k] in "|+" and line[k - 1] in " -") for line in lines[1:2]}
    (expected,) = bars
    assert len(expected) == 4
    assert all(line[k] == "|" for line in lines[2:] for k in expected if k < len(line))
    text = painted(seen.segments())
    assert text.plain == "".join("".join(s.text for s in line) + "\n" for line in seen.segments())  # type: ignore[attr-defined]
    assert plain(seen.segments()) == str(seen) + "\n"


@pytest.mark.parametrize("function, args", CALLS, ids=lambda x: getattr(x, "__name__", ""))
def test_json_and_text_read_back(function: Any, args: tuple[Any, ...]) -> None:
    seen = dumped(function, args)
    again = Dump.from_json(json.loads(json.dumps(seen.to_json(), allow_nan=False)))
    assert str(again) == str(seen) and again.explain() == seen.explain()
    assert again.to_json() == seen.to_json()
    assert show(parse(seen.text)) == seen.text
    inputs = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    if len(seen.program.inputs) == len(inputs):
        once = run(seen.program, [np.copy(a) if isinstance(a, np.ndarray) else a for a in args])
        for a, b in zip(run(again.program, inputs), once, strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="read from a file"):
        again.python


@pytest.mark.parametrize(
    "data", [[], {}, {"schema": "revtrace.dump", "version": 2}, {"schema": "revtrace.dump", "version": 1}]
)
def test_other_data_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"revtrace\.dump|damaged"):
        Dump.from_json(data)


def test_explanations_name_lines_and_reasons() -> None:
    text = dumped(recurrent, CALLS[0][1]).explain()
    assert "24 bytes are kept in this call" in text
    assert (
        f"functions.py line {line_of(recurrent, 'for t in')}: h is kept, 8 bytes in each iteration of its loop" in text
    )
    assert f"The reversal of line {line_of(recurrent, 'math.tanh')} reads it." in text
    text = dumped(smooth, CALLS[1][1]).explain()
    assert f"u is written over at line {line_of(smooth, 'u[i] +=')}" in text
    assert "Nothing is kept" in dumped(squares, CALLS[3][1]).explain()
    assert "runs forward" in revtrace.grad(grown).dump(2.0).explain()


def test_kept_bytes_are_those_of_the_call() -> None:
    assert dumped(recurrent, (0.5, 0.25, np.ones(100))).kept == 800
    gradient = revtrace.grad(recurrent, argnums=(0, 1, 2))
    with revtrace.config.override(interpret=True, cache=False):
        assert gradient.dump(0.5, 0.25, np.ones(7)).kept == 56


def test_explain_of_a_handle() -> None:
    with revtrace.config.override(interpret=True, cache=False):
        f = revtrace.wrap(lambda x: x * x)
        assert "not been called" in f.explain()
        f(2.0)
        f(np.ones(2))
        f(np.ones((2, 2)))
        text = f.explain()
        assert "specialised 3 times" in text
        assert "1. The first call: x is a float." in text
        assert "2. x is an array of float64 with 1 axis, it was a float" in text
        assert "3. x is an array of float64 with 2 axes, it was an array of float64 with 1 axis" in text
        assert "Nothing is kept" in f.explain(2.0)
        refused = revtrace.wrap(lambda x: x * np.random.default_rng().normal()).explain(2.0)
    assert refused.startswith("Refused: File") and "random generator" in refused


def doubled(x, factor=2.0):
    return factor * x


def calls_doubled(x):
    return doubled(x) * SCALE


SCALE = 2.0


def test_explain_names_what_has_changed_and_where_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with revtrace.config.override(interpret=True, cache=False):
        f = revtrace.wrap(calls_doubled)
    first = calls_doubled.__code__.co_firstlineno
    f(1.0)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    f(1.0)
    monkeypatch.setattr(doubled, "__defaults__", (5.0,))
    f(1.0)
    monkeypatch.setattr(doubled, "__code__", (lambda x, factor: factor - x).__code__)
    anew = doubled.__code__.co_firstlineno
    f(1.0)
    read = f"(read in line {first + 1} of test_dump.py)"
    told = f.explain().splitlines()
    assert told[2] == f"2. global SCALE is 3.0, it was 2.0 {read}: the last specialisation is not for it."
    assert told[3].startswith(f"3. global doubled has other defaults: (5.0,), they were (2.0,) {read}")
    assert told[4].startswith(f"4. global doubled has been defined anew in line {anew} of test_dump.py {read}")
    assert told[4].endswith("nor are the 2 before it.")


def test_explain_names_variables_of_closures_and_of_instances() -> None:
    def around(factor):
        def inner(x):
            return factor * x

        def change(value):
            nonlocal factor
            factor = value

        return inner, change

    class Model:
        factor = 1.0

        def __call__(self, x):
            return self.factor * x

    inner, change = around(1.0)
    model = Model()
    with revtrace.config.override(interpret=True, cache=False):
        f, g = revtrace.wrap(inner), revtrace.wrap(model)
    f(1.0)
    change(2.0)
    f(1.0)
    assert f"closure variable factor of {inner.__qualname__} is 2.0, it was 1.0 (read in line" in f.explain()
    g(1.0)
    Model.factor = 2.0
    g(1.0)
    model.factor = 3.0
    g(1.0)
    assert "2. Model.factor is 2.0, it was 1.0 (read in line" in g.explain()
    assert "3. self has factor of its own, it had not (read in line" in g.explain()


def test_explain_tells_of_rules_and_of_derivatives() -> None:
    def ruled(x):
        return x * x

    with revtrace.config.override(interpret=True, cache=False):
        f = revtrace.wrap(lambda x: ruled(x))
        assert f.grad(3.0) == 6.0
        revtrace.rule(ruled, adjoint=lambda ct, out, x: ct * 7.0)
        assert f.grad(3.0) == 7.0
        f.hessian(3.0)
    revtrace.rule.remove(ruled)
    told = f.explain()
    assert told.startswith("the gradient of test_explain") and "the Hessian of test_explain" in told
    assert "2. ruled has been given a rule: what was made before has been dropped." in told


def test_a_builtin_is_shown_as_a_call_of_it() -> None:
    assert "return math.sin(*args, **kwargs)" in str(dumped(math.sin, (2.0,)))


def test_stages_lead_from_the_trace_to_what_runs() -> None:
    seen = dumped(recurrent, CALLS[0][1])
    stages = seen.stages()
    names = [stage.name for stage in stages]
    assert names[0] == "trace" and "prepare.simplify" in names and names[-1] == "clean.prune"
    assert show(stages[-1].program) == seen.text
    reversed_ = seen.after("derive")
    assert any(line.startswith("+") and "accum" in line for line in reversed_.splitlines())
    assert not any(line.startswith("-") for line in seen.after("trace").splitlines())
    with pytest.raises(ValueError, match=r"clean\.gather"):
        seen.after("nothing")


@pytest.mark.parametrize("function, args", CALLS[:4], ids=lambda x: getattr(x, "__name__", ""))
def test_the_script_runs_without_revtrace(function: Any, args: tuple[Any, ...], tmp_path: Path) -> None:
    seen = dumped(function, args)
    path = tmp_path / "script.py"
    path.write_text(seen.python)
    assert "revtrace" not in seen.python and "numba" not in seen.python
    done = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, check=True)
    found = eval(done.stdout, {"array": np.array, "np": np, "nan": math.nan})
    wanted = run(seen.program, [np.copy(a) if isinstance(a, np.ndarray) else a for a in args])
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_lower_forms() -> None:
    seen = dumped(squares, CALLS[3][1])
    assert "define " in seen.llvm
    assert re.search(r"\bretq?\b", seen.asm)


def test_difference() -> None:
    seen = dumped(recurrent, CALLS[0][1])
    assert difference(seen, seen) == "no difference"
    other = revtrace.grad(recurrent).dump(*CALLS[0][1])
    text = difference(seen, other)
    assert "math.tanh" in text and "backward: -" in text
    longer = difference(seen, dumped(recurrent, (0.5, 0.25, np.ones(30))))
    assert longer == "kept in the call: 24 bytes -> 240 bytes"


def test_notebooks_show_handles_programs_and_plans() -> None:
    with revtrace.config.override(interpret=True, cache=False):
        f = revtrace.wrap(recurrent)
        args = CALLS[0][1]
        shown = (
            f,
            f.program(*args),
            revtrace.grad(recurrent, argnums=(0, 1, 2)).plan(*args),
            f.dump(*args),
            f.record(*args),
        )
        for each, word in zip(shown, ("recurrent", "tanh", "keep", "Backward", "steps"), strict=True):
            assert word in each._repr_html_(), type(each)


def test_scripts_hold_what_programs_call(tmp_path: Path) -> None:
    def fitted(a: Any, b: Any) -> Any:
        w = np.linalg.solve(a.T @ a + np.eye(a.shape[1]), a.T @ b)
        return np.linalg.slogdet(a.T @ a)[1] + np.sum(np.abs(np.fft.fft(w)) ** 2)

    rng = np.random.default_rng(3)
    a, b = rng.random((5, 3)), rng.random(5)
    seen = revtrace.wrap(fitted).dump(a, b)
    assert "[...] = solve " in str(seen) and "ta=true" in str(seen)
    path = tmp_path / "script.py"
    path.write_text(seen.python)
    assert "revtrace" not in seen.python
    done = subprocess.run([sys.executable, "-I", str(path)], capture_output=True, text=True, check=True)
    value, *gradients = eval(done.stdout, {"array": np.array, "np": np})
    assert value == pytest.approx(fitted(a, b), rel=1e-12)
    for k, gradient in enumerate(gradients):
        # Oracle: central differences.
        given = [a, b]
        for index in np.ndindex(given[k].shape):
            ahead, behind = [np.copy(x) for x in given], [np.copy(x) for x in given]
            ahead[k][index] += 1e-6
            behind[k][index] -= 1e-6
            assert gradient[index] == pytest.approx((fitted(*ahead) - fitted(*behind)) / 2e-6, rel=1e-6, abs=1e-7)


def test_scripts_fall_back_where_an_assumption_does_not_hold() -> None:
    def ends(x: Any, k: Any) -> Any:
        return x[k] * x[-k]

    args = (np.arange(1.0, 6.0), 3)
    text = revtrace.wrap(ends).dump(*args).python
    assert "raise Deopt" in text and "def ends_grad_careful(" in text
    printed: list[Any] = []
    exec(compile(text, "script", "exec"), {"__name__": "__main__", "print": printed.append})
    ((value, gradient),) = printed
    assert value == 12.0 and list(gradient) == [0.0, 0.0, 4.0, 3.0, 0.0]


QUICK = [p for k, p in enumerate(corpus()) if k % 9 == 0 and "slow" not in p.tags]
REST = [p for p in corpus() if p not in QUICK]


@pytest.mark.parametrize("program", [*QUICK, *(pytest.param(p, marks=pytest.mark.slow) for p in REST)], ids=str)
def test_programs_of_the_corpus(program: Any) -> None:
    seen = revtrace.wrap(program.function).dump(*oracles.copied(program.args), **dict(program.kwargs))
    assert str(Dump.from_json(seen.to_json())) == str(seen)
    assert seen.explain()
    assert seen.html(record=False).startswith("<!DOCTYPE html>")
    printed: list[Any] = []
    # A dump is made without running: of a function that catches, it shows the way on which nothing is raised.
    raised = (Exception,) if program.name.startswith("caught_") else ()
    # Compiled code is silent about numbers that are not finite; plain Python on numpy's numbers is not.
    with contextlib.suppress(*raised), np.errstate(all="ignore"):
        exec(compile(seen.python, "script", "exec"), {"__name__": "__main__", "print": printed.append})
    assert len(printed) == 1 or raised
