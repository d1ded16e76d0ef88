"""Arrays that share elements: writes show under every name, or are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.trace.agree import agrees, refuses

M = np.array([[0.7, 1.3, 2.1, 0.4], [1.1, 0.2, 0.9, 1.6], [2.2, 0.8, 0.3, 1.9]])


def diagonal_sees_writes(x: Any) -> Any:
    d = np.diagonal(x)
    x[0, 0] = 5 * x[0, 1]
    return (d * d).sum()


def copied_diagonal_does_not(x: Any) -> Any:
    d = np.diag(x).copy()
    x[0, 0] = 5 * x[0, 1]
    return (d * d).sum()


def column_and_its_reverse(x: Any) -> Any:
    v = x[:, 1]
    x[:, 1] = v[::-1] * 2
    v += 1
    return (x * x).sum()


def broadcast_sees_writes(x: Any) -> Any:
    wide = np.broadcast_to(x[0], (2, 4))
    x[0, 0] = x[1, 1] ** 2
    return (wide * wide).sum()


def rows_in_a_loop(x: Any) -> Any:
    for row in x:
        row *= row[0]
    return x.sum()


def overlapping_parts(x: Any) -> Any:
    a, b = x[:2], x[1:]
    a += b
    b *= a
    return (x * x).sum()


def columns_unpacked(x: Any) -> Any:
    a, b = x.T[:2]
    a[:] = a * b
    return (x**2).sum()


def shifted_onto_itself(x: Any) -> Any:
    x[1:] = x[:-1]
    x[:, 1:] += x[:, :-1]
    return (x * x).sum()


def out_into_views(x: Any) -> Any:
    np.exp(x / 10, out=x)
    np.add(x, 1, out=x[:])
    return (x * x * np.arange(4)).sum()


def views_with_new_axes(x: Any) -> Any:
    y = np.squeeze(x[:, :1])
    y *= 2
    z = x[None]
    z[0, 0] += 1
    w = np.atleast_2d(x[0])
    w *= 3
    return (x * x).sum()


def halves(x: Any) -> Any:
    a, b = np.split(x, 2, axis=1)
    a *= b
    np.swapaxes(x, 0, 1)[0] += 1
    return (x**2).sum()


def parts_assigned(x: Any) -> Any:
    z = x + 0j
    z.imag = x * x
    z.real = 3.0
    return np.abs(z).sum() + (z.real * z.imag).sum()


def rows_exchanged(x: Any) -> Any:
    x[..., [0, 1]] = x[..., [1, 0]]
    x[[0, 1]] += x[[1, 2]]
    return (x * x * np.arange(12).reshape(3, 4)).sum()


def flat_write(x: Any) -> Any:
    x.flat[3] = x[0, 0] ** 2
    return (x * x).sum()


def reshaped_write(x: Any) -> Any:
    y = x.reshape(-1)
    y[2] = y[0] * 3
    return (x * x).sum()


def reshaped_in_one_branch(x: Any) -> Any:
    y = x.reshape(-1) if x[0, 0] > 0 else x.reshape(-1) * 2
    x[0, 1] = 7 * x[0, 2]
    return (y * y).sum()


def real_part_sees_writes(x: Any) -> Any:
    z = x + 0j
    r = np.real(z)
    z[0, 0] = 5 * x[0, 1]
    return (r * r).sum()


def write_through_real(x: Any) -> Any:
    z = x + 0j
    z.real[0, 0] = 7 * x[0, 1]
    return np.abs(z).sum()


def parts_of_views(x: Any) -> Any:
    z = x + 1j * x[::-1]
    z[1:].imag += x[1:]
    z.real[z.real > 0] *= 2
    z[0].real[1:] = x[0, 0]
    np.multiply(z.real, 2.0, out=z.imag[::-1])
    z.imag.T[0] -= x[:, 1]
    np.add.at(z.real, ([0, 0], [1, 1]), x[0, 0])
    return (z.real * z.imag).sum() + np.abs(z).sum()


def parts_of_one_of_two(x: Any) -> Any:
    z = x + 1j * x[::-1]
    part = z.real if x[0, 0] > 0 else z.imag
    part[1:] = x[0, 1]
    return (z.real * z.imag**2).sum() + part.reshape(-1)[2]


def parts_in_a_loop(x: Any) -> Any:
    z = x + 1j * x[::-1]
    part = z.real
    total = 0.0
    for k in range(3):
        part[k] *= x[0, k]
        z.imag[k:] += part[k]
        total = total + part.sum()
    return total * np.abs(z).sum()


def ravelled_with_gaps(x: Any) -> Any:
    flat = x.copy().ravel()
    copied, shared = flat[::2].ravel(), flat[1:].ravel()
    copied[0] = 3.0
    shared[0] = 5.0
    flat[::2].flat[1] = x[0, 0]
    return (flat * flat).sum() + copied.sum()


def diagonal_by_einsum(x: Any) -> Any:
    y = x[:, :3] * 2.0
    np.einsum("ii->i", y)[:] = x[0, :3] ** 2
    np.einsum("ij->ji", y)[0] += 1.0
    np.einsum("ij,j->i", x, x[0], out=y[0])
    return (y * y).sum()


def copied_in_fortran_order(x: Any) -> Any:
    y = np.outer(x[0], x[1]).copy(order="F")
    z = y.reshape(-1)
    z[0] = 0.0
    return y.sum() * (z * z).sum()


def repeated_rows_flattened(x: Any) -> Any:
    y = np.broadcast_to(x[0], (3, 4)).reshape(12)
    y[0] = 2.0
    return (y * y).sum() + x.sum()


def astype_without_a_copy(x: Any) -> Any:
    y = x.astype(float, copy=False)
    y[0] *= 2
    z = x.T.astype(float, order="C", copy=False)
    z[1] = 5.0
    return (x * x).sum() + z.sum()


def astype_as_asked(x: Any, copy: bool) -> Any:
    y = x.astype(float, copy=copy)
    y[0] *= 2
    z = np.array(x, copy=copy or None)
    z[1] *= 3
    return (x * x).sum() + y.sum() + z.sum()


def nan_to_num_in_place(x: Any) -> Any:
    y = np.where(x > 0.5, x * x, np.nan)
    np.nan_to_num(y[:, ::2], copy=False, nan=3.0)
    return (np.nan_to_num(y, nan=-1.0) * x).sum()


def first_part_squeezed(x: Any) -> Any:
    y = np.squeeze(x[:1])
    y[1:] *= y[:-1]
    return (x * x).sum(), y


FOLLOWED = (
    diagonal_sees_writes, copied_diagonal_does_not, column_and_its_reverse, broadcast_sees_writes, rows_in_a_loop,
    overlapping_parts, columns_unpacked, shifted_onto_itself, out_into_views, views_with_new_axes, halves,
    parts_assigned, rows_exchanged, flat_write, reshaped_write,
    reshaped_in_one_branch, astype_without_a_copy, nan_to_num_in_place, first_part_squeezed,
    real_part_sees_writes, write_through_real, parts_of_views, parts_of_one_of_two, ravelled_with_gaps,
    parts_in_a_loop, diagonal_by_einsum, repeated_rows_flattened,
)  # fmt: skip


@pytest.mark.parametrize("function", FOLLOWED, ids=lambda f: f.__name__)
def test_followed(function: Callable[..., Any]) -> None:
    agrees(function, M)


@pytest.mark.parametrize("copy", (False, True))
def test_copied_as_an_argument_says(copy: bool) -> None:
    agrees(astype_as_asked, M, copy)


def test_refused() -> None:
    refuses(copied_in_fortran_order, M, match="writing")
