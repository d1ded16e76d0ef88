"""The store on disk: what happens to files must end in a miss, never in a wrong answer or an error."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from revtrace.cache.store import Store, location
from revtrace.errors import CacheError

KEY = "0123456789abcdef" * 4


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "kernels", 1 << 20)


def _file(store: Store) -> Path:
    (found,) = store.directory.glob("*.kernel")
    return found


def test_what_was_put_is_found(store: Store) -> None:
    assert store.get(KEY) is None
    assert store.put(KEY, b"code")
    assert store.get(KEY) == b"code"
    assert store.get("f" * 64) is None


def test_files_are_private(store: Store) -> None:
    store.put(KEY, b"code")
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(_file(store).stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "foreign"])
def test_a_corrupt_file_is_a_miss_and_goes(store: Store, damage: str) -> None:
    store.put(KEY, b"code" * 100)
    path = _file(store)
    data = path.read_bytes()
    path.write_bytes(
        {"truncate": data[:-3], "flip": data[:-9] + b"x" + data[-8:], "empty": b"", "foreign": b"text"}[damage]
    )
    assert store.get(KEY) is None
    assert not path.exists()


def test_a_file_others_may_write_is_not_read(store: Store) -> None:
    store.put(KEY, b"code")
    _file(store).chmod(0o666)
    assert store.get(KEY) is None


def test_a_directory_others_may_write_is_not_used(store: Store) -> None:
    store.put(KEY, b"code")
    store.directory.chmod(0o777)
    assert store.get(KEY) is None
    assert not store.put(KEY, b"other")
    with pytest.raises(CacheError, match="REVTRACE_CACHE_DIR"):
        store.check()


def test_a_directory_of_another_user_is_not_used(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(KEY, b"code")
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    assert store.get(KEY) is None
    with pytest.raises(CacheError, match="another user"):
        store.check()


def test_a_disk_that_takes_nothing_is_a_miss(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    store.directory.mkdir(mode=0o700)
    monkeypatch.setattr(os, "replace", full)
    assert not store.put(KEY, b"code")
    assert list(store.directory.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_a_miss(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "kernels", 1 << 20)
    assert not store.put(KEY, b"code")
    assert store.get(KEY) is None
    assert store.entries() == [] and store.clear() == 0


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    store = Store(tmp_path, 700)
    for number in range(3):
        store.put(str(number) * 64, b"x" * 100)
        used = time.time() - 100 + number
        os.utime(tmp_path / f"{str(number) * 64}.kernel", (used, used))
    os.utime(tmp_path / f"{'0' * 64}.kernel")
    store = Store(tmp_path, 330)
    store.evict()
    assert [entry.path.name[0] for entry in store.entries()] == ["2", "0"]


def test_a_hit_counts_as_use(store: Store) -> None:
    store.put(KEY, b"code")
    old = time.time() - 1e6
    os.utime(_file(store), (old, old))
    store.get(KEY)
    assert _file(store).stat().st_mtime > old + 1e5


def test_what_a_killed_writer_left_is_removed(store: Store) -> None:
    store.put(KEY, b"code")
    left, fresh = store.directory / "dead.writing", store.directory / "busy.writing"
    for path in (left, fresh):
        path.write_bytes(b"half")
    os.utime(left, (0, 0))
    store.put("f" * 64, b"more")
    assert not left.exists() and fresh.exists()


def test_clear_removes_everything(store: Store) -> None:
    store.put(KEY, b"code")
    (store.directory / "dead.writing").write_bytes(b"half")
    assert store.clear() == 2
    assert list(store.directory.iterdir()) == []


def test_threads_write_one_key(store: Store) -> None:
    payloads = [bytes([k]) * 10_000 for k in range(8)]
    wrong: list[object] = []

    def work(payload: bytes) -> None:
        for _ in range(20):
            store.put(KEY, payload)
            found = store.get(KEY)
            if found not in payloads:
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(p,)) for p in payloads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(list(store.directory.iterdir())) == 1


_WRITER = """
import sys
from pathlib import Path
from revtrace.cache.store import Store
store = Store(Path(sys.argv[1]), 1 << 20)
payload = sys.argv[2].encode() * 5000
for _ in range(50):
    assert store.put(sys.argv[3], payload)
    assert store.get(sys.argv[3])[:1] in (b"a", b"b", b"c")
"""


def test_processes_write_one_key(store: Store) -> None:
    root = Path(__file__).parents[2]
    running = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(store.directory), letter, KEY], cwd=root)
        for letter in "abc"
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert store.get(KEY) in [letter * 5000 for letter in (b"a", b"b", b"c")]


def test_location_is_the_setting_or_the_users_cache(tmp_path: Path) -> None:
    assert location(str(tmp_path)) == tmp_path
    assert location().name == "revtrace"
