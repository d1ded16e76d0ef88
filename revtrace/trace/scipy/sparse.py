"""Matrices of ``scipy.sparse`` in rows or columns (CSR, CSC): products with arrays, as loops over what is stored.

A matrix is an object with ``data``, ``indices`` and ``indptr``, the caller's or made in the traced function
from those three.  Derivatives go to ``data`` only, so the pattern is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.program.nodes import Operand, const
from revtrace.trace import numbers
from revtrace.trace.callables.functions import method_handler
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.ndarray.convert import as_array
from revtrace.trace.objects.containers import items_of
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import ObjectBox, State
from revtrace.trace.values import Bound, Num, Ref, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.machine import Tracer

__all__ = ["attribute", "construct", "is_sparse", "is_sparse_class", "product"]

_FIELDS = ("data", "indices", "indptr", "shape")
_OTHER = {"csr": "csc", "csc": "csr"}
_CLASSES = ("csr_matrix", "csc_matrix", "csr_array", "csc_array")


def is_sparse_class(cls: Any) -> bool:
    """Whether a class is one of SciPy's sparse matrices that are known here."""
    return (
        isinstance(cls, type)
        and cls.__name__ in _CLASSES
        and cls.__module__.partition(".")[2].partition(".")[0] == "sparse"
    )


def is_sparse(st: State, value: Any) -> bool:
    """Whether a traced value is a sparse matrix."""
    return isinstance(value, Ref) and isinstance(box := st.box(value), ObjectBox) and is_sparse_class(box.cls)


def attribute(t: Tracer, st: State, ref: Ref, box: ObjectBox, name: str) -> Any:
    """Return an attribute of a sparse matrix."""
    from revtrace.trace.external import attribute_of
    from revtrace.trace.objects.attributes import Method

    if name in _FIELDS:
        found = box.get(name)
        if found is None:
            found = attribute_of(t, st, box, name)
            st.learn(ref, name, found)
        return found
    if name == "T":
        return _transposed(t, st, ref, box)
    if name == "ndim":
        return Static(2)
    if name == "nnz":
        return Num(as_array(t, attribute(t, st, ref, box, "data"), st).shape[0], True)
    if name in ("dot", "transpose", "__matmul__", "__rmatmul__"):
        return Bound(Static(Method("sparse", name)), ref)
    raise t.unsupported(
        f"{box.cls.__name__}.{name}",
        "of a sparse matrix, products with arrays, .T and the arrays it consists of are known",
        "work with .data, .indices and .indptr",
    )


def _transposed(t: Tracer, st: State, ref: Ref, box: ObjectBox) -> Ref:
    import scipy.sparse  # type: ignore[import-untyped,unused-ignore]

    kind, _, rest = box.cls.__name__.partition("_")
    cls = getattr(scipy.sparse, f"{_OTHER[kind]}_{rest}")
    fields = {name: attribute(t, st, ref, box, name) for name in _FIELDS}
    rows, columns = items_of(t, st, fields["shape"])
    return st.new(ObjectBox(cls, (*((k, fields[k]) for k in _FIELDS[:3]), ("shape", Tup((columns, rows))))))


@method_handler("sparse", "transpose")
def _transpose(t: Tracer, st: State, self: Any) -> Any:
    return _transposed(t, st, self, st.box(self))  # type: ignore[arg-type]


@method_handler("sparse", "dot", "__matmul__")
def _dot(t: Tracer, st: State, self: Any, other: Any) -> Any:
    return product(t, st, self, other)


def construct(t: Tracer, st: State, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Make a matrix from ``(data, indices, indptr)``."""
    parts = items_of(t, st, args[0]) if args and isinstance(t.use(args[0]), (Tup, Static)) else []
    shape = kwargs.get("shape", args[1] if len(args) > 1 else None)
    if len(parts) != 3 or shape is None:
        raise t.unsupported(
            f"{cls.__name__} made here in this way",
            "its pattern would depend on the numbers",
            f"use {cls.__name__}((data, indices, indptr), shape=shape)",
        )
    if any(k not in ("shape", "copy") for k in kwargs):
        raise t.unsupported(
            f"{cls.__name__} with the arguments {', '.join(kwargs)}",
            "they change how it is stored or checked",
            "leave them out",
        )
    return st.new(ObjectBox(cls, (*zip(_FIELDS[:3], parts, strict=True), ("shape", t.use(shape)))))


def product(t: Tracer, st: State, x: Any, y: Any) -> Any:
    """Multiply a sparse matrix and an array, or an array and a sparse matrix."""
    if is_sparse(st, x) and is_sparse(st, y):
        raise t.unsupported(
            "the product of two sparse matrices", "its pattern depends on theirs", "multiply by arrays one at a time"
        )
    if is_sparse(st, x):
        return _times(t, st, x, as_array(t, y, st))
    other = arrays.settle(t, as_array(t, x, st))
    box = st.box(y)
    assert isinstance(box, ObjectBox)
    turned = _transposed(t, st, y, box)
    if other.ndim == 1:
        return _times(t, st, turned, other)
    return subscripts.transpose(_times(t, st, turned, subscripts.transpose(other, (1, 0))), (1, 0))


def _times(t: Tracer, st: State, matrix: Ref, other: Any) -> View:
    """Multiply a sparse matrix by vectors."""
    box = st.box(matrix)
    assert isinstance(box, ObjectBox)
    data, indices, indptr, shape = (attribute(t, st, matrix, box, name) for name in _FIELDS)
    values, places, ends = (arrays.settle(t, as_array(t, x, st)) for x in (data, indices, indptr))
    x = arrays.settle(t, other)
    if x.ndim not in (1, 2):
        raise PythonRaise(ValueError("dimension mismatch"))
    m, n = (numbers.integer(t, k) for k in items_of(t, st, shape))
    if n is not x.shape[0]:
        arrays.agree(t, n, x.shape[0])
    dtype = numbers.promoted((values.dtype, False), (x.dtype, False))[0]
    by_rows = box.cls.__name__.startswith("csr")
    major = m if by_rows else n
    # One end more than there are rows.
    arrays.agree(t, ends.shape[0], numbers.fold(t, "add", major, const(1), "i8"))
    rest = x.shape[1:]
    out = arrays.new_array(t, dtype, (m, *rest), zeros=True)

    def line(ix: tuple[Operand, ...]) -> None:
        (i,) = ix
        first = t.b.cast(arrays.load_at(t, ends, (i,)), "i8")
        last = t.b.cast(arrays.load_at(t, ends, (numbers.fold(t, "add", i, const(1), "i8"),)), "i8")
        count = t.b.op("sub", last, first)

        def stored(kx: tuple[Operand, ...]) -> tuple[Operand, Operand]:
            k = t.b.op("add", first, kx[0])
            place = t.b.cast(arrays.element(t, places, (k,)).operand, "i8")
            return t.b.cast(arrays.element(t, values, (k,)).operand, dtype), place

        def of(v: View, at: tuple[Operand, ...]) -> Operand:
            return t.b.cast(arrays.element(t, v, at).operand, dtype)

        if by_rows and not rest:

            def body(kx: tuple[Operand, ...], sums: tuple[Operand, ...]) -> list[Operand]:
                value, j = stored(kx)
                return [numbers.fold(t, "add", sums[0], numbers.fold(t, "mul", value, of(x, (j,)), dtype), dtype)]

            arrays.store_at(t, out, (i,), arrays.reduce(t, (count,), (const(0, dtype),), body)[0])
            return

        def one(kx: tuple[Operand, ...]) -> None:
            value, j = stored(kx)

            def add(cx: tuple[Operand, ...]) -> None:
                to, source = ((i, *cx), (j, *cx)) if by_rows else ((j, *cx), (i, *cx))
                term = numbers.fold(t, "mul", value, of(x, source), dtype)
                arrays.store_element(t, out, to, numbers.fold(t, "add", of(out, to), term, dtype))

            arrays.for_each(t, rest, add)

        arrays.for_each(t, (count,), one)

    arrays.for_each(t, (major,), line)
    return out
