"""Sums over partitions on Dask, and handles that travel to other processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.errors import RevtraceError

pytestmark = pytest.mark.filterwarnings("ignore")


def loss(p: Any, data: Any) -> Any:
    s = 0.0
    for x in data:
        s += np.cos(p["w"][0] * x) * p["w"][1] + (x - p["m"]) ** 2
    return s


P = {"w": np.array([0.3, 0.7]), "m": 0.1}


def parts(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(5 + k % 3) for k in range(count)]


def expected(data: list[np.ndarray]) -> tuple[Any, Any]:
    return revtrace.value_and_grad(loss)(P, np.concatenate(data))


def close(found: Any, wanted: Any) -> None:
    assert found[0] == pytest.approx(wanted[0], rel=1e-12)
    np.testing.assert_allclose(found[1]["w"], wanted[1]["w"], rtol=1e-12)
    assert found[1]["m"] == pytest.approx(wanted[1]["m"], rel=1e-12)


@pytest.mark.parametrize("count", [1, 2, 9, 30])
def test_sums(count: int) -> None:
    dask = pytest.importorskip("dask")
    interop = pytest.importorskip("revtrace.interop.dask")
    data = parts(count)
    total = interop.value_and_grad(loss, [dask.delayed(x) for x in data])
    with dask.config.set(scheduler="threads"):
        first = total(P)
        close(first, expected(data))
        for _ in range(3):
            again = total(P)
            assert again[0] == first[0]
            assert again[1]["w"].tobytes() == first[1]["w"].tobytes()


def test_arrays_and_bad_input() -> None:
    array = pytest.importorskip("dask.array")
    interop = pytest.importorskip("revtrace.interop.dask")
    data = parts(6)
    whole = np.concatenate(data)
    total = interop.value_and_grad(loss, array.from_array(whole, chunks=7))
    close(total(P), expected(data))
    with pytest.raises(ValueError, match="no partitions"):
        interop.value_and_grad(loss, [])(P)
    with pytest.raises(ValueError, match="width"):
        interop.value_and_grad(loss, [1], width=1)
    with pytest.raises(RevtraceError):
        interop.value_and_grad(lambda p, x: p["w"], [whole])(P)


def _slow_part(k: int, flag: str) -> np.ndarray:
    """Make a partition; one of them, once, kills its worker."""
    time.sleep(0.05)
    if k == 7:
        try:
            Path(flag).touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return parts(20)[k]


@pytest.mark.slow
def test_a_worker_dies(tmp_path: Path) -> None:
    dask = pytest.importorskip("dask")
    distributed = pytest.importorskip("distributed")
    interop = pytest.importorskip("revtrace.interop.dask")
    data = parts(20)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=str(tmp_path)
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        undisturbed = interop.value_and_grad(loss, [dask.delayed(x) for x in data], client=client)(P)
        flag = str(tmp_path / "killed")
        lazily = [dask.delayed(_slow_part, pure=False)(k, flag) for k in range(20)]
        found = interop.value_and_grad(loss, lazily, client=client)(P)
        assert Path(flag).exists()
    close(found, expected(data))
    # The same to the last bit, whoever added what.
    assert found[0] == undisturbed[0]
    assert found[1]["w"].tobytes() == undisturbed[1]["w"].tobytes()


def _counted(handle: Any) -> tuple[float, int, int]:
    value = float(handle(2.0))
    return value, handle.stats.specialisations, handle.stats.disk_hits


def _cube(x: Any) -> Any:
    return x * x * x


def test_other_processes_take_compiled_code_from_the_disk(tmp_path: Path) -> None:
    with revtrace.config.override(cache_dir=str(tmp_path)):
        gradient = revtrace.grad(_cube)
    assert gradient(2.0) == 12.0
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map(_counted, [gradient, gradient])
    assert found == [(12.0, 1, 1), (12.0, 1, 1)]


def test_local_functions_travel_by_their_code() -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    scale = 3.0
    handle = revtrace.grad(lambda x: scale * x * x)
    for pickler in (pickle, cloudpickle):
        data = pickler.dumps(handle)
        first, second = pickle.loads(data), pickle.loads(data)
        assert first(2.0) == 12.0
        # One function in a process, however often it arrives: it is traced once.
        assert first.function is second.function
        assert first.function is not handle.function


def test_a_local_function_that_calls_its_own_handle_travels() -> None:
    pytest.importorskip("cloudpickle")

    @revtrace.wrap
    def power(x: Any, n: int) -> Any:
        return 1.0 if n == 0 else x * power(x, n - 1)

    assert pickle.loads(pickle.dumps(power.grad))(2.0, 3) == 12.0


def test_joblib() -> None:
    joblib = pytest.importorskip("joblib")
    factor = 2.0
    gradient = revtrace.grad(lambda x: factor * x * x)
    found = joblib.Parallel(n_jobs=2)(joblib.delayed(gradient)(x) for x in (1.0, 2.0, 3.0))
    assert found == [4.0, 8.0, 12.0]
