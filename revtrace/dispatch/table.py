"""The specialisations of one function under one derivative, found by trying their guards.

A table is shared by all handles of the same function, derivative and settings.  Calls try
the entries in order; the slow path traces, derives, compiles and adds an entry.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import FunctionType
from typing import Any, NoReturn
from weakref import WeakSet

import numpy as np

from revtrace import interop
from revtrace.cache import kernels, specialisations
from revtrace.callee import by_parameter, locate, whole_call
from revtrace.calls.users import watchers
from revtrace.config import Settings
from revtrace.containers import snapshot
from revtrace.dispatch.draws import drawing
from revtrace.dispatch.executors import executor, stored
from revtrace.dispatch.reasons import again
from revtrace.dispatch.records import Executor, Stats
from revtrace.dispatch.signature import compile_binder, passed
from revtrace.dispatch.specialisation import Specialisation
from revtrace.dispatch.steps import Step, differentiated
from revtrace.dispatch.traces import Traces
from revtrace.dispatch.trampoline import OTHER, Trampoline, boxed, form
from revtrace.errors import InternalError, RevtraceError, UnsupportedError
from revtrace.loc import Loc, definition
from revtrace.passes.plan import Plan
from revtrace.passes.shadows import BranchArrayError
from revtrace.program.collector import rarely
from revtrace.program.deep import deep
from revtrace.program.nodes import Block, Program
from revtrace.replay.partial import Partial
from revtrace.request import Request, request
from revtrace.trace import trace
from revtrace.trace.record import Arg, Guard, StaticLeaf, Traced, fetch

__all__ = ["Table"]


# A pinned program that takes more milliseconds to compile is interpreted first, see `executor`.
_LONG = 2000

# After so many specialisations each new one is interpreted first: the next call may need yet another.
_MANY = 8

# An entry this far back that serves a call moves to the front.
_FAR = 4


class Table:
    """Specialisations of one function.

    Parameters
    ----------
    function : function
        Plain Python.
    steps : tuple of Step
        Derivatives, innermost first; none for the function itself.
    settings : Settings
    skipped : int
        How many leading arguments are not the user's (a method's instance).
    traces : Traces, optional
        What the function's tables share.
    """

    def __init__(
        self,
        function: FunctionType,
        steps: tuple[Step, ...],
        settings: Settings,
        skipped: int = 0,
        traces: Traces | None = None,
    ) -> None:
        self.function, self.steps, self.settings, self.skipped = function, steps, settings, skipped
        self.traces = traces or Traces(function)
        self.counted = Stats()
        self._past_calls = 0
        self._front: Trampoline | None = None
        self.subscribers: WeakSet[Any] = WeakSet()
        # Why each specialisation was needed, of the last ones.
        self.reasons: deque[str] = deque(maxlen=64)
        self.entries: tuple[Callable[..., Any], ...] = ()
        self.specialisations: tuple[Specialisation, ...] = ()
        self._binder: Any = None
        self.primal = not steps
        self.extra = any(step.kind in ("pullback", "pushforward") for step in steps)
        # Whether a call may have values of other systems.
        self.hosted = all(step.kind == "gradient" for step in steps)
        self._lock = threading.RLock()
        self._sized = False
        self._failed: frozenset[Loc] = frozenset()
        # Calls with hosts' values, by structure; what `revtrace.interop` remembers.
        self.calls: dict[Any, Any] = {}
        # Whether they have come where values of numpy are expected.
        self._serves = False
        # Whether programs may draw random numbers from generators of the caller.
        self.draws = True
        watchers.add(self)

    @functools.cached_property
    def here(self) -> Loc:
        """The function's definition, for errors."""
        return definition(self.function)

    def forget(self) -> None:
        """Drop all specialisations: a rule they may have used has changed."""
        with self._lock:
            self._past_calls += sum(s.calls for s in self.specialisations)
            self.specialisations = ()
            self.calls = {}
            self.traces.forget()
            self.refresh()

    @property
    def stats(self) -> Stats:
        """What the table has done so far."""
        calls = self._past_calls + sum(s.calls for s in self.specialisations)
        calls += 0 if self._front is None else self._front.calls
        kept = self.specialisations[0].kept_bytes() if self.specialisations else None
        return replace(self.counted, calls=calls, kept_bytes=kept)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of every parameter in a call; TypeError as the function raises it."""
        f = self.function
        now = (f.__code__, f.__defaults__, f.__kwdefaults__)
        if self._binder is None or any(a is not b for a, b in zip(now, self._binder[0], strict=True)):
            self._binder = now, compile_binder(f)
        arguments: dict[str, Any] = self._binder[1](*args, **kwargs)
        return arguments

    def start(self, /, *args: Any, **kwargs: Any) -> Any:
        """Serve a call before there is a specialisation to go to at once."""
        if args and self.hosted:
            serve = interop.serving.get(type(args[0]))
            if serve is not None:
                return serve(self, args, kwargs)
        return self.call((), args, kwargs)

    def front(self) -> Callable[..., Any]:
        """Return what serves a call at once: the first specialisation, which knows where to go when it does not fit."""
        with self._lock:
            if self._front is None and self.specialisations:
                self._front = self.specialisations[0].compiled(self.elsewhere)
            if self._front is None:
                return self.start
            return _either(self, self._front.call) if self._serves else self._front.call

    def elsewhere(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Serve a call that the front does not take."""
        args, kwargs = passed(self.function, args, kwargs)
        if args and self.hosted:
            serve = interop.serving.get(type(args[0]))
            if serve is not None:
                self._serves = True
                for subscriber in list(self.subscribers):
                    subscriber.follow(self.front())
                return serve(self, args, kwargs)
        return self.miss((), args, kwargs)

    def call(self, extra: tuple[Any, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Call through the entries; ``extra`` holds seeds and tangents."""
        front = (extra,) if self.extra else ()
        for entry in self.entries:
            out = entry(*front, *args, **kwargs)
            if out is not OTHER:
                return out
        return self.miss(extra, args, kwargs)

    def miss(self, extra: tuple[Any, ...], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Serve a call that no entry takes, by a new specialisation."""
        front = (extra,) if self.extra else ()
        found = None
        while found is None:
            known = self.specialisations
            self._sized, self._failed = False, frozenset()
            for k, entry in enumerate(self.entries):
                out = entry(*front, *args, **kwargs)
                if out is not OTHER:
                    if k >= _FAR:
                        self._to_front(k)
                    return out
            host = interop.host_of(*args, *kwargs.values()) if self.hosted else ""
            if host:
                return interop.serve(host, self, args, kwargs)
            raised = False
            try:
                with self._lock:
                    # Another thread may just have made what is needed.
                    if self.specialisations is known:
                        found = self.add(args, kwargs)
            except RevtraceError:
                raise
            except Exception:
                if not self.primal:
                    raise
                raised = True
            if raised:
                # What the function itself raises while it is traced, it raises again.
                return self.function(*args, **kwargs)
        out = found.trampoline.call(*front, *args, **kwargs)
        if out is OTHER and self.extra:
            # A cotangent of another type: the plain function may take a way that the program does not have.
            found.gives_up(args, kwargs)
        while out is OTHER and (self._sized or self._failed):
            # The general program met an axis of length one that stands for a longer one, or what a handler catches.
            out = self.add(args, kwargs).trampoline.call(*front, *args, **kwargs)
        if out is OTHER:
            raise InternalError(
                f"the specialisation of {self.function.__qualname__} made for this call does not take it",
                "a fact it relies on does not hold for the arguments it was traced with",
                "report it with the function, its arguments and the output of `revtrace info`",
                self.here,
            )
        return out

    def find(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Specialisation:
        """Return the specialisation that serves a call, made now if need be, without running it."""
        with self._lock:
            for specialisation in self.specialisations:
                if specialisation.inputs_of(args, kwargs) is not None:
                    return specialisation
            return self.add(args, kwargs)

    # making ---------------------------------------------------------------------------

    def add(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Specialisation:
        """Trace, derive and compile for a call, and enter the specialisation in front."""
        with self._lock:
            reason = again(self.specialisations, self.function, self.bind(args, kwargs))
            try:
                found = self._stored(args, kwargs)
                specialisation = self._made(args, kwargs) if found is None else found
            finally:
                self._sized, self._failed = False, frozenset()
            if not self.draws and any(entry.kind == "generator" for entry in specialisation.traced.inputs):
                raise UnsupportedError("random numbers drawn", "what calls this keeps none of them", "", self.here)
            specialisation.remember(args, kwargs)
            self.counted.specialisations += 1
            self.reasons.append(reason)
            if "call" in self.settings.dump.split(","):
                print(specialisation.trampoline.source, file=sys.stderr)
            limit = max(1, self.settings.specialisations)
            for old in self.specialisations[limit - 1 :]:
                self._past_calls += old.calls
            if not specialisation.traced.once:
                self.specialisations = (specialisation, *self.specialisations)[:limit]
                self.refresh()
            return specialisation

    @rarely()
    def _made(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Specialisation:
        """Trace, derive and compile for a call."""
        try:
            traced, plan = self.traced(args, kwargs)
        except UnsupportedError:
            if not self.primal:
                raise
            return self._plain(args, kwargs)
        made = self._compiled(traced)
        made.plan, made.sized, made.failed = plan, self._sized, self._failed
        self._keep(made, args, kwargs)
        return made

    # on disk --------------------------------------------------------------------------

    def _key(self, arguments: Mapping[str, Any]) -> str:
        """Return where traces for a call are on disk; empty where they are not kept there."""
        settings = self.settings
        special = self._sized or self._failed
        if special or not settings.cache or settings.interpret or settings.verify or settings.dump:
            return ""
        return specialisations.key_of_call(
            self.function, repr((self.steps, self.skipped, settings.checkpoint)), arguments
        )

    def _stored(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Specialisation | None:
        """Return the specialisation for a call that another process left on disk."""
        start = time.perf_counter()
        arguments = self.bind(args, kwargs)
        key = self._key(arguments)
        if not key:
            return None
        answer = "not there"
        try:
            for found, why in specialisations.find(kernels.store(self.settings), key, self.function, arguments):
                answer = why
                if found is None:
                    continue
                answer = "its machine code is not there"
                run = stored(found.kernel, found.traced.program.name, self.settings, self.counted)
                if run is not None:
                    made = self._specialisation(found.traced, run, found.whole, found.keeps)
                    answer = "it is for another call"
                    if made.inputs_of(args, kwargs) is not None:
                        answer = "disk"
                        return made
        finally:
            self._explain(answer)
            self.counted.trace_seconds += time.perf_counter() - start
        return None

    def _keep(self, made: Specialisation, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Write a specialisation to disk if another process could use it."""
        arguments = self.bind(args, kwargs)
        key = self._key(arguments)
        if not key or made.executor is None or not made.executor.key:
            return
        why = specialisations.keep(
            kernels.store(self.settings),
            key,
            made.traced,
            made.plan,
            kernel=made.executor.key,
            keeps=bool(made.keeping),
            function=self.function,
            arguments=arguments,
        )
        self._explain(f"not kept: {why}" if why else "kept")

    def _explain(self, what: str) -> None:
        if self.settings.explain_cache:
            print(f"revtrace cache: the trace of {self.function.__qualname__}: {what}", file=sys.stderr)

    def refresh(self) -> None:
        """Take the trampolines of the specialisations over."""
        self.entries = tuple(s.trampoline.call for s in self.specialisations)
        if self._front is not None:
            self._past_calls += self._front.calls
        self._front = None
        for subscriber in list(self.subscribers):
            subscriber.follow(self.front())

    def closer(self, sized: bool, failed: frozenset[Loc]) -> None:
        """Make the next specialisation for the very lengths of its call, or find out what is tested at some places."""
        self._sized, self._failed = sized or self._sized, failed | self._failed

    def _to_front(self, k: int) -> None:
        with self._lock:
            if k < len(self.specialisations):
                chosen = self.specialisations[k]
                self.specialisations = (chosen, *(s for s in self.specialisations if s is not chosen))
                self.refresh()

    def traced(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], arrays: bool = False
    ) -> tuple[Traced, Plan | None]:
        """Return the function traced for a call, with the derivatives taken, and what the last one keeps.

        ``arrays`` as for `revtrace.trace.trace`.
        """
        arguments = self.bind(args, kwargs)
        start = time.perf_counter()
        defect: Exception | None = None
        try:
            traced = self._trace(args, kwargs, arguments, arrays)
            with deep():
                ask = functools.partial(self.request, count=len(args), arguments=arguments)
                return differentiated(traced, self.steps, ask, self.settings)
        except BranchArrayError:
            if arrays or self.primal:
                raise
        except RevtraceError as error:
            if error.__cause__ is not None and not self.primal:
                # What a function with a rule raised, which the whole may raise too.
                self._run_plain(args, kwargs)
            raise
        except Exception as error:
            # Tracing hands on what the function raises.
            if self.primal:
                raise
            defect = error
        finally:
            self.counted.trace_seconds += time.perf_counter() - start
        return self.traced(args, kwargs, arrays=True) if defect is None else self._confirm(defect, args, kwargs)

    def _trace(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], arguments: Mapping[str, Any], arrays: bool
    ) -> Traced:
        """Return the function itself traced for a call; another derivative may have had it traced already."""
        how = self.primal, self._sized, self._failed, arrays
        known = self.traces.find(args, kwargs, *how)
        if known is not None:
            return known
        positional, named = whole_call(self.function, arguments)
        oracle = None if self.primal else Partial
        sized, failed = self._sized, self._failed
        found = trace(self.function, positional, named, oracle, sized=sized, arrays=arrays, failed=failed)
        traced = by_parameter(found, self.function, arguments)
        self.traces.keep(traced, *how)
        return traced

    def _confirm(self, error: Exception, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> NoReturn:
        """Raise what the plain function raises where tracing ended in an exception, else report a defect."""
        self._run_plain(args, kwargs)
        raise InternalError(
            f"{type(error).__name__}: {error}",
            f"raised while {self.function.__qualname__} was traced and differentiated",
            "report it with the function, its arguments and the output of `revtrace info`",
            self.here,
        ) from error

    def _run_plain(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Call the plain function for what it raises."""
        restore = snapshot(args, kwargs)
        try:
            self.function(*args, **kwargs)
        finally:
            restore()

    def request(self, step: Step, count: int, arguments: dict[str, Any]) -> Request:
        """Return the arguments a step differentiates by, in a call."""
        paths, spelled = locate(self.function, count, step.argnums, step.argnames, arguments, self.skipped)
        return request(
            paths,
            spelled,
            tuple(fetch(path, arguments) for path in paths),
            single=step.single,
            arguments=arguments,
            here=self.here,
            strict=step.strict,
        )

    def _compiled(self, traced: Traced) -> Specialisation:
        given = {"boxed": boxed(traced), "form": form(traced)}
        # What is pinned serves calls that take this way only.
        large = min(self.settings.large, _LONG) if traced.pinned else self.settings.large
        large = 0 if self.counted.specialisations >= _MANY else large
        settings = replace(self.settings, interpret=True) if traced.once else self.settings

        # Effects on the caller's objects happen only when the plain function runs.
        lost = self.primal and traced.side_effects is not None
        fast = None if lost else executor(traced.program, settings, self.counted, large=large, **given)
        return self._specialisation(traced, fast)

    def _specialisation(
        self, traced: Traced, run: Executor | None, rest: Any = None, keeping: bool | None = None
    ) -> Specialisation:
        given: dict[str, Any] = {} if run is None else {"boxed": run.boxed, "form": run.form}
        run = None if run is None else drawing(run, traced)

        def careful(program: Program) -> Executor:
            return drawing(executor(program, self.settings, self.counted, careful=True, **given), traced)

        def counter(program: Program) -> Executor:
            return drawing(executor(program, self.settings, Stats(), careful=True), traced, advances=False)

        return Specialisation(
            traced,
            self.function,
            run,
            careful,
            counter,
            self.settings,
            self.counted,
            primal=self.primal,
            extra=self.extra,
            changed=self.refresh,
            closer=self.closer,
            rest=rest,
            keeping=keeping,
        )

    def _plain(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Specialisation:
        """Return an entry that calls the plain function for arguments of these types."""
        arguments = self.bind(args, kwargs)
        guards = [Guard(Arg(name), "type", type(value)) for name, value in arguments.items()]
        for name, value in arguments.items():
            if type(value) is np.ndarray:
                guards.append(Guard(Arg(name), "dtype", value.dtype))
        program = Program(self.function.__name__, (), Block(()))
        traced = Traced(program, (), StaticLeaf(None), tuple(guards))

        def careful(program: Program) -> Executor:
            raise InternalError("a plain function has no kernel")

        return Specialisation(traced, self.function, None, careful, careful, self.settings, self.counted, primal=True)


def _either(table: Table, front: Callable[..., Any]) -> Callable[..., Any]:
    """Return what serves a call with a host's values or NumPy's: the former need not be refused by the front first."""
    serving = interop.serving

    def call(*args: Any, **kwargs: Any) -> Any:
        serve = serving.get(type(args[0])) if args else None
        return front(*args, **kwargs) if serve is None else serve(table, args, kwargs)

    return call
