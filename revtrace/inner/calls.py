"""The public functions as they are called inside of a traced function.

A derivative taken there is a value known when tracing (`Inner`): the function, which may be
a closure made on the spot, and the derivatives taken of it.  Handles made outside are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revtrace import api, derive
from revtrace.derived import Derived
from revtrace.dispatch.steps import Step
from revtrace.errors import TypeMismatchError
from revtrace.handle import Handle
from revtrace.inner.inline import Asked, flat, inlined, is_sequence, like, record
from revtrace.matrices import Axis, Matrix
from revtrace.program.nodes import Operand
from revtrace.trace import numbers
from revtrace.trace.callables import functions
from revtrace.trace.callables.builtin_types import copied
from revtrace.trace.callables.calls import call
from revtrace.trace.callables.functions import instances, on
from revtrace.trace.callables.traced_function import TracedFunction
from revtrace.trace.external import external
from revtrace.trace.inside import references
from revtrace.trace.ndarray import arrays
from revtrace.trace.objects.containers import as_static, items_of
from revtrace.trace.record import Attr, Fixed, Item
from revtrace.trace.state import State
from revtrace.trace.values import NONE, Bound, Num, Ref, Static, Tup, is_number

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["Inner", "Pulling", "asked_of", "called", "product", "pushed"]

Args = tuple[Any, ...]
Kwargs = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Inner:
    """A derivative of a function, where a traced function takes it."""

    function: Any
    step: Step | Axis

    @property
    def captured(self) -> dict[str, Ref]:
        """The objects that the function refers to, see `revtrace.trace.join.references`."""
        return {str(k): Ref(k) for k in references(self.function)}

    @property
    def __name__(self) -> str:
        return "derivative"


@dataclass(frozen=True, slots=True, eq=False)
class Pulling:
    """A pullback: the function, and the arguments and the result at which it was taken."""

    function: Any
    args: Args
    kwargs: Kwargs
    out: Any
    has_aux: bool

    @property
    def captured(self) -> dict[str, Ref]:
        """The objects that it refers to."""
        held = (self.function, *self.args, *self.kwargs.values(), self.out)
        return {str(k): Ref(k) for value in held for k in references(value)}


# taking derivatives -------------------------------------------------------------------------


def _setting(t: Tracer, st: State, value: Any) -> Any:
    found = as_static(t, st, value)
    if not isinstance(found, Static):
        raise t.unsupported(
            "argnums, argnames or has_aux known only when running",
            "they decide which derivative is taken",
            "write a constant",
        )
    return found.value


def _taking(maker: Callable[..., Any]) -> None:
    """Enter a function that takes a function and settings, and returns a derivative."""

    def handler(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
        given = dict(zip(("f", "argnums", "has_aux"), args, strict=False)) | kwargs
        function = given.pop("f")
        # The settings are judged, and become a step, as they do outside.
        example = maker(_example, **{k: _setting(t, st, v) for k, v in given.items()})
        steps = example.axes if isinstance(example, Matrix) else example.steps
        if isinstance(example, Matrix) and example.has_aux:
            raise t.unsupported(
                f"{maker.__name__} with has_aux inside a function", "it has no form there", "compute aux by itself"
            )
        for step in steps:
            function = Static(Inner(function, step))
        return function

    on(maker)(handler)


def _example(x: Any) -> Any:
    return x


for _maker in (api.grad, api.value_and_grad, api.jacobian, api.jacrev, api.jacfwd, api.hessian):
    _taking(_maker)


@on(api.wrap)
def _wrap(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return args[0]


@instances(Derived)
def _handle(t: Tracer, st: State, f: Any, source: Any, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    """Call a handle made outside: its function with the derivatives taken of it."""
    callee = f.callee
    if not isinstance(f, Matrix) and not f.composes:
        raise t.unsupported(f"calling {f!r} inside a function", "an inverse is no program", "call it outside")
    inside = Fixed(callee) if source is None else Attr(source, "callee")
    prefix = tuple(external(t, st, a, Item(Attr(inside, "prefix"), k), "const") for k, a in enumerate(callee.prefix))
    keywords = {k: external(t, st, v, None, "const") for k, v in callee.keywords.items()}
    function: Any = Static(callee.function)
    if prefix or keywords:
        function = Static(_Before(function, prefix, keywords))
    return call(t, st, _derivative(f, function), args, kwargs, fr)


def _derivative(f: Derived, function: Any) -> Any:
    """Return a function under the derivatives of a handle."""
    steps: tuple[Step | Axis, ...] = (*f.steps, *f.axes) if isinstance(f, Matrix) else f.steps
    for step in steps:
        function = Static(Inner(function, step))
    return function


@on(Derived.__get__)
def _method(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    """A handle that a decorator has made in a class, as the method of an instance."""
    handle, instance, *_ = args
    f = handle.value
    if not f.callee.bare or (not isinstance(f, Matrix) and not f.composes):
        raise t.unsupported(f"the method {f!r}", "it is no plain function of its instance", "call it outside")
    return _derivative(f.of_method(), Bound(Static(f.callee.function), instance))


@dataclass(frozen=True, slots=True, eq=False)
class _Before:
    """A function whose first arguments are given."""

    function: Any
    args: Args
    kwargs: Kwargs


@instances(_Before)
def _call_before(t: Tracer, st: State, f: _Before, source: Any, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return call(t, st, f.function, (*f.args, *args), {**f.kwargs, **kwargs}, fr)


# calling them ---------------------------------------------------------------------------------


@instances(Inner)
def _call_inner(t: Tracer, st: State, f: Inner, source: Any, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    step = f.step
    if isinstance(step, Axis):
        from revtrace.inner.matrices import matrix

        return matrix(t, st, f.function, step, args, kwargs)
    if step.kind != "gradient":
        raise t.unsupported(
            f"a {step.kind} taken outside and called inside a function",
            "its arguments are bound to another call",
            "take it inside",
        )
    asked = asked_of(t, f.function, step, args, kwargs)
    taken = record(t, st, f.function, args, kwargs, asked)
    derived, _ = derive.gradient(taken.traced, taken.request, value=step.value, has_aux=step.has_aux)
    found = inlined(t, st, taken, derived)
    pattern = asked.chosen(args, kwargs)
    if step.value or step.has_aux:
        first, second = found.items
        return Tup((first, like(t, st, second, pattern)) if step.value else (like(t, st, first, pattern), second))
    return like(t, st, found, pattern)


def asked_of(t: Tracer, function: Any, step: Step | Axis, args: Args, kwargs: Kwargs) -> Asked:
    """Return which arguments of a call a step is by."""
    name, names = called(function)
    where: list[int | str] = []

    def refuse(spelled: str) -> BaseException:
        return t.unsupported(
            f"{spelled} of a call of {name} that does not pass it",
            "a derivative taken inside a function is by arguments that are passed",
            "pass the argument",
        )

    for number in step.argnums:
        at = number if number >= 0 else number + len(args)
        if 0 <= at < len(args):
            where.append(at)
        elif 0 <= at < len(names) and names[at] in kwargs:
            where.append(names[at])
        else:
            raise refuse(f"argnums={number}")
    for asked in step.argnames:
        if asked in kwargs:
            where.append(asked)
        elif asked in names and names.index(asked) < len(args):
            where.append(names.index(asked))
        else:
            raise refuse(f"argnames={asked!r}")
    spelled = (k if isinstance(k, str) else names[k] if k < len(names) else f"argument {k}" for k in where)
    return Asked(tuple(where), step.single, name=name, spelled=tuple(spelled))


def called(function: Any) -> tuple[str, tuple[str, ...]]:
    """The name of a function, and those of its positional parameters, as a caller sees them."""
    skip = 0
    while True:
        if isinstance(function, Bound):
            skip, function = skip + 1, function.function
        elif isinstance(function, Static) and isinstance(function.value, Inner):
            function = function.value.function
        elif isinstance(function, Static) and isinstance(function.value, _Before):
            skip, function = skip + len(function.value.args), function.value.function
        else:
            break
    value = function.value if isinstance(function, Static) else None
    code = value.code if isinstance(value, TracedFunction) else getattr(value, "__code__", None)
    name = str(getattr(value, "__name__", "the function"))
    return name, () if code is None else tuple(code.co_varnames[skip : code.co_argcount])


# products --------------------------------------------------------------------------------------


@on(api.vjp, Handle.vjp)
def _vjp(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    function, *primals = args
    has_aux = "has_aux" in kwargs and _setting(t, st, kwargs["has_aux"])
    named = {k: v for k, v in kwargs.items() if k != "has_aux"}
    # The pullback is at the arguments as they are now.
    held = tuple(copied(t, st, t.use(x), True) for x in primals)
    named = {k: copied(t, st, t.use(v), True) for k, v in named.items()}
    out = call(t, st, function, held, named)
    if not has_aux:
        return Tup((out, Static(Pulling(function, held, named, copied(t, st, out, True), False))))
    out, aux = items_of(t, st, out)
    return Tup((out, Static(Pulling(function, held, named, copied(t, st, out, True), True)), aux))


@instances(Pulling)
def _pull(t: Tracer, st: State, f: Pulling, source: Any, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    (ct,) = args
    seeds = _matched(t, st, ct, f.out, "the cotangent")
    return product(
        t, st, "pullback", f.function, f.args, f.kwargs, _everything(f.function, f.args), seeds, has_aux=f.has_aux
    )


@on(api.jvp, Handle.jvp)
def _jvp(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    f, primals, tangents, has_aux = functions.signature("f", "primals", "tangents", has_aux=Static(False))(args, kwargs)
    at = tuple(items_of(t, st, primals))
    aux = bool(_setting(t, st, has_aux))
    return product(t, st, "pushforward", f, at, {}, _everything(f, at), _tangents(t, st, tangents, at), has_aux=aux)


@on(api.hvp, Handle.hvp)
def _hvp(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    bind = functions.signature("f", primals=None, tangents=None, argnums=None, argnames=None)
    f, primals, tangents, argnums, argnames = bind(args, kwargs)
    settings = {k: _setting(t, st, v) for k, v in (("argnums", argnums), ("argnames", argnames)) if v is not None}
    slope = Static(Inner(f, api.grad(_example, **settings).steps[0]))
    if primals is None or tangents is None:
        return Static(_Product(slope))
    at = tuple(items_of(t, st, primals))
    return _along(t, st, slope, at, _tangents(t, st, tangents, at))


@dataclass(frozen=True, slots=True, eq=False)
class _Product:
    """``hvp(f)``: takes the arguments, then the vector for those that the gradient is by."""

    slope: Any

    @property
    def captured(self) -> dict[str, Ref]:
        """The objects that it refers to."""
        captured: dict[str, Ref] = self.slope.value.captured
        return captured


@instances(_Product)
def _call_product(t: Tracer, st: State, f: _Product, source: Any, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    *at, vector = args
    asked = asked_of(t, f.slope.value.function, f.slope.value.step, tuple(at), kwargs)
    seeds = _matched(t, st, vector, asked.chosen(tuple(at), kwargs), "the vector")
    return pushed(t, st, f.slope, tuple(at), kwargs, Asked(asked.where, asked.single), seeds)[1]


def _along(t: Tracer, st: State, slope: Any, at: Args, seeds: list[Operand]) -> Any:
    return pushed(t, st, slope, at, {}, _everything(slope, at), seeds)[1]


def _everything(function: Any, at: Args) -> Asked:
    return Asked(tuple(range(len(at))), single=False, strict=False, name=called(function)[0])


def _tangents(t: Tracer, st: State, tangents: Any, at: Args) -> list[Operand]:
    return _matched(t, st, tangents, Tup(at), "tangents")


def pushed(
    t: Tracer, st: State, function: Any, args: Args, kwargs: Kwargs, asked: Asked, seeds: list[Operand]
) -> tuple[Any, Any]:
    """Return the result of a function and its tangent."""
    out, tangent = product(t, st, "pushforward", function, args, kwargs, asked, seeds).items
    return out, tangent


def product(
    t: Tracer,
    st: State,
    kind: str,
    function: Any,
    args: Args,
    kwargs: Kwargs,
    asked: Asked,
    seeds: list[Operand],
    *,
    has_aux: bool = False,
) -> Any:
    """Append a pullback or pushforward with its seeds."""
    taken = record(t, st, function, args, kwargs, asked)
    if kind == "pushforward":
        derived = derive.pushforward(taken.traced, taken.request, has_aux=has_aux)
        found = inlined(t, st, taken, derived, seeds)
        out, tangent, *aux = found.items
        return Tup((out, like(t, st, tangent, out), *aux))
    derived, _ = derive.pullback(taken.traced, taken.request, has_aux=has_aux)
    found = inlined(t, st, taken, derived, seeds)
    return like(t, st, found, asked.chosen(args, kwargs))


def _matched(t: Tracer, st: State, given: Any, like: Any, what: str) -> list[Operand]:
    """Return one number or array per float of ``like``, as `revtrace.cotangents.flatten` does."""
    wanted, found = flat(t, st, like), _numbers(t, st, given, like)
    if len(wanted) != len(found):
        raise TypeMismatchError(
            f"{what} has {len(found)} floats, it must have {len(wanted)}", "", "pass the same structure", t.b.loc
        )
    seeds: list[Operand] = []
    for x, y in zip(found, wanted, strict=True):
        if arrays.is_array(y):
            if not arrays.is_array(x) or x.ndim != y.ndim:
                raise TypeMismatchError(f"{what} is no array of {y.ndim} axes", "", "pass the same shape", t.b.loc)
            for m, n in zip(x.shape, y.shape, strict=True):
                if m is not n:
                    arrays.agree(t, m, n)
            view = arrays.materialise(t, x, y.dtype)
            seeds.append(view.root)
        else:
            seeds.append(t.b.cast(numbers.as_num(t, x).operand, y.dtype))
    return seeds


def _numbers(t: Tracer, st: State, given: Any, like: Any) -> list[Any]:
    """The numbers and arrays of a cotangent; a whole number stands for a float."""
    given = t.use(given)
    if given is NONE or (isinstance(given, Static) and given.value is None):
        return []
    if _is_number(given):
        return [given] if flat(t, st, like) else []
    like = t.use(like)
    if is_sequence(st, given) and is_sequence(st, like):
        entries, of = items_of(t, st, given), items_of(t, st, like)
        if len(entries) == len(of):
            return [x for v, o in zip(entries, of, strict=True) for x in _numbers(t, st, v, o)]
    return flat(t, st, given)


def _is_number(value: Any) -> bool:
    """Whether a value is one number."""
    return isinstance(value, Num) or (isinstance(value, Static) and is_number(value.value))
