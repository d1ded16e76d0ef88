"""The function and the arguments that a command is given."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from revtrace.errors import RevtraceError

__all__ = ["Stop", "Target", "add_target", "resolved"]


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
        raise SystemExit("write file.py:name or package.module:name")
    path = Path(where)
    if path.suffix == ".py":
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.exists():
            raise SystemExit(f"no file {path}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, "")
        try:
            module = importlib.import_module(where)
        except ModuleNotFoundError as error:
            raise SystemExit(f"no module {where}: {error}") from None
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise SystemExit(f"{where} has no {name}")
        found = getattr(found, part)
    names = {"np": np, **vars(module)}
    values = _evaluated(arguments.args, names, "--args")
    kwargs = _evaluated(arguments.kwargs, names, "--kwargs")
    if not isinstance(kwargs, dict):
        raise SystemExit("--kwargs is to be a dict, such as \"{'power': 3}\"")
    numbers: Any = None
    if arguments.argnums is not None:
        numbers = tuple(int(part) for part in arguments.argnums.split(","))
        numbers = numbers[0] if "," not in arguments.argnums else numbers
    return Target(found, values if isinstance(values, tuple) else (values,), kwargs, numbers)


def _evaluated(text: str, names: dict[str, Any], option: str) -> Any:
    try:
        return eval(text, names)
    except Exception as error:
        raise SystemExit(f"{option} {text!r} cannot be evaluated: {type(error).__name__}: {error}") from None
