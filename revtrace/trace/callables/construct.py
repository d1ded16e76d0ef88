"""Calls of classes: instances, exceptions, members of enumerations, named tuples."""

from __future__ import annotations

import enum
import inspect
import types
from typing import TYPE_CHECKING, Any

from revtrace.trace.builtin_classes import builtin_of
from revtrace.trace.callables.evaluate import evaluate
from revtrace.trace.objects import held
from revtrace.trace.signals import NeedStatic, PythonRaise
from revtrace.trace.state import ObjectBox, State
from revtrace.trace.values import Num, Ref, Static, Tup

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer


__all__ = ["construct"]


def construct(t: Tracer, st: State, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a class: make an instance."""
    from revtrace.trace.callables.calls import call
    from revtrace.trace.objects.members import class_source

    if issubclass(cls, BaseException):
        return _exception(t, st, cls, args, kwargs)
    from revtrace.trace.scipy import sparse

    if sparse.is_sparse_class(cls):
        return sparse.construct(t, st, cls, args, kwargs)
    if issubclass(cls, enum.Enum):
        return _member(t, st, cls, args)
    if issubclass(cls, tuple) and hasattr(cls, "_extra_fields"):
        return _bunch(st, cls, args, kwargs)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        maker = next(b for b in cls.__mro__ if "__new__" in vars(b))
        base = next(b for b in cls.__mro__ if "_fields" in vars(b))
        if maker is not base and isinstance(cls.__new__, types.FunctionType):
            return call(t, st, Static(cls.__new__), (Static(cls), *args), kwargs)
        made = _named_tuple(t, st, base, args, kwargs)
        return Tup(made.items, cls)
    if inspect.isabstract(cls):
        try:
            object.__new__(cls)
        except TypeError as error:
            raise PythonRaise(error) from None
    if builtin_of(cls) is not None and type(cls).__call__ is type.__call__:
        ref = held.make(st, cls)
        call(t, st, Static(cls.__init__, class_source(cls, "__init__")), (ref, *args), kwargs)
        return ref
    new = cls.__new__
    plain_new = new is object.__new__
    init = cls.__init__
    if plain_new and isinstance(init, types.FunctionType) and type(cls).__call__ is type.__call__:
        ref = st.new(ObjectBox(cls, ()))
        call(t, st, Static(init, class_source(cls, "__init__")), (ref, *args), kwargs)
        return ref
    if plain_new and init is object.__init__ and not args and not kwargs and type(cls).__call__ is type.__call__:
        return st.new(ObjectBox(cls, ()))
    if cls.__module__ == "datetime":
        args, kwargs = tuple(_whole(t, a) for a in args), {k: _whole(t, v) for k, v in kwargs.items()}
    found = evaluate(t, st, cls, args, kwargs)
    if found is not None:
        return found
    if isinstance(new, types.FunctionType) and type(cls).__call__ is type.__call__:
        made = call(t, st, Static(new), (Static(cls), *args), kwargs)
        if isinstance(init, types.FunctionType) and isinstance(made, Ref) and _is_instance(st, made, cls):
            call(t, st, Static(init, class_source(cls, "__init__")), (made, *args), kwargs)
        return made
    raise t.unsupported(
        f"making an instance of {cls.__module__}.{cls.__qualname__}",
        "only classes with a plain Python __init__ can be made while tracing",
        "make it outside the function, or compute with plain numbers and arrays",
    )


def _whole(t: Tracer, value: Any) -> Any:
    """Return an integer as the object it is when tracing; another value as it is."""
    from revtrace.trace.objects.containers import as_known_int

    value = t.use(value)
    return Static(as_known_int(t, value)) if isinstance(value, Num) and value.dtype[0] in "iu" else value


def _is_instance(st: State, value: Ref, cls: type) -> bool:
    box = st.box(value)
    return isinstance(box, ObjectBox) and issubclass(box.cls, cls)


def _member(t: Tracer, st: State, cls: type, args: tuple[Any, ...]) -> Static:
    """Look a member of an enumeration up by its value."""
    from revtrace.trace.objects.containers import as_static

    known = [as_static(t, st, a) for a in args]
    if not all(isinstance(k, Static) for k in known):
        operands = tuple(a.operand for a in args if isinstance(a, Num))
        raise NeedStatic(operands, f"which member of {cls.__qualname__} is meant must be known", t.b.loc)
    try:
        return Static(cls(*(k.value for k in known)))
    except Exception as error:
        raise PythonRaise(error) from None


def _exception(t: Tracer, st: State, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    from revtrace.trace.callables.calls import call
    from revtrace.trace.objects.containers import as_static
    from revtrace.trace.objects.members import class_source

    init = getattr(cls, "__init__")  # noqa: B009
    if isinstance(init, types.FunctionType):
        ref = st.new(ObjectBox(cls, (("args", Tup(args)),)))
        call(t, st, Static(init, class_source(cls, "__init__")), (ref, *args), kwargs)
        return ref
    known = [as_static(t, st, a) for a in args]
    if kwargs or not all(isinstance(k, Static) for k in known):
        return st.new(ObjectBox(cls, (("args", Tup(args)), *kwargs.items())))
    try:
        # The plain function is what makes the message a user sees.
        return Static(cls(*(k.value for k in known)))
    except Exception as error:
        raise PythonRaise(error) from None


def _named_tuple(t: Tracer, st: State, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tup:
    from revtrace.trace.external import external

    names = cls._fields
    bound = dict(zip(names, args, strict=False))
    bound.update(kwargs)
    for name in names:
        if name not in bound:
            if name not in cls._field_defaults:
                raise PythonRaise(TypeError(f"missing required argument {name!r}"))
            bound[name] = external(t, st, cls._field_defaults[name], None, "const")
    if len(bound) != len(names) or len(args) > len(names):
        raise PythonRaise(TypeError(f"{cls.__name__} takes {len(names)} arguments"))
    return Tup(tuple(bound[n] for n in names), cls)


def _bunch(st: State, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ref:
    """Make an instance of a tuple class of SciPy's that has attributes besides its items."""
    from revtrace.trace.definitions.bunches import Bunch

    _, *names = inspect.signature(cls.__init__).parameters
    given = dict(zip(names, args, strict=False)) | kwargs
    missing = [name for name in cls._fields if name not in given]
    if missing:
        raise PythonRaise(TypeError(f"missing required argument {missing[0]!r}"))
    items = Tup(tuple(given[name] for name in cls._fields))
    # The classes made by hand keep their parameters under names with an underscore.
    private = [(f"_{name}", value) for name, value in given.items() if name not in cls._fields]
    return st.new(ObjectBox(Bunch, (*given.items(), *private, ("_items", items))))
