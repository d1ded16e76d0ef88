"""Python source of the function that stands before a kernel.

One function per specialisation: it has the user's signature, checks the guards,
reads the inputs, calls the kernel and builds the result, without a loop or a
generic step.  Its globals are the user's own, so that a guard on a global is a
plain name that CPython resolves by its inline cache; everything of revtrace's comes
in through closure variables that begin with ``_rt_``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from revtrace.containers import leaves, new_container, new_instance, overlap
from revtrace.dispatch.checks import Checks
from revtrace.dispatch.signature import ABSENT, EXTRA, commas, is_name, make, packed, signature
from revtrace.errors import InternalError
from revtrace.program.types import Array, Scalar
from revtrace.trace.record import Arg, Input, Item, Leaf, Made, Result, Source, StaticLeaf, Traced

__all__ = ["OTHER", "Trampoline", "boxed", "compile_trampoline", "dtype_of", "form"]


class _Other:
    """What a trampoline returns when the call is not for its specialisation."""

    def __repr__(self) -> str:
        return "OTHER"


OTHER = _Other()

_PYTHON = {float: "f8", int: "i8", bool: "b1", complex: "c16"}


@dataclass(frozen=True, slots=True)
class Trampoline:
    """A compiled trampoline and its text."""

    call: Callable[..., Any]
    source: str

    @property
    def calls(self) -> int:
        """How often the kernel was run."""
        call: Any = self.call
        names = call.__code__.co_freevars
        return int(call.__closure__[names.index(_CALLS)].cell_contents) if _CALLS in names else 0


_CALLS = "_rt_calls"


def compile_trampoline(
    traced: Traced,
    function: FunctionType,
    *,
    execute: Callable[..., Any] | None,
    support: Any,
    boxed: frozenset[int] = frozenset(),
    form: Any = None,
    entered: bool = False,
    typed: bool = False,
    extra: bool = False,
    in_place: bool = False,
    only_inputs: bool = False,
    otherwise: Callable[[tuple[Any, ...], dict[str, Any]], Any] | None = None,
) -> Trampoline:
    """Return the trampoline of a specialisation.

    Parameters
    ----------
    traced : Traced
        Guards, inputs and result.
    function : function
        The user's; gives signature, defaults and globals.
    execute : callable or None
        The kernel, which returns a tuple; None calls the user's function instead.
    support : object
        Has ``recover(error, inputs, args, kwargs)`` and ``refuse_overlap``.
    boxed : frozenset of int
        Positions of the kernel's results that are numpy scalars.
    form : int or nested tuple of int, optional
        How the kernel returns its results where that is as the function does, see `form`.
    entered : bool
        Whether the kernel raises TypeError once the function has other code, and counts calls itself.
    typed : bool
        Whether the kernel raises TypeError for what is not an array of the right type.
    extra : bool
        Whether seeds or tangents come in a tuple before the user's arguments.
    in_place : bool
        Whether arrays that the program wrote are written back to the caller's.
    only_inputs : bool
        Whether to return the program's inputs rather than run it.
    otherwise : callable, optional
        Called with ``(args, kwargs)`` for calls that are not for this specialisation, `OTHER` is
        returned without it.  Arguments may be `ABSENT`, see `passed`.
    """
    return _Writer(traced, function, execute, support, boxed, form, entered, typed, extra, in_place, otherwise).compile(
        only_inputs
    )


def form(traced: Traced) -> Any:
    """Return how a kernel is to return the results so that nothing is left to do, or None where that cannot be.

    Positions of the results, in order, a number alone or in nested tuples.
    """
    scalars = boxed(traced)
    results = traced.program.body.results
    order: list[int] = []

    def part(result: Result) -> Any:
        match result:
            case Leaf(index, python_type, None) if _is_plain(results[index].type, python_type) or index in scalars:
                order.append(index)
                return index
            case Made(kind, fields) if kind is tuple:
                return tuple(part(entry) for _, entry in fields)
        order.append(-1)
        return None

    found = part(traced.result)
    return found if order == list(range(len(results))) and order else None


def _is_plain(kind: Any, python_type: type) -> bool:
    """Whether a kernel returns a value of a type as it is wanted."""
    return isinstance(kind, Array) or (isinstance(kind, Scalar) and _PYTHON.get(python_type) == kind.dtype)


def boxed(traced: Traced) -> frozenset[int]:
    """Return the positions of the results that are wanted as numpy scalars only."""
    wanted: dict[int, set[bool]] = {}
    for leaf in leaves(traced.result):
        if isinstance(leaf, Leaf) and leaf.source is None:
            kind = traced.program.body.results[leaf.index].type
            is_scalar = isinstance(kind, Scalar) and leaf.python_type is dtype_of(kind).type
            wanted.setdefault(leaf.index, set()).add(is_scalar)
    return frozenset(index for index, answers in wanted.items() if answers == {True})


class _Writer(Checks):
    """Lines of one trampoline."""

    def __init__(
        self,
        traced: Traced,
        function: FunctionType,
        execute: Callable[..., Any] | None,
        support: Any,
        boxed: frozenset[int],
        form: Any,
        entered: bool,
        typed: bool,
        extra: bool,
        in_place: bool,
        otherwise: Callable[..., Any] | None,
    ) -> None:
        super().__init__(function, {"_rt_other": OTHER, "_rt_absent": ABSENT})
        self.traced, self.execute, self.support = traced, execute, support
        self.boxed, self.form, self.entered, self.typed = boxed, form, entered, typed
        self.extra, self.in_place = extra, in_place
        self.leave = "return _rt_other"
        if otherwise is not None:
            self.constants["_rt_otherwise"] = otherwise
            self.leave = f"return _rt_otherwise({packed(function)})"

    def input(self, entry: Input) -> str:
        """Write the reading of one input and the check of its type."""
        x = self.path(entry.source)
        kind = np.ndarray if entry.kind == "array" else entry.python_type
        # The kernel tests its arrays itself; those it writes are copied before.
        if not (_is_extra(entry.source) or (kind is np.ndarray and self.typed and not entry.written)):
            self.unless(f"{self.constant(type)}({x}) is not {self.constant(kind)}")
        return x

    def compile(self, only_inputs: bool) -> Trampoline:
        """Write the whole and compile it."""
        traced, f = self.traced, self.function
        me = self.constant(f, "function")
        # Arrays that are written are looked at before the kernel is entered.
        if not self.entered or any(entry.written for entry in traced.inputs):
            self.lines.append(f"if {me}.__code__ is not {self.constant(f.__code__, 'code')}: break")
        self.fill_in(me)
        for guard in traced.guards:
            self.guard(guard)
        taken, forward = signature(f, self.extra and not only_inputs)
        if self.execute is None and not only_inputs:
            checks, tail = self.lines, [f"return {me}({forward})"]
        else:
            inputs = [
                "None" if only_inputs and _is_extra(entry.source) else self.input(entry) for entry in traced.inputs
            ]
            checks, self.lines = self.lines, []
            tail = [f"return ({commas(inputs)})"] if only_inputs else self.call(inputs, packed(f))
        # Left by break, so that what is called then is outside the try.
        body = ["try:", *(f"    {line}" for line in checks or ["pass"]), "except _rt_Exception: break", *tail]
        body = ["while True:", *(f"    {line}" for line in body), self.leave]
        name = f.__name__ if is_name(f.__name__) else "function"
        if _CALLS in self.constants:
            body.insert(0, f"nonlocal {_CALLS}")
        text = f"def {name}({taken}):\n" + "".join(f"    {line}\n" for line in body)
        return Trampoline(make(text, name, self.constants, f), text)

    def fill_in(self, me: str) -> None:
        """Write the defaults of what was not passed, as they are when the function is defined."""
        f = self.function
        code = f.__code__
        names = code.co_varnames[: code.co_argcount]
        if f.__defaults__:
            known = self.constant(f.__defaults__, "defaults")
            self.lines.append(f"if {me}.__defaults__ is not {known}: break")
            for k, name in enumerate(names[-len(f.__defaults__) :]):
                self.lines.append(f"if {name} is _rt_absent: {name} = {known}[{k}]")
        if f.__kwdefaults__:
            known = self.constant(f.__kwdefaults__, "kwdefaults")
            self.lines.append(f"if {me}.__kwdefaults__ is not {known}: break")
            for name in f.__kwdefaults__:
                self.lines.append(f"if {name} is _rt_absent: {name} = {known}[{name!r}]")

    def call(self, inputs: list[str], given: str) -> list[str]:
        """Return the lines that run the kernel and build the result."""
        traced = self.traced
        written = [k for k, e in enumerate(traced.inputs) if e.written]
        lines: list[str] = []
        passed = list(inputs)
        arrays = [k for k, e in enumerate(traced.inputs) if e.kind == "array"]
        recover = f"{self.constant(self.support.recover, 'recover')}"
        if not self.entered:
            self.constants[_CALLS] = 0
            lines.append(f"{_CALLS} += 1")
        if written:
            refuse = self.constant(self.support.refuse_overlap, "refuse_overlap")
            pairs = [(k, j) for k in written for j in arrays if k < j or (k != j and j not in written)]
            plainly = [f"not {inputs[k]}.flags.writeable" for k in written]
            if self.in_place:
                shared = self.constant(overlap, "overlap")
                plainly += [f"{shared}({inputs[k]}, {inputs[j]})" for k, j in pairs]
            else:
                lines += [f"{refuse}({inputs[k]}, {inputs[j]}, {k}, {j})" for k, j in pairs]
            lines.append(f"if {' or '.join(plainly)}:")
            lines += self.settled(f"{recover}(None, ({commas(inputs)}), {given})", "    ")
            for k in written:
                passed[k] = f"_rt_w{k}"
                lines.append(f"_rt_w{k} = {inputs[k]}.copy()")
        outputs = [f"_rt_r{k}" for k in range(len(traced.program.body.results))]
        result = f"{self.constant(self.execute, 'kernel')}({', '.join(passed)})"
        before, self.lines = self.lines, []
        returned = "_rt_result" if self.form is not None else self.result(traced.result)
        if self.in_place and written:
            copyto = self.constant(np.copyto, "copyto")
            self.lines = [*(f"{copyto}({inputs[k]}, _rt_w{k})" for k in written), *self.lines]
        if not self.lines and returned in ("_rt_result", f"({commas(outputs)})"):
            attempt, after = f"return {result}", []
        else:
            taken = "_rt_result" if self.form is not None else commas(outputs)
            attempt = f"{taken} = {result}" if taken else result
            after = ["else:", *(f"    {line}" for line in self.lines), f"    return {returned}"]
        self.lines = before
        lines += ["try:", f"    {attempt}", "except _rt_Exception as _rt_error:", "    _rt_signal = _rt_error", *after]
        # Outside the except clause, so that what is raised there is not chained to the signal.
        return lines + self.settled(f"{recover}(_rt_signal, ({commas(inputs)}), {given})")

    def settled(self, recovery: str, indent: str = "") -> list[str]:
        """Return the lines that return what a recovery found, or leave: the call is then counted elsewhere."""
        uncount = [] if self.entered else [f"    {_CALLS} -= 1"]
        lines = [f"_rt_out = {recovery}", "if _rt_out is _rt_other:", *uncount, "    break", "return _rt_out"]
        return [indent + line for line in lines]

    def result(self, result: Result) -> str:
        """Return the expression that builds a result."""
        match result:
            case StaticLeaf(value, source):
                return self.constant(value, "static") if source is None else self.path(source)
            case Leaf(index, python_type, source):
                if source is not None:
                    return self.path(source)
                kind = self.traced.program.body.results[index].type
                plain = index in self.boxed or _is_plain(kind, python_type)
                return f"_rt_r{index}" if plain else f"{self.constant(python_type)}(_rt_r{index})"
            case Made(kind, fields):
                entries = [self.result(entry) for _, entry in fields]
                if kind is tuple:
                    return f"({commas(entries)})"
                if kind is list:
                    return f"[{', '.join(entries)}]"
                if kind is dict:
                    return (
                        "{"
                        + ", ".join(f"{self.constant(k)}: {e}" for (k, _), e in zip(fields, entries, strict=True))
                        + "}"
                    )
                cls = self.constant(kind)
                if issubclass(kind, tuple):
                    return f"{self.constant(tuple.__new__, 'new_tuple')}({cls}, ({commas(entries)}))"
                if issubclass(kind, (list, dict)):
                    inner = Made(list if issubclass(kind, list) else dict, fields)
                    return f"{self.constant(new_container)}({cls}, {self.result(inner)})"
                names = self.constant(tuple(key for key, _ in fields), "names")
                return f"{self.constant(new_instance)}({cls}, {names}, ({commas(entries)}))"
        raise InternalError(f"unknown result {result!r}")


def _is_extra(source: Source) -> bool:
    return isinstance(source, Item) and source.base == Arg(EXTRA)


def dtype_of(kind: Array | Scalar) -> np.dtype[Any]:
    """Return numpy's dtype of a program's array or number."""
    return np.dtype(bool if kind.dtype == "b1" else kind.dtype)
