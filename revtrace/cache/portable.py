"""Traced functions as bytes, and back in another process.

What is no plain data (the function, modules, classes) is written by name together with the hash of its content, and
must be found there with the same content when it is read.  Values of guards are not written but their hashes: where
they are the same, the guard is made anew with what is there now.  Only records of this package are ever made from
the bytes.
"""

from __future__ import annotations

import importlib
import io
import pickle
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from revtrace.cache.content import STEADY, Content, NotPortableError, name_of, named
from revtrace.loc import Loc
from revtrace.passes.plan import Answer
from revtrace.program import nodes
from revtrace.program import types as kinds
from revtrace.trace import record
from revtrace.trace.constants import contents, frozen
from revtrace.trace.record import SHORT, Guard, fetch, lengths_fixed

__all__ = ["bare", "dumped", "fact", "guard_now", "loaded", "module_named"]

_RECORDS: dict[tuple[str, str], type] = {
    (cls.__module__, cls.__name__): cls
    for cls in (
        *(nodes.Const, nodes.Op, nodes.Block, nodes.If, nodes.For, nodes.While, nodes.Program),
        *(kinds.Scalar, kinds.Array, kinds.Stack, Loc, Answer),
        *(record.Arg, record.Fixed, record.Global, record.Cell, record.Attr, record.Item),
        *(record.Guard, record.Input, record.Leaf, record.StaticLeaf, record.Made),
    )
}
_DATA = frozenset(
    {bool, int, float, complex, str, bytes, tuple, list, dict, frozenset, type(None), type(Ellipsis), nodes.Var}
    | set(_RECORDS.values())
)


def _var(kind: kinds.Type, name: str, number: int) -> nodes.Var:
    return nodes.Var(kind, name, number)


class _Writer(pickle.Pickler):
    def __init__(self, file: Any, function: types.FunctionType, content: Content) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._function, self._content = function, content

    def persistent_id(self, obj: Any) -> Any:
        """Say what stands for an object that is not data."""
        kind = type(obj)
        if kind is dict and ("__builtins__" in obj or "__spec__" in obj):
            return "namespace", self._namespace(obj)
        if kind is record.Fixed and type(obj.value) in _DATA:
            # A copy of it would be another object.
            raise NotPortableError("an object that is known by its identity only")
        if kind in _DATA or obj is _var or (kind is type and obj in _DATA and obj.__module__ in _MODULES):
            return None
        if obj is self._function:
            return "function", ""
        if kind is np.ndarray and not obj.flags.writeable and obj.base is None:
            # A table of constants that the tracer made.
            return "table", (obj.dtype.str, obj.tobytes())
        if isinstance(obj, types.ModuleType) and sys.modules.get(obj.__name__) is obj:
            return "module", obj.__name__
        if isinstance(obj, (type, types.FunctionType)):
            return "object", (*name_of(obj), self._content.of(obj))
        raise NotPortableError(f"{obj!r} cannot be written")

    def _namespace(self, obj: dict[str, Any]) -> str:
        if obj is self._function.__globals__:
            return ""
        name = obj.get("__name__")
        if isinstance(name, str) and name in sys.modules and vars(sys.modules[name]) is obj:
            return name
        raise NotPortableError("globals of no module")

    def reducer_override(self, obj: Any) -> Any:
        """Write values of programs so that they get numbers of their own when read."""
        return (_var, (obj.type, obj.name, obj.id)) if type(obj) is nodes.Var else NotImplemented


_MODULES = frozenset(module for module, _ in _RECORDS)


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes, function: types.FunctionType, content: Content) -> None:
        super().__init__(io.BytesIO(data))
        self._function, self._content = function, content
        self.vars: list[nodes.Var] = []

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the records, nothing else."""
        if (module, name) == (__name__, "_var"):
            return self._made
        found = _RECORDS.get((module, name))
        if found is None:
            raise NotPortableError(f"{module}.{name} is no record")
        return found

    def _made(self, kind: Any, name: str, number: int) -> nodes.Var:
        var = nodes.Var(kind, name, number)
        self.vars.append(var)
        return var

    def persistent_load(self, pid: Any) -> Any:
        """Find what stands for an object that is not data."""
        what, name = pid
        match what:
            case "function":
                return self._function
            case "namespace":
                return vars(module_named(name)) if name else self._function.__globals__
            case "module":
                return module_named(name)
            case "table":
                dtype, data = name
                return np.frombuffer(data, dtype)
            case "object":
                module, qualname, content = name
                found = named(module, qualname)
                if self._content.of(found) != content:
                    raise NotPortableError(f"{module}.{qualname} has changed")
                return found
        raise NotPortableError(f"{what!r}")


def module_named(name: str) -> types.ModuleType:
    """Return a module that is loaded, or is a library's."""
    found = sys.modules.get(name)
    if found is None and name.partition(".")[0] in STEADY:
        found = importlib.import_module(name)
    if found is None:
        raise NotPortableError(f"{name} is not loaded")
    return found


def dumped(value: Any, function: types.FunctionType, content: Content) -> bytes:
    """Return records as bytes.

    Parameters
    ----------
    value : record or container of them
    function : function
        The traced one; it is written as such, whatever its name.
    content : Content

    Raises
    ------
    NotPortableError
        The records hold something that is not found by name.
    """
    file = io.BytesIO()
    try:
        _Writer(file, function, content).dump(value)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise NotPortableError(str(error)) from None
    return file.getvalue()


def loaded(data: bytes, function: types.FunctionType, content: Content) -> Any:
    """Return the records that `dumped` wrote, for a function of this process.

    Raises
    ------
    NotPortableError
        Something they refer to is not there, or has another content.
    """
    reader = _Reader(data, function, content)
    value = reader.load()
    for var in sorted(reader.vars, key=lambda v: v.id):
        # In the order in which they were made, after all that this process has.
        object.__setattr__(var, "id", nodes.fresh_id())
    return value


# guards -----------------------------------------------------------------------------------

_RELATIONS = ("absent", "same", "apart", "lacks")
"""Kinds of guards whose values are names and sources, not objects; the trampoline tests them."""

_READINGS: dict[str, Callable[[Any], Any]] = {
    "is": lambda x: x,
    "equal": lambda x: x,
    "type": type,
    "len": len,
    "keys": tuple,
    "data": frozen,
    "contents": contents,
    "members": frozenset,
    "shape": lambda x: x.shape,
    "lengths": lambda x: lengths_fixed(x.shape),
    "short": lambda x: tuple(n <= SHORT for n in x.shape),
    "order": lambda x: x.flags.c_contiguous,
    "dtype": lambda x: x.dtype,
    "code": lambda x: (x.__code__, x.__defaults__, x.__kwdefaults__),
}
"""What a fact of each kind says of an object."""


def guard_now(guard: Guard, arguments: Mapping[str, Any]) -> Guard:
    """Return the fact of a guard's kind that holds of its source in a call; it raises what reading the source raises.

    Facts that say how objects are related are returned as they are.
    """
    source, kind = guard.source, guard.kind
    if kind in _RELATIONS:
        return guard
    if kind == "holds":
        module = fetch(source, arguments)
        return replace(guard, value=tuple((name, vars(module)[name]) for name, _ in guard.value))
    reading = _READINGS.get(kind)
    if reading is None:
        raise NotPortableError(f"a guard of the kind {kind}")
    return replace(guard, value=reading(fetch(source, arguments)))


def fact(guard: Guard, content: Content, arguments: Mapping[str, Any]) -> bytes:
    """Return the hash of what a guard says."""
    if guard.kind in _RELATIONS or guard.kind == "holds":
        # What modules hold is compared for all that was read of them, see `revtrace.trace.reliance`.
        return b""
    if guard.kind == "code":
        return content.of(fetch(guard.source, arguments))
    return content.of(guard.value)


def bare(guard: Guard) -> Guard:
    """Return a guard as it is written: without the object it compares with."""
    if guard.kind == "holds":
        return replace(guard, value=tuple((name, None) for name, _ in guard.value))
    return guard if guard.kind in _RELATIONS else replace(guard, value=None)
