"""Which of users' classes are lists and dicts with methods of their own."""

from __future__ import annotations

from typing import Any

__all__ = ["builtin_of"]

_HEAP_TYPE = 1 << 9
"""The flag of classes that are defined in Python, in ``type.__flags__``."""


def builtin_of(cls: type) -> type[list[Any]] | type[dict[Any, Any]] | None:
    """Return ``list`` or ``dict`` for a user's subclass of it, None for other classes.

    Those of ``collections`` have rules of their own.
    """
    for builtin in (list, dict):
        if cls is not builtin and issubclass(cls, builtin):
            others = [base for base in cls.__mro__ if base not in (builtin, object)]
            plain = all(base.__flags__ & _HEAP_TYPE and base.__module__ != "collections" for base in others)
            return builtin if plain and cls.__new__ is builtin.__new__ else None
    return None
