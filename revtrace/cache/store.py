"""The store on disk: private files named by key, safe against everything that happens to files.

Concurrent writers, killed writers, a full or read-only disk and corrupt files all end in a miss,
never in a wrong answer or an error.  Files hold machine code and traces, so a directory or file that
someone else could have written is never read.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from revtrace.errors import CacheError

__all__ = ["KERNEL", "TRACE", "Entry", "Store", "location"]

KERNEL, TRACE = ".kernel", ".trace"
"""Endings of files with machine code and with traces."""

_MAGIC = b"revtrace-kernel-1\n"
_TEMPORARY = ".writing"
_ABANDONED_SECONDS = 3600.0
# Dating every hit would write to disk at every start.
_TOUCH_SECONDS = 3600.0


def location(directory: str = "") -> Path:
    """Return where compiled code is kept.

    Parameters
    ----------
    directory : str
        The setting ``cache_dir``; the user's cache directory when empty.
    """
    return Path(directory) if directory else Path(platformdirs.user_cache_dir("revtrace", appauthor=False))


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the store."""

    path: Path
    size: int
    used: float


@dataclass(frozen=True, slots=True)
class Store:
    """Files in one directory.

    Attributes
    ----------
    directory : Path
    limit : int
        Bytes that the files may take together; the least recently used go first.
    """

    directory: Path
    limit: int

    def get(self, key: str, suffix: str = KERNEL) -> bytes | None:
        """Return what was stored under a key; None where there is nothing sound."""
        path = self.directory / (key + suffix)
        try:
            self.check()
            with open(path, "rb") as file:
                _check_private(os.fstat(file.fileno()), path)
                data = file.read()
            payload = _unsealed(data)
            if payload is None:
                path.unlink(missing_ok=True)
                return None
            if time.time() - os.stat(path).st_mtime > _TOUCH_SECONDS:
                os.utime(path)
        except OSError:
            return None
        return payload

    def put(self, key: str, payload: bytes, suffix: str = KERNEL) -> bool:
        """Store bytes under a key; False where the disk does not take them."""
        temporary = None
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.check()
            handle, temporary = tempfile.mkstemp(suffix=_TEMPORARY, prefix=key[:16] + "-", dir=self.directory)
            with os.fdopen(handle, "wb") as file:
                file.write(_sealed(payload))
            os.replace(temporary, self.directory / (key + suffix))
            self.evict()
        except OSError:
            if temporary is not None:
                _remove(Path(temporary))
            return False
        return True

    def discard(self, key: str, suffix: str = KERNEL) -> None:
        """Forget a key."""
        _remove(self.directory / (key + suffix))

    def entries(self, *suffixes: str) -> list[Entry]:
        """Return the stored files, of some kinds or all, the least recently used first."""
        files = (entry for suffix in suffixes or (KERNEL, TRACE) for entry in self._files(suffix))
        return sorted(files, key=lambda entry: entry.used)

    def evict(self) -> int:
        """Remove the least recently used files beyond the limit, and what killed writers left; return how many."""
        entries = self.entries()
        total = sum(entry.size for entry in entries)
        removed = 0
        for entry in entries:
            if total <= self.limit:
                break
            removed += _remove(entry.path)
            total -= entry.size
        for entry in self._files(_TEMPORARY):
            if time.time() - entry.used > _ABANDONED_SECONDS:
                removed += _remove(entry.path)
        return removed

    def clear(self) -> int:
        """Remove everything; return how many files there were."""
        return sum(_remove(entry.path) for suffix in (KERNEL, TRACE, _TEMPORARY) for entry in self._files(suffix))

    def check(self) -> None:
        """Refuse a directory that someone else may write.

        Raises
        ------
        CacheError
            It belongs to another user, or its permissions let others write.
        """
        try:
            found = os.stat(self.directory)
        except FileNotFoundError:
            return
        _check_private(found, self.directory)

    def _files(self, suffix: str) -> Iterator[Entry]:
        try:
            listing = list(os.scandir(self.directory))
        except OSError:
            return
        for item in listing:
            if item.name.endswith(suffix):
                try:
                    found = item.stat(follow_symlinks=False)
                except OSError:
                    continue
                yield Entry(Path(item.path), found.st_size, found.st_mtime)


def _check_private(found: os.stat_result, path: Path) -> None:
    if not hasattr(os, "getuid"):
        return
    what = ""
    if found.st_uid != os.getuid():
        what = f"{path} belongs to another user"
    elif stat.S_IMODE(found.st_mode) & 0o022:
        what = f"other users may write {path}"
    if what:
        raise CacheError(
            what,
            "compiled code is loaded from there, and would run with your rights",
            "set REVTRACE_CACHE_DIR to a directory of your own with permissions 0700",
        )


def _sealed(payload: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(payload).digest() + payload


def _unsealed(data: bytes) -> bytes | None:
    head = len(_MAGIC)
    if data[:head] != _MAGIC:
        return None
    payload = data[head + 32 :]
    return payload if hashlib.sha256(payload).digest() == data[head : head + 32] else None


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
