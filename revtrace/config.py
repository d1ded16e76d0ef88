"""Settings: one table with the name, environment variable, default and meaning of each.

A handle reads the settings when it is made (`current`) and keeps them.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Settings", "current", "environment", "override", "table"]


def _setting(default: Any, env: str, doc: str) -> Any:
    return field(default=default, metadata={"env": env, "doc": doc})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; `table` lists them with their environment variables."""

    interpret: bool = _setting(
        False, "REVTRACE_INTERPRET", "Run programs in the interpreter instead of compiling them; can be stepped in pdb."
    )
    verify: bool = _setting(False, "REVTRACE_VERIFY", "Check every program after tracing and after deriving.")
    dump: str = _setting(
        "",
        "REVTRACE_DUMP",
        "Print to stderr what each first call makes: any of 'program', 'source', 'call', by commas.",
    )
    specialisations: int = _setting(
        64, "REVTRACE_SPECIALISATIONS", "How many specialisations a function keeps; the least recently used goes first."
    )
    large: int = _setting(
        3000,
        "REVTRACE_LARGE",
        "Programs that take more milliseconds to compile are interpreted until compiling them pays.",
    )
    checkpoint: bool = _setting(
        False,
        "REVTRACE_CHECKPOINT",
        "Run loops again in segments on the way back, for memory that grows with the root of their iterations only.",
    )
    cache: bool = _setting(True, "REVTRACE_CACHE", "Keep traces and compiled code on disk between processes.")
    cache_dir: str = _setting(
        "", "REVTRACE_CACHE_DIR", "Where compiled code is kept; the user's cache directory if empty."
    )
    cache_bytes: int = _setting(
        1 << 29, "REVTRACE_CACHE_BYTES", "How large the disk cache may grow; the least recently used goes first."
    )
    explain_cache: bool = _setting(
        False, "REVTRACE_EXPLAIN_CACHE", "Print to stderr why each compilation was or was not found in the disk cache."
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of settings."""

    name: str
    env: str
    default: Any
    doc: str


def table() -> tuple[Row, ...]:
    """Return every setting with its environment variable, default and meaning.

    Examples
    --------
    >>> [row.env for row in table()][:2]
    ['REVTRACE_INTERPRET', 'REVTRACE_VERIFY']
    """
    return tuple(Row(f.name, f.metadata["env"], f.default, f.metadata["doc"]) for f in dataclasses.fields(Settings))


_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off", "")


def _parse(row: Row, text: str) -> Any:
    if isinstance(row.default, bool):
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise ValueError(f"{row.env}={text!r}: write 1 or 0")
    if isinstance(row.default, int):
        try:
            return int(text)
        except ValueError:
            raise ValueError(f"{row.env}={text!r}: write a whole number") from None
    return text


def environment() -> Settings:
    """Return the settings that the environment variables give.

    ``NUMBA_DISABLE_JIT=1`` also selects the interpreter.
    """
    values = {row.name: _parse(row, os.environ[row.env]) for row in table() if row.env in os.environ}
    if "interpret" not in values and os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("0", ""):
        values["interpret"] = True
    return Settings(**values)


_current: ContextVar[Settings | None] = ContextVar("revtrace_settings", default=None)
_at_start: list[Settings] = []


def current() -> Settings:
    """Return the settings that a handle made now would keep.

    Examples
    --------
    >>> with override(interpret=True):
    ...     current().interpret
    True
    """
    settings = _current.get()
    if settings is not None:
        return settings
    if not _at_start:
        _at_start.append(environment())
    return _at_start[0]


@contextmanager
def override(**values: Any) -> Iterator[Settings]:
    """Change settings for the handles made inside the block.

    Parameters
    ----------
    **values
        Settings by name, see `table`.

    Examples
    --------
    >>> with override(cache=False) as settings:
    ...     settings.cache
    False
    """
    settings = dataclasses.replace(current(), **values)
    token = _current.set(settings)
    try:
        yield settings
    finally:
        _current.reset(token)
