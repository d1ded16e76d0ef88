"""Python's and NumPy's objects as machine code sees them: layouts, functions by address, and new builtin functions.

The layouts are public: `PyObject` and `PyFunctionObject` of CPython's headers, `PyArrayObject_fields` and
`PyArray_Descr` of NumPy's C interface (NumPy reference, "Python types and C-structures").  They are compared once
with what this process has.
Imports llvmlite.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import sys
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from revtrace.errors import InternalError

__all__ = [
    "ALIGNED",
    "BYTEORDER",
    "CODE",
    "C_CONTIGUOUS",
    "DATA",
    "DESCR",
    "FLAGS",
    "NDARRAY",
    "NDIM",
    "NEW",
    "NUMBER",
    "SCALAR",
    "SHAPE",
    "STRIDES",
    "TYPE",
    "WRITEABLE",
    "Ledger",
    "builtin",
    "dtype_symbol",
    "export",
    "numbers",
]

_WORD = ctypes.sizeof(ctypes.c_void_p)
_HEAD = object.__basicsize__

# Offsets in bytes: of any object's type, in a function, in an array, and in a dtype.
TYPE = _HEAD - _WORD
CODE = _HEAD + 4 * _WORD
DATA, NDIM, SHAPE, STRIDES, _BASE, DESCR, FLAGS = (_HEAD + k * _WORD for k in range(7))
BYTEORDER, NUMBER = _HEAD + _WORD + 2, _HEAD + _WORD + 4

C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400

NDARRAY, NEW, SCALAR = "revtrace_ndarray", "revtrace_PyArray_New", "revtrace_PyArray_Scalar"
"""Symbols: the class of arrays, and the functions that make an array and a scalar."""

# Places in NumPy's table of functions, which never change.
_PLACES = {NEW: 93, SCALAR: 60}

_DTYPES = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "c8", "c16")

_FASTCALL = 0x80


def _at(kind: Any, x: Any, offset: int) -> Any:
    return kind.from_address(id(x) + offset).value


def _check() -> None:
    """Compare the layouts with an array and a function of this process."""
    x = np.zeros((2, 3), np.float32)
    x.flags.writeable = False
    dtype = np.dtype(np.float32)
    shape, strides = (
        tuple((ctypes.c_ssize_t * 2).from_address(_at(ctypes.c_void_p, x, at))) for at in (SHAPE, STRIDES)
    )
    flags = _at(ctypes.c_int, x, FLAGS)
    found = (
        _at(ctypes.c_void_p, x, TYPE) == id(np.ndarray),
        _at(ctypes.c_void_p, _check, CODE) == id(_check.__code__),
        _at(ctypes.c_void_p, x, DATA) == x.ctypes.data,
        _at(ctypes.c_int, x, NDIM) == x.ndim,
        (shape, strides) == (x.shape, x.strides),
        _at(ctypes.c_void_p, x, DESCR) == id(x.dtype),
        flags & (C_CONTIGUOUS | ALIGNED | WRITEABLE) == C_CONTIGUOUS | ALIGNED,
        _at(ctypes.c_int, dtype, NUMBER) == dtype.num,
        _at(ctypes.c_char, dtype, BYTEORDER) == b"=",
        _at(ctypes.c_char, dtype.newbyteorder(), BYTEORDER) in (b"<", b">"),
    )
    if not all(found):
        raise InternalError(
            "arrays or functions are laid out in memory as no known NumPy and CPython do it",
            f"NumPy {np.__version__}, CPython {sys.version}: {found}",
            "report it with the output of `revtrace info`",
        )


@functools.cache
def export() -> None:
    """Make the symbols known to LLVM.

    Raises
    ------
    InternalError
        Arrays or functions are not laid out as this module says.
    """
    _check()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    table = pointer(importlib.import_module("numpy._core.multiarray")._ARRAY_API, None)
    for name, place in _PLACES.items():
        llvm.add_symbol(name, ctypes.c_void_p.from_address(table + place * _WORD).value or 0)
    llvm.add_symbol(NDARRAY, id(np.ndarray))
    for code in _DTYPES:
        # numpy keeps one object for each of these.
        llvm.add_symbol(dtype_symbol(np.dtype(code)), id(np.dtype(code)))


def dtype_symbol(dtype: np.dtype[Any]) -> str:
    """Return the symbol of a dtype."""
    return f"revtrace_dtype_{dtype.name}"


def numbers(dtype: np.dtype[Any]) -> list[int]:
    """Return the numbers of the types that are a native dtype, its own first: C has several names for an integer."""
    same = {
        np.dtype(code).num for code in np.typecodes["AllInteger"] + np.typecodes["AllFloat"] if np.dtype(code) == dtype
    }
    return [dtype.num, *sorted(same - {dtype.num})]


class _Method(ctypes.Structure):
    """CPython's `PyMethodDef`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class Ledger(np.ndarray):
    """The ``self`` of a builtin, three words: calls so far, the address of a word, and what should be there."""

    kept: tuple[Any, ...]


def builtin(
    name: str, address: int, kept: tuple[Any, ...], code: tuple[FunctionType, CodeType] | None = None
) -> tuple[Callable[..., Any], Ledger]:
    """Return a builtin function of machine code, and its ledger.

    Parameters
    ----------
    name : str
    address : int
        Of a C function ``PyObject *(PyObject *self, PyObject *const *args, Py_ssize_t count)``.
    kept : tuple
        What must live as long as the function.
    code : tuple of function and code object, optional
        The word is the function's code, and should be this; else the word is one that is right.
    """
    ledger = np.zeros(3, np.int64).view(Ledger)
    ledger[1] = ledger.ctypes.data + 2 * ledger.itemsize
    if code is not None:
        ledger[1:] = id(code[0]) + CODE, id(code[1])
    method = _Method(name.encode(), address, _FASTCALL, None)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.py_object, ctypes.py_object)
    ledger.kept = (method, code, *kept)
    return make(ctypes.addressof(method), ledger, __name__), ledger
