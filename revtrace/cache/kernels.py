"""Finding a kernel: in this process, on disk, or by building it."""

from __future__ import annotations

import pickle
import sys
import threading
import warnings
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from revtrace import codegen
from revtrace.cache.key import key_of
from revtrace.cache.store import Store, location
from revtrace.calls.core import row_named
from revtrace.config import Settings
from revtrace.errors import CacheError
from revtrace.program.nodes import Program

if TYPE_CHECKING:
    from revtrace.codegen import Source
    from revtrace.codegen.kernel import Kernel

__all__ = ["Found", "Wanted", "build", "forget", "look", "obtain", "store", "stored"]


@dataclass(frozen=True, slots=True)
class Found:
    """A kernel, where it was found (``"memory"``, ``"disk"`` or ``"built"``), and its key if it may be on disk."""

    kernel: Kernel
    where: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A kernel that is not there: what it is to be compiled from, its key, and whether it is kept on disk."""

    source: Source
    key: str
    settings: Settings


_LIMIT = 1024
_kernels: OrderedDict[str, Kernel] = OrderedDict()
_lock = threading.Lock()


def store(settings: Settings) -> Store:
    """Return the store on disk under some settings."""
    return Store(location(settings.cache_dir), settings.cache_bytes)


def forget() -> None:
    """Forget the kernels of this process; those on disk stay."""
    with _lock:
        _kernels.clear()


def obtain(program: Program, settings: Settings, *, native: bool = False) -> Found:
    """Return the kernel of a program, built if need be; parameters as for `look`."""
    found = look(program, settings, native=native)
    return build(program, found) if isinstance(found, Wanted) else found


def look(
    program: Program,
    settings: Settings,
    *,
    careful: bool = False,
    boxed: frozenset[int] = frozenset(),
    form: Any = None,
    native: bool = False,
) -> Found | Wanted:
    """Return the kernel of a program where it is in this process or on disk, else what `build` makes it from.

    Parameters
    ----------
    program : Program
    settings : Settings
        Whether and where to look on disk.
    careful : bool
        Which of the two builds, see `revtrace.codegen.emit`.
    boxed, form
        Which results are numpy scalars, and how all are returned.
    native : bool
        Whether C calls it.
    """
    source = codegen.emit(program, careful=careful, boxed=boxed, form=form, native=native)
    key = key_of(source, program, careful=careful)
    if not all(row_named(spec.row).fixed for _, spec in source.calls):
        # It calls a function of this process's.
        settings = replace(settings, cache=False)
    return stored(key, program.name, settings) or Wanted(source, key, settings)


def build(program: Program, wanted: Wanted) -> Found:
    """Build a kernel that `look` did not find, and keep it."""
    key, settings = wanted.key, wanted.settings
    kernel = codegen.build(program, careful=wanted.source.careful, source=wanted.source)
    _keep(key, kernel, settings)
    _remember(key, kernel)
    return _explained(Found(kernel, "built", key if settings.cache else ""), key, program.name, settings)


def stored(key: str, name: str, settings: Settings) -> Found | None:
    """Return the kernel of a key from this process or from disk; None where it is in neither.

    Parameters
    ----------
    key : str
    name : str
        The program's, for messages.
    settings : Settings
    """
    where = "memory"
    with _lock:
        kernel = _kernels.get(key)
        if kernel is not None:
            _kernels.move_to_end(key)
    if kernel is None:
        kernel, where = _loaded(key, settings), "disk"
        if kernel is None:
            return None
        _remember(key, kernel)
    return _explained(Found(kernel, where, key if settings.cache else ""), key, name, settings)


def _remember(key: str, kernel: Kernel) -> None:
    with _lock:
        _kernels[key] = kernel
        while len(_kernels) > _LIMIT:
            _kernels.popitem(last=False)


def _loaded(key: str, settings: Settings) -> Kernel | None:
    """Return a kernel from disk, or None."""
    if not settings.cache:
        return None
    disk = store(settings)
    try:
        disk.check()
    except CacheError as error:
        warnings.warn(f"the disk cache is not used: {error}", stacklevel=2)
        return None
    data = disk.get(key)
    if data is None:
        return None
    try:
        return codegen.load(data)
    except (pickle.UnpicklingError, AttributeError, EOFError, ImportError, LookupError, TypeError, ValueError) as error:
        # Sound bytes that do not load: another numba than its version says.
        if settings.explain_cache:
            print(f"revtrace cache: {key[:12]} does not load: {error!r}", file=sys.stderr)
        disk.discard(key)
        return None


def _keep(key: str, kernel: Kernel, settings: Settings) -> None:
    if not settings.cache:
        return
    try:
        data = kernel.save()
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        if settings.explain_cache:
            print(f"revtrace cache: {key[:12]} cannot be stored: {error!r}", file=sys.stderr)
        return
    store(settings).put(key, data)


def _explained(found: Found, key: str, name: str, settings: Settings) -> Found:
    if settings.explain_cache:
        print(f"revtrace cache: {name} {key[:12]}: {found.where}", file=sys.stderr)
    return found
