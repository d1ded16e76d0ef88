"""The functions the tracer knows by themselves: a table from callable to handler, filled by the modules below.

A handler takes the tracer, the state, the arguments and the calling frame and
returns the traced result.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from revtrace.trace.state import State

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer
    from revtrace.trace.objects.attributes import Method

__all__ = [
    "Args",
    "Kwargs",
    "find",
    "find_instance",
    "instances",
    "known",
    "known_methods",
    "method",
    "method_handler",
    "on",
    "refused",
    "signature",
]


class NotBoundError(Exception):
    """A call of a function the tracer knows, with arguments that its rule does not."""


Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Handler = Callable[["Tracer", State, Args, Kwargs, "Frame | None"], Any]
_handlers: dict[Any, Handler] = {}
_methods: dict[tuple[str, str], Callable[..., Any]] = {}
_instances: dict[type, Callable[..., Any]] = {}
_refused: set[Callable[..., Any]] = set()
_loaded = False


def on(*names: Any) -> Callable[[Handler], Handler]:
    """Register the handler of some callables."""

    def register(handler: Handler) -> Handler:
        for f in names:
            if f is not None:
                _handlers[f] = handler
        return handler

    return register


def instances(cls: type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register what calling an instance of a class does; the handler takes the instance and its source, too."""

    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        _instances[cls] = handler
        return handler

    return register


def find_instance(f: Any) -> Callable[..., Any] | None:
    """Return what calling an object does by its class, or None."""
    return next((_instances[cls] for cls in type(f).__mro__ if cls in _instances), None)


def refused(handler: Handler) -> Handler:
    """Mark a handler that only says no, so that it counts as no rule."""
    _refused.add(handler)
    return handler


def known() -> dict[Any, Handler]:
    """Return the callables that have a rule, with their handlers."""
    _load()
    return {f: handler for f, handler in _handlers.items() if handler not in _refused}


def known_methods(kind: str) -> list[str]:
    """Return the names of the methods of a kind of value (``"array"``, ``"list"`` ...) that have a rule."""
    _load()
    return sorted(name for k, name in _methods if k == kind and _methods[k, name] not in _refused)


def method_handler(kind: str, *names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the handler of some built-in methods."""

    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            _methods[kind, name] = handler
        return handler

    return register


_MODULES = (
    "numpy.array_algorithms",
    "numpy.array_choices",
    "numpy.array_facts",
    "numpy.array_functions",
    "callables.builtin_folds",
    "callables.builtin_functions",
    "callables.builtin_iterables",
    "callables.builtin_types",
    "callables.clocks",
    "objects.classes",
    "callables.container_methods",
    "numpy.contractions",
    "definitions",
    "numpy.extremes",
    "numpy.joining",
    "callables.library",
    "callables.library_itertools",
    "callables.memo",
    "numpy.linalg",
    "numpy.matrix_functions",
    "numpy.eigenvalues",
    "callables.methods",
    "numpy.moments",
    "numpy.norms",
    "callables.python_math",
    "numpy.reductions",
    "numpy.running",
    "numpy.seeded",
    "ndarray.masks",
    "ndarray.ordering",
    "ndarray.shaping",
    "callables.sorting",
    "numpy.transforms",
    "numpy.ufunc_methods",
    "callables.user_rules",
)
"""Modules of this package whose functions are handlers, entered as they are imported."""


def _load() -> None:
    global _loaded  # noqa: PLW0603
    if not _loaded:
        _loaded = True
        for name in _MODULES:
            importlib.import_module(f"revtrace.trace.{name}")


def find(f: Any) -> Handler | None:
    """Return the handler of a callable, or None."""
    _load()
    try:
        found = _handlers.get(f)
    except TypeError:
        return None
    module = getattr(f, "__module__", None)
    if found is None and isinstance(module, str) and module.startswith(_OPTIONAL):
        _load_optional(module)
        found = _handlers.get(f)
    return found


_OPTIONAL = ("scipy.linalg", "scipy.fft", "revtrace.calls.scipy_linalg")


def _load_optional(module: str) -> None:
    """Enter the functions of a package that is not imported unless it is used."""
    if module.startswith("scipy.fft"):
        import scipy.fft  # type: ignore[import-untyped,unused-ignore]

        from revtrace.trace.numpy.transforms import register

        register(scipy.fft)
    else:
        import revtrace.trace.scipy.scipy_linalg  # noqa: F401


def signature(*names: str, **defaults: Any) -> Callable[[tuple[Any, ...], dict[str, Any]], list[Any]]:
    """Return a binder of positional and keyword arguments to the given names."""
    order = [*names, *defaults]

    def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        if len(args) > len(order):
            raise NotBoundError(f"more than {len(order)} arguments")
        bound = dict(zip(order, args, strict=False))
        for k, v in kwargs.items():
            if k not in order or k in bound:
                raise NotBoundError(f"the argument {k!r}")
            bound[k] = v
        for name in names:
            if name not in bound:
                raise NotBoundError(f"no argument {name!r}")
        return [bound.get(name, defaults.get(name)) for name in order]

    return bind


def method(t: Tracer, st: State, which: Method, self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a built-in method."""
    _load()
    handler = _methods.get((which.kind, which.name))
    if handler is None:
        raise t.unsupported(
            f"the method {which.label}",
            "revtrace has no rule for it",
            "write it with operators and functions that have rules",
        )
    try:
        inspect.signature(handler).bind(t, st, self, *args, **kwargs)
    except TypeError as error:
        raise t.unsupported(
            f"{which.label} called in this way",
            f"its rule does not know these arguments: {error}",
            "use its plain form",
        ) from None
    return handler(t, st, self, *args, **kwargs)


def handled(
    t: Tracer, st: State, f: Any, handler: Handler, args: tuple[Any, ...], kwargs: dict[str, Any], fr: Frame | None
) -> Any:
    """Call a handler; arguments it has no rule for are refused by name."""
    try:
        return handler(t, st, args, kwargs, fr)
    except NotBoundError as error:
        name = getattr(f, "__name__", type(f).__name__)
        raise t.unsupported(
            f"{name} called with {error}", "its rule does not cover that", "use its plain form, or loops"
        ) from None
