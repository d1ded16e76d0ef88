"""What a trace was made from besides guarded sources, for those who keep it longer than a process lasts.

Within a process classes and libraries stay as they are, and what is read of them is not guarded.  A trace that is to
serve another process needs them to be the same there: they are noted here.
"""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Reliance"]

_PLAIN = frozenset(
    {bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset, range, slice, np.ndarray}
    | {type(None), type(Ellipsis), type(NotImplemented)}
)

_OWN_CLASSES = ("builtins", "numpy", "types", "fractions", "decimal")
"""Modules whose classes nobody registers with an abstract class after the fact."""


@dataclass(slots=True)
class Reliance:
    """What was read without a guard.

    Attributes
    ----------
    codes : dict of code objects
        Every code object traced into.
    touched : dict from id to object
        Classes, functions and other objects that were called or whose attributes were read.
    steady : dict from (str, str) to object
        Attributes of modules that do not change while a process lasts: module, name, what was found.
    opaque : str
        What makes the trace depend on more than can be told; empty where nothing does.
    """

    codes: dict[types.CodeType, None] = field(default_factory=dict)
    touched: dict[int, Any] = field(default_factory=dict)
    steady: dict[tuple[str, str], Any] = field(default_factory=dict)
    opaque: str = ""

    def touch(self, value: Any) -> None:
        """Note an object that is looked into."""
        if type(value) not in _PLAIN:
            self.touched.setdefault(id(value), value)

    def compare(self, cls: Any, kinds: Any) -> None:
        """Note a test for a subclass: of an abstract class one may be a subclass because somebody said so."""
        if isinstance(kinds, tuple):
            for kind in kinds:
                self.compare(cls, kind)
            return
        self.touch(cls)
        self.touch(kinds)
        settled = type(kinds) is type or kinds in getattr(cls, "__mro__", ())
        if not settled and not str(getattr(cls, "__module__", "")).startswith(_OWN_CLASSES):
            self.hide(f"whether {cls!r} counts as {kinds!r}")

    def hide(self, why: str) -> None:
        """Note that the trace depends on more than can be told."""
        self.opaque = self.opaque or why
