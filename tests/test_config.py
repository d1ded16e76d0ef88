"""Settings: their table, the environment, overriding."""

from __future__ import annotations

import pytest

from revtrace import config


def test_every_setting_has_a_variable_and_a_sentence() -> None:
    rows = config.table()
    assert len({row.env for row in rows}) == len(rows)
    for row in rows:
        assert row.env.startswith("REVTRACE_")
        assert row.doc.endswith(".")


def test_environment_is_parsed_by_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVTRACE_INTERPRET", "yes")
    monkeypatch.setenv("REVTRACE_CACHE", "0")
    monkeypatch.setenv("REVTRACE_SPECIALISATIONS", "7")
    monkeypatch.setenv("REVTRACE_CACHE_DIR", "somewhere")
    found = config.environment()
    assert (found.interpret, found.cache, found.specialisations, found.cache_dir) == (True, False, 7, "somewhere")


@pytest.mark.parametrize("name, text", [("REVTRACE_CACHE", "perhaps"), ("REVTRACE_CACHE_BYTES", "1e9")])
def test_a_bad_value_names_the_variable(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ValueError, match=name):
        config.environment()


def test_numba_disable_jit_means_interpret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REVTRACE_INTERPRET", raising=False)
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert config.environment().interpret
    monkeypatch.setenv("REVTRACE_INTERPRET", "0")
    assert not config.environment().interpret


def test_override_nests_and_ends() -> None:
    before = config.current()
    with config.override(specialisations=3):
        with config.override(cache=False) as inner:
            assert (inner.specialisations, inner.cache) == (3, False)
            assert config.current() is inner
        assert config.current().cache == before.cache
    assert config.current() == before


def test_override_refuses_unknown_names() -> None:
    with pytest.raises(TypeError, match="speed"), config.override(speed=9):
        pass
