"""The specialisations of one function under one derivative, found by trying their guards.

A table is shared by all handles of the same function, derivative and settings.  Calls try
the entries in order; the slow path traces, derives, compiles and adds an entry.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import FunctionType
from typing import Any
from weakref import WeakSet

from revtrace import interop
from revtrace.calls.users import watchers
from revtrace.config import Settings
from revtrace.dispatch.making import Maker
from revtrace.dispatch.reasons import again
from revtrace.dispatch.records import Need, Stats
from revtrace.dispatch.signature import passed
from revtrace.dispatch.specialisation import Specialisation
from revtrace.dispatch.steps import Step
from revtrace.dispatch.traces import Traces
from revtrace.dispatch.trampoline import OTHER, Trampoline
from revtrace.errors import InternalError, RevtraceError, UnsupportedError
from revtrace.loc import Loc

__all__ = ["Table"]


# An entry this far back that serves a call moves to the front.
_FAR = 4


class _Wanted(threading.local):
    """What the next specialisation must find out, as a call of this thread found that it cannot be served else."""

    need = Need()


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
        self.maker = Maker(function, steps, settings, skipped, traces or Traces(function))
        self._past_calls = 0
        self._dropped = ""
        self._front: Trampoline | None = None
        self.subscribers: WeakSet[Any] = WeakSet()
        # Why each specialisation was needed, of the last ones.
        self.reasons: deque[str] = deque(maxlen=64)
        self.entries: tuple[Callable[..., Any], ...] = ()
        self.specialisations: tuple[Specialisation, ...] = ()
        self.primal, self.extra = self.maker.primal, self.maker.extra
        # Whether a call may have values of other systems.
        self.hosted = all(step.kind == "gradient" for step in steps)
        self._lock = threading.RLock()
        self._wanted = _Wanted()
        # Calls with hosts' values, by structure; what `revtrace.interop` remembers.
        self.calls: dict[Any, Any] = {}
        # Whether they have come where values of numpy are expected.
        self._serves = False
        # Whether programs may draw random numbers from generators of the caller.
        self.draws = True
        watchers.add(self)

    @property
    def here(self) -> Loc:
        """The function's definition, for errors."""
        return self.maker.here

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of every parameter in a call; TypeError as the function raises it."""
        return self.maker.bind(args, kwargs)

    def forget(self, why: str) -> None:
        """Drop all specialisations, as a rule that they may have used has changed; ``why`` says which."""
        with self._lock:
            self._past_calls += sum(s.calls for s in self.specialisations)
            self._dropped = why if self.specialisations or self._dropped else ""
            self.specialisations = ()
            self.calls = {}
            self.maker.traces.forget()
            self.refresh()

    @property
    def stats(self) -> Stats:
        """What the table has done so far."""
        calls = self._past_calls + sum(s.calls for s in self.specialisations)
        calls += 0 if self._front is None else self._front.calls
        kept = self.specialisations[0].kept_bytes() if self.specialisations else None
        return replace(self.maker.counted, calls=calls, kept_bytes=kept)

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
            self._wanted.need = Need()
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
        while out is OTHER and self._wanted.need != Need():
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
            reason = again(
                self.specialisations, self.function, self.maker.bind(args, kwargs), self._wanted.need, self._dropped
            )
            try:
                specialisation = self.maker.make(args, kwargs, self._wanted.need)
            finally:
                self._wanted.need = Need()
            specialisation.changed, specialisation.closer = self.refresh, self.closer
            if not self.draws and any(entry.kind == "generator" for entry in specialisation.traced.inputs):
                raise UnsupportedError(
                    "random numbers drawn",
                    "what calls this keeps none of them",
                    "draw them outside and pass them as an argument",
                    self.here,
                )
            specialisation.remember(args, kwargs)
            self.reasons.append(reason)
            self._dropped = ""
            if "call" in self.settings.dump.split(","):
                print(specialisation.trampoline.source, file=sys.stderr)
            limit = max(1, self.settings.specialisations)
            for old in self.specialisations[limit - 1 :]:
                self._past_calls += old.calls
            if not specialisation.traced.once:
                self.specialisations = (specialisation, *self.specialisations)[:limit]
                self.refresh()
            return specialisation

    def refresh(self) -> None:
        """Take the trampolines of the specialisations over."""
        self.entries = tuple(s.trampoline.call for s in self.specialisations)
        if self._front is not None:
            self._past_calls += self._front.calls
        self._front = None
        for subscriber in list(self.subscribers):
            subscriber.follow(self.front())

    def closer(self, need: Need) -> None:
        """Make the next specialisation find out more than others do."""
        self._wanted.need = self._wanted.need | need

    def _to_front(self, k: int) -> None:
        with self._lock:
            if k < len(self.specialisations):
                chosen = self.specialisations[k]
                self.specialisations = (chosen, *(s for s in self.specialisations if s is not chosen))
                self.refresh()


def _either(table: Table, front: Callable[..., Any]) -> Callable[..., Any]:
    """Return what serves a call with a host's values or NumPy's: the former need not be refused by the front first."""
    serving = interop.serving

    def call(*args: Any, **kwargs: Any) -> Any:
        serve = serving.get(type(args[0])) if args else None
        return front(*args, **kwargs) if serve is None else serve(table, args, kwargs)

    return call
