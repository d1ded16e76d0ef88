"""Laws of whole-array numpy over drawn shapes, layouts, dtypes and axes.

Each law compares a function with numpy itself: value, shape, dtype, or the exception
where numpy raises one; and its derivative with a difference along one direction.
All runs in the interpreter: how programs are compiled is tested elsewhere.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import revtrace
from revtrace.config import override

LAYOUTS = ("C", "F", "backwards", "every second", "turned")
FLOATS = (np.float64, np.float64, np.float32, np.complex128)


def filled(shape: tuple[int, ...], dtype: Any, layout: str, seed: int) -> np.ndarray:
    """Return different numbers, none near zero or a whole number, in a layout."""
    rng = np.random.default_rng(seed)
    count = int(np.prod(shape))
    values = (rng.permutation(count) - count / 2 + 0.3) * 0.41 + 0.01
    if dtype is np.complex128:
        values = values + 1j * rng.permutation(values)
    x = values.reshape(shape).astype(dtype)
    match layout:
        case "F":
            return np.asfortranarray(x)
        case "backwards":
            flipped: np.ndarray = np.flip(np.flip(x).copy())
            return flipped
        case "every second" if x.ndim:
            wide = np.zeros((*shape[:-1], 2 * shape[-1]), dtype)
            wide[..., ::2] = x
            return wide[..., ::2]
        case "turned":
            return x.T.copy().T
    return x


@st.composite
def arrays(draw: Any, min_dims: int = 0, max_dims: int = 3, min_side: int = 0, dtypes: Any = FLOATS) -> np.ndarray:
    shape = draw(hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=4))
    return filled(shape, draw(st.sampled_from(dtypes)), draw(st.sampled_from(LAYOUTS)), draw(st.integers(0, 9)))


def axes(ndim: int) -> st.SearchStrategy[Any]:
    """Draw an axis argument, now and then one that does not exist."""
    one = st.integers(-ndim, ndim) if ndim else st.just(0)
    several = st.lists(st.integers(0, max(ndim - 1, 0)), unique=True, max_size=ndim).map(tuple)
    return st.one_of(st.none(), one, several if ndim else st.none())


def agrees(f: Callable[..., Any], *args: np.ndarray) -> None:
    """Assert that value (or exception) and derivative of a function of arrays are numpy's."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), override(interpret=True, cache=False, verify=True):
        warnings.simplefilter("ignore")
        try:
            want = f(*(x.copy() for x in args))
        except Exception as error:
            with pytest.raises(type(error)):
                revtrace.vjp(f, *args)
            return
        before = [x.tobytes() for x in args]
        value, pullback = revtrace.vjp(f, *args)
        assert [x.tobytes() for x in args] == before
        assert type(value) is type(want)
        expected = np.asarray(want)
        assert (np.asarray(value).shape, np.asarray(value).dtype) == (expected.shape, expected.dtype)
        single = expected.dtype == np.float32 or any(x.dtype == np.float32 for x in args)
        np.testing.assert_allclose(value, want, rtol=1e-4 if single else 1e-12, atol=1e-5 if single else 1e-12)
        if expected.dtype.kind not in "fc" or not np.all(np.isfinite(expected)):
            return
        rng = np.random.default_rng(0)
        seed = rng.uniform(0.5, 1, expected.shape)
        if expected.dtype.kind == "c":
            seed = seed + 1j * rng.uniform(0.5, 1, expected.shape)
        seed = seed.astype(expected.dtype)
        gradients = pullback(seed if isinstance(want, np.ndarray) else expected.dtype.type(seed))
        # Differences in double precision, float32 or not.
        wide = [x.astype(np.promote_types(x.dtype, np.float64)) for x in args]
        moves = [rng.uniform(-1, 1, x.shape) * (1 + (0.5j if x.dtype.kind == "c" else 0)) for x in args]

        def along(step: float) -> float:
            moved = f(*(x + step * d for x, d in zip(wide, moves, strict=True)))
            return float(np.real(np.sum(np.asarray(moved) * seed)))

        difference = (along(1e-6) - along(-1e-6)) / 2e-6
        for x, g in zip(args, gradients, strict=True):
            assert (g.shape, g.dtype) == (x.shape, x.dtype)
        ours = sum(float(np.real(np.sum(g * d))) for g, d in zip(gradients, moves, strict=True))
        assert ours == pytest.approx(difference, rel=2e-3 if single else 1e-5, abs=2e-3 if single else 1e-6)


REDUCTIONS = {
    "sum": np.sum, "prod": np.prod, "mean": np.mean, "var": np.var, "std": np.std, "max": np.max, "min": np.min,
    "ptp": np.ptp, "nansum": np.nansum, "median": np.median, "any": np.any, "all": np.all, "nanmax": np.nanmax,
}  # fmt: skip


@pytest.mark.parametrize("name", REDUCTIONS)
@settings(max_examples=5)
@given(data=st.data())
def test_reductions(name: str, data: st.DataObject) -> None:
    # The median of nothing is refused; complex numbers have no greatest.
    smooth = name in ("sum", "prod", "mean", "nansum", "any", "all")
    x = data.draw(arrays(min_side=1 if name == "median" else 0, dtypes=FLOATS if smooth else FLOATS[:3]))
    axis, keep = data.draw(axes(x.ndim)), data.draw(st.booleans())
    assume(name != "std" or all(n > 1 for n in x.shape))
    agrees(lambda x: REDUCTIONS[name](x, axis=axis, keepdims=keep), x)


ALONG = {
    "cumsum": np.cumsum, "cumprod": np.cumprod, "sort": np.sort, "argsort": np.argsort, "argmax": np.argmax,
    "flip": np.flip, "roll": lambda x, axis: np.roll(x, 2, axis=axis), "diff": lambda x, axis: np.diff(x, axis=axis),
    "repeat": lambda x, axis: np.repeat(x, 2, axis=axis), "take": lambda x, axis: np.take(x, [0, -1, 0], axis=axis),
    "concatenate": lambda x, axis: np.concatenate([x, 2 * x], axis=axis),
    "stack": lambda x, axis: np.stack([x, x * x], axis=axis), "delete": lambda x, axis: np.delete(x, 0, axis=axis),
    "insert": lambda x, axis: np.insert(x, 1, 0.5, axis=axis), "unstacked": lambda x, axis: np.moveaxis(x, axis, 0) * 2,
    "maximum.accumulate": lambda x, axis: np.maximum.accumulate(x, axis=axis),
}  # fmt: skip


@pytest.mark.parametrize("name", ALONG)
@settings(max_examples=4)
@given(data=st.data())
def test_along_an_axis(name: str, data: st.DataObject) -> None:
    # numpy looks at indices into nothing, revtrace at those of elements that there are.
    x = data.draw(arrays(min_dims=1, min_side=1 if name == "take" else 0, dtypes=FLOATS[:3]))
    axis = data.draw(st.integers(-x.ndim - 1, x.ndim))
    agrees(lambda x: ALONG[name](x, axis=axis), x)


BINARY = {
    "add": lambda x, y: x + y, "subtract": lambda x, y: x - y, "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y, "maximum": np.maximum, "arctan2": np.arctan2,
    "where": lambda x, y: np.where(x > 0, x, y),
    "hypot": np.hypot, "logaddexp": np.logaddexp, "mean square": lambda x, y: np.mean((x - y) ** 2),
    "in place": lambda x, y: np.multiply(x, y, out=np.zeros(np.broadcast_shapes(x.shape, y.shape))),
}  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
@settings(max_examples=5)
@given(data=st.data())
def test_broadcasting(name: str, data: st.DataObject) -> None:
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3)).input_shapes
    # np.where gives numbers as arrays without axes, revtrace as numbers.
    assume(name != "where" or any(shapes))
    dtypes = FLOATS if name in ("add", "subtract", "multiply", "divide") else FLOATS[:2]
    x, y = (
        filled(s, data.draw(st.sampled_from(dtypes)), data.draw(st.sampled_from(LAYOUTS)), k)
        for k, s in enumerate(shapes)
    )
    agrees(BINARY[name], x, y + 0.137)


@settings(max_examples=14)
@given(data=st.data())
def test_basic_indexing(data: st.DataObject) -> None:
    x = data.draw(arrays(min_dims=1, dtypes=FLOATS[:3]))
    index = data.draw(hnp.basic_indices(x.shape, allow_newaxis=True))
    agrees(lambda x: x[index], x)


@settings(max_examples=14)
@given(data=st.data())
def test_basic_writing(data: st.DataObject) -> None:
    x = data.draw(arrays(min_dims=1, dtypes=FLOATS[:1]))
    index = data.draw(hnp.basic_indices(x.shape))
    factor = np.array(1.7)

    def f(x: Any, a: Any) -> Any:
        y = x * 1.0
        y[index] = a
        x[index] *= a
        return x * y

    agrees(f, x, factor)


@settings(max_examples=14)
@given(data=st.data())
def test_index_arrays(data: st.DataObject) -> None:
    x = data.draw(arrays(min_dims=1, min_side=1, dtypes=FLOATS[:3]))
    index = data.draw(hnp.integer_array_indices(x.shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3)))
    agrees(lambda x: x[index], x)

    def write(x: Any) -> Any:
        part = x[index] * 2
        np.add.at(x, index, part)
        x[index] += 1
        x[index] = part
        return x

    agrees(write, x)


@settings(max_examples=10)
@given(data=st.data())
def test_mixed_and_boolean_indices(data: st.DataObject) -> None:
    x = data.draw(arrays(min_dims=2, min_side=1, dtypes=FLOATS[:1]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    kinds = data.draw(st.lists(st.sampled_from("s:mi"), min_size=x.ndim, max_size=x.ndim))
    assume(kinds.count("m") <= 1)
    count = 2
    key: list[Any] = []
    for kind, n in zip(kinds, x.shape, strict=True):
        if kind == "m":
            # A mask that picks one element beside two indices is refused: the lengths agree only when running.
            assume(n >= count)
            mask = np.zeros(n, bool)
            mask[rng.choice(n, count, replace=False)] = True
            key.append(mask)
        else:
            key.append({"s": 0, ":": slice(None, None, -1), "i": rng.integers(-n, n, count)}[kind])
    agrees(lambda x: x[tuple(key)], x)

    def write(x: Any) -> Any:
        x[tuple(key)] *= 3.0
        x[tuple(key)] = np.sin(x[tuple(key)])
        return x

    if not any(isinstance(k, np.ndarray) and k.dtype != bool for k in key):
        agrees(write, x)


@settings(max_examples=10)
@given(data=st.data())
def test_masks(data: st.DataObject) -> None:
    x = data.draw(arrays(min_dims=1, dtypes=FLOATS[:1]))
    agrees(lambda x: x[x > 0] ** 2, x)

    def f(x: Any) -> Any:
        x[x < 0] *= 0.5
        x[np.abs(x) > 1] = x[np.abs(x) > 1] ** 2
        return x + np.where(x > 0.3, x, 0).sum()

    agrees(f, x)


@settings(max_examples=10)
@given(data=st.data())
def test_overlapping_views(data: st.DataObject) -> None:
    """What is read is read before anything is written, whatever the two views share."""
    x = data.draw(arrays(min_dims=1, max_dims=2, min_side=2, dtypes=FLOATS[:1]))
    n = x.shape[0]
    step = data.draw(st.sampled_from((1, -1, 2)))
    first = data.draw(st.integers(0, n - 1))

    def f(x: Any) -> Any:
        x[: n - first] = x[first:] * 2
        x[first:] += x[: n - first]
        x[::step] = np.cos(x[::-1][::step][: len(x[::step])])
        return x

    agrees(f, x)


@settings(max_examples=10)
@given(data=st.data())
def test_reshaping(data: st.DataObject) -> None:
    x = data.draw(arrays(min_dims=1, dtypes=FLOATS[:3]))
    order = data.draw(st.permutations(range(x.ndim)))
    shape = data.draw(st.permutations([*x.shape, 1]))
    agrees(lambda x: np.transpose(x, order).reshape(shape) * 2, x)
    agrees(lambda x: x.reshape(-1, order="F")[::-1].reshape(shape), x)


@settings(max_examples=10)
@given(data=st.data())
def test_padding(data: st.DataObject) -> None:
    x = data.draw(arrays(min_dims=1, max_dims=2, min_side=1, dtypes=FLOATS[:3]))
    widths = data.draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=x.ndim, max_size=x.ndim))
    mode = data.draw(st.sampled_from(("constant", "edge", "wrap", "reflect", "symmetric", "linear_ramp", "maximum")))
    agrees(lambda x: np.pad(x, widths, mode), x)


@settings(max_examples=10)
@given(data=st.data())
def test_integers_among_floats(data: st.DataObject) -> None:
    x = data.draw(arrays(dtypes=FLOATS))
    dtype = data.draw(st.sampled_from(("int64", "int32", "uint8", "bool")))
    ints = (np.arange(x.size).reshape(x.shape) % 3).astype(dtype)
    agrees(lambda x: ints * x + 2 * x - (ints + 1), x)
    agrees(lambda x: np.sum(x**2 * ints) / 7, x)
