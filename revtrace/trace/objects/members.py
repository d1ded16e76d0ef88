"""Attributes of instances and of classes, looked up as Python does."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

from revtrace.calls.draws import GENERATORS
from revtrace.trace.external import attribute_of, external, lacks
from revtrace.trace.objects.held import held
from revtrace.trace.record import Attr, Fixed, Item, Source
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import CellBox, DictBox, ObjectBox, State
from revtrace.trace.values import UNDEF, Bound, Ref, Static, Tup, Undef

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = [
    "STEADY",
    "attribute_cell",
    "class_attribute",
    "class_source",
    "lookup",
    "of_object",
    "own_names",
    "part_of",
    "store_field",
    "super_attribute",
    "write_attribute",
    "written_attribute",
]

STEADY = frozenset(
    {"numpy", "math", "cmath", "scipy", "numba", "builtins", "operator", "functools", "itertools", "typing"}
)


def of_object(t: Tracer, st: State, ref: Ref, box: ObjectBox, name: str) -> Any:
    """Return ``ref.name`` of an instance."""
    cls = box.cls
    t.reliance.touch(cls)
    if name == "__class__":
        return Static(cls)
    from revtrace.trace.scipy import sparse

    if sparse.is_sparse_class(cls):
        return sparse.attribute(t, st, ref, box, name)
    if cls in GENERATORS:
        from revtrace.trace.objects.attributes import Method

        return Bound(Static(Method("generator", name)), ref)
    if name == "__dict__":
        if (replaced := box.get(name)) is not None:
            return replaced
        if box.source is not None:
            t.guard(Attr(box.source, "__dict__"), "keys", tuple(vars(box.original)))
            for key in vars(box.original):
                if box.get(key) is None:
                    st.learn(ref, key, attribute_of(t, st, box, key))
            box = st.box(ref)  # type: ignore[assignment]
        return st.new(DictBox(box.fields, owner=ref))
    if issubclass(cls, BaseException) and box.get(name) is not None:
        return box.get(name)
    in_class = lookup(cls, name)
    # What only has ``__set__`` does not stand in the way of what an instance holds.
    data = (
        hasattr(type(in_class), "__get__")
        and hasattr(type(in_class), "__set__")
        and not isinstance(in_class, types.MemberDescriptorType)
    )
    if not data:
        found = box.get(name)
        if found is None and (replaced := box.get("__dict__")) is not None:
            # ``self.__dict__ = self`` of a dict whose entries are its attributes.
            entries = st.box(held(st, replaced) or replaced)  # type: ignore[arg-type]
            found = entries.get(name) if isinstance(entries, DictBox) else None
        if found is not None:
            return found
        if box.source is not None:
            own = getattr(box.original, "__dict__", {})
            if name in own or isinstance(in_class, types.MemberDescriptorType):
                try:
                    value = attribute_of(t, st, box, name)
                except AttributeError as error:
                    t.guard(Attr(box.source, name), "absent")
                    raise PythonRaise(error) from None
                st.learn(ref, name, value)
                return value
            lacks(t, box, name)
    written = attribute_cell(t, cls, name)
    if written is not None:
        return written_attribute(st, written)
    there = any(name in vars(base) for base in cls.__mro__)  # It may be None.
    if there and not isinstance(in_class, types.MemberDescriptorType):
        return class_attribute(t, st, cls, ref, name)
    if hasattr(cls, "__getattr__"):
        from revtrace.trace.callables.calls import call

        return call(t, st, Bound(Static(cls.__getattr__), ref), (Static(name),), {})
    t.guard(class_source(cls, name), "absent")
    raise PythonRaise(AttributeError(f"'{cls.__name__}' object has no attribute {name!r}"))


def attribute_cell(t: Tracer, obj: Any, name: str) -> Ref | None:
    """Return the cell of an attribute of a class, or function, that the traced function has set."""
    for owner in obj.__mro__ if isinstance(obj, type) else (obj,):
        if (id(owner), name) in t.global_cells:
            return t.global_cells[id(owner), name]
        if name in getattr(owner, "__dict__", ()):
            return None
    return None


def written_attribute(st: State, cell: Ref) -> Any:
    """Return what an attribute was set to."""
    box = st.box(cell)
    assert isinstance(box, CellBox)
    if isinstance(box.value, Undef):
        raise PythonRaise(AttributeError("an attribute that is set on another way only"))
    return box.value


def write_attribute(t: Tracer, st: State, obj: Any, name: str, value: Any) -> None:
    """Set an attribute of a class or function, as seen from here on."""
    ref = t.global_cells.get((id(obj), name))
    if ref is None:
        before: Any = UNDEF
        if name in vars(obj):
            before = external(t, st, vars(obj)[name], Attr(Fixed(obj), name), "const")
        ref = st.new(CellBox(before))
        t.originals[ref.id] = CellBox(before)
        t.global_cells[id(obj), name] = ref
    st.set(ref, CellBox(value))
    t.side_effects = t.side_effects or t.b.loc


def lookup(cls: type, name: str) -> Any:
    """Return what a class or its bases have under a name, None where they have nothing."""
    for base in cls.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return None


def class_attribute(t: Tracer, st: State, cls: type, self: Any, name: str, start: type | None = None) -> Any:
    """Look a name up in a class (after ``start`` in its order) and bind it."""
    from revtrace.trace.callables.calls import call

    t.reliance.touch(cls)
    mro = cls.__mro__
    if start is not None:
        mro = mro[mro.index(start) + 1 :]
    found: Any = None
    for base in mro:
        if name in vars(base):
            found = vars(base)[name]
            break
    else:
        raise PythonRaise(AttributeError(f"'{cls.__name__}' object has no attribute {name!r}"))
    source = class_source(cls if start is None else base, name)
    if isinstance(found, property):
        if found.fget is None:
            raise PythonRaise(AttributeError(name))
        return call(t, st, Static(found.fget, part_of(source, "fget")), (self,), {})
    if isinstance(found, functools.cached_property):
        value = call(t, st, Static(found.func, part_of(source, "func")), (self,), {})
        if isinstance(self, Ref):
            st.set_field(self, name, value)
        return value
    if isinstance(found, classmethod):
        return Bound(Static(found.__func__, part_of(source, "__func__")), Static(cls))
    if isinstance(found, staticmethod):
        return Static(found.__func__, source)
    if isinstance(found, (types.FunctionType, functools._lru_cache_wrapper)):
        return Bound(Static(found, source), self)
    if type(found).__module__.startswith(("numba", "revtrace.")) and hasattr(found, "py_func"):
        # The function in it: its content is known to the disk cache.
        t.guard(part_of(source, "py_func"), "is", found.py_func)
        return Bound(Static(found), self)
    if isinstance(found, (types.WrapperDescriptorType, types.MethodDescriptorType)):
        return Bound(Static(found), self)
    if isinstance(found, functools.partialmethod):
        raise t.unsupported("a partialmethod", "it is not supported", "write the method out")
    if hasattr(type(found), "__get__") and not isinstance(found, type):
        getter = type(found).__get__
        if isinstance(getter, types.FunctionType):
            # Not by getattr, which would call the descriptor.
            inside = source and Item(Attr(Fixed(base), "__dict__"), name)
            t.guard(inside, "is", found)
            descriptor = external(t, st, found, inside, "const")
            return call(t, st, Bound(Static(getter), descriptor), (self, Static(cls)), {})
        source = None
    return external(t, st, found, source, "const")


def class_source(cls: type, name: str) -> Source | None:
    """Where a class's attribute is read again at each call; None for classes that do not change."""
    steady = cls.__module__.partition(".")[0] in STEADY or cls.__module__ == "collections"
    return None if steady else Attr(Fixed(cls), name)


def part_of(source: Source | None, name: str) -> Source | None:
    """Return where an attribute of what a source gives is read again."""
    return None if source is None else Attr(source, name)


def own_names(cls: type) -> set[str]:
    """Return the names that a class and its bases define, but for ``object``."""
    return {name for base in cls.__mro__ if base is not object for name in vars(base)}


def store_field(t: Tracer, st: State, target: Ref, name: str, value: Any) -> None:
    """Set an attribute without asking the class."""
    box = st.box(target)
    assert isinstance(box, ObjectBox)
    if box.source is not None:
        t.side_effects = t.side_effects or t.b.loc
    replaced = box.get("__dict__")
    if isinstance(replaced, Ref) and name != "__dict__":
        st.set_item(held(st, replaced) or replaced, name, value)
    else:
        st.set_field(target, name, value)


def super_attribute(t: Tracer, st: State, cls: Any, self: Any, name: str) -> Any:
    """``super(cls, self).name``."""
    start = cls.value
    if isinstance(self, Static) and isinstance(self.value, type):
        t.reliance.touch(self.value)
        found = _lookup_after(self.value, start, name)
        if name == "__new__" or isinstance(found, staticmethod):
            return Static(getattr(found, "__func__", found))
        return Bound(Static(found.__func__ if isinstance(found, classmethod) else found), self)
    if isinstance(self, Tup):
        owner = self.cls or tuple
    elif isinstance(self, Static):
        owner = type(self.value)
    else:
        box = st.box(self)
        assert isinstance(box, ObjectBox)
        owner = box.cls
    return class_attribute(t, st, owner, self, name, start)


def _lookup_after(cls: type, start: type, name: str) -> Any:
    mro = cls.__mro__
    for base in mro[mro.index(start) + 1 :]:
        if name in vars(base):
            return vars(base)[name]
    raise PythonRaise(AttributeError(name))
