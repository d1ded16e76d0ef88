"""The function and the arguments that a command is given."""

from __future__ import annotations

import argparse
import difflib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from revtrace.errors import RevtraceError

__all__ = ["Stop", "Target", "add_target", "resolved", "wrong"]


def wrong(what: str) -> SystemExit:
    """Say what is wrong with the command line, and return what to raise."""
    print(f"revtrace: {what}", file=sys.stderr)
    return SystemExit(2)


class Stop(Exception):
    """The user's function raised.

    Attributes
    ----------
    error : Exception
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Target:
    """A function and a call of it."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    argnums: Any

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Turn what the function raises inside the block into `Stop`."""
        try:
            yield
        except RevtraceError:
            raise
        except Exception as error:
            raise Stop(error) from error


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a function and a call."""
    parser.add_argument("function", help="file.py:name or package.module:name")
    parser.add_argument("--args", default="()", help="positional arguments, as a Python expression; np is NumPy")
    parser.add_argument("--kwargs", default="{}", help="keyword arguments, as a Python expression for a dict")
    parser.add_argument("--argnums", default=None, help="which arguments to differentiate by: 0 or 0,2")


def resolved(arguments: argparse.Namespace) -> Target:
    """Return the function and the call that are named on the command line."""
    where, _, name = arguments.function.rpartition(":")
    if not where:
        raise wrong(f"{arguments.function}: write file.py:name or package.module:name")
    module = _loaded(where)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            close = difflib.get_close_matches(part, [n for n in vars(found) if callable(getattr(found, n, None))], 1)
            raise wrong(f"{where} has no {name}" + (f"; did you mean {close[0]}?" if close else ""))
        found = getattr(found, part)
    if not callable(found):
        raise wrong(f"{arguments.function} is no function: {type(found).__name__}")
    names = {"np": np, **vars(module)}
    values = _evaluated(arguments.args, names, "--args")
    kwargs = _evaluated(arguments.kwargs, names, "--kwargs")
    if not isinstance(kwargs, dict):
        raise wrong("--kwargs is to be a dict, such as \"{'power': 3}\"")
    args = values if isinstance(values, tuple) else (values,)
    _bound(found, name, args, kwargs)
    return Target(found, args, kwargs, _numbers(arguments.argnums))


def _loaded(where: str) -> ModuleType:
    """Import a file or a module."""
    path = Path(where)
    if path.suffix != ".py":
        sys.path.insert(0, "")
        try:
            return importlib.import_module(where)
        except ModuleNotFoundError as error:
            raise wrong(f"no module {where}: {error}") from None
        except Exception as error:
            raise Stop(error) from error
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.exists():
        raise wrong(f"no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    # As for a script: what lies beside it can be imported.
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise Stop(error) from error
    return module


def _bound(function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse a call that the function does not take."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise wrong(f"{name}{signature}: {error}; say the call with --args and --kwargs") from None


def _numbers(text: str | None) -> int | tuple[int, ...] | None:
    if text is None:
        return None
    try:
        numbers = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        numbers = ()
    if not numbers:
        raise wrong(f"--argnums {text!r}: write a number or several, such as 0 or 0,2")
    return numbers if "," in text else numbers[0]


def _evaluated(text: str, names: dict[str, Any], option: str) -> Any:
    try:
        return eval(text, names)
    except Exception as error:
        raise wrong(f"{option} {text!r} cannot be evaluated: {type(error).__name__}: {error}") from None
