"""What all functions that revtrace returns have in common: what they come from, and how they travel.

A derived function is a recipe: the user's function, the derivatives taken of it and the
settings.  Tables of specialisations are shared by all derived functions of one recipe, and
that is what pickling sends: never machine code.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import pickle
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakValueDictionary

from revtrace.callee import Callee, unwrap
from revtrace.config import Settings
from revtrace.dispatch.records import Stats
from revtrace.dispatch.steps import Step
from revtrace.dispatch.table import Table
from revtrace.dispatch.traces import Traces
from revtrace.errors import GradientError

__all__ = ["Derived", "Recent", "recipe_of", "shared_table"]


class Recent:
    """The last values made, by key; safe for threads.

    Parameters
    ----------
    limit : int
        How many values are kept.
    most : int
        How many bytes they may keep alive, the last one apart.
    """

    def __init__(self, limit: int, most: int = sys.maxsize) -> None:
        self.limit, self.most = limit, most
        self._values: OrderedDict[Any, Any] = OrderedDict()
        self._sizes: dict[Any, int] = {}
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Any], size: int = 0) -> Any:
        """Return the value of a key, made now if it is not there; it keeps alive so many bytes."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
                return value
        made = make()
        with self._lock:
            value = self._values.setdefault(key, made)
            self._sizes[key] = size
            while len(self._values) > self.limit or (len(self._values) > 1 and sum(self._sizes.values()) > self.most):
                self._sizes.pop(self._values.popitem(last=False)[0])
            return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self._sizes.clear()


# Functions with a closure may hold large data alive: fewer of them are remembered.
_tables = Recent(1024)
_closures = Recent(64, 1 << 26)
_traces: WeakValueDictionary[int, Traces] = WeakValueDictionary()
"""By the function's identity."""


def shared_table(function: FunctionType, steps: tuple[Step, ...], settings: Settings, skipped: int) -> Table:
    """Return the table of a function under derivatives, the same one every time."""
    recent, size = (_tables, 0) if function.__closure__ is None else (_closures, _captured(function))
    key = (id(function), steps, settings, skipped)  # the table keeps the function alive
    table: Table = recent.get(key, lambda: Table(function, steps, settings, skipped, _traces_of(function)), size)
    return table


def _captured(function: FunctionType) -> int:
    """Return how many bytes the arrays take that a function closes over."""
    size = 0
    for cell in function.__closure__ or ():
        try:
            size += getattr(cell.cell_contents, "nbytes", 0)
        except ValueError:
            continue
    return size


def _traces_of(function: FunctionType) -> Traces:
    """Return what the tables of a function share, as long as one of them is there."""
    traces = _traces.get(id(function))
    if traces is None or traces.function is not function:
        traces = _traces[id(function)] = Traces(function)
    return traces


class Derived:
    """A function that comes from the user's; the base of what `wrap`, `grad`, `jacobian` ... return."""

    composes = False
    """Whether derivatives can be taken of it as of a function."""

    callee: Callee
    steps: tuple[Step, ...]
    settings: Settings

    def __init__(self, callee: Callee, steps: tuple[Step, ...], settings: Settings) -> None:
        self.callee, self.steps, self.settings = callee, steps, settings
        function = callee.function
        self.__wrapped__ = function
        self.__module__, self.__name__, self.__qualname__ = (
            function.__module__,
            function.__name__,
            function.__qualname__,
        )
        self.__doc__ = function.__doc__
        self._tables: dict[Any, Table] = {}
        self._counted = any(number < 0 for step in steps for number in step.argnums)

    @property
    def title(self) -> str:
        """What this is, in words: ``the gradient of f``."""
        kinds = [f"the {'value and ' if step.value else ''}{step.kind}" for step in self.steps if step.kind != "value"]
        return " of ".join([*reversed(kinds), self.function.__qualname__])

    @property
    def function(self) -> Any:
        """The user's plain function."""
        return self.callee.function

    if TYPE_CHECKING:

        def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
            """Call the function."""

    def table(self, count: int, *further: Step) -> Table:
        """Return the specialisations of this function, under further derivatives.

        ``count`` is the number of positional arguments of the call, which negative ``argnums`` refer to.
        """
        key = (count if self._counted else None, further)
        table = self._tables.get(key)
        if table is None:
            steps = tuple(_from_front(step, count) for step in (*self.steps, *further))
            table = shared_table(self.function, steps, self.settings, len(self.callee.prefix))
            self._tables[key] = table
        return table

    def full(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of the plain function in a call."""
        callee = self.callee
        if callee.bare:
            return args, kwargs
        return (*callee.prefix, *args), {**callee.keywords, **kwargs}

    def tables(self) -> list[Table]:
        """Return the tables that calls so far went to."""
        tables = list(dict.fromkeys(self._tables.values()))
        return tables if tables or self._counted else [self.table(0)]

    @property
    def stats(self) -> Stats:
        """What this function has done so far, see `revtrace.dispatch.records.Stats`."""
        total = Stats()
        for table in self.tables():
            for f in dataclasses.fields(Stats):
                value = getattr(table.stats, f.name)
                known = getattr(total, f.name)
                if isinstance(value, str) or known is None or value is None:
                    setattr(total, f.name, value if value not in (None, "") else known)
                else:
                    setattr(total, f.name, known + value)
        return total

    def recipe(self) -> tuple[Any, ...]:
        """Return the arguments that make this function again, after the user's function."""
        return (self.steps, self.settings)

    def __get__(self, instance: Any, owner: type | None = None) -> Self:
        """Return the method of an instance, where this was made by a decorator in a class."""
        if instance is None:
            return self
        callee = self.callee
        original = MethodType(callee.original, instance) if callee.bare else None
        bound = Callee(callee.function, (instance, *callee.prefix), callee.keywords, original)
        return self.of_method(bound)

    def of_method(self, callee: Callee | None = None) -> Self:
        """Return the same of another function, with arguments counted without the instance before them."""
        parts = (self._of_method(part) for part in self.recipe())
        return type(self)(self.callee if callee is None else callee, *parts)

    def _of_method(self, part: Any) -> Any:
        """Return what is asked for, counted without the instance.

        A decorator in a class is given numbers as they are in its line ``def``, where the instance is 0; 0 alone, the
        default, is the first argument of a call.
        """
        if isinstance(part, tuple):
            return tuple(self._of_method(entry) for entry in part)
        numbers = getattr(part, "argnums", (0,))
        if numbers == (0,):
            return part
        if 0 in numbers:
            raise GradientError(
                f"argnums={numbers} of a method names its instance, which has no gradient",
                f"in the definition of {self.function.__qualname__} the instance is argument 0",
                f"argnums={tuple(range(1, len(numbers) + 1))} for the ones after it, or argnames",
            )
        return dataclasses.replace(part, argnums=tuple(k - 1 if k > 0 else k for k in numbers))

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), _sent(recipe_of(self)), self.recipe())

    def __copy__(self) -> Derived:
        return self

    def __deepcopy__(self, memo: Any) -> Derived:
        return self

    def __repr__(self) -> str:
        names = "".join(f" {step.kind}" for step in self.steps)
        return f"<revtrace{names} of {self.function.__module__}.{self.function.__qualname__}>"


def _from_front(step: Step, count: int) -> Step:
    if all(number >= 0 for number in step.argnums):
        return step
    numbers = tuple(number if number >= 0 or number + count < 0 else number + count for number in step.argnums)
    return dataclasses.replace(step, argnums=numbers)


@dataclasses.dataclass(frozen=True, slots=True)
class _Reference:
    """A decorated function by the name under which its handle is found."""

    module: str
    qualname: str

    def find(self) -> Any:
        found: Any = importlib.import_module(self.module)
        for part in self.qualname.split("."):
            found = vars(found)[part] if isinstance(found, type) else getattr(found, part)
        return found


def recipe_of(derived: Derived) -> Any:
    """Return what to pickle for the user's function: itself, or its name where a decorator has taken its place."""
    callee = derived.callee
    function = callee.function
    interactive = function.__module__ == "__main__" and not hasattr(sys.modules.get("__main__"), "__file__")
    if not interactive and "<locals>" not in function.__qualname__:
        reference = _Reference(function.__module__, function.__qualname__)
        try:
            found = reference.find()
        except (ImportError, AttributeError, KeyError):
            found = None
        if isinstance(found, Derived) and found.callee.function is function:
            if not callee.prefix and not callee.keywords:
                return reference
            return functools.partial(found, *callee.prefix, **callee.keywords)
    original = callee.original
    return function if original is None else original


@dataclasses.dataclass(frozen=True, slots=True)
class _Parcel:
    """A function that has no name to be found by: its code and what it refers to, and a digest of that."""

    digest: str
    data: bytes

    def find(self) -> Any:
        """Return the function, the same one every time, so that a process makes its specialisations once."""
        return _arrived.get(self.digest, lambda: pickle.loads(self.data))


_arrived = Recent(64)
_sending = threading.local()


def _sent(recipe: Any) -> Any:
    """Return what to pickle for a recipe: local functions, and those of a script, go by their code where they can."""
    if not isinstance(recipe, FunctionType):
        return recipe
    names = recipe.__qualname__.split(".")
    found: Any = None if recipe.__module__ == "__main__" else sys.modules.get(recipe.__module__)
    for name in names:
        found = getattr(found, name, None)
    open_now = _sending.__dict__.setdefault("functions", set())
    # A function that refers to its own handle is being sent already.
    if found is recipe or id(recipe) in open_now:
        return recipe
    try:
        import cloudpickle
    except ImportError:
        return recipe
    open_now.add(id(recipe))
    try:
        data = cloudpickle.dumps(recipe)
    finally:
        open_now.discard(id(recipe))
    return _Parcel(hashlib.sha256(data).hexdigest(), data)


def _again(cls: type[Derived], recipe: Any, rest: tuple[Any, ...]) -> Derived:
    return cls(unwrap(recipe.find() if isinstance(recipe, (_Reference, _Parcel)) else recipe), *rest)
