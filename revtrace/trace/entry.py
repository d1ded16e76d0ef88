"""The entry to tracing: bind the arguments, walk the function, and say what it relied on.

Where something that only some inputs know (a length, an integer argument) decides
the program's structure, the function is traced again with those inputs fixed and
guarded.
"""

from __future__ import annotations

import copy
import inspect
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from revtrace.calls.draws import GENERATORS
from revtrace.errors import GradientError, UnsupportedError
from revtrace.loc import NOWHERE, Loc, definition
from revtrace.program.deep import deep
from revtrace.program.nodes import Const, If, Op, Operand, Program, Var
from revtrace.trace.callables.calls import call
from revtrace.trace.exact import exact
from revtrace.trace.external import external, guard_apart
from revtrace.trace.frames import shape_of
from revtrace.trace.machine import Tracer
from revtrace.trace.objects import growing
from revtrace.trace.objects.held import held
from revtrace.trace.pins import Oracle, Pins, numeric
from revtrace.trace.record import Arg, Fixed, Item, Leaf, Made, Result, Source, StaticLeaf, Traced
from revtrace.trace.signals import NeedSharing, NeedSizes, NeedStatic, NeedTapes, PythonRaise
from revtrace.trace.state import DictBox, Growing, IterBox, ListBox, ObjectBox, State
from revtrace.trace.values import Bound, Maybe, Num, Ref, Static, Tup

__all__ = ["trace"]

MAX_SPECIALISATIONS = 40


def trace(
    fn: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    oracle: Callable[[], Oracle] | None = None,
    *,
    sized: bool = False,
    arrays: bool = False,
    failed: frozenset[Loc] = frozenset(),
) -> Traced:
    """Trace a function for the types of example arguments.

    Parameters
    ----------
    fn : callable
        A plain function, bound method, ``functools.partial``, numba dispatcher or callable instance.
    args, kwargs : tuple, dict
        Arguments as for the call.
    oracle : callable, optional
        Makes what runs a program as far as it is recorded.  Without it, a function whose structure
        depends on floats is refused.
    sized : bool
        Whether the program is for these very lengths and integers only.
    arrays : bool
        Whether arrays made in both ways of a condition decide the structure of what follows.
    failed : set of Loc
        Where an earlier program of the call failed though the plain function goes on, by a handler or otherwise.

    Returns
    -------
    Traced

    Raises
    ------
    UnsupportedError
        If the function uses something that cannot be traced.
    Exception
        What the function itself raises, if it raises whatever the numbers are.
    """
    limit = sys.getrecursionlimit()
    with deep():
        return _specialise(fn, args, kwargs or {}, limit, oracle, _Settings(sized, failed), arrays)


@dataclass
class _Settings:
    """What a trace takes as known; it grows from one trace of the function to the next."""

    sized: bool
    failed: frozenset[Loc]
    fixed: set[Source] = field(default_factory=set)
    unroll: set[Any] = field(default_factory=set)
    wanted: set[Any] = field(default_factory=set)
    sharing: bool = False
    taping: bool = False

    def tracer(self, oracle: Oracle | None, arrays: bool) -> Tracer:
        t = Tracer(Pins(self.wanted, oracle, arrays))
        t.static_sources = set(self.fixed)
        t.unroll = set(self.unroll)
        t.sized, t.failed = self.sized, self.failed
        t.sharing, t.taping = self.sharing, self.taping
        return t

    def know(self, t: Tracer, need: NeedStatic) -> bool:
        """Add what a trace needs to know; say whether there was anything to add."""
        # A loop whose results decide the structure is unrolled; then its own bounds must be known.
        loops = {t.loop_keys[x] for x in t.origins(need.operands) if x in t.loop_keys} - self.unroll
        more = _sources(t, need) - self.fixed
        named = set(need.loops) - self.unroll if t.pins.oracle is not None else set()
        if named and not need.operands:
            self.unroll |= named
            return True
        places = t.pins.places(t, need.operands, need.place)
        if places and (numeric(t, need.operands) or not (more or loops)):
            self.wanted |= places
            return True
        if not more and not loops:
            places = t.pins.places(t, need.otherwise)
            self.wanted |= places
            if places:
                return True
            loops = named
        self.unroll |= loops
        self.fixed |= more | _beside(t, more, self.fixed)
        return bool(more or loops)


def _specialise(
    fn: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    limit: int,
    oracle: Callable[[], Oracle] | None,
    settings: _Settings,
    arrays: bool,
) -> Traced:
    for _ in range(MAX_SPECIALISATIONS):
        t = settings.tracer(None if oracle is None else oracle(), arrays)
        try:
            return _trace(t, fn, args, kwargs)
        except NeedSharing:
            settings.sharing = True
        except NeedSizes:
            settings.sized = True
        except NeedTapes:
            settings.taping = True
        except NeedStatic as need:
            if not settings.know(t, need):
                raise _undecided(t, need) from None
        except UnsupportedError as error:
            error.name_users_line()
            raise
        except PythonRaise as signal:
            raised = _genuine(fn, args, kwargs, signal, t.b.loc, limit)
            place = t.pins.failure(t) if isinstance(raised, UnsupportedError) else None
            if place is None or place in settings.failed:
                raise raised from None
            # The program fails before, where the plain function goes on.
            settings.failed |= {place}
        except RecursionError:
            refusal = UnsupportedError(
                "recursion that goes too deep",
                "each level of a recursion is recorded on its own",
                "write it as a loop",
                t.b.loc,
            )
            raise _raised(fn, args, kwargs, limit) or refusal from None
    raise UnsupportedError(
        "too many inputs decide the program's structure",
        "each of them needs a program of its own",
        "pass arrays in place of many numbers, or close over what is fixed",
        t.b.loc,
    )


def _undecided(t: Tracer, need: NeedStatic) -> UnsupportedError:
    refusal = UnsupportedError(
        f"the structure of the program depends on run-time numbers: {need.why}",
        "what the program consists of must be known when tracing; it may depend on types, shapes and "
        "integer arguments, not on the numbers computed",
        "use an array of fixed shape, or decide by an integer or boolean argument",
        t.b.loc if need.loc is NOWHERE else need.loc,
    )
    refusal.calls = need.calls
    refusal.name_users_line()
    return refusal


def _sources(t: Tracer, need: NeedStatic) -> set[Source]:
    """The arguments whose values or shapes decide what is needed."""
    by_var = {var: source for source, (var, _) in t.inputs.items()}
    found: set[Source] = set()
    for x in t.origins(need.operands):
        stmt = t.b.defs.get(x)
        if x in by_var:
            if x.type.dtype[0] in "iub":
                found.add(by_var[x])
        elif stmt is not None and getattr(stmt, "name", "") == "dim":
            root = stmt.args[0]  # type: ignore[union-attr]
            if root in by_var:
                found.add(by_var[root])
    if not need.operands:
        # Nothing in particular was named: lengths are what usually decides.
        found |= {s for s, (_, i) in t.inputs.items() if i.kind in ("array", "int")}
    return found


def _beside(t: Tracer, more: set[Source], fixed: set[Source]) -> set[Source]:
    """The other integers of lists of which a second one decides the structure: all of them will."""
    bases = {s.base for s in fixed if isinstance(s, Item)} & {s.base for s in more if isinstance(s, Item)}
    return {s for s, (_, i) in t.inputs.items() if i.kind == "int" and isinstance(s, Item) and s.base in bases}


def _genuine(fn: Any, args: Any, kwargs: Any, signal: PythonRaise, loc: Loc, limit: int) -> BaseException:
    """Let the plain function raise its own exception."""
    raised = _raised(fn, args, kwargs, limit)
    if raised is not None:
        return raised
    return UnsupportedError(
        f"tracing met {type(signal.error).__name__}: {signal.error}",
        "the plain function does not raise here, so revtrace misunderstands this line",
        "please report it; as a way out, write the line differently",
        loc,
    )


def _raised(fn: Any, args: Any, kwargs: Any, limit: int) -> BaseException | None:
    """Call the plain function on copies, under the caller's recursion limit, for what it raises."""
    copied = copy.deepcopy((args, kwargs))
    high = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        fn(*copied[0], **copied[1])
    except Exception as error:
        return error
    finally:
        sys.setrecursionlimit(high)
    return None


def _trace(t: Tracer, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    st = t.current
    function, names, values, named = _arguments(fn, args, kwargs)
    t.b.loc = definition(function)
    t.returned = t.b.loc, None
    traced_args = tuple(external(t, st, v, Arg(n), "arg") for n, v in zip(names, values, strict=True))
    traced_kwargs = {k: external(t, st, v, Arg(k), "arg") for k, v in named.items()}
    # Arguments are inputs in call order whether or not the function reads them.
    value = external(t, st, function, Fixed(function), "const")
    if inspect.isgeneratorfunction(function):
        t.b.loc = _first_yield(function.__code__) or t.b.loc
        raise t.unsupported(
            "a generator", "what it yields is no number or container", "collect it in a list and return that"
        )
    result = call(t, st, value, traced_args, traced_kwargs)
    if t.side_effects is not None or len(t.tapes) > 1:
        guard_apart(t)
    t.b.loc = t.returned[0]
    outputs: list[Operand] = []
    built = result_of(t, st, result, outputs, set())
    for used in (*outputs, *(var for var, _ in t.inputs.values())):
        t.touch(used)
    order = list(t.inputs.items())
    program = Program(_name(function), tuple(var for _, (var, _) in order), exact(t.b.close(*outputs)))
    written = {r for r in t.written_roots() if isinstance(r, Var)}
    inputs = tuple(i if var not in written else type(i)(i.source, i.kind, i.python_type, True) for _, (var, i) in order)
    return Traced(
        program,
        inputs,
        built,
        tuple(t.guards.values()),
        t.reliance,
        t.side_effects,
        t.catches,
        t.pins.used,
        t.once,
        t.returned[0],
    )


def _first_yield(code: types.CodeType) -> Loc | None:
    instrs = (i for block in shape_of(code).flow.blocks for i in block.instrs)
    return next((i.loc for i in instrs if i.name == "YIELD_VALUE"), None)


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _arguments(
    fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, list[str], list[Any], dict[str, Any]]:
    """Name the arguments as `Arg` sources do: by parameter, ``*args`` items as ``args[k]``."""
    if not callable(fn):
        raise GradientError(f"{type(fn).__name__} is not callable", "", "pass a function")
    py_func = getattr(fn, "py_func", None)
    if isinstance(py_func, types.FunctionType):
        fn = py_func
    try:
        signature = inspect.signature(_bare(fn), follow_wrapped=False)
    except (TypeError, ValueError):
        return fn, [f"arg{k}" for k in range(len(args))], list(args), dict(kwargs)
    names: list[str] = []
    positional = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    signature.bind(*args, **kwargs)
    here = len(positional)
    names += [positional[k].name if k < here else f"*{k - here}" for k in range(len(args))]
    return fn, names, list(args), dict(kwargs)


def _bare(fn: Any) -> Any:
    """Return a plain function without its attributes: its parameters are its code's, whatever a decorator has noted."""
    if not isinstance(fn, types.FunctionType):
        return fn
    bare = types.FunctionType(fn.__code__, fn.__globals__, fn.__name__, fn.__defaults__, fn.__closure__)
    bare.__kwdefaults__ = fn.__kwdefaults__
    return bare


def result_of(t: Tracer, st: State, value: Any, outputs: list[Operand], seen: set[int]) -> Result:
    """Describe how to build the result from outputs."""
    from revtrace.trace.ndarray import arrays
    from revtrace.trace.numbers import as_num

    value = t.use(value) if not isinstance(value, Maybe) else value
    if isinstance(value, Maybe):
        # A None has no gradient; the plain function is what returns it.
        t.check(value.flag, "unsupported: the result is None")
        value = value.value
    match value:
        case Static():
            if value.source is None and isinstance(value.value, float):
                outputs.append(as_num(t, value).operand)
                return Leaf(len(outputs) - 1, type(value.value))
            return StaticLeaf(value.value, value.source)
        case Num():
            _one_kind(t, value)
            outputs.append(value.operand)
            return Leaf(len(outputs) - 1, _python_type(value))
        case Tup():
            fields = tuple((k, result_of(t, st, v, outputs, seen)) for k, v in enumerate(value.items))
            return Made(value.cls or tuple, fields)
        case Ref():
            if value.id in seen:
                raise t.unsupported(
                    "a result that contains itself",
                    "a result is taken apart into its numbers",
                    "return what it is made of",
                )
            seen = seen | {value.id}
            box = st.box(value)
            if isinstance(box, Growing):
                box = growing.settled(t, st, value, "a list of unknown length is returned")
            if isinstance(box, ListBox):
                return Made(list, tuple((k, result_of(t, st, v, outputs, seen)) for k, v in enumerate(box.items)))
            if isinstance(box, DictBox):
                return Made(dict, tuple((k, result_of(t, st, v, outputs, seen)) for k, v in box.items))
            if isinstance(box, ObjectBox):
                if box.source is not None and not box.fields:
                    return StaticLeaf(box.original, box.source)
                if box.cls in GENERATORS:
                    raise t.unsupported(
                        f"returning an instance of {box.cls.__name__}",
                        "only numbers, arrays and containers are returned",
                        "return what it draws",
                    )
                inner = held(st, value)
                if inner is not None:
                    if len(box.fields) > 1:
                        raise t.unsupported(
                            f"returning a {box.cls.__name__} with attributes of its own",
                            "of lists and dicts only what they hold is returned",
                            "return its items and its attributes in a tuple",
                        )
                    return Made(box.cls, result_of(t, st, inner, outputs, seen).fields)  # type: ignore[union-attr]
                return Made(box.cls, tuple((k, result_of(t, st, v, outputs, seen)) for k, v in box.fields))
            what = "a generator" if isinstance(box, IterBox) and box.kind == "generator" else t.describe(value)
            raise t.unsupported(
                f"returning {what}", "only numbers, arrays and containers are returned", "return a list"
            )
        case Bound():
            raise t.unsupported(
                "returning a method", "only numbers, arrays and containers are returned", "return numbers"
            )
    if arrays.is_array(value):
        import numpy as np

        view = arrays.settle(t, value)
        whole = view if view.whole else arrays.materialise(t, view)
        outputs.append(whole.root)
        return Leaf(len(outputs) - 1, np.ndarray, view.source if view.whole else None)
    raise t.unsupported(
        f"returning {t.describe(value)}", "only numbers, arrays and containers are returned", "return numbers"
    )


def _one_kind(t: Tracer, value: Num) -> None:
    """Have known which way a number goes that is complex on one way only: on the other it is a float."""
    if not value.weak or value.dtype[0] != "c" or not isinstance(value.operand, Var):
        return
    made = t.b.defs.get(value.operand)
    if not isinstance(made, If):
        return
    k = made.outs.index(value.operand)
    for arm in (made.then, made.orelse):
        x = arm.results[k]
        source = t.b.defs.get(x) if isinstance(x, Var) else None
        widened = isinstance(source, Op) and source.name == "cast" and source.args[0].type.dtype[0] != "c"
        if widened or isinstance(x, Const):
            raise NeedStatic((made.cond,), "whether the result is complex must be known", t.b.loc)


def _python_type(value: Num) -> type:
    import numpy as np

    if not value.weak:
        return np.dtype(value.dtype).type
    return {"f": float, "i": int, "b": bool, "c": complex, "u": int}[value.dtype[0]]
