"""What Python objects consist of, as a hash that is the same in every process where they are the same.

Code is hashed by its instructions, constants, names and lines; a class by all it holds; a constant by its value;
what belongs to a library that does not change by its name and the library's version.  An object that is none of
these has no such hash: `NotPortableError`.
"""

from __future__ import annotations

import _abc  # type: ignore[import-not-found]
import collections
import dataclasses
import enum
import functools
import hashlib
import operator
import struct
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

__all__ = ["STEADY", "Content", "NotPortableError", "is_steady", "name_of", "named"]


class NotPortableError(Exception):
    """What a specialisation depends on cannot be recognised in another process."""


STEADY = frozenset({"numpy", "scipy", "numba", "revtrace"}) | sys.stdlib_module_names
"""Packages that are what their version says."""

_SKIPPED = frozenset(
    "__dict__ __weakref__ __annotations__ __annotate__ __annotate_func__ __annotations_cache__ __orig_bases__ "
    "__parameters__ __type_params__ __static_attributes__ __firstlineno__ _abc_impl __conditional_annotations__".split()
)
"""Entries of a class that the tracer does not read, or that follow from others."""

_LARGEST = 1 << 20
"""Bytes of an array up to which it is hashed."""

_DESCRIPTORS = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)


def named(module: str, qualname: str) -> Any:
    """Return the object of a name in a module that is loaded; `NotPortableError` where there is none."""
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise NotPortableError(f"there is no {module}.{qualname}")
    return found


def name_of(obj: Any) -> tuple[str, str]:
    """Return the module and name under which an object is found; `NotPortableError` where that is another or none."""
    name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    home = getattr(obj, "__module__", None) or getattr(getattr(obj, "__self__", None), "__name__", None)
    if isinstance(name, str):
        for module in (home, "numpy", "scipy.special") if isinstance(obj, np.ufunc) else (home,):
            try:
                if isinstance(module, str) and named(module, name) is obj:
                    return module, name
            except NotPortableError:
                continue
    raise NotPortableError(f"{obj!r} is not found under its name")


def is_steady(obj: Any) -> bool:
    """Whether an object is a library's or Python's own, and found there under its name."""
    if isinstance(obj, types.ModuleType):
        return obj.__name__.partition(".")[0] in STEADY
    home = getattr(obj, "__module__", None)
    if isinstance(home, str) and home.partition(".")[0] not in STEADY:
        return False
    try:
        return name_of(obj)[0].partition(".")[0] in STEADY
    except NotPortableError:
        return False


def _steady_name(obj: Any) -> bytes:
    module, name = name_of(obj)
    version = getattr(sys.modules.get(module.partition(".")[0]), "__version__", "")
    return f"{module}:{name}:{version}".encode()


class Content:
    """Hashes of objects, and which objects and code they have seen.

    Attributes
    ----------
    seen : dict from id to object
        Every object looked into.
    codes : set of code objects
        Every code object looked into.
    """

    def __init__(self) -> None:
        self.seen: dict[int, Any] = {}
        self.codes: set[types.CodeType] = set()
        self._known: dict[int, bytes] = {}
        self._put: Callable[[bytes], None]
        self._order: dict[int, int]

    def of(self, obj: Any) -> bytes:
        """Return the hash of an object.

        Raises
        ------
        NotPortableError
            The object, or one in it, is of a kind that has none.
        """
        found = self._known.get(id(obj))
        if found is None:
            digest = hashlib.sha256()
            self._put, self._order = digest.update, {}
            self._add(obj)
            found = digest.digest()
            if id(obj) in self.seen:
                self._known[id(obj)] = found
        return found

    def _text(self, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self._put(len(data).to_bytes(8, "little") + data)

    def _many(self, tag: bytes, parts: Iterable[Any]) -> None:
        parts = tuple(parts)
        self._put(tag + len(parts).to_bytes(8, "little"))
        for part in parts:
            self._add(part)

    def _add(self, obj: Any) -> None:
        kind = type(obj)
        plain = _PLAIN.get(kind)
        if plain is not None:
            plain(self, obj)
            return
        place = self._order.get(id(obj))
        if place is not None:
            self._put(b"R" + place.to_bytes(8, "little"))
            return
        self._order[id(obj)] = len(self._order)
        self.seen[id(obj)] = obj
        writer = _KINDS.get(kind)
        if writer is not None:
            writer(self, obj)
        elif isinstance(obj, type):
            self._class(obj)
        elif isinstance(obj, enum.Enum):
            self._many(b"E", (obj.name, obj._value_, kind))
        elif isinstance(obj, np.generic):
            self._many(b"n", (kind.__name__, obj.tobytes()))
        elif isinstance(obj, tuple):
            self._many(b"t", (kind, *obj))
        elif isinstance(getattr(obj, "py_func", None), types.FunctionType) and kind.__module__.startswith("numba"):
            self._many(b"j", (obj.py_func,))
        elif isinstance(obj, np.dtype):
            self._many(b"d", (str(obj.descr),))
        elif is_steady(obj):
            self._put(b"L" + _steady_name(obj))
        else:
            self._instance(obj)

    def _ordered_set(self, obj: Any) -> None:
        self._put(b"F" + len(obj).to_bytes(8, "little"))
        for part in sorted(self._apart(x) for x in obj):
            self._put(part)

    def _apart(self, obj: Any) -> bytes:
        """Return the hash of a member of a set, whose order means nothing."""
        inner = Content()
        inner.seen, inner.codes = self.seen, self.codes
        return inner.of(obj)

    def _code(self, code: types.CodeType) -> None:
        self.codes.add(code)
        self._put(b"c")
        for number in (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags):
            self._put(number.to_bytes(8, "little"))
        for text in (code.co_name, code.co_qualname, code.co_filename):
            self._text(text)
        self._put(code.co_firstlineno.to_bytes(8, "little", signed=True))
        for data in (code.co_code, code.co_linetable, code.co_exceptiontable):
            self._put(len(data).to_bytes(8, "little") + data)
        for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars):
            self._many(b"N", names)
        self._many(b"K", code.co_consts)

    def _function(self, f: types.FunctionType) -> None:
        if f.__module__ and f.__module__.partition(".")[0] in STEADY and is_steady(f):
            self._put(b"L" + _steady_name(f))
            self.codes.add(f.__code__)
            return
        # What its names and cells hold is guarded, one by one.
        self._many(b"f", (f.__module__, f.__qualname__, f.__code__, f.__defaults__, f.__kwdefaults__, f.__dict__))

    def _class(self, cls: type) -> None:
        if is_steady(cls):
            self._put(b"L" + _steady_name(cls))
            return
        self._text(f"{cls.__module__}:{cls.__qualname__}")
        self._many(b"C", (type(cls), cls.__bases__))
        for base in cls.__mro__[1:]:
            self.seen.setdefault(id(base), base)
        for name, value in vars(cls).items():
            if name not in _SKIPPED:
                self._text(name)
                self._add(value)
        if "_abc_impl" in vars(cls):
            members = (member() for member in _abc._get_dump(cls)[0])
            self._many(b"A", sorted(f"{m.__module__}:{m.__qualname__}" for m in members if m is not None))

    def _instance(self, obj: Any) -> None:
        """Write an instance of a class written in Python, attribute by attribute."""
        cls = type(obj)
        if any(base is not object and not base.__flags__ & _HEAP for base in cls.__mro__) or is_steady(cls):
            raise NotPortableError(f"{obj!r} has no known content")
        self._many(b"i", (cls, getattr(obj, "__dict__", None)))
        for base in cls.__mro__:
            names = vars(base).get("__slots__", ())
            for name in (names,) if isinstance(names, str) else names:
                self._many(b"s", (name, getattr(obj, name, None)))

    def _array(self, a: np.ndarray[Any, Any]) -> None:
        if a.nbytes > _LARGEST or a.dtype.hasobject:
            raise NotPortableError("a large array, or one of objects")
        self._many(b"a", (str(a.dtype), a.shape, a.tobytes()))

    def _method(self, f: Any) -> None:
        """Write a builtin method: its owner and its name."""
        if f.__self__ is None or isinstance(f.__self__, types.ModuleType):
            self._put(b"L" + _steady_name(f))
        else:
            self._many(b"b", (f.__name__, f.__self__))


_HEAP = 1 << 9


def _number(text: Callable[[Any], bytes]) -> Callable[[Content, Any], None]:
    def write(content: Content, x: Any) -> None:
        data = text(x)
        content._put(len(data).to_bytes(8, "little") + data)

    return write


def _tagged(tag: bytes, parts: Callable[[Any], Iterable[Any]]) -> Callable[[Content, Any], None]:
    return lambda content, x: content._many(tag, parts(x))


_PLAIN: dict[type, Callable[[Content, Any], None]] = {
    bool: _number(lambda x: b"B1" if x else b"B0"),
    int: _number(lambda x: b"I%d" % x),
    float: _number(lambda x: b"D" + struct.pack("<d", x)),
    complex: _number(lambda x: b"Z" + struct.pack("<dd", x.real, x.imag)),
    str: _number(lambda x: b"S" + x.encode("utf-8", "surrogatepass")),
    bytes: _number(lambda x: b"Y" + x),
    type(None): _number(lambda _: b"none"),
    type(Ellipsis): _number(lambda _: b"..."),
    type(NotImplemented): _number(lambda _: b"not implemented"),
}

_KINDS: dict[type, Callable[[Content, Any], None]] = {
    tuple: _tagged(b"T", lambda x: x),
    list: _tagged(b"l", lambda x: x),
    dict: _tagged(b"m", lambda x: [part for item in x.items() for part in item]),
    types.MappingProxyType: _tagged(b"M", lambda x: [part for item in x.items() for part in item]),
    set: Content._ordered_set,
    frozenset: Content._ordered_set,
    range: _tagged(b"r", lambda x: (x.start, x.stop, x.step)),
    slice: _tagged(b"u", lambda x: (x.start, x.stop, x.step)),
    np.ndarray: Content._array,
    types.CodeType: Content._code,
    types.FunctionType: Content._function,
    types.BuiltinFunctionType: Content._method,
    types.ModuleType: _tagged(b"o", lambda x: (x.__name__,)),
    types.MethodType: _tagged(b"h", lambda x: (x.__func__, x.__self__)),
    staticmethod: _tagged(b"1", lambda x: (x.__func__,)),
    classmethod: _tagged(b"2", lambda x: (x.__func__,)),
    type(collections.namedtuple("_", "x").x): _tagged(b"0", lambda x: x.__reduce__()),  # type: ignore[attr-defined]
    property: _tagged(b"3", lambda x: (x.fget, x.fset, x.fdel)),
    functools.partial: _tagged(b"4", lambda x: (x.func, x.args, x.keywords, x.__dict__)),
    functools.cached_property: _tagged(b"5", lambda x: (x.func, x.attrname)),
    functools._lru_cache_wrapper: _tagged(b"6", lambda x: (x.__wrapped__,)),
    dataclasses.Field: _tagged(b"7", lambda x: (x.name, x.default, x.default_factory, x.init, x.kw_only)),
    dataclasses._MISSING_TYPE: _tagged(b"8", lambda _: ()),
    dataclasses._FIELD_BASE: _tagged(b"9", lambda x: (x.name,)),  # type: ignore[attr-defined]
    dataclasses._DataclassParams: _tagged(b"p", lambda x: (repr(x),)),  # type: ignore[attr-defined]
    **dict.fromkeys(
        (operator.itemgetter, operator.attrgetter, operator.methodcaller), _tagged(b"g", lambda x: x.__reduce__())
    ),
    **{kind: _tagged(b"e", lambda x: (type(x).__name__, x.__name__)) for kind in _DESCRIPTORS},
}
