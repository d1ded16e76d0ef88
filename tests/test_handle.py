"""Handles: calling, specialising, guarding, pickling, threads, looking inside."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import math
import os
import pickle
import subprocess
import sys
import threading
import types
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace import config
from revtrace.errors import UnsupportedError
from revtrace.handle import Handle


@pytest.fixture(autouse=True)
def interpreted() -> Iterator[None]:
    with config.override(interpret=True, verify=True):
        yield


SCALE = 2.0


def scaled(x: Any, power: Any = 2) -> Any:
    """Return a power of x."""
    return SCALE * x**power


@revtrace.wrap
def decorated(x: Any) -> Any:
    return x * x * x


# calling --------------------------------------------------------------------------------------


def test_a_handle_calls_and_reads_as_its_function() -> None:
    f = revtrace.wrap(scaled)
    assert f(3.0) == 18.0 and f(3.0, power=3) == 54.0
    assert (f.__name__, f.__doc__, f.__module__) == ("scaled", "Return a power of x.", __name__)
    assert f.__wrapped__ is scaled and f.function is scaled
    assert inspect.signature(f) == inspect.signature(scaled)
    assert callable(f) and "scaled" in repr(f)


def test_the_same_function_has_the_same_handle() -> None:
    assert revtrace.wrap(scaled) is revtrace.wrap(scaled)
    assert revtrace.grad(scaled) is revtrace.grad(scaled, argnums=0)
    assert revtrace.grad(scaled) is not revtrace.grad(scaled, argnums=(0,))
    assert revtrace.wrap(scaled).grad is revtrace.wrap(scaled).grad


def test_settings_belong_to_the_handle() -> None:
    with config.override(specialisations=3):
        few = revtrace.wrap(scaled)
    assert few.settings.specialisations == 3
    assert revtrace.grad(few).settings.specialisations == 3
    assert few is not revtrace.wrap(scaled)


def test_written_arguments_are_written_as_by_the_function() -> None:
    def f(x: Any, y: Any) -> Any:
        for i in range(len(x)):
            x[i] = x[i] + y[i]
        return x

    ours, plain, y = np.arange(6.0)[::2], np.arange(6.0)[::2].copy(), np.ones(3)
    assert revtrace.wrap(f)(ours, y) is ours
    f(plain, y)
    np.testing.assert_array_equal(ours, plain)


def test_a_function_that_changes_objects_is_called_as_it_is() -> None:
    seen: list[float] = []

    def f(x: Any) -> Any:
        seen.append(x)
        return x * x

    wrapped = revtrace.wrap(f)
    assert wrapped(3.0) == 9.0 and wrapped(4.0) == 16.0
    assert seen == [3.0, 4.0]


def test_a_function_that_cannot_be_traced_is_called_as_it_is() -> None:
    def f(x: Any) -> Any:
        return eval("x + 1.0", {"x": x})

    wrapped = revtrace.wrap(f)
    assert (wrapped(2.0), wrapped(3.0), wrapped(np.ones(2)).tolist()) == (3.0, 4.0, [2.0, 2.0])
    with pytest.raises(UnsupportedError):
        wrapped.grad(2.0)


def test_results_keep_their_types() -> None:
    def f(x: Any, n: Any) -> Any:
        return x[0], n, n > 2, {"none": None, "word": "w"}, float(x[0])

    value = revtrace.wrap(f)(np.array([1.5]), 3)
    assert value == f(np.array([1.5]), 3)
    assert [type(v) for v in value] == [np.float64, int, bool, dict, float]


# guards ---------------------------------------------------------------------------------------


def test_a_changed_global_gives_the_new_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    g = revtrace.grad(scaled)
    assert g(3.0) == 12.0
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 5.0)
    assert g(3.0) == 30.0
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 7)
    assert g(3.0) == 42.0


def helper(x: Any) -> Any:
    return x * x


def uses_helper(x: Any) -> Any:
    return helper(x)


def test_a_redefined_helper_gives_the_new_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    g = revtrace.grad(uses_helper)
    assert g(3.0) == 6.0
    monkeypatch.setattr(sys.modules[__name__], "helper", lambda x: x * x * x)
    assert g(3.0) == 27.0
    monkeypatch.undo()
    assert g(3.0) == 6.0
    code = helper.__code__
    helper.__code__ = (lambda x: 4.0 * x).__code__
    try:
        assert g(3.0) == 4.0
    finally:
        helper.__code__ = code


def test_a_changed_cell_default_and_code_give_the_new_answer() -> None:
    factor = 2.0

    def f(x: Any, power: Any = 2) -> Any:
        return factor * x**power

    g = revtrace.grad(f)
    assert g(3.0) == 12.0
    factor = 3.0
    assert g(3.0) == 18.0
    f.__defaults__ = (3,)
    assert g(3.0) == 81.0
    f.__defaults__ = None
    with pytest.raises(TypeError, match="missing"):
        g(3.0)
    f.__defaults__ = (1,)
    assert g(3.0) == 3.0


def test_changed_keyword_defaults_give_the_new_answer() -> None:
    def f(x: Any, *, by: Any = 2.0) -> Any:
        return x * by

    g = revtrace.grad(f)
    assert g(1.0) == 2.0
    f.__kwdefaults__["by"] = 3.0
    assert g(1.0) == 3.0
    f.__kwdefaults__ = {"by": 4.0}
    assert g(1.0) == 4.0 and g(1.0, by=5.0) == 5.0

    def calls(x: Any) -> Any:
        return f(x) * x

    h = revtrace.grad(calls)
    assert h(1.0) == 8.0
    f.__kwdefaults__["by"] = 1.0
    assert h(1.0) == 2.0


def test_changed_attributes_give_the_new_answer() -> None:
    box = types.SimpleNamespace(k=2.0, mode="double")

    def f(x: Any, box: Any) -> Any:
        return x * box.k if box.mode == "double" else x

    g = revtrace.grad(f)
    assert g(3.0, box) == 2.0
    box.k = 4.0
    assert g(3.0, box) == 4.0
    box.mode = "single"
    assert g(3.0, box) == 1.0


# specialisations --------------------------------------------------------------------------------


def test_values_do_not_specialise_but_types_do() -> None:
    g = revtrace.grad(lambda x, n: x * n)
    for x in (1.0, 2.0, math.pi):
        for n in (1, 2, 10**6):
            assert g(x, n) == n
    assert g.stats.specialisations == 1
    g(np.float32(1.0), 2)
    g(1.0, 2.0)
    g(1.0, True)
    assert g.stats.specialisations == 4


def test_the_least_recently_made_specialisation_goes_first() -> None:
    with config.override(specialisations=2):
        g = revtrace.grad(lambda p: p[0])
    for _ in range(2):
        for n in (1, 2, 3):
            assert g([1.0] * n)[0] == 1.0
    table = g.table(1)
    assert len(table.specialisations) == len(table.entries) == 2
    assert g.stats.specialisations == 6


def test_an_entry_far_back_moves_to_the_front() -> None:
    g = revtrace.grad(lambda p: p[0])
    for n in range(1, 8):
        g([1.0] * n)
    first = g.table(1).specialisations[-1]
    g([1.0])
    assert g.table(1).specialisations[0] is first
    assert g.stats.specialisations == 7


def test_arguments_too_large_for_64_bits() -> None:
    def f(x: float, n: int) -> float:
        return x * (n % 1000)

    for interpret in (True, False):
        with config.override(interpret=interpret):
            wrapped, gradient = revtrace.wrap(f), revtrace.grad(f)
        for n in (3, 2**70, 2**70 + 1, 7):
            assert wrapped(1.5, n) == f(1.5, n)
            assert gradient(1.5, n) == n % 1000


def test_stats() -> None:
    g = revtrace.value_and_grad(lambda x: x * x)
    for k in range(5):
        g(float(k))
    stats = g.stats
    assert (stats.calls, stats.specialisations, stats.bails, stats.deopts) == (5, 1, 0, 0)
    assert stats.trace_seconds > 0.0
    for n in range(3):
        g(np.float32(n))
    assert g.stats.calls == 8
    with pytest.raises(ZeroDivisionError):
        revtrace.grad(lambda x: 1.0 / x)(0.0)


def test_functions_are_not_kept_alive_for_ever() -> None:
    def make() -> Any:
        data = np.ones(3)

        def f(x: Any) -> Any:
            return x * data[0]

        return f

    f = make()
    assert revtrace.grad(f)(2.0) == 1.0
    gone = weakref.ref(f)
    del f
    for _ in range(200):
        assert revtrace.grad(make())(2.0) == 1.0
    gc.collect()
    assert gone() is None


# errors -------------------------------------------------------------------------------------------


def test_a_bail_that_the_function_does_not_explain_is_refused_by_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any) -> Any:
        return 1.0 / x

    g = revtrace.grad(f)
    assert g(2.0) == -0.25
    specialisation = g.table(1).specialisations[0]
    unlike: Any = lambda x: 1.0  # noqa: E731
    monkeypatch.setattr(specialisation, "function", unlike)
    monkeypatch.setattr(specialisation, "_code", unlike.__code__)
    with pytest.raises(UnsupportedError, match="ZeroDivisionError fail here") as caught:
        g(0.0)
    assert caught.value.loc.function.endswith("f")


# looking inside -------------------------------------------------------------------------------------


def test_program_dump_and_source_do_not_run_the_function() -> None:
    def f(x: Any) -> Any:
        return x[0] * x[1]

    g = revtrace.grad(f)
    x = np.ones(2)
    assert len(g.program(x).inputs) == 1
    assert "load" in str(g.dump(x)) and Path(__file__).name in g.dump(x).here.file
    assert g.source(x).startswith("def f(x):")
    assert g.stats.calls == 0 and g.stats.specialisations == 1
    assert "mul" in revtrace.wrap(f).dump(x).text


# copying and pickling -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "handle",
    [
        revtrace.wrap(scaled),
        revtrace.grad(scaled),
        revtrace.grad(revtrace.grad(scaled)),
        revtrace.value_and_grad(scaled, argnums=-1),
        revtrace.grad(functools.partial(scaled, power=3)),
        revtrace.grad(math.sin),
        decorated,
        decorated.grad,
    ],
    ids=repr,
)
def test_handles_pickle_by_recipe(handle: Handle) -> None:
    data = pickle.dumps(handle)
    assert len(data) < 2000
    again = pickle.loads(data)
    assert type(again) is Handle and again.steps == handle.steps and again.settings == handle.settings
    assert again(2.0) == handle(2.0)
    assert copy.copy(handle) is handle and copy.deepcopy(handle) is handle


@pytest.mark.parametrize("matrix", [revtrace.hessian(scaled), revtrace.jacrev(decorated)], ids=["hessian", "jacrev"])
def test_matrices_pickle_by_recipe(matrix: Any) -> None:
    assert pickle.loads(pickle.dumps(matrix))(2.0) == matrix(2.0)


def test_inverses_pickle_by_recipe() -> None:
    inverse = pickle.loads(pickle.dumps(~decorated))
    assert inverse(revtrace.GVar(8.0, 1.0), revtrace.GVar(2.0)) == (revtrace.GVar(0.0), revtrace.GVar(2.0, 12.0))


class Machine:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def method(self, x: Any) -> Any:
        return self.factor * x

    @revtrace.wrap
    def wrapped(self, x: Any) -> Any:
        return self.factor * x * x


def test_methods_pickle_with_their_instance() -> None:
    machine = Machine(3.0)
    assert pickle.loads(pickle.dumps(revtrace.grad(machine.method)))(1.0) == 3.0
    assert pickle.loads(pickle.dumps(machine.wrapped.grad))(1.0) == 6.0


def test_local_functions_say_that_they_do_not_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(revtrace.grad(lambda x: x))


# threads ----------------------------------------------------------------------------------------------


def test_threads_make_one_specialisation() -> None:
    g = revtrace.grad(lambda x: x[0] * x[0])
    wrong: list[Any] = []
    ready = threading.Barrier(8)

    def work(k: int) -> None:
        x = np.full(3, float(k))
        ready.wait()
        for _ in range(50):
            if g(x)[0] != 2.0 * k:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and g.stats.specialisations == 1


_POOL = """
import multiprocessing
import revtrace

@revtrace.wrap
def square(x):
    return x * x

def cube(x):
    return x * x * x

if __name__ == "__main__":
    print(square.grad(3.0), revtrace.grad(cube)(3.0))
    for kind in ("fork", "spawn"):
        with multiprocessing.get_context(kind).Pool(1) as pool:
            print(*pool.map(square.grad, [3.0]), *pool.map(revtrace.grad(cube), [3.0]))
"""


def test_forked_and_spawned_processes_take_handles(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(_POOL)
    root = str(Path(__file__).parents[1])
    env = {**os.environ, "REVTRACE_INTERPRET": "1", "PYTHONPATH": root}
    done = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["6.0", "27.0"] * 3, done.stderr


def test_plan_says_where_values_come_from() -> None:
    def f(x: Any, a: Any) -> Any:
        h = 0.0
        for t in range(len(x)):
            h = math.tanh(a * h + x[t])
        return h

    x = np.ones(3)
    answers = revtrace.wrap(f).plan(x, 0.5).answers
    assert [(a.answer, a.bytes) for a in answers if a.bytes] == [("keep", 8)]
    assert revtrace.grad(lambda x: x * x).plan(2.0).answers == []


def test_wrapped_functions_are_traced_into() -> None:
    def outer(x: Any) -> Any:
        return decorated(x) + Machine(2.0).wrapped(x)

    assert revtrace.grad(outer)(3.0) == 39.0
    decorated(3.0)
    assert revtrace.grad(lambda x: decorated(x) * 1.0)(3.0) == 27.0


def test_an_inverse_inside_a_traced_function_is_refused() -> None:
    inner = ~decorated
    with pytest.raises(UnsupportedError, match="an inverse is no program"):
        revtrace.grad(lambda x: inner(x))(3.0)


def test_derivatives_of_matrices_are_refused() -> None:
    for f in (decorated.jacobian, decorated.hessian, ~decorated):
        with pytest.raises(UnsupportedError, match=r"hessian\(f\)"):
            revtrace.grad(f)


def test_large_arrays_of_closures_are_not_all_kept_alive() -> None:
    def made(k: int) -> tuple[Any, weakref.ref[Any]]:
        w = np.full(4_000_000, float(k))

        def f(x: Any) -> Any:
            return x * w[0]

        return f, weakref.ref(w)

    alive = []
    with config.override(interpret=True, cache=False):
        for k in range(5):
            f, kept = made(k)
            assert revtrace.grad(f)(1.0) == float(k)
            alive.append(kept)
    del f
    gc.collect()
    assert sum(kept() is not None for kept in alive) <= 2
