"""Matrices of ``scipy.sparse``: how they are held while tracing, and products of those in rows or columns.

A matrix is an object of SciPy's class, held in one of three ways: by rows or columns (``data``, ``indices`` and
``indptr``: the caller's, or made in the traced function from those three), by ``entries`` (numbers, rows, columns), or,
once items are set, as an array (``whole``).  What is done with entries is in
`revtrace.trace.libraries.sparse_methods`.
Derivatives go to the numbers only, so the pattern is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.calls.sparse import solve_entries
from revtrace.program.nodes import Operand, const
from revtrace.trace import numbers
from revtrace.trace.callables.functions import Args, Kwargs, method_handler, on
from revtrace.trace.definitions.register import traced
from revtrace.trace.libraries import sparse as plain
from revtrace.trace.libraries.sparse_methods import METHODS, whole
from revtrace.trace.ndarray import arrays, subscripts
from revtrace.trace.ndarray.convert import as_array
from revtrace.trace.ndarray.rows import call_row
from revtrace.trace.objects.containers import items_of
from revtrace.trace.signals import PythonRaise
from revtrace.trace.state import ObjectBox, State
from revtrace.trace.values import Bound, Num, Ref, Static, Tup, View

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["attribute", "construct", "is_sparse", "is_sparse_class", "product"]

_FIELDS = ("data", "indices", "indptr", "shape")
_OTHER = {"csr": "csc", "csc": "csr"}
_CLASSES = frozenset(
    f"{kind}_{rest}" for kind in ("csr", "csc", "coo", "dia", "lil", "dok", "bsr") for rest in ("matrix", "array")
)


def is_sparse_class(cls: Any) -> bool:
    """Whether a class is one of SciPy's sparse matrices."""
    return isinstance(cls, type) and cls.__name__ in _CLASSES and cls.__module__.startswith("scipy.sparse.")


def is_sparse(st: State, value: Any) -> bool:
    """Whether a traced value is a sparse matrix."""
    return isinstance(value, Ref) and isinstance(box := st.box(value), ObjectBox) and is_sparse_class(box.cls)


def _by_lines(box: ObjectBox) -> bool:
    """Whether a matrix is held by its rows or columns."""
    kept = box.get("entries") is None and box.get("whole") is None
    return kept and box.cls.__name__[:3] in _OTHER


def attribute(t: Tracer, st: State, ref: Ref, box: ObjectBox, name: str) -> Any:
    """Return an attribute of a sparse matrix."""
    from revtrace.trace.objects.attributes import Method

    if name == "shape":
        return _field(t, st, ref, name)
    if name in ("ndim", "format"):
        return Static(2 if name == "ndim" else box.cls.__name__.partition("_")[0])
    if name == "T":
        return _transposed(t, st, ref, box)
    if name == "dtype":
        from revtrace.trace.objects.attributes import get_attribute

        numbers_of, _, _ = items_of(t, st, _entries(t, st, ref))
        return get_attribute(t, st, numbers_of, name)
    if name in ("nnz", "size"):
        return Num(as_array(t, attribute(t, st, ref, box, "data"), st).shape[0], True)
    if name in METHODS:
        return Bound(Static(Method("sparse", name)), ref)
    kind = box.cls.__name__[:3]
    if name in _FIELDS and kind in _OTHER:
        return _stored(t, st, ref, name)
    if name in ("data", "row", "col") and kind == "coo":
        found = items_of(t, st, _entries(t, st, ref))
        if _exact(st, ref):
            return found[("data", "row", "col").index(name)]
    raise t.unsupported(
        f"{box.cls.__name__}.{name}",
        "it has no rule, or depends on the numbers: places where a sum or product is zero may not be stored",
        "use products, sums, parts, diagonal() or toarray(), or coo_matrix of triplets of its own",
    )


def _field(t: Tracer, st: State, ref: Ref, name: str) -> Any:
    """Return an attribute that a matrix has; of the caller's it is read when first met."""
    from revtrace.trace.external import attribute_of

    box = st.box(ref)
    assert isinstance(box, ObjectBox)
    found = box.get(name)
    if found is None:
        found = attribute_of(t, st, box, name)
        st.learn(ref, name, found)
    return found


def _exact(st: State, ref: Ref) -> bool:
    box = st.box(ref)
    assert isinstance(box, ObjectBox)
    exact = box.get("exact")
    return box.get("whole") is None and (exact is None or bool(exact.value))  # type: ignore[union-attr]


def _stored(t: Tracer, st: State, ref: Ref, name: str) -> Any:
    """Return an array that a matrix by rows or columns consists of; from here on it is held so."""
    box = st.box(ref)
    assert isinstance(box, ObjectBox)
    if not _by_lines(box):
        if not _exact(st, ref):
            raise t.unsupported(
                f"{box.cls.__name__}.{name} of a sum, product or part",
                "places where it is zero may not be stored, so what there is depends on the numbers",
                "use products, sums, parts, diagonal() or toarray()",
            )
        shape = _field(t, st, ref, "shape")
        rows = Static(box.cls.__name__.startswith("csr"))
        found = traced(t, st, plain.compressed, (*items_of(t, st, _entries(t, st, ref)), shape, rows), {})
        fields = zip(_FIELDS, (*items_of(t, st, found), shape), strict=True)
        st.set(ref, ObjectBox(box.cls, tuple(fields)))
    return _field(t, st, ref, name)


def _entries(t: Tracer, st: State, ref: Ref) -> Any:
    """Return the numbers, rows and columns of a matrix."""
    box = st.box(ref)
    assert isinstance(box, ObjectBox)
    found = box.get("entries")
    if found is not None:
        return found
    kind = box.cls.__name__[:3]
    array = box.get("whole")
    if array is not None:
        return traced(t, st, plain.unrolled, (array,), {})
    if kind in _OTHER:
        shape = _field(t, st, ref, "shape")
        fields = [_field(t, st, ref, name) for name in _FIELDS[:3]]
        return traced(t, st, plain.unpacked, (*fields, shape, Static(kind == "csr")), {})
    if kind == "coo":
        return Tup(tuple(_field(t, st, ref, name) for name in ("data", "row", "col")))
    if kind == "dia":
        fields = [_field(t, st, ref, name) for name in ("data", "offsets", "shape")]
        return traced(t, st, plain.spread, tuple(fields), {})
    raise t.unsupported(
        f"a {box.cls.__name__} from outside of the function",
        "its rule takes matrices by rows, columns, entries or diagonals",
        "pass its tocsr()",
    )


@on(plain.entries)
def _give_entries(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return _entries(t, st, args[0])


@on(plain.made)
def _made(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    cls, data, row, col, shape, *exact = args
    cls = cls.value
    entries = Tup((data, row, col))
    box = ObjectBox(cls, (("entries", entries), ("shape", shape), ("exact", exact[0] if exact else Static(False))))
    ref = st.new(box)
    if cls.__name__[:3] in ("lil", "dok"):
        _hold_whole(t, st, ref)
    return ref


@on(plain.stored)
def _is_stored(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return Static(_exact(st, args[0]))


def _hold_whole(t: Tracer, st: State, ref: Ref) -> Any:
    box = st.box(ref)
    assert isinstance(box, ObjectBox)
    found = box.get("whole")
    if found is None:
        if box.source is not None:
            raise t.unsupported(
                f"setting items of a {box.cls.__name__} from outside of the function",
                "its pattern may change",
                "set items of a copy: a = a.tolil()",
            )
        found = traced(t, st, whole, (ref,), {})
        st.set(ref, ObjectBox(box.cls, (("whole", found), ("shape", _field(t, st, ref, "shape")))))
    return found


@on(plain.written)
def _give_whole(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    return _hold_whole(t, st, args[0])


def _method(name: str) -> None:
    @method_handler("sparse", name)
    def handler(t: Tracer, st: State, self: Any, *args: Any, **kwargs: Any) -> Any:
        if name in ("dot", "__matmul__", "__rmatmul__") and len(args) == 1:
            return product(t, st, *((args[0], self) if name == "__rmatmul__" else (self, args[0])))
        if name == "transpose":
            return _transposed(t, st, self, st.box(self))  # type: ignore[arg-type]
        return traced(t, st, METHODS[name], (self, *args), kwargs)


for _name in METHODS:
    _method(_name)


@on(solve_entries)
def _solve_entries(t: Tracer, st: State, args: Args, kwargs: Kwargs, fr: Frame | None) -> Any:
    views = [arrays.settle(t, as_array(t, x, st)) for x in args]
    right = views[-1]
    dtype = numbers.promoted((views[0].dtype, False), (right.dtype, False))[0]
    return call_row(t, "solve_entries", views, ((dtype, right.shape),), (), ("solution",))[0]


def _transposed(t: Tracer, st: State, ref: Ref, box: ObjectBox) -> Any:
    if not _by_lines(box):
        return traced(t, st, METHODS["transpose"], (ref,), {})
    import scipy.sparse  # type: ignore[import-untyped,unused-ignore]

    kind, _, rest = box.cls.__name__.partition("_")
    cls = getattr(scipy.sparse, f"{_OTHER[kind]}_{rest}")
    fields = {name: _field(t, st, ref, name) for name in _FIELDS}
    rows, columns = items_of(t, st, fields["shape"])
    return st.new(ObjectBox(cls, (*((k, fields[k]) for k in _FIELDS[:3]), ("shape", Tup((columns, rows))))))


def construct(t: Tracer, st: State, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Make a matrix, by rows or columns from ``(data, indices, indptr)``, else by entries."""
    parts = items_of(t, st, args[0]) if args and isinstance(t.use(args[0]), (Tup, Static)) else []
    shape = kwargs.get("shape", args[1] if len(args) > 1 else None)
    if len(parts) != 3 or shape is None or cls.__name__[:3] not in _OTHER or set(kwargs) - {"shape", "copy"}:
        return traced(t, st, plain.construct, (Static(cls), *args), kwargs)
    return st.new(ObjectBox(cls, (*zip(_FIELDS[:3], parts, strict=True), ("shape", t.use(shape)))))


def product(t: Tracer, st: State, x: Any, y: Any) -> Any:
    """Multiply a sparse matrix and an array, or an array and a sparse matrix."""
    left = is_sparse(st, x)
    box = st.box(x if left else y)
    assert isinstance(box, ObjectBox)
    if not _by_lines(box) or (left and is_sparse(st, y)):
        name, one, two = ("__matmul__", x, y) if left else ("__rmatmul__", y, x)
        return traced(t, st, METHODS[name], (one, two), {})
    if left:
        return _times(t, st, x, as_array(t, y, st))
    other = arrays.settle(t, as_array(t, x, st))
    turned = _transposed(t, st, y, box)
    if other.ndim == 1:
        return _times(t, st, turned, other)
    return subscripts.transpose(_times(t, st, turned, subscripts.transpose(other, (1, 0))), (1, 0))


def _times(t: Tracer, st: State, matrix: Ref, other: Any) -> View:
    """Multiply a sparse matrix by vectors."""
    box = st.box(matrix)
    assert isinstance(box, ObjectBox)
    data, indices, indptr, shape = (_field(t, st, matrix, name) for name in _FIELDS)
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
