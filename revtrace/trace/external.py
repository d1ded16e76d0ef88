"""Objects from outside the traced function: arguments, globals, closure cells, their attributes.

Numbers and arrays of the arguments become inputs of the program.  Numbers found
in globals and closures are constants, guarded; arrays are inputs wherever they are
found, read afresh at every call.  Everything else is known while tracing, and
guarded.
"""

from __future__ import annotations

import datetime
import enum
import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.calls import users
from revtrace.calls.draws import GENERATORS
from revtrace.errors import UnsupportedError
from revtrace.program.nodes import Var, const
from revtrace.program.types import Array, Scalar
from revtrace.trace.builtin_classes import builtin_of
from revtrace.trace.constants import frozen, is_data
from revtrace.trace.numbers import SUPPORTED, dtype_of
from revtrace.trace.objects.held import HELD
from revtrace.trace.record import Attr, Fixed, Guard, Input, Item, Source, lengths_fixed, rendered
from revtrace.trace.state import DictBox, ListBox, ObjectBox, SetBox, State
from revtrace.trace.values import Along, Num, Ref, Static, Tup, Value, View, is_number

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["attribute_of", "external", "guard_apart", "holds", "is_annotation", "lacks", "source_of"]

LIBRARIES = ("numpy", "scipy", "numba", "revtrace")
"""Packages whose own code is not looked at again: nobody changes what it is made of."""

_PLAIN = (str, bytes, type(None), type(Ellipsis), type(NotImplemented))


def external(t: Tracer, st: State, value: Any, source: Source | None, role: str) -> Value:
    """Return the traced value of an object; ``role`` is ``"arg"`` or ``"const"``."""
    if isinstance(value, _PLAIN):
        t.guard(source, "equal", value)
        return Static(value, source)
    if isinstance(value, (bool, np.bool_, enum.Enum)):
        t.guard(source, "equal" if not isinstance(value, enum.Enum) else "is", value)
        return Static(value, source)
    if is_number(value):
        return _number(t, value, source, role)
    if isinstance(value, np.ndarray):
        return _array(t, value, source)
    if role == "const" and source is not None and not t.covered and is_data(value):
        return _data(t, st, value, source)
    if isinstance(value, tuple) and hasattr(type(value), "n_sequence_fields"):
        # sys.float_info, time.struct_time and their like.
        t.guard(source, "equal", value)
        return Static(value, source)
    if type(value) in _MOMENTS:
        # Those of other zones may be equal, with other fields.
        t.guard(source, "type", type(value))
        t.guard(source, "equal", value)
        t.guard(_attr(source, "tzinfo") if hasattr(value, "tzinfo") else None, "equal", getattr(value, "tzinfo", None))
        return Static(value, source)
    if isinstance(value, tuple):
        return _tuple(t, st, value, source, role)
    if value is sys.modules:
        # Hundreds, and more with every import: only those that are asked after matter, see `containers.module_asked`.
        return Static(value, Fixed(value))
    if isinstance(value, (list, dict, set, frozenset)) and type(value) in (list, dict, set, frozenset):
        return _container(t, st, value, source, role)
    if isinstance(value, types.FunctionType):
        if source is not None and not isinstance(source, Fixed):
            t.guard(source, "code", (value.__code__, value.__defaults__, value.__kwdefaults__))
        return Static(value, source)
    if isinstance(value, types.MethodType):
        from revtrace.trace.values import Bound

        owner = external(t, st, value.__self__, _attr(source, "__self__"), role)
        function = external(t, st, value.__func__, _attr(source, "__func__"), "const")
        return Bound(function, owner)
    from revtrace.trace.scipy.sparse import is_sparse_class

    if is_sparse_class(type(value)) or type(value) in GENERATORS:
        return _object(t, st, value, source)
    if isinstance(value, (range, slice, np.dtype)) or is_annotation(value):
        t.guard(source, "equal", value)
        return Static(value, source)
    if isinstance(value, (type, types.ModuleType, types.BuiltinFunctionType, np.ufunc)) or (
        _is_callable_only(value) and not _holds_arrays(value)
    ):
        t.guard(source, "is", value)
        return Static(value, source)
    return _object(t, st, value, source)


#: What keys of a dict may be; functions stand for themselves.
_KEYS = (
    *(str, int, float, bool, tuple, bytes, frozenset, type(None), enum.Enum, type),
    *(
        types.FunctionType,
        types.BuiltinFunctionType,
        types.ModuleType,
        np.ufunc,
        datetime.date,
        datetime.time,
        datetime.timedelta,
    ),
)

#: Dates, times and spans: they never change.
_MOMENTS = (datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone)


def is_annotation(value: Any) -> bool:
    """Whether an object says of what type something is: ``list[float]``, ``float | None``, ``typing.Sequence``."""
    return isinstance(value, (types.GenericAlias, types.UnionType)) or type(value).__module__ == "typing"


def _attr(source: Source | None, name: str) -> Source | None:
    return None if source is None else Attr(source, name)


def _holds_arrays(value: Any, depth: int = 2) -> bool:
    """Whether an object has arrays among its attributes, or theirs, as an interpolator has its coefficients."""
    if isinstance(value, (types.FunctionType, types.ModuleType, type)):
        return False
    slots = [getattr(value, name, None) for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
    return any(
        isinstance(entry, np.ndarray) or (depth > 1 and _holds_arrays(entry, depth - 1))
        for entry in (*getattr(value, "__dict__", {}).values(), *slots)
    )


def _is_callable_only(value: Any) -> bool:
    """Callables whose attributes are no numbers to look after."""
    import functools
    import operator

    from revtrace.trace.callables.functions import find_instance

    return (
        isinstance(
            value,
            (
                operator.itemgetter,
                operator.attrgetter,
                operator.methodcaller,
                functools.partial,
                types.MethodWrapperType,
                types.MethodDescriptorType,
                types.WrapperDescriptorType,
            ),
        )
        or find_instance(value) is not None
        or type(value).__name__ in ("cython_function_or_method", "fused_cython_function")
        or type(value).__module__.partition(".")[0] in ("numpy", "numba", "scipy", "functools", "builtins", "_thread")
    )


def _number(t: Tracer, value: Any, source: Source | None, role: str) -> Value:
    dtype, weak = dtype_of(value)
    if dtype not in SUPPORTED:
        raise t.unsupported(
            _called(source, f"a number of type {type(value).__name__}"),
            f"dtype {dtype} is not supported",
            f"pass float({_spelled(source)})",
        )
    fixed = role == "const" or source is None or source in t.static_sources or (t.sized and dtype[0] in "iu")
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        fixed = True
    if fixed:
        t.guard(source, "equal", value)
        return Static(value, source)
    assert source is not None
    if source not in t.inputs:
        kind = {"f": "float", "c": "complex", "i": "int", "u": "int", "b": "bool"}[dtype[0]]
        var = Var(Scalar(dtype), _hint(source))
        t.inputs[source] = (var, Input(source, kind, type(value)))
        t.pins.values[var] = value
    return Num(t.inputs[source][0], weak)


def _spelled(source: Source | None) -> str:
    """Return how the user's code names an object."""
    return "x" if source is None or isinstance(source, Fixed) else rendered(source)


def _called(source: Source | None, what: str) -> str:
    """Return what an object is, with its name where it has one."""
    return what if source is None or isinstance(source, Fixed) else f"{rendered(source)} is {what}"


def _hint(source: Any) -> str:
    name = getattr(source, "name", None)
    if name is None:
        key = getattr(source, "key", None)
        base = getattr(source, "base", None)
        known = base is not None and (str(key).isidentifier() or isinstance(key, int))
        return f"{_hint(base)}_{key}" if known else "v"
    return str(name)


def _array(t: Tracer, value: np.ndarray[Any, Any], source: Source | None) -> Value:
    if type(value) is not np.ndarray:
        kind = type(value).__name__
        why, instead = "only plain numpy arrays are known", f"pass np.asarray({_spelled(source)})"
        raise t.unsupported(_called(source, f"an array of type {kind}"), why, instead)
    dtype = value.dtype.str[1:]
    if dtype not in SUPPORTED:
        raise t.unsupported(
            _called(source, f"an array of dtype {value.dtype}"),
            "arrays of float64, float32, complex128, complex64, integers and booleans have a place in a program",
            f"pass {_spelled(source)}['{value.dtype.names[0]}'] and the other fields"
            if value.dtype.names
            else f"pass {_spelled(source)}.astype(np.float64), or a list of floats",
        )
    if source is None:
        return Static(value)
    if source in t.views:
        return t.views[source]
    var = Var(Array(dtype, value.ndim), _hint(source))
    t.inputs[source] = (var, Input(source, "array", np.ndarray))
    t.pins.values[var] = value
    shape: list[Any] = []
    fixed = t.sized or source in t.static_sources
    lengths = lengths_fixed(value.shape)
    with t.b.into(t.prologue):
        for axis, n in enumerate(value.shape):
            if fixed or lengths[axis] is None:
                shape.append(const(n, "i8") if fixed else t.b.dim(var, axis))
                continue
            shape.append(const(n, "i8"))
            if n > 1:
                # The guard has seen to it; here it is for the passes, and for LLVM to compute addresses with.
                t.b.do("check", t.b.compare("eq", t.b.dim(var, axis), shape[-1]), kind="ValueError", soft=False)
    if fixed:
        t.guard(source, "shape", value.shape)
    elif value.ndim > 1:
        t.guard(source, "lengths", lengths)
    one, zero = const(1, "i8"), const(0, "i8")
    view = View(var, tuple(Along(k, zero, one, True) for k in range(value.ndim)), tuple(shape), source)
    t.views[source] = view
    return view


def _tuple(t: Tracer, st: State, value: tuple[Any, ...], source: Source | None, role: str) -> Value:
    t.guard(source, "type", type(value))
    t.guard(source, "len", len(value))
    items = []
    for k, item in enumerate(value):
        items.append(external(t, st, item, None if source is None else Item(source, k), role))
    if all(isinstance(i, Static) for i in items) and type(value) is tuple:
        return Static(value, source)
    return Tup(tuple(items), None if type(value) is tuple else type(value))


def _data(t: Tracer, st: State, value: Any, source: Source) -> Value:
    """Return the value of a table of constants, guarded as a whole."""
    kept = frozen(value)
    t.guard(source, "data", kept)
    if kept is value:
        return Static(value, source)
    t.covered = True
    try:
        return external(t, st, value, source, "const")
    finally:
        t.covered = False


def _container(t: Tracer, st: State, value: Any, source: Source | None, role: str) -> Value:
    known = _met_before(t, value, source)
    if known is not None:
        return known
    t.guard(source, "type", type(value))
    if isinstance(value, (list, dict)):
        ref = _contents(t, st, value, source, role)
    elif isinstance(value, frozenset):
        t.guard(source, "members", value)
        return Static(value, source)
    else:
        t.guard(source, "members", frozenset(value))
        ref = _known_as(t, st, SetBox(frozenset(value)))
    t.externals[id(value)] = (value, ref)
    return ref


def _known_as(t: Tracer, st: State, box: Any) -> Ref:
    ref = st.new(box)
    t.originals[ref.id] = box
    return ref


def _contents(t: Tracer, st: State, value: list[Any] | dict[Any, Any], source: Source | None, role: str) -> Ref:
    """Return what a list or dict holds."""
    box: Any
    if isinstance(value, list):
        t.guard(source, "len", len(value))
        box = ListBox(
            tuple(external(t, st, v, None if source is None else Item(source, k), role) for k, v in enumerate(value)),
            source,
        )
    else:
        for k in value:
            if not isinstance(k, _KEYS):
                raise t.unsupported(
                    f"a dict with a key of type {type(k).__name__}",
                    "keys must be plain values",
                    "use strings, numbers or tuples of them as keys",
                )
        t.guard(source, "keys", tuple(value))
        box = DictBox(
            tuple((k, external(t, st, v, None if source is None else Item(source, k), role)) for k, v in value.items()),
            source,
        )
    return _known_as(t, st, box)


def _met_before(t: Tracer, value: Any, source: Source | None) -> Ref | None:
    """Return what stands for an object that was read from another source before; that it is the same one is guarded."""
    known = t.externals.get(id(value))
    if known is None:
        return None
    first = source_of(t, known[1])
    if first is not None and source is not None and source != first:
        t.guard(source, "same", (first,))
    return known[1]


def source_of(t: Tracer, ref: Ref) -> Source | None:
    """Return where one of the caller's objects was read first; None for others."""
    found: Source | None = getattr(t.originals.get(ref.id), "source", None)
    return found


def guard_apart(t: Tracer) -> None:
    """Note that the caller's objects of one type are different ones: a write to one is not seen in another."""
    kinds: dict[type, list[Source]] = {}
    for value, ref in t.externals.values():
        source = source_of(t, ref)
        if source is not None:
            kinds.setdefault(type(value), []).append(source)
    for first, *others in kinds.values():
        if others:
            t.guard(first, "apart", tuple(others))


def lacks(t: Tracer, box: ObjectBox, name: str) -> None:
    """Note that one of the caller's instances has no attribute of its own of this name."""
    if box.source is not None and hasattr(box.original, "__dict__"):
        key = (Attr(box.source, "__dict__"), "lacks")
        names = t.guards[key].value if key in t.guards else frozenset()
        t.guards[key] = Guard(*key, names | {name}, t.b.loc)


def holds(t: Tracer, module: types.ModuleType, name: str) -> None:
    """Note what a library's module has under a name that the user's code reads."""
    reader = str(t.frames[-1].globals.get("__name__", "")) if t.frames else ""
    if reader.partition(".")[0] in LIBRARIES or name not in vars(module):
        return
    key = (Fixed(module), "holds")
    known = t.guards[key].value if key in t.guards else ()
    if name not in (known_name for known_name, _ in known):
        t.guards[key] = Guard(*key, (*known, (name, vars(module)[name])), t.b.loc)


_HOSTS = ("jax", "jaxlib", "torch", "autograd", "pytensor", "pandas", "xarray")
"""Packages whose values are not numpy's."""


def _object(t: Tracer, st: State, value: Any, source: Source | None) -> Value:
    known = _met_before(t, value, source)
    if known is not None:
        return known
    if users.find(value) is not None:
        t.guard(source, "is", value)
        return Static(value, source)
    module = type(value).__module__.partition(".")[0]
    if module in _HOSTS:
        labelled = hasattr(value, "to_numpy")
        raise t.unsupported(
            _called(source, f"a value of type {module}.{type(value).__qualname__}"),
            "it is not a numpy array",
            f"take the numbers out before the call: {_spelled(source)}.to_numpy(), by column where there are several"
            if labelled
            else f"pass np.asarray({_spelled(source)})",
        )
    t.guard(source, "type", type(value))
    source = source if source is not None else Fixed(value)
    if type(value) in GENERATORS:
        from revtrace.trace.numpy.seeded import of_caller

        box = of_caller(t, value, source)
    else:
        box = ObjectBox(type(value), _held(t, st, value, source), source, value)
    ref = st.new(box)
    t.originals[ref.id] = box
    t.externals[id(value)] = (value, ref)
    return ref


def _held(t: Tracer, st: State, value: Any, source: Source) -> tuple[tuple[str, Value], ...]:
    """Return what an instance of a subclass of ``list`` or ``dict`` holds, as the attribute it is kept in."""
    if builtin_of(type(value)) is None:
        return ()
    role = _role(source)
    try:
        found = _contents(t, st, value, source, role)
    except UnsupportedError:
        if role == "arg":
            raise
        # A library's table of anything: what is read from it is read when tracing.
        return ()
    # Of some dicts the entries are the attributes.
    return ((HELD, found), ("__dict__", found)) if getattr(value, "__dict__", None) is value else ((HELD, found),)


def attribute_of(t: Tracer, st: State, box: ObjectBox, name: str) -> Value:
    """Read an attribute of one of the caller's objects."""
    assert box.source is not None
    value = getattr(box.original, name)
    return external(t, st, value, Attr(box.source, name), _role(box.source))


def _role(source: Source) -> str:
    return "arg" if _from_argument(source) else "const"


def _from_argument(source: Source) -> bool:
    from revtrace.trace.record import Arg

    while not isinstance(source, Arg):
        base = getattr(source, "base", None)
        if base is None:
            return False
        source = base
    return True
