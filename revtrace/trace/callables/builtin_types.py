"""Built-in functions of types, attributes, texts and copies."""

from __future__ import annotations

import copy
import logging
import pprint
import types
import typing
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from revtrace.trace.callables.as_text import own_text
from revtrace.trace.callables.functions import Args, Kwargs, on
from revtrace.trace.ndarray import arrays
from revtrace.trace.objects import containers
from revtrace.trace.objects.attributes import Super, delete_attribute, get_attribute, set_attribute
from revtrace.trace.objects.held import held
from revtrace.trace.objects.instance_keys import by_hash, instance_key
from revtrace.trace.objects.members import store_field
from revtrace.trace.objects.texts import is_message, pinned, run_time_text
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import CellBox, DictBox, Growing, ListBox, ObjectBox, SetBox, State
from revtrace.trace.values import NONE, Bound, Num, Ref, Slice, Static, Tup, Vectorized

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


def python_type(t: Tracer, st: State, value: Any) -> type:
    """``type(value)``."""
    value = t.use(value)
    match value:
        case Static():
            return _stood_for(value.value) or type(value.value)
        case Num():
            if value.weak:
                return {"f": float, "i": int, "b": bool, "c": complex}[value.dtype[0]]
            return np.dtype(value.dtype).type
        case Tup():
            return value.cls or tuple
        case Ref():
            box = st.box(value)
            if isinstance(box, ObjectBox):
                return box.cls
            return {ListBox: list, Growing: list, DictBox: dict, SetBox: set, CellBox: object}.get(type(box), object)
        case Bound():
            return type(t.describe)
        case Slice():
            return slice
    return np.ndarray if arrays.is_array(value) else object


def _stood_for(value: Any) -> type | None:
    """Return the class of what one of the tracer's own objects stands for."""
    from revtrace.trace.callables.traced_function import TracedFunction

    kinds = ((TracedFunction, types.FunctionType), (Vectorized, np.vectorize))
    return next((kind for own, kind in kinds if isinstance(value, own)), None)


@on(type)
def _type(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if len(args) != 1:
        raise t.unsupported(
            "making a class", "classes must exist when tracing", "define the class outside the function"
        )
    return Static(python_type(t, st, args[0]))


def is_instance(t: Tracer, st: State, value: Any, cls: type) -> bool:
    """``isinstance(value, cls)``."""
    real = isinstance(value, Static) and _stood_for(value.value) is None
    return isinstance(value.value, cls) if real else issubclass(python_type(t, st, value), cls)


@on(isinstance)
def _isinstance(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    kinds = _classes(t, st, args[1])
    value = t.use(args[0])
    try:
        if isinstance(value, Static) and _stood_for(value.value) is None:
            t.reliance.compare(type(value.value), kinds)
            return Static(isinstance(value.value, kinds))
    except TypeError as error:
        raise PythonRaise(error) from None
    cls = python_type(t, st, value)
    options = kinds if isinstance(kinds, tuple) else (kinds,)
    t.reliance.compare(cls, options)
    return Static(any(_is_subclass(cls, k) for k in options))


def _classes(t: Tracer, st: State, value: Any) -> Any:
    """Return the class or classes that are asked for, among them such as ``typing.Sequence``, which is an object."""
    value = containers.as_static(t, st, value)
    if isinstance(value, Tup):
        return tuple(_classes(t, st, v) for v in value.items)
    if isinstance(value, Static):
        return value.value
    box = st.box(value) if isinstance(value, Ref) else None
    if isinstance(box, ObjectBox) and box.source is not None:
        return box.original
    raise t.unsupported(
        f"{t.describe(value)} used as a class",
        "classes must be known when tracing",
        "decide by an if between known classes",
    )


def _is_subclass(cls: type, kind: Any) -> bool:
    if isinstance(kind, tuple):
        return any(_is_subclass(cls, k) for k in kind)
    try:
        return issubclass(cls, kind)
    except TypeError:
        options = typing.get_args(kind)
        return any(_is_subclass(cls, k) for k in options)


@on(issubclass)
def _issubclass(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    kinds = _classes(t, st, args[1])
    t.reliance.compare(args[0].value, kinds)
    try:
        return Static(issubclass(args[0].value, kinds))
    except TypeError as error:
        raise PythonRaise(error) from None


@on(callable)
def _callable(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.callables.traced_function import TracedFunction

    value = t.use(args[0])
    if isinstance(value, Static):
        return Static(callable(value.value) or isinstance(value.value, TracedFunction))
    if isinstance(value, Bound):
        return Static(True)
    return Static(any("__call__" in vars(base) for base in python_type(t, st, value).__mro__))


def _name(t: Tracer, st: State, given: Any) -> str:
    """Return the name of an attribute, which must be known."""
    name = containers.as_static(t, st, t.use(given))
    if not isinstance(name, Static):
        raise t.unsupported(
            "an attribute with a name known only when running",
            "which attribute is meant must be known when tracing",
            "write the name out, or use a dict or a list",
        )
    return str(name.value)


@on(getattr)
def _getattr(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    try:
        return get_attribute(t, st, args[0], _name(t, st, args[1]))
    except PythonRaise as signal:
        if len(args) > 2 and isinstance(signal.error, AttributeError):
            return args[2]
        raise


@on(hasattr)
def _hasattr(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    try:
        get_attribute(t, st, args[0], _name(t, st, args[1]))
    except PythonRaise as signal:
        if isinstance(signal.error, AttributeError):
            return Static(False)
        raise
    return Static(True)


@on(setattr)
def _setattr(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    set_attribute(t, st, args[0], _name(t, st, args[1]), args[2])
    return NONE


@on(delattr)
def _delattr(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    delete_attribute(t, st, args[0], _name(t, st, args[1]))
    return NONE


@on(object.__setattr__)
def _object_setattr(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    store_field(t, st, args[0], containers.as_static(t, st, args[1]).value, args[2])
    return NONE


@on(object.__init__, object.__init_subclass__)
def _object_init(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return NONE


@on(vars)
def _vars(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return get_attribute(t, st, args[0], "__dict__")


@on(id)
def _id(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    raise t.unsupported(
        "id()", "where an object lies in memory is no part of what the function computes", "leave it out"
    )


@on(super)
def _super(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if args:
        return Static(Super(*args))
    frame = fr or t.frames[-1]
    cell = st.box(st.locals["__class__"])  # type: ignore[arg-type]
    assert isinstance(cell, CellBox)
    self = st.locals[frame.shape.code.co_varnames[0]]
    if isinstance(self, Ref) and isinstance(st.box(self), CellBox):
        self = st.box(self).value  # type: ignore[union-attr]
    return Static(Super(cell.value, self))


@on(print)
def _print(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    # What making the texts changes stays changed.
    for value in args:
        own_text(t, st, "__str__", value)
    return NONE


@on(
    pprint.pprint, warnings.warn, logging.debug, logging.info, logging.warning, logging.error, logging.exception,
    logging.critical, logging.log, logging.Logger.debug, logging.Logger.info, logging.Logger.warning,
    logging.Logger.error, logging.Logger.exception, logging.Logger.critical, logging.Logger.log,
)  # fmt: skip
def _message(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    # What is printed is no part of the value; the compiled function is silent.
    return NONE


#: Those by which instances give texts of their own.
_OWN = (str, repr, format)

_OF_ARRAYS = (np.array2string, np.array_repr, np.array_str, pprint.pformat)


def _texts() -> None:
    for f in (str, repr, ascii, format, hash, ord, chr, bin, hex, oct, bytes, *_OF_ARRAYS):

        def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None, f: Any = f) -> Any:
            if args and f in _OWN:
                spec = args[1].value if len(args) > 1 and isinstance(args[1], Static) else ""
                text = own_text(t, st, f"__{f.__name__}__", args[0], spec)
                if text is not None:
                    return text
            if f is hash and isinstance(args[0], Ref) and by_hash(st, args[0]):
                return Static(instance_key(t, st, args[0]).hash)
            known = [pinned(t, containers.as_static(t, st, a)) for a in args]
            named = {k: containers.as_static(t, st, v) for k, v in kwargs.items()}
            if any(is_message(k) or not isinstance(k, Static) for k in (*known, *named.values())):
                if f in (str, repr, ascii, format, *_OF_ARRAYS):
                    return run_time_text(t, *known)
                parts = [x for k in known for x in (k.items if isinstance(k, Tup) else (k,))]
                integers = tuple(k.operand for k in parts if isinstance(k, Num) and k.dtype[0] in "iub")
                if integers:
                    raise NeedStatic(integers, f"{f.__name__}() needs a number known when tracing", t.b.loc)
                raise t.unsupported(
                    f"{f.__name__}() of a run-time value",
                    "its result must be known when tracing",
                    "use the value itself",
                )
            try:
                return Static(f(*(k.value for k in known), **{k: v.value for k, v in named.items()}))
            except Exception as error:
                raise PythonRaise(error) from None

        on(f)(handler)


_texts()


@on(copy.copy)
def _copy(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return copied(t, st, t.use(args[0]), False)


@on(copy.deepcopy)
def _deepcopy(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return copied(t, st, t.use(args[0]), True)


def copied(t: Tracer, st: State, value: Any, deep: bool, memo: dict[int, Ref] | None = None) -> Any:
    """Copy a container, what is in it too if ``deep``."""
    memo = {} if memo is None else memo
    if arrays.is_array(value):
        return arrays.copy_of(t, value)
    if isinstance(value, Ref):
        if value.id in memo:
            return memo[value.id]
        if isinstance(st.box(value), ObjectBox):
            own = getattr(st.box(value).cls, "__deepcopy__" if deep else "__copy__", None)  # type: ignore[union-attr]
            if isinstance(own, types.FunctionType):
                from revtrace.trace.callables.calls import call

                return call(t, st, Static(own), (value, st.new(DictBox(()))) if deep else (value,), {})
            # All attributes are read now: the copy has no place of its own to read them from later.
            get_attribute(t, st, value, "__dict__")
        from revtrace.trace.sameness import fields, rebuild

        box = st.box(value)
        own_items = held(st, value)
        values = [copied(t, st, v, deep, memo) if deep or v == own_items else v for v in fields(box) or []]
        made = rebuild(box, values)
        if isinstance(made, (ListBox, DictBox, ObjectBox)) and made.source is not None:
            from dataclasses import replace

            made = replace(made, source=None)
        memo[value.id] = st.new(made)
        return memo[value.id]
    if isinstance(value, Tup) and deep:
        return Tup(tuple(copied(t, st, v, deep, memo) for v in value.items), value.cls)
    return value


@on(typing.cast)
def _cast(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return args[1]
