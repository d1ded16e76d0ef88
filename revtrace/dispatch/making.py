"""How a specialisation is made: found where another process left it, or by tracing, deriving and compiling."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from types import FunctionType
from typing import Any, NoReturn

import numpy as np

from revtrace.cache import kernels, specialisations
from revtrace.callee import by_parameter, locate, whole_call
from revtrace.config import Settings
from revtrace.containers import snapshot
from revtrace.dispatch.draws import drawing
from revtrace.dispatch.executors import executor, stored
from revtrace.dispatch.records import Executor, Need, Stats
from revtrace.dispatch.signature import compile_binder
from revtrace.dispatch.specialisation import Specialisation
from revtrace.dispatch.steps import Step, differentiated
from revtrace.dispatch.traces import Traces
from revtrace.dispatch.trampoline import boxed, form
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

__all__ = ["Maker"]


# A pinned program that takes more milliseconds to compile is interpreted first, see `executor`.
_LONG = 2000

# After so many specialisations each new one is interpreted first: the next call may need yet another.
_MANY = 8


class Maker:
    """Makes the specialisations of one function under its derivatives.

    Parameters
    ----------
    function : function
        Plain Python.
    steps : tuple of Step
        Derivatives, innermost first; none for the function itself.
    settings : Settings
    skipped : int
        How many leading arguments are not the user's (a method's instance).
    traces : Traces
        What the function's tables share.

    Attributes
    ----------
    counted : Stats
        What was made so far, and how long it took.
    """

    def __init__(
        self, function: FunctionType, steps: tuple[Step, ...], settings: Settings, skipped: int, traces: Traces
    ) -> None:
        self.function, self.steps, self.settings, self.skipped = function, steps, settings, skipped
        self.traces = traces
        self.counted = Stats()
        self._binder: Any = None
        self.primal = not steps
        self.extra = any(step.kind in ("pullback", "pushforward") for step in steps)

    @functools.cached_property
    def here(self) -> Loc:
        """The function's definition, for errors."""
        return definition(self.function)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of every parameter in a call; TypeError as the function raises it."""
        f = self.function
        now = (f.__code__, f.__defaults__, f.__kwdefaults__)
        if self._binder is None or any(a is not b for a, b in zip(now, self._binder[0], strict=True)):
            self._binder = now, compile_binder(f)
        arguments: dict[str, Any] = self._binder[1](*args, **kwargs)
        return arguments

    def make(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], need: Need) -> Specialisation:
        """Return a specialisation for a call."""
        found = self._stored(args, kwargs, need)
        made = self._made(args, kwargs, need) if found is None else found
        self.counted.specialisations += 1
        return made

    @rarely()
    def _made(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], need: Need) -> Specialisation:
        """Trace, derive and compile for a call."""
        try:
            traced, plan = self.traced(args, kwargs, need)
        except UnsupportedError:
            if not self.primal:
                raise
            return self._plain(args, kwargs)
        made = self._compiled(traced)
        made.plan, made.need = plan, need
        if need == Need():
            self._keep(made, args, kwargs)
        return made

    # on disk --------------------------------------------------------------------------

    def _key(self, arguments: Mapping[str, Any]) -> str:
        """Return where traces for a call are on disk; empty where they are not kept there."""
        settings = self.settings
        if not settings.cache or settings.interpret or settings.verify or settings.dump:
            return ""
        return specialisations.key_of_call(
            self.function, repr((self.steps, self.skipped, settings.checkpoint)), arguments
        )

    def _stored(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], need: Need) -> Specialisation | None:
        """Return the specialisation for a call that another process left on disk."""
        start = time.perf_counter()
        arguments = self.bind(args, kwargs)
        key = self._key(arguments) if need == Need() else ""
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

    def traced(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], need: Need | None = None, arrays: bool = False
    ) -> tuple[Traced, Plan | None]:
        """Return the function traced for a call, with the derivatives taken, and what the last one keeps.

        ``arrays`` as for `revtrace.trace.trace`.
        """
        need = need or Need()
        arguments = self.bind(args, kwargs)
        start = time.perf_counter()
        defect: Exception | None = None
        try:
            traced = self._trace(args, kwargs, arguments, need, arrays)
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
        return self.traced(args, kwargs, need, arrays=True) if defect is None else self._confirm(defect, args, kwargs)

    def _trace(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        arguments: Mapping[str, Any],
        need: Need,
        arrays: bool,
    ) -> Traced:
        """Return the function itself traced for a call; another derivative may have had it traced already."""
        how = self.primal, need, arrays
        known = self.traces.find(args, kwargs, *how)
        if known is not None:
            return known
        positional, named = whole_call(self.function, arguments)
        oracle = None if self.primal else Partial
        found = trace(self.function, positional, named, oracle, sized=need.sized, arrays=arrays, failed=need.failed)
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
