"""What machine code assumes of Python's and NumPy's objects."""

from __future__ import annotations

import ctypes
import gc
import weakref

import numpy as np
import pytest

from revtrace.codegen import objects
from revtrace.errors import InternalError


@pytest.mark.parametrize(
    "name", ["DATA", "NDIM", "SHAPE", "STRIDES", "DESCR", "FLAGS", "NUMBER", "BYTEORDER", "TYPE", "CODE"]
)
def test_another_layout_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects._check()
    offset = getattr(objects, name)
    monkeypatch.setattr(objects, name, 0 if name in ("TYPE", "CODE") else offset + (1 if name == "BYTEORDER" else 4))
    # An address read from a wrong place must not be followed.
    if name not in ("SHAPE", "STRIDES"):
        with pytest.raises(InternalError, match="laid out"):
            objects._check()


def test_integers_of_one_size_are_one_type() -> None:
    found = objects.numbers(np.dtype(np.int64))
    assert found[0] == np.dtype(np.int64).num and np.dtype(np.longlong).num in found
    assert objects.numbers(np.dtype(np.float32)) == [np.dtype(np.float32).num]
    for code in "?bBhHiIlLqQfdFD":
        assert np.dtype(code).num in objects.numbers(np.dtype(code))


def test_a_builtin_lives_as_long_as_what_it_needs() -> None:
    class Held:
        pass

    signature = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.POINTER(ctypes.py_object), ctypes.c_ssize_t)

    @signature
    def code(self: object, args: object, count: int) -> object:
        return ("called", count, args[0])  # type: ignore[index]

    held = Held()
    gone = weakref.ref(held)
    f, ledger = objects.builtin("name", ctypes.cast(code, ctypes.c_void_p).value or 0, (held, code))
    del held, code
    gc.collect()
    assert gone() is not None and f(7, 8) == ("called", 2, 7) and f.__name__ == "name"
    with pytest.raises(TypeError):
        f(x=1)
    assert ledger.tolist() == [0, ledger.ctypes.data + 16, 0]
    del f, ledger
    gc.collect()
    assert gone() is None
