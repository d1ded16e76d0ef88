"""Traces through the disk: found again by other processes, and never stale."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import revtrace
from revtrace import config
from revtrace.cache import kernels, specialisations
from revtrace.cache.content import Content, NotPortableError
from revtrace.cache.store import TRACE

ROOT = Path(__file__).parents[2]

HELPERS = """
import abc, numpy as np

def changed(x):
    return {two} * x

def first(x):
    return 2.0 * x

def second(x):
    return 3.0 * x

class Shape(abc.ABC):
    pass
"""

MODULE = """
import abc, collections, dataclasses, enum, functools, math, os, types
import numpy as np
import helpers
from helpers import changed, {pick} as picked

SCALE = {two}
MODE = "{mode}"
NESTED = (1.0, (2.0, {two}))
SERIES = [(0.5, {two})] * 20
WEIGHTS = np.ones(3)
WEIGHTS[1] = {two}
TABLE = {{"a": helpers.{pick}}}
CONFIG = types.SimpleNamespace(k={two})
FROM_ENVIRONMENT = float(os.environ.get("SCALE", "2.0"))
{late}

def helper_body(x):
    return changed(x)

def global_number(x):
    return SCALE * x

def global_text(x):
    return 2.0 * x if MODE == "two" else 3.0 * x

def nested_tuple(x):
    return NESTED[1][1] * x

def global_array(x):
    return WEIGHTS[1] * x

def table_of_functions(x):
    return TABLE["a"](x)

def namespace(x):
    return CONFIG.k * x

def environment(x):
    return FROM_ENVIRONMENT * x

def imported_as(x):
    return picked(x)

def make(k):
    def closure(x):
        return k * x
    return closure

closure = make({two})

def with_default(x, k={two}):
    return k * x

def helper_default(x):
    return with_default(x)

def own_default(x, k={two}):
    return k * x

def weighted(x, w=np.array([{two}])):
    return x * w[0]

def default_array(x):
    return weighted(x)

class Base:
    k = {two}

    def inherited(self, x):
        return 2.0 * x

    @staticmethod
    def static(x):
        return {two} * x

    @classmethod
    def of_class(cls, x):
        return {two} * x

    @property
    def prop(self):
        return {two}

class Derived(Base):
    {override}

class Other:
    def inherited(self, x):
        return 3.0 * x

class Chosen({parent}):
    pass

def class_attribute(x):
    return Base.k * x

def instance_attribute(x):
    return Base().k * x

def override(x):
    return Derived().inherited(x)

def static_method(x):
    return Base.static(x)

def class_method(x):
    return Base.of_class(x)

def through_instance(x):
    return Base().static(x) + Base().of_class(x)

def a_property(x):
    return Base().prop * x

def parent_class(x):
    return Chosen().inherited(x)

@dataclasses.dataclass
class Options:
    k: float = {two}

def dataclass_field(x):
    return Options().k * x

def dataclass_argument(x, options=Options()):
    return options.inner(x) if hasattr(options, "inner") else options.k * x

Pair = collections.namedtuple("Pair", "a b", defaults=[{two}])

def named_tuple(x):
    return Pair(1.0).b * x

class Kind(enum.Enum):
    ONE = {two}

def an_enum(x):
    return Kind.ONE.value * x

partial = functools.partial(lambda x, k: k * x, k={two})

def a_partial(x):
    return partial(x)

def attributed(x):
    return attributed.k * x

attributed.k = {two}

def decorated_by(f):
    @functools.wraps(f)
    def wrapper(x):
        return {two} * f(x)
    return wrapper

@decorated_by
def plain(x):
    return x

def decorated(x):
    return plain(x)

def maybe_there(x):
    return x * getattr(helpers, "EXTRA", 2.0)

def late_name(x):
    try:
        return LATE * x
    except NameError:
        return 2.0 * x

class Scaled:
    def __init__(self, k):
        self.k = k
    def __get__(self, instance, owner):
        return self.k

class Holder:
    scaled = Scaled({two})

def descriptor(x):
    return Holder().scaled * x

class Circle:
    pass

def registered(x):
    return 3.0 * x if isinstance(Circle(), helpers.Shape) else 2.0 * x

def library(x):
    return np.sinc(x + 1.0)

def constant_in_body(x):
    return {two} * x

def inner_function(x):
    def inner(y):
        return {two} * y
    return inner(x)

def in_a_loop(x):
    total = 0.0
    for k in (1.0, {two}):
        total += k * x
    return total

def over_a_table(x):
    total = 0.0
    for a, b in SERIES:
        total += a * b * x
    return total
"""

MAIN = """
import inspect, sys
sys.path.insert(0, {folder!r})
import numpy as np, helpers
{before}
import revtrace, module
{after}
for name, f in sorted(vars(module).items()):
    if inspect.isfunction(f) and f.__module__ == "module" and f.__code__.co_varnames[:1] == ("x",):
        if name not in ("changed", "picked", "plain", "weighted", "with_default"):
            print(name, revtrace.grad(f)(0.0))
"""

OLD = {"two": "2.0", "mode": "two", "pick": "first", "override": "pass", "parent": "Base", "late": ""}
NEW = {"two": "3.0", "mode": "three", "pick": "second", "parent": "Other", "late": "LATE = 3.0"} | {
    "override": "def inherited(self, x): return 3.0 * x"
}


class Runs:
    """Processes that share a cache and a folder of modules."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder, folder / "cache"

    def write(self, facts: dict[str, str]) -> None:
        for name, text in (("helpers", HELPERS), ("module", MODULE)):
            (self.folder / f"{name}.py").write_text(text.format(**facts))

    def run(self, text: str, **env: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return what a script prints, by the first word, and where traces were found, by function."""
        done = subprocess.run(
            [sys.executable, "-B", "-c", text],
            cwd=ROOT,
            env={**os.environ, "REVTRACE_CACHE_DIR": str(self.cache), "REVTRACE_EXPLAIN_CACHE": "1", **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found = re.findall(r"the trace of ([\w.<>]+): (.*)", done.stderr)
        return dict(line.split(maxsplit=1) for line in done.stdout.splitlines()), dict(found)

    def answers(self, before: str = "", after: str = "", **env: str) -> tuple[dict[str, str], dict[str, str]]:
        return self.run(MAIN.format(folder=str(self.folder), before=before, after=after), **env)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


UNCHANGED = {"library"}

NOT_KEPT = {"registered", "descriptor"}
"""What cannot be compared: who is registered with an abstract class, and an object found in a class only."""


@pytest.mark.slow
def test_whatever_changes_in_a_program_is_seen(runs: Runs) -> None:
    runs.write(OLD)
    first, found = runs.answers()
    assert set(found.values()) <= {"kept"} | {v for v in found.values() if v.startswith("not kept")}
    again, found = runs.answers()
    assert again == first
    missed = {name for name, where in found.items() if where != "disk"}
    assert {name.rpartition(".")[2] for name in missed} <= NOT_KEPT, {name: found[name] for name in missed}
    runs.write(NEW)
    last = {"before": "helpers.EXTRA = 3.0", "after": "helpers.Shape.register(module.Circle)", "SCALE": "3.0"}
    plain, _ = runs.answers(**last, REVTRACE_CACHE="0")
    changed, found = runs.answers(**last)
    assert changed == plain
    assert {name for name in first if changed[name] == first[name]} == UNCHANGED
    # Back again, both generations are on disk.
    runs.write(OLD)
    assert runs.answers()[0] == first


@pytest.mark.slow
def test_what_is_changed_while_running_is_seen(runs: Runs) -> None:
    runs.write(OLD)
    first, _ = runs.answers()
    after = """
module.SCALE = module.CONFIG.k = module.Base.k = module.attributed.k = 3.0
module.WEIGHTS[1] = 3.0
module.weighted.__defaults__[0][0] = 3.0
module.with_default.__defaults__ = (3.0,)
module.own_default.__defaults__ = (3.0,)
module.TABLE["a"] = helpers.second
module.Derived.inherited = lambda self, x: 3.0 * x
module.Base.static = staticmethod(lambda x: 3.0 * x)
vars(module.Holder)['scaled'].k = 3.0
module.partial.keywords["k"] = 3.0
module.changed = lambda x: 3.0 * x
module.closure.__closure__[0].cell_contents = 3.0
np.sinc = lambda x: 3.0 * x
"""
    plain, _ = runs.answers(after=after, REVTRACE_CACHE="0")
    changed, _ = runs.answers(after=after)
    assert changed == plain
    assert sum(changed[name] != first[name] for name in first) >= 14


LINED = """
import sys
sys.path.insert(0, {folder!r})
import revtrace, lined
g = revtrace.grad(lined.f)
print("good", g(1.0))
print("line", max(stmt.loc.line for stmt in g.program(1.0).body.stmts))
"""


def test_messages_name_the_lines_of_the_file_as_it_is(runs: Runs) -> None:
    text = "def f(x):\n    y = x * x\n    return y * y\n"
    lines = []
    for shift in (0, 0, 2, 2):
        (runs.folder / "lined.py").write_text("\n" * shift + text)
        printed, found = runs.run(LINED.format(folder=str(runs.folder)))
        lines.append((int(printed["line"]), found["f"]))
    assert lines == [(3, "kept"), (3, "disk"), (5, "kept"), (5, "disk")]


SCRIPT = """
import numpy as np
{before}
import revtrace
def f(x):
    y = x.copy()
    for i in range(1, len(x)):
        y[i] = np.sin(y[i - 1]) * x[i]
    return y[-1]
g = revtrace.value_and_grad(f)
print("answer", *g(np.arange(1.0, 4.0)))
print("kept", g.stats.kept_bytes, len(g.plan(np.ones(3)).answers) > 0, len(g.program(np.ones(3)).body.stmts) > 2)
"""


def test_a_second_process_traces_nothing_and_can_be_asked_the_same(runs: Runs) -> None:
    text = SCRIPT.format(before="")
    first, found = runs.run(text)
    assert found == {"f": "kept"}
    again, found = runs.run(text)
    assert again == first and found == {"f": "disk"}
    alone, found = runs.run(text, REVTRACE_CACHE="0")
    assert alone == first and found == {}


@pytest.mark.parametrize("before", ["np.__version__ += '.1'", "import os; os.environ['NUMBA_OPT'] = '1'"])
def test_versions_and_switches_are_seen(runs: Runs, before: str) -> None:
    runs.run(SCRIPT.format(before=""))
    assert runs.run(SCRIPT.format(before=before))[1] == {"f": "kept"}


def test_users_rules_are_seen(runs: Runs) -> None:
    text = """
import numpy as np, revtrace
def helper(x): return 2.0 * x
def f(x): return helper(x)
{rule}
print("answer", revtrace.grad(f)(1.0))
"""
    rule = "revtrace.rule(helper, adjoint=lambda ct, out, x: 7.0 * ct)"
    assert runs.run(text.format(rule=""))[0] == {"answer": "2.0"}
    ruled, found = runs.run(text.format(rule=rule))
    assert ruled == {"answer": "7.0"} and "disk" not in found.values()
    assert runs.run(text.format(rule=""))[1] == {"f": "disk"}


def test_corrupt_and_foreign_files_are_misses(runs: Runs) -> None:
    text = SCRIPT.format(before="")
    first, _ = runs.run(text)
    for damage in (lambda data: data[:-1], lambda data: data[:200] + b"\0" + data[201:], lambda data: b""):
        for path in runs.cache.iterdir():
            path.write_bytes(damage(path.read_bytes()))
        again, found = runs.run(text)
        assert again == first and found == {"f": "kept"}
    runs.cache.chmod(0o777)
    again, found = runs.run(text)
    assert again == first and found["f"] != "disk"


def test_writers_at_the_same_time_leave_sound_files(runs: Runs) -> None:
    text = SCRIPT.format(before="")
    env = {**os.environ, "REVTRACE_CACHE_DIR": str(runs.cache)}
    writers = [subprocess.Popen([sys.executable, "-c", text], cwd=ROOT, env=env) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert runs.run(text)[1] == {"f": "disk"}


class Evil:
    def __reduce__(self):
        return os.system, ("echo",)


@pytest.mark.parametrize("payload", [pickle.dumps([Evil()]), pickle.dumps({}), b"no pickle", b""])
def test_only_records_are_ever_made_from_a_file(tmp_path: Path, payload: bytes, monkeypatch) -> None:
    def f(x):
        return x * x

    with config.override(cache=True, cache_dir=str(tmp_path)) as settings:
        disk = kernels.store(settings)
        key = specialisations.key_of_call(f, "", {"x": 1.0})
        assert disk.put(key, payload, TRACE)
        monkeypatch.setattr(os, "system", lambda text: pytest.fail(text))
        assert not list(specialisations.find(disk, key, f, {"x": 1.0}))


def made(k):
    def f(x):
        return k * x

    return f


class Plain:
    k = 1.0


class Opaque:
    k = np.array([object()])


def test_content_tells_code_and_constants_apart() -> None:
    hashes = {
        Content().of(x)
        for x in (1, 1.0, True, "1", b"1", (1,), [1], {1}, {1: 1}, 0.0, -0.0, 1j, None, ..., range(1), slice(1))
    }
    assert len(hashes) == 16
    assert Content().of(made(1.0).__code__) == Content().of(made(2.0).__code__)
    assert Content().of((lambda x: x).__code__) != Content().of((lambda x: x + 1).__code__)
    before = Content().of(Plain)
    Plain.k = 2.0
    assert Content().of(Plain) != before
    Plain.k = 1.0
    assert Content().of(Plain) == before
    loop = []
    loop.append(loop)
    assert Content().of(loop) == Content().of(loop)
    for unknown in (Opaque, object(), iter(())):
        with pytest.raises(NotPortableError):
            Content().of(unknown)


def test_what_is_kept_depends_on_the_settings(tmp_path: Path) -> None:
    def f(x):
        return x * x

    for changes in ({"cache": False}, {"interpret": True}, {"verify": True}):
        kernels.forget()
        with config.override(cache=True, cache_dir=str(tmp_path / "none")), config.override(**changes):
            assert revtrace.grad(f)(2.0) == 4.0
        names = list((tmp_path / "none").glob("*"))
        assert len(names) == (1 if "verify" in changes else 0)


def test_which_modules_are_loaded_is_seen(runs: Runs) -> None:
    text = """
import sys{more}
import revtrace
def f(x): return 3.0 * x if "wave" in sys.modules else 2.0 * x
print("answer", revtrace.grad(f)(1.0))
"""
    assert runs.run(text.format(more=""))[0] == {"answer": "2.0"}
    assert runs.run(text.format(more=", wave"))[0] == {"answer": "3.0"}
    assert runs.run(text.format(more=""))[0] == {"answer": "2.0"}
