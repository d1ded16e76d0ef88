"""Types of program values: scalars, array buffers and stacks.

A dtype is numpy's kind letter and item size in bytes (``"f8"``, ``"f4"``,
``"c16"``, ``"c8"``, ``"i8"`` ... ``"u1"``, and ``"b1"`` for booleans).  Programs are
strongly typed: operands of an arithmetic operation have the dtype of its
result, and every conversion is a ``cast``.  Python's and numpy's promotion rules
are the tracer's business, not the program's.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BOOL",
    "F64",
    "INT",
    "Array",
    "Scalar",
    "Stack",
    "Type",
    "is_inexact",
    "real_dtype",
]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number."""

    dtype: str

    def __str__(self) -> str:
        return self.dtype


@dataclass(frozen=True, slots=True)
class Array:
    """A C-contiguous buffer of numbers with ``ndim`` axes, held by reference."""

    dtype: str
    ndim: int

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(':' * self.ndim)}]"


@dataclass(frozen=True, slots=True)
class Stack:
    """A last-in first-out store of numbers that only the reverse sweep reads."""

    dtype: str

    def __str__(self) -> str:
        return f"stack<{self.dtype}>"


Type = Scalar | Array | Stack

F64 = Scalar("f8")
INT = Scalar("i8")
BOOL = Scalar("b1")


def is_inexact(dtype: str) -> bool:
    """Whether numbers of this dtype carry derivatives."""
    return dtype[0] in "fc"


def real_dtype(dtype: str) -> str:
    """Return the dtype of the real part."""
    return {"c16": "f8", "c8": "f4"}.get(dtype, dtype)
