"""One specialisation at work: its kernel, and what happens when the fast path does not fit.

The trampoline does the common case.  Everything else comes here:
arrays of another layout, a kernel that gives up (the plain function then says why),
arguments that overlap, a kernel whose assumptions fail.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from revtrace.calls.core import failure
from revtrace.config import Settings
from revtrace.containers import build, overlap, snapshot
from revtrace.dispatch.draws import drawing
from revtrace.dispatch.failures import failed_check, refusal, stepped
from revtrace.dispatch.records import Executor, Need, Stats
from revtrace.dispatch.traces import fitting
from revtrace.dispatch.trampoline import OTHER, Trampoline, compile_trampoline
from revtrace.errors import UnsupportedError
from revtrace.kept import counting, keeps
from revtrace.loc import definition
from revtrace.passes.plan import Plan
from revtrace.program.nodes import Program
from revtrace.program.types import Scalar
from revtrace.replay import OutOfTime
from revtrace.trace.record import Leaf, StaticLeaf, Traced, fetch, rendered

__all__ = ["Specialisation"]


# After so many calls in a row that needed the careful kernel, it is used at once.
_PATIENCE = 3


@dataclass(slots=True, eq=False)
class Specialisation:
    """A traced (and derived) function together with its kernels.

    Attributes
    ----------
    traced : Traced
    function : function
        The user's plain function, which gives the exception when a kernel bails.
    executor : Executor or None
        None calls the plain function.
    careful : callable
        Makes the careful executor of the program when it is first needed.
    count : callable
        Makes the executor of the program that counts what is kept.
    primal : bool
        Whether this is the function itself: arrays are written in place, and what the plain function returns
        is the result when the kernel bails.
    extra : bool
        Whether seeds or tangents come before the user's arguments.
    changed : callable
        Called when the trampoline is replaced.
    closer : callable
        Called when only a specialisation that finds out more can serve a call.
    rest : callable or None
        Returns the program and the plan where ``traced`` has an outline of the program only.
    keeping : bool
        Whether the program keeps anything for a backward sweep; found out where it is not said.
    need : Need
        What it was made to find out.
    """

    traced: Traced
    function: FunctionType
    executor: Executor | None
    careful: Callable[[Program], Executor]
    count: Callable[[Program], Executor]
    settings: Settings
    stats: Stats
    primal: bool = False
    extra: bool = False
    changed: Callable[[], None] = lambda: None
    closer: Callable[[Need], None] = lambda need: None
    rest: Callable[[], tuple[Program, Plan | None]] | None = None
    keeping: bool | None = None
    need: Need = field(init=False, default=Need())
    plan: Plan | None = field(init=False, default=None)
    _seen: tuple[Any, ...] | None = field(init=False, default=None)
    _kept: int | None = field(init=False, default=None)
    trampoline: Trampoline = field(init=False)
    _careful: Executor | None = field(init=False, default=None)
    _misses: int = field(init=False, default=0)
    _code: CodeType = field(init=False)
    _entry: tuple[Callable[..., Any], Any] | None = field(init=False, default=None)
    _past: int = field(init=False, default=0)
    _lock: Any = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._code = self.function.__code__
        if self.keeping is None:
            self.keeping = keeps(self.traced.program)
        self.open()

    def whole(self) -> Program:
        """Return the program with all its statements."""
        if self.rest is not None:
            program, self.plan = self.rest()
            self.traced, self.rest = replace(self.traced, program=program), None
        return self.traced.program

    def open(self) -> None:
        """Make the way into the executor."""
        run = self.executor
        self._entry = None if run is None or run.enter is None else run.enter(self.function, self._code)
        self.trampoline = self.compiled(None)

    @property
    def calls(self) -> int:
        """How often the kernel was run, by calls that came in through it or the trampoline."""
        entered = 0 if self._entry is None else int(self._entry[1][0])
        return self._past + entered + self.trampoline.calls

    def compiled(self, otherwise: Callable[[tuple[Any, ...], dict[str, Any]], Any] | None) -> Trampoline:
        """Return a trampoline that hands calls it does not take to ``otherwise``, see `compile_trampoline`."""
        run = self.executor
        execute = None if run is None else (run.run if run.checks_types else self.checked)
        return compile_trampoline(
            self.traced,
            self.function,
            execute=execute if self._entry is None else self._entry[0],
            entered=self._entry is not None,
            support=self,
            boxed=frozenset() if run is None else run.boxed,
            form=None if run is None else run.form,
            typed=run is not None and run.checks_types,
            extra=self.extra,
            in_place=self.primal,
            otherwise=otherwise,
        )

    def inputs_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Return the program's inputs in a call, or None where the specialisation does not serve it."""
        reader = compile_trampoline(self.traced, self.function, execute=None, support=self, only_inputs=True)
        inputs = reader.call(*args, **kwargs)
        return None if inputs is OTHER or fitting(self.traced, inputs) is None else inputs

    # what is kept -------------------------------------------------------------------

    def remember(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Remember the call that the specialisation is made for, without keeping its arrays alive."""
        if self.primal or not self.keeping:
            self._kept = 0
            return
        inputs = self.inputs_of(args, kwargs)
        if inputs is not None:
            self._seen = tuple(weakref.ref(x) if isinstance(x, np.ndarray) else x for x in inputs)

    def kept_bytes(self) -> int | None:
        """Return how many bytes the call it was made for keeps; None when its arrays are gone."""
        if self._kept is None and self._seen is not None:
            inputs = [x() if isinstance(x, weakref.ref) else x for x in self._seen]
            types = [var.type for var in self.traced.program.inputs]
            known = all(x is not None or isinstance(kind, Scalar) for x, kind in zip(inputs, types, strict=True))
            fitted = fitting(self.traced, inputs) if known else None
            if fitted is not None:
                self._kept = int(
                    self.count(counting(self.whole()))([x.copy() if isinstance(x, np.ndarray) else x for x in fitted])[
                        0
                    ]
                )
        return self._kept

    # running ------------------------------------------------------------------------

    def checked(self, *inputs: Any) -> tuple[Any, ...]:
        """Run an executor that does not check the types of arrays itself."""
        executor = self.executor
        assert executor is not None
        if fitting(self.traced, inputs) is not inputs:
            raise TypeError("layout")
        return executor(inputs)

    def recover(self, error: Exception | None, inputs: tuple[Any, ...], args: tuple[Any, ...], kwargs: Any) -> Any:
        """Finish a call whose fast path failed.

        Parameters
        ----------
        error : Exception or None
            What the kernel raised; None when an array that the program writes is read-only.
        inputs : tuple
            The program's inputs as the caller gave them.
        args, kwargs
            The call's arguments.
        """
        executor = self.executor
        assert executor is not None
        if self.function.__code__ is not self._code:
            return OTHER
        if error is None:
            self._past += self._entry is not None
            return self.read_only(inputs, args, kwargs)
        # The traceback would hold the frame, which holds the error.
        error.__traceback__ = None
        if isinstance(error, executor.bail):
            return self.plain(args, kwargs, inputs)
        if isinstance(error, OutOfTime):
            return self.run(self.go_on(), inputs, args, kwargs)
        if isinstance(error, executor.deopt):
            return self.run(self.go_careful(), inputs, args, kwargs)
        if isinstance(error, TypeError):
            fitted = fitting(self.traced, inputs)
            if fitted is None or fitted is inputs:
                return OTHER
            # The kernel counts what it takes only.
            self._past += self._entry is not None
            return self.run(executor, inputs, args, kwargs)
        if isinstance(error, OverflowError):
            if any(isinstance(x, int) and not -(2**63) <= x < 2**63 for x in inputs):
                # Such an integer is known to its own specialisation.
                return OTHER
            raise UnsupportedError(
                "an int does not fit in 64 bits", "compiled code computes with 64-bit integers", "pass a float"
            ) from None
        raise error

    def run(self, executor: Executor, inputs: tuple[Any, ...], args: tuple[Any, ...], kwargs: Any) -> Any:
        """Run an executor on copies where the program writes, and build the result step by step."""
        traced = self.traced
        fitted = fitting(self.traced, inputs)
        if fitted is None:
            return OTHER
        passed = [
            x.copy() if entry.written and x is given else x
            for x, given, entry in zip(fitted, inputs, traced.inputs, strict=True)
        ]
        signal: Exception | None = None
        outputs: tuple[Any, ...] = ()
        try:
            outputs = executor(passed)
        except (*executor.bail, *executor.deopt) as error:
            signal = error
        if signal is not None:
            return self.recover(signal, inputs, args, kwargs)
        if self.primal:
            for x, given, entry in zip(passed, inputs, traced.inputs, strict=True):
                if entry.written:
                    np.copyto(given, x)

        def leaf(result: Any) -> Any:
            if result.source is not None:
                return self.read(result.source, inputs, args, kwargs)
            if isinstance(result, StaticLeaf):
                return result.value
            assert isinstance(result, Leaf)
            kind = traced.program.body.results[result.index].type
            value = outputs[result.index]
            return result.python_type(value) if isinstance(kind, Scalar) else value

        return build(traced.result, leaf)

    def read(self, source: Any, inputs: tuple[Any, ...], args: tuple[Any, ...], kwargs: Any) -> Any:
        """Read a source of a result again."""
        for entry, value in zip(self.traced.inputs, inputs, strict=True):
            if entry.source == source:
                return value
        code = self.function.__code__
        names = code.co_varnames
        arguments = dict(zip(names[: code.co_argcount], args, strict=False))
        at = code.co_argcount + code.co_kwonlyargcount
        arguments |= {name: kwargs[name] for name in names[code.co_argcount : at]}
        if code.co_flags & 4:
            arguments[names[at]] = args[code.co_argcount :]
            at += 1
        if code.co_flags & 8:
            arguments[names[at]] = {k: v for k, v in kwargs.items() if k not in arguments}
        return fetch(source, arguments)

    def go_on(self) -> Executor:
        """Compile what was interpreted so far."""
        with self._lock:
            assert self.executor is not None
            if self.executor.later is not None:
                self.take(self.executor.later())
            return self.executor

    def take(self, executor: Executor) -> None:
        """Use another executor from now on."""
        self._past = self.calls
        self.executor = executor
        self.open()
        self.changed()

    def go_careful(self) -> Executor:
        """Return the careful executor; the fast one is given up when it keeps failing."""
        with self._lock:
            self.stats.deopts += 1
            self._misses += 1
            if self._careful is None:
                self._careful = self.careful(self.whole())
            if self._misses >= _PATIENCE and self.executor is not self._careful:
                self.take(self._careful)
            return self._careful

    # the plain function ---------------------------------------------------------------

    def plain(self, args: tuple[Any, ...], kwargs: Any, inputs: tuple[Any, ...]) -> Any:
        """Call the plain function, which raises what the kernel gave up on."""
        self.stats.bails += 1
        # What a library or a user's rule raised; kept before the plain function calls them again.
        raised = failure()
        if raised is not None and not isinstance(raised, Exception):
            raise raised
        if self.primal:
            return self.function(*args, **kwargs)
        if self.traced.pinned:
            failed = failed_check(self.whole(), self.traced, inputs)
            if failed is None:
                # Compiled code rounds otherwise than the interpreter, which found the numbers.
                return self.run(drawing(stepped(self.whole()), self.traced), inputs, args, kwargs)
            if failed.attr("kind", "") == "pinned":
                return OTHER
        restore = snapshot(args, kwargs, inputs)
        try:
            self.function(*args, **kwargs)
        finally:
            restore()
        if raised is not None and self.traced.catches is None:
            raise raised
        return self.unexplained(inputs)

    def read_only(self, inputs: tuple[Any, ...], args: tuple[Any, ...], kwargs: Any) -> Any:
        """Serve a call whose program writes a read-only array: the plain function decides whether it fails."""
        if self.primal:
            return self.function(*args, **kwargs)
        restore = snapshot(args, kwargs, inputs)
        try:
            self.function(*args, **kwargs)
        finally:
            restore()
        assert self.executor is not None
        return self.run(self.executor, inputs, args, kwargs)

    def unexplained(self, inputs: tuple[Any, ...]) -> Any:
        """Refuse a call that bails although the plain function raises nothing.

        Where an axis of length one was met that stands for a longer one, the call needs a specialisation of its own.
        """
        failed = failed_check(self.whole(), self.traced, inputs)
        kind = "" if failed is None else str(failed.attr("kind", failed.name))
        caught = self.traced.catches is not None and kind != "broadcast"
        if failed is not None and (caught or kind.startswith("unsupported: ")):
            place = replace(failed.loc, origin=0, role="")
            if place not in self.need.failed:
                self.closer(self.need | Need(failed=frozenset({place})))
                return OTHER
        if failed is not None and kind == "broadcast" and not self.need.sized:
            self.closer(self.need | Need(sized=True))
            return OTHER
        raise refusal(self.function, failed, kind, self.traced.catches if caught else None)

    def gives_up(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Ask for another program where this one gives up in a call, whatever the numbers of its seeds are."""
        inputs = self.inputs_of(args, kwargs)
        types = [v.type for v in self.whole().inputs]
        if inputs is None or not all(isinstance(t, Scalar) for x, t in zip(inputs, types, strict=True) if x is None):
            return
        failed = failed_check(self.whole(), self.traced, tuple(0.0 if x is None else x for x in inputs))
        if failed is not None and str(failed.attr("kind", "")).startswith("unsupported: "):
            self.closer(self.need | Need(failed=frozenset({replace(failed.loc, origin=0, role="")})))

    def refuse_overlap(self, a: Any, b: Any, first: int, second: int) -> None:
        """Refuse two arrays that share memory when the program writes one of them."""
        if not overlap(a, b):
            return
        entries = self.traced.inputs
        x, y = rendered(entries[first].source), rendered(entries[second].source)
        raise UnsupportedError(
            f"{x} and {y} share memory, and {self.function.__qualname__} writes {x}",
            "writes through one name would have to be seen through the other",
            f"pass a copy: {y}.copy()",
            definition(self.function),
        )
