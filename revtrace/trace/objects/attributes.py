"""Attributes of traced values, looked up as Python does."""

from __future__ import annotations

import collections
import functools
import types
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.program.nodes import Const, const
from revtrace.program.types import Scalar, real_dtype
from revtrace.trace.external import external, holds
from revtrace.trace.ndarray import arrays, assignment, subscripts
from revtrace.trace.objects.members import (
    STEADY,
    attribute_cell,
    class_attribute,
    class_source,
    lookup,
    of_object,
    own_names,
    part_of,
    store_field,
    super_attribute,
    write_attribute,
    written_attribute,
)
from revtrace.trace.objects.texts import TEXT_METHODS, is_text
from revtrace.trace.record import Attr, Fixed, Global, Source
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import CellBox, DictBox, Growing, IterBox, ListBox, ObjectBox, SetBox, State
from revtrace.trace.values import Bound, Num, Ref, Static, Tup, View, is_number

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["Method", "Super", "delete_attribute", "get_attribute", "set_attribute"]


class Method:
    """The name of a built-in method of a kind of value: ``list.append``, ``array.sum``."""

    __slots__ = ("kind", "name")

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Method) and (other.kind, other.name) == (self.kind, self.name)

    def __hash__(self) -> int:
        return hash((self.kind, self.name))

    @property
    def label(self) -> str:
        """The name in messages."""
        return f"{self.kind}.{self.name}"


class Super:
    """``super()`` before an attribute of it is read."""

    __slots__ = ("cls", "self")

    def __init__(self, cls: Any, self_: Any) -> None:
        self.cls, self.self = cls, self_


#: What a heap record may stand for.
_CONTAINERS = {
    "list": (list, collections.deque), "dict": (dict, collections.OrderedDict, collections.defaultdict), "set": (set,),
    "generator": (types.GeneratorType,),
}  # fmt: skip

#: Packages whose modules do not change under a program's feet.

#: Attributes of functions and classes that are no part of what the disk cache compares.
_UNTOLD = frozenset({"__annotations__", "__subclasses__", "__code__", "__globals__", "__closure__", "__type_params__"})


def get_attribute(t: Tracer, st: State, value: Any, name: str) -> Any:
    """``value.name``."""
    if is_text(value) and name in TEXT_METHODS:
        return Bound(Static(Method("text", name)), value)
    value = t.use(value)
    if isinstance(value, Ref):
        box = st.box(value)
        if isinstance(box, ObjectBox):
            return of_object(t, st, value, box, name)
        kind = {ListBox: "list", Growing: "list", DictBox: "dict", SetBox: "set"}.get(type(box))
        if isinstance(box, IterBox) and box.kind in ("generator", "suspended"):
            kind = "generator"
        if kind is None or not any(hasattr(c, name) for c in _CONTAINERS[kind]):
            raise PythonRaise(AttributeError(f"no attribute {name!r}"))
        return Bound(Static(Method(kind, name)), value)
    if arrays.is_array(value):
        return _of_array(t, value, name)
    if isinstance(value, Num) or (
        isinstance(value, Static) and is_number(value.value) and not hasattr(value.value, "name")
    ):
        return _of_number(t, value, name)
    if isinstance(value, Tup):
        return _of_tuple(t, st, value, name)
    if isinstance(value, Static):
        return _of_static(t, st, value, name)
    if isinstance(value, Bound):
        if name == "__self__":
            return value.self
        if name == "__func__":
            return value.function
        return get_attribute(t, st, value.function, name)
    raise PythonRaise(AttributeError(name))


def _of_number(t: Tracer, value: Any, name: str) -> Any:
    if isinstance(value, Static):
        found = getattr(value.value, name, None)
        if is_number(found):
            return Static(found)
    if name == "real":
        if isinstance(value, Num) and value.dtype[0] == "c":
            return Num(t.b.op("real", value.operand, type=Scalar(real_dtype(value.dtype))), value.weak)
        return value
    if name == "imag":
        if isinstance(value, Num) and value.dtype[0] == "c":
            return Num(t.b.op("imag", value.operand, type=Scalar(real_dtype(value.dtype))), value.weak)
        return Static(0.0)
    if isinstance(value, Num):
        if not value.weak:
            if name == "dtype":
                return Static(np.dtype(value.dtype))
            if name in ("ndim",):
                return Static(0)
            if name == "shape":
                return Static(())
            if name == "size":
                return Static(1)
            if name == "T":
                return value
            if hasattr(np.float64, name):
                return Bound(Static(Method("array", name)), value)
        python = {"f": float, "i": int, "b": bool, "c": complex, "u": int}[value.dtype[0]]
        if hasattr(python, name):
            return Bound(Static(Method("number", name)), value)
        raise PythonRaise(AttributeError(f"'{python.__name__}' object has no attribute {name!r}"))
    try:
        return Static(getattr(value.value, name))
    except AttributeError as error:
        raise PythonRaise(error) from None


def _of_array(t: Tracer, value: Any, name: str) -> Any:
    match name:
        case "shape":
            from revtrace.trace.ndarray.convert import shape_tuple

            return shape_tuple(value.shape)
        case "ndim":
            return Static(value.ndim)
        case "size":
            from revtrace.trace.ndarray.convert import size_of

            return size_of(t, value)
        case "dtype":
            return Static(np.dtype(value.dtype))
        case "T":
            view = arrays.settle(t, value)
            return subscripts.transpose(view, tuple(range(view.ndim))[::-1])
        case "mT":
            view = arrays.settle(t, value)
            order = list(range(view.ndim))
            order[-2:] = order[-2:][::-1]
            return subscripts.transpose(view, tuple(order))
        case "real" | "imag":
            if value.dtype[0] != "c":
                zeros = None if name == "real" else arrays.new_array(t, value.dtype, value.shape, zeros=True)
                return value if zeros is None else replace(zeros, writeable=const(False))
            if isinstance(value, View):
                return replace(value, source=None, part=name)
            return arrays.apply(t, lambda x: _of_number(t, x, name), (value,))
        case "flags":
            writeable = value.writeable if isinstance(value, View) else const(True)
            return Static(_Flags(value.ndim, not isinstance(writeable, Const) or bool(writeable.value)))
        case "strides" | "base" | "data" | "ctypes":
            raise t.unsupported(
                f"the attribute {name} of an array",
                "how numbers lie in memory is no part of the program",
                "leave out what only looks after memory",
            )
        case "itemsize":
            return Static(np.dtype(value.dtype).itemsize)
        case "nbytes":
            from revtrace.trace.ndarray.convert import size_of
            from revtrace.trace.numbers import binary

            return binary(t, "*", size_of(t, value), Static(np.dtype(value.dtype).itemsize))
        case "flat":
            from revtrace.trace.ndarray.shaping import flat

            return flat(t, value)
    if hasattr(np.ndarray, name):
        return Bound(Static(Method("array", name)), value)
    raise PythonRaise(AttributeError(f"'numpy.ndarray' object has no attribute {name!r}"))


class _Flags:
    """The flags of the arrays that a program computes with: C-contiguous copies of the caller's."""

    def __init__(self, ndim: int, writeable: bool) -> None:
        self.c_contiguous = self.contiguous = self.owndata = self.aligned = self.forc = True
        self.writeable = self.carray = self.behaved = writeable
        self.f_contiguous = self.fortran = ndim <= 1
        self.fnc = self.farray = self.writebackifcopy = False

    def __getitem__(self, name: str) -> bool:
        return bool(getattr(self, {"C": "c_contiguous", "F": "f_contiguous"}.get(name, name.lower())))


def _of_tuple(t: Tracer, st: State, value: Tup, name: str) -> Any:
    cls = value.cls
    names = getattr(cls, "_fields", ())
    if name in names:
        return value.items[names.index(name)]
    if cls is not None:
        return class_attribute(t, st, cls, value, name)
    if hasattr(tuple, name):
        return Bound(Static(Method("tuple", name)), value)
    raise PythonRaise(AttributeError(f"'tuple' object has no attribute {name!r}"))


def _patched(found: Any) -> bool:
    """Whether what a library's module holds is a function of the user's."""
    home = found.__globals__.get("__name__", "") if isinstance(found, types.FunctionType) else "builtins"
    return home.partition(".")[0] not in (*STEADY, "revtrace")


def _of_static(t: Tracer, st: State, value: Static, name: str) -> Any:
    obj = value.value
    if isinstance(obj, Super):
        return super_attribute(t, st, obj.cls, obj.self, name)
    if isinstance(obj, types.ModuleType):
        if name == "__dict__" and obj.__name__.partition(".")[0] not in STEADY:
            raise t.unsupported(
                f"the namespace of the module {obj.__name__}",
                "all of it would have to be watched",
                "read the names that are needed: module.name, getattr(module, name)",
            )
        written = t.global_cells.get((id(vars(obj)), name))
        if written is not None:
            box = st.box(written)
            assert isinstance(box, CellBox)
            return box.value
        try:
            found = getattr(obj, name)
        except AttributeError as error:
            t.guard(Attr(Fixed(obj), name), "absent")
            raise PythonRaise(error) from None
        if obj.__name__.partition(".")[0] in STEADY and not _patched(found):
            t.reliance.steady[obj.__name__, name] = found
            holds(t, obj, name)
            if isinstance(found, (int, float, complex)):
                return Static(found)
            return external(t, st, found, None, "const") if isinstance(found, np.ndarray) else Static(found)
        return external(t, st, found, Global(vars(obj), name), "const")
    written = attribute_cell(t, obj, name)
    if written is not None:
        return written_attribute(st, written)
    if name in ("__cause__", "__context__") and isinstance(obj, BaseException):
        before = getattr(obj, name)
        if type(before).__module__.startswith("revtrace."):
            raise t.unsupported(
                f"reading {name} of an exception whose cause is known only when running",
                "it holds run-time numbers",
                "keep the first exception in a variable of its own",
            )
        return Static(before)
    t.reliance.touch(obj)
    if name in _UNTOLD:
        t.reliance.hide(f"{name} is read")
    if isinstance(obj, type):
        found = None
        for base in obj.__mro__:
            if name in vars(base):
                found = vars(base)[name]
                break
        where = class_source(obj, name)
        if isinstance(found, classmethod):
            return Bound(Static(found.__func__, part_of(where, "__func__")), value)
        if isinstance(found, staticmethod):
            return Static(found.__func__, where)
        try:
            got = getattr(obj, name)
        except AttributeError as error:
            t.guard(where, "absent")
            raise PythonRaise(error) from None
        if isinstance(got, types.FunctionType):
            return Static(got, where)
        source: Source | None = value.source
        if source is not None and not isinstance(got, (types.BuiltinFunctionType, types.MethodDescriptorType)):
            return external(t, st, got, Attr(source, name), "const")
        return external(t, st, got, None, "const")
    from revtrace.trace.callables.traced_function import TracedFunction

    if isinstance(obj, TracedFunction):
        return obj.attribute(t, st, name)
    try:
        got = getattr(obj, name)
    except AttributeError as error:
        raise PythonRaise(error) from None
    if isinstance(got, (types.BuiltinFunctionType, types.MethodType, types.MethodWrapperType)) and not isinstance(
        got, types.FunctionType
    ):
        return Static(got)
    # A function's attributes may be set again, and a partial's keywords are a dict.
    changes = isinstance(obj, (types.FunctionType, functools.partial))
    return external(t, st, got, Attr(value.source or Fixed(obj), name) if changes else None, "const")


def set_attribute(t: Tracer, st: State, target: Any, name: str, value: Any) -> None:
    """``target.name = value``."""
    target = t.use(target)
    if isinstance(target, Ref):
        box = st.box(target)
        if isinstance(box, ObjectBox):
            in_class = lookup(box.cls, name)
            if isinstance(in_class, property):
                from revtrace.trace.callables.calls import call

                if in_class.fset is None:
                    raise PythonRaise(AttributeError(f"property {name!r} has no setter"))
                call(t, st, Static(in_class.fset), (target, value), {})
                return
            setter = lookup(type(in_class), "__set__") if in_class is not None else None
            if isinstance(setter, types.FunctionType):
                from revtrace.trace.callables.calls import call

                descriptor = external(t, st, in_class, None, "const")
                call(t, st, Static(setter), (descriptor, target, value), {})
                return
            custom = lookup(box.cls, "__setattr__")
            if custom is not object.__setattr__ and isinstance(custom, types.FunctionType):
                params = getattr(box.cls, "__dataclass_params__", None)
                if params is not None and params.frozen:
                    import dataclasses

                    raise PythonRaise(dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}"))
                from revtrace.trace.callables.calls import call

                call(t, st, Bound(Static(custom), target), (Static(name), value), {})
                return
            store_field(t, st, target, name, value)
            return
    if isinstance(target, View) and name in ("real", "imag"):
        _set_part(t, target, name, value)
        return
    if arrays.is_array(target) and name == "shape":
        raise t.unsupported(
            "setting an array's shape in place", "other names of it would see it", "use x = x.reshape(...)"
        )
    if arrays.is_array(target) or isinstance(target, (Num, Tup)):
        kind = "numpy.ndarray" if arrays.is_array(target) else "tuple" if isinstance(target, Tup) else "float"
        if not isinstance(target, Tup) or target.cls is None:
            raise PythonRaise(AttributeError(f"'{kind}' object has no attribute {name!r}"))
    from revtrace.trace.callables.traced_function import TracedFunction

    if isinstance(target, Static) and isinstance(target.value, _Flags):
        raise t.unsupported(
            "setting an array's flags", "all names of the array would see it", "leave it out, or take a copy (x.copy())"
        )
    if isinstance(target, Static) and isinstance(target.value, TracedFunction):
        target.value.set_attribute(t, st, name, value)
        return
    if isinstance(target, Static) and isinstance(target.value, (type, types.FunctionType)):
        write_attribute(t, st, target.value, name, value)
        return
    raise t.unsupported(
        f"setting an attribute of {t.describe(target)}",
        "it would change an object outside the function",
        "make a new object, or set it outside the function",
    )


def delete_attribute(t: Tracer, st: State, target: Any, name: str) -> None:
    """``del target.name``, of an instance made while tracing."""
    box = st.box(target) if isinstance(target, Ref) else None
    in_class = lookup(box.cls, name) if isinstance(box, ObjectBox) else None
    if isinstance(in_class, property) and in_class.fdel is not None:
        from revtrace.trace.callables.calls import call

        call(t, st, Static(in_class.fdel), (target,), {})
        return
    if not isinstance(box, ObjectBox) or box.source is not None or "__delattr__" in own_names(box.cls):
        raise t.unsupported(
            f"deleting the attribute {name!r}", "it is known only of instances made in the function", "set it to None"
        )
    if box.get(name) is None:
        raise PythonRaise(AttributeError(f"'{box.cls.__name__}' object has no attribute '{name}'"))
    st.set(target, replace(box, fields=tuple(f for f in box.fields if f[0] != name)))


def _set_part(t: Tracer, target: View, name: str, value: Any) -> None:
    """``z.real = x`` or ``z.imag = x`` for an array."""
    if target.dtype[0] != "c":
        if name == "imag":
            raise PythonRaise(TypeError("array does not have imaginary part to set"))
    else:
        target = replace(target, part=name)
    assignment.assign(t, target, t.use(value))
