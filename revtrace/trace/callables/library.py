"""Parts of the standard library that pass values on: functools, operator, collections, dataclasses, inspect."""

from __future__ import annotations

import builtins
import collections
import functools
import inspect
import logging
import operator
import types
from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Const
from revtrace.trace.callables.builtin_folds import fold
from revtrace.trace.callables.evaluate import evaluate
from revtrace.trace.callables.functions import Args, Kwargs, on, refused, signature
from revtrace.trace.external import external
from revtrace.trace.ndarray import arrays
from revtrace.trace.ndarray.subscripts import is_none
from revtrace.trace.numbers import integer
from revtrace.trace.objects import containers, indexing
from revtrace.trace.objects.attributes import get_attribute, set_attribute
from revtrace.trace.operators import binary, inplace
from revtrace.trace.record import Attr, Fixed, Item
from revtrace.trace.sameness import DEAD
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import CellBox, DictBox, ListBox, ObjectBox, State
from revtrace.trace.values import NONE, Bound, Num, Ref, Static, Tup, Undef

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer


__all__ = ["call_getter", "call_partial"]


# functools ------------------------------------------------------------------------------------


@on(functools.reduce)
def _reduce(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.callables.calls import call

    function, source, *init = args

    def combine(state: State, acc: Any, x: Any) -> Any:
        return x if acc is NONE else call(t, state, function, (acc, x), {})

    if init:
        return fold(t, st, t.use(source), init[0], combine)
    items = containers.items_of(t, st, source)
    if not items:
        raise PythonRaise(TypeError("reduce() of empty iterable with no initial value"))
    found = items[0]
    for item in items[1:]:
        found = combine(st, found, item)
    return found


@on(functools.partial)
def _partial(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    function, *first = args
    given = st.new(DictBox(tuple(kwargs.items())))
    return st.new(ObjectBox(functools.partial, (("func", function), ("args", Tup(tuple(first))), ("keywords", given))))


def call_partial(t: Tracer, st: State, box: ObjectBox, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    """Call a partial function made while tracing."""
    from revtrace.trace.callables.calls import call

    function, first, given = box.get("func"), box.get("args"), box.get("keywords")
    assert isinstance(first, Tup) and isinstance(given, Ref)
    known = st.box(given)
    assert isinstance(known, DictBox)
    return call(t, st, function, (*first.items, *args), {**dict(known.items), **kwargs}, fr)


@on(functools.wraps)
def _wraps(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    keywords = st.new(DictBox((("wrapped", args[0]), *kwargs.items())))
    fields = (("func", Static(functools.update_wrapper)), ("args", Tup(())), ("keywords", keywords))
    return st.new(ObjectBox(functools.partial, fields))


_UPDATE = signature(
    "wrapper",
    "wrapped",
    assigned=Static(functools.WRAPPER_ASSIGNMENTS),
    updated=Static(functools.WRAPPER_UPDATES),
)


@on(functools.update_wrapper)
def _update_wrapper(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    wrapper, wrapped, names, parts = _UPDATE(args, kwargs)
    for name in (x.value for x in containers.items_of(t, st, names)):
        # Annotations are no part of what is computed.
        value = None if name in ("__annotations__", "__type_params__") else _found(t, st, wrapped, name)
        if value is not None:
            set_attribute(t, st, wrapper, name, value)
    for part in (x.value for x in containers.items_of(t, st, parts)):
        value = _found(t, st, wrapped, part)
        held = st.box(value) if isinstance(value, Ref) else None
        for name, item in held.items if isinstance(held, DictBox) else ():
            set_attribute(t, st, wrapper, name, item)
    set_attribute(t, st, wrapper, "__wrapped__", wrapped)
    return wrapper


def _found(t: Tracer, st: State, value: Any, name: str) -> Any:
    try:
        return t.use(get_attribute(t, st, value, name))
    except PythonRaise as error:
        if isinstance(error.error, AttributeError):
            return None
        raise


# operator ---------------------------------------------------------------------------------------


def call_getter(t: Tracer, st: State, f: Any, value: Any) -> Any:
    """Call ``itemgetter(...)``, ``attrgetter(...)`` or ``methodcaller(...)``."""
    from revtrace.trace.callables.calls import call

    made, given = f.__reduce__()
    if isinstance(f, operator.methodcaller):
        keywords = {} if not isinstance(made, functools.partial) else made.keywords
        name, *rest = given if not isinstance(made, functools.partial) else (*made.args, *given)
        method = get_attribute(t, st, value, name)
        return call(t, st, method, tuple(Static(x) for x in rest), {k: Static(v) for k, v in keywords.items()})

    def one(key: Any) -> Any:
        if isinstance(f, operator.itemgetter):
            return indexing.get_item(t, st, value, Static(key))
        found = value
        for name in key.split("."):
            found = get_attribute(t, st, found, name)
        return found

    found = [one(key) for key in given]
    return found[0] if len(found) == 1 else Tup(tuple(found))


@on(operator.getitem)
def _getitem(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return indexing.get_item(t, st, *args)


def _in_place(symbol: str) -> Any:
    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        return inplace(t, st, symbol, *args)

    return handler


for _symbol, _f in (
    ("+", operator.iadd), ("-", operator.isub), ("*", operator.imul), ("/", operator.itruediv),
    ("//", operator.ifloordiv), ("%", operator.imod), ("**", operator.ipow), ("@", operator.imatmul),
    ("|", operator.ior), ("&", operator.iand), ("^", operator.ixor), ("+", operator.iconcat),
):  # fmt: skip
    on(_f)(_in_place(_symbol))


@on(operator.matmul)
def _matmul(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return binary(t, st, "@", *args)


@on(operator.concat)
def _concat(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return binary(t, st, "+", *args)


@on(operator.setitem)
def _setitem(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    indexing.set_item(t, st, *args)
    return NONE


@on(operator.delitem)
def _delitem(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    indexing.delete_item(t, st, *args)
    return NONE


@on(operator.index)
def _index(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    value = t.use(args[0])
    if arrays.is_array(value) and not value.shape:
        # Arrays without axes are numbers to Python.
        value = Num(arrays.load_at(t, arrays.settle(t, value), ()), False)
    operand = integer(t, value)
    return Static(operand.value) if isinstance(operand, Const) else Num(operand, True)


@on(tuple.__new__)
def _tuple_new(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    cls = args[0].value
    items = containers.items_of(t, st, args[1]) if len(args) > 1 else []
    return Tup(tuple(items), None if cls is tuple else cls)


@on(object.__new__)
def _object_new(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return st.new(ObjectBox(args[0].value, ()))


@on(dict.fromkeys)
def _dict_fromkeys(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    value = args[1] if len(args) > 1 else NONE
    return containers.make_dict(t, st, keys := containers.items_of(t, st, args[0]), [value] * len(keys))


# collections --------------------------------------------------------------------------------------


@on(collections.namedtuple)
def _namedtuple(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    known = [containers.as_static(t, st, a) for a in args]
    named = {k: containers.as_static(t, st, v) for k, v in kwargs.items()}
    if not all(isinstance(k, Static) for k in (*known, *named.values())):
        raise t.unsupported("a named tuple with run-time defaults", "its class is made when tracing", "pass all fields")
    try:
        return Static(_named_class(tuple(k.value for k in known), tuple((k, v.value) for k, v in named.items())))
    except Exception as error:
        raise PythonRaise(error) from None


_classes: dict[str, type] = {}


def _named_class(args: Any, kwargs: Any) -> type:
    """Make a named tuple's class, one for each way of asking."""
    key = repr((args, kwargs))
    if key not in _classes:
        _classes[key] = collections.namedtuple(*args, **dict(kwargs))
    return _classes[key]


def dispatched(t: Tracer, st: State, function: Static, args: Args) -> Any:
    """Return the function that ``functools.singledispatch`` chooses by the type of the first argument."""
    from revtrace.trace.callables.builtin_types import python_type

    if not args:
        raise PythonRaise(TypeError("a single-dispatch function requires at least 1 positional argument"))
    f: Any = function.value
    chosen = f.dispatch(python_type(t, st, args[0]))
    registry = Attr(Fixed(f) if function.source is None else function.source, "registry")
    # What is registered later may be nearer to the argument's type.
    t.guard(registry, "keys", tuple(f.registry))
    return external(t, st, chosen, Item(registry, next(k for k, v in f.registry.items() if v is chosen)), "const")


@on(collections.OrderedDict)
def _ordered(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.callables.calls import call

    return call(t, st, Static(dict), args, kwargs)


@on(collections.defaultdict)
def _defaultdict(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from dataclasses import replace

    from revtrace.trace.callables.calls import call

    made = call(t, st, Static(dict), args[1:], kwargs)
    if args and not is_none(args[0]):
        st.set(made, replace(st.box(made), default=args[0]))
    return made


@on(collections.Counter)
def _counter(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    from revtrace.trace.callables.calls import call
    from revtrace.trace.definitions.counters import TracedCounter

    return call(t, st, Static(TracedCounter), args, kwargs)


@on(collections.deque)
def _deque(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    if len(args) > 1 or not is_none(kwargs.get("maxlen", NONE)):
        from revtrace.trace.callables.calls import call
        from revtrace.trace.definitions.deques import BoundedDeque

        return call(t, st, Static(BoundedDeque), args, kwargs)
    return st.new(ListBox(tuple(containers.items_of(t, st, args[0])) if args else ()))


@on(types.SimpleNamespace)
def _namespace(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return st.new(ObjectBox(types.SimpleNamespace, tuple(kwargs.items())))


@on(types.MethodType)
def _method(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    function, owner = args
    return Bound(function, owner)


@on(logging.getLogger)
def _logger(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return Static(logging.getLogger(*(containers.as_static(t, st, a).value for a in args)))


# what the code says of itself ---------------------------------------------------------------------


@on(locals)
def _locals(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    code = t.frames[-1].shape.code
    found = []
    for name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
        value = st.locals.get(name)
        if isinstance(value, Ref) and isinstance(st.box(value), CellBox):
            value = st.box(value).value  # type: ignore[union-attr]
        if value is not None and value is not DEAD and not isinstance(value, Undef):
            found.append((name, value))
    return st.new(DictBox(tuple(dict(found).items())))


def _refused() -> None:
    reasons = {
        "globals": "the module's whole namespace would have to be watched",
        "eval": "the code it runs is not known when tracing",
        "exec": "the code it runs is not known when tracing",
        "compile": "the code it makes is not known when tracing",
        "input": "what it reads is no argument of the function",
        "open": "what it reads is no argument of the function",
        "dir": "which names exist would have to be watched",
        "breakpoint": "there is nothing to step through while tracing",
    }
    for name, why in reasons.items():

        def handler(
            t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None, name: str = name, why: str = why
        ) -> Any:
            raise t.unsupported(f"{name}()", why, "call it outside the function and pass what it gives as an argument")

        on(getattr(builtins, name))(refused(handler))


_refused()


def _inspection() -> None:
    """Functions about functions are run, not traced."""
    for f in (
        inspect.signature, inspect.getfullargspec, inspect.isfunction, inspect.isclass, inspect.ismethod,
        inspect.unwrap, inspect.isgenerator, inspect.isbuiltin, inspect.getmodule,
    ):  # fmt: skip

        def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None, f: Any = f) -> Any:
            found = evaluate(t, st, f, args, kwargs)
            if found is None:
                raise t.unsupported(
                    f"inspect.{f.__name__} of a function made while tracing",
                    "it does not exist yet",
                    "call it outside the function and pass what it gives as an argument",
                )
            return found

        on(f)(handler)


_inspection()
