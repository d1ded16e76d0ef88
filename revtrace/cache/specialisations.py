"""Traced and differentiated functions on disk, so that a new process need not trace again.

A record is found by a hash of the function's code, the derivatives taken and the types of the arguments, and used
only if everything that tracing relied on is the same now: the guards are made anew with what their sources hold in
this process, and must say what they said then; classes, library functions and code that were read without a guard
must have the same content.  What cannot be compared in this way is not stored.
"""

from __future__ import annotations

import functools
import hashlib
import io
import pickle
import sys
import types
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from revtrace.cache import portable
from revtrace.cache.content import Content, NotPortableError, is_steady
from revtrace.cache.key import digest_of, surroundings
from revtrace.cache.store import TRACE, Store
from revtrace.calls import users
from revtrace.passes.plan import Plan
from revtrace.program.nodes import Block, Program
from revtrace.trace.record import Leaf, Made, Result, StaticLeaf, Traced
from revtrace.trace.reliance import Reliance

__all__ = ["Stored", "find", "keep", "key_of_call"]

_MOST = 16
"""Records under one key; the oldest go."""

_DEEP = 4
"""Containers in containers that the key sees."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A traced function from disk.

    Attributes
    ----------
    traced : Traced
        Its program has no statements, see `whole`.
    kernel : str
        The key of its machine code.
    keeps : bool
        Whether it keeps anything for a backward sweep.
    """

    traced: Traced
    kernel: str
    keeps: bool
    _whole: bytes
    _function: types.FunctionType

    def whole(self) -> tuple[Program, Plan | None]:
        """Return the program with its statements, and what is kept."""
        program, kept = portable.loaded(zlib.decompress(self._whole), self._function, Content())
        if kept is None:
            return program, None
        answers, cost, reversed_ = kept
        return program, Plan(answers=answers, cost=cost, program=reversed_)


# keys ----------------------------------------------------------------------------------------


@functools.cache
def _own_text() -> str:
    """Return a hash of all of revtrace's code."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def key_of_call(function: types.FunctionType, recipe: str, arguments: Mapping[str, Any]) -> str:
    """Return the key under which traces of a function are stored.

    Parameters
    ----------
    function : function
    recipe : str
        The derivatives that are taken of it.
    arguments : dict
        The call's arguments by parameter; their types count, their numbers do not.
    """
    code = Content().of(function.__code__).hex()
    kinds = [f"{name}: {_described(value, _DEEP)}" for name, value in arguments.items()]
    around = surroundings()
    # numba imports SciPy where there is one.
    scipy = str(getattr(sys.modules.get("scipy"), "__version__", ""))
    return digest_of(("trace", _own_text(), *around, scipy, function.__module__ or "", code, recipe, *kinds))


def _described(value: Any, depth: int) -> str:
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind is np.ndarray:
        return f"{name} {value.dtype.str} {value.ndim}"
    if kind in (str, bool, type(None)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"{name} {len(value)} [{', '.join(_described(x, depth - 1) for x in value[:depth])}]"
    if kind is dict:
        items = list(value.items())
        return f"{name} {len(value)} [{', '.join(f'{k!r}: {_described(x, depth - 1)}' for k, x in items[:depth])}]"
    return name


# finding -------------------------------------------------------------------------------------


class _PlainReader(pickle.Unpickler):
    """Reads nothing but numbers, strings and containers of them."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} in a list of records")


def _records(disk: Store, key: str) -> list[Any]:
    data = disk.get(key, TRACE)
    if data is None:
        return []
    try:
        found = _PlainReader(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, AttributeError, TypeError):
        disk.discard(key, TRACE)
        return []
    return found if isinstance(found, list) else []


def find(
    disk: Store, key: str, function: types.FunctionType, arguments: Mapping[str, Any]
) -> Iterator[tuple[Stored | None, str]]:
    """Yield the traces that may serve a call, newest first; for others None and why not."""
    if users.any_rules():
        yield None, "there are rules of the user's"
        return
    for record in _records(disk, key):
        try:
            yield _revived(record, function, arguments), ""
        except NotPortableError as error:
            yield None, str(error)
        except Exception as error:
            # What reading the user's objects raises, as it would in the function.
            yield None, repr(error)


def _revived(record: Any, function: types.FunctionType, arguments: Mapping[str, Any]) -> Stored:
    steady, guards_data, facts, thin, kernel, keeps, whole = record
    content = Content()
    for module, name, expected in steady:
        if content.of(getattr(portable.module_named(module), name)) != expected:
            raise NotPortableError(f"{module}.{name} has changed")
    guards = []
    for guard, expected in zip(portable.loaded(guards_data, function, content), facts, strict=True):
        now = portable.guard_now(guard, arguments)
        if portable.fact(now, content, arguments) != expected:
            raise NotPortableError(f"{guard.source!r} has changed ({guard.kind})")
        guards.append(now)
    inputs, result, program, side_effects, catches = portable.loaded(thin, function, content)
    traced = Traced(program, inputs, result, tuple(guards), None, side_effects, catches)
    return Stored(traced, kernel, keeps, whole, function)


# storing -------------------------------------------------------------------------------------


def keep(
    disk: Store,
    key: str,
    traced: Traced,
    plan: Plan | None,
    *,
    kernel: str,
    keeps: bool,
    function: types.FunctionType,
    arguments: Mapping[str, Any],
) -> str:
    """Store a trace; return why it cannot be, or an empty string."""
    try:
        record = _record(traced, plan, kernel, keeps, function, arguments)
    except NotPortableError as error:
        return str(error)
    except RecursionError:
        return "it is nested too deep"
    records = [record, *_records(disk, key)][:_MOST]
    return "" if disk.put(key, pickle.dumps(records), TRACE) else "the disk does not take it"


def _record(
    traced: Traced,
    plan: Plan | None,
    kernel: str,
    keeps: bool,
    function: types.FunctionType,
    arguments: Mapping[str, Any],
) -> Any:
    reliance = traced.reliance
    if reliance is None or traced.pinned or traced.once or users.any_rules():
        raise NotPortableError("it is made for some numbers only, or by rules of the user's")
    if reliance.opaque:
        raise NotPortableError(reliance.opaque)
    content = Content()
    content.of(function.__code__)
    content.seen[id(function)] = function
    facts = [portable.fact(guard, content, arguments) for guard in traced.guards]
    guards = portable.dumped([portable.bare(guard) for guard in traced.guards], function, content)
    program = traced.program
    outline = Program(program.name, program.inputs, Block((), program.body.results))
    parts = (traced.inputs, _without_objects(traced.result), outline, traced.side_effects, traced.catches)
    thin = portable.dumped(parts, function, content)
    kept = None if plan is None else (plan.answers, plan.cost, plan.program)
    whole = zlib.compress(portable.dumped((program, kept), function, content), 1)
    steady = [(module, name, content.of(value)) for (module, name), value in reliance.steady.items()]
    _account(reliance, content, function)
    return steady, guards, facts, thin, kernel, keeps, whole


def _without_objects(result: Result) -> Result:
    """Leave out the objects of results that are read again by their sources."""
    match result:
        case Made():
            return Made(result.kind, tuple((key, _without_objects(entry)) for key, entry in result.fields))
        case StaticLeaf() if result.source is not None:
            return StaticLeaf(None, result.source)
        case Leaf() | StaticLeaf():
            return result


_BUILTIN = (
    types.BuiltinFunctionType,
    types.MethodWrapperType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.MemberDescriptorType,
    types.GetSetDescriptorType,
    types.ModuleType,
    np.ufunc,
    np.generic,
    np.dtype,
    np.finfo,
    np.iinfo,
)


def _account(reliance: Reliance, content: Content, function: types.FunctionType) -> None:
    """Refuse what was looked into and is not part of anything that is compared."""
    for value in reliance.touched.values():
        if id(value) in content.seen or isinstance(value, _BUILTIN) or type(value).__module__.startswith("revtrace."):
            continue
        if not is_steady(value) and not _in_library(getattr(value, "__code__", None)):
            raise NotPortableError(f"{value!r} is reached in a way that is not compared")
    for code in reliance.codes:
        if code not in content.codes and not _in_library(code):
            raise NotPortableError(f"the code of {code.co_qualname} is reached in a way that is not compared")


@functools.cache
def _libraries() -> tuple[str, ...]:
    roots = [Path(__file__).parent.parent]
    loaded = (sys.modules.get(name) for name in ("numpy", "scipy", "numba"))
    roots += [Path(module.__file__).parent for module in loaded if module is not None and module.__file__]
    return tuple(f"{root}/" for root in roots)


def _in_library(code: Any) -> bool:
    """Whether code is revtrace's own, or that of a library whose version is compared."""
    return isinstance(code, types.CodeType) and code.co_filename.startswith(_libraries())
