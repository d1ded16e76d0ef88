"""Inside PyTorch: eager, ``torch.func``, compiled, and PyTorch's own checkers."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import revtrace
from revtrace.config import override
from revtrace.errors import UnsupportedError
from tests.interop.cases import Case, cases, decay, noise, noisy, norm2

torch = pytest.importorskip("torch")
interop = pytest.importorskip("revtrace.interop.torch")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


DECAY = revtrace.wrap(decay)
NORM2 = revtrace.wrap(norm2)


class Samples(torch.utils.data.Dataset):  # type: ignore[misc,name-defined]
    """Gradients, taken where a sample is asked for: in a worker of a data loader."""

    @staticmethod
    def sample(k: int) -> Any:
        return torch.arange(3, dtype=torch.float64) + k

    def __len__(self) -> int:
        return 4

    def __getitem__(self, k: int) -> Any:
        x = self.sample(k).requires_grad_()
        NORM2(x).backward()
        return x.grad


def loss(a: Any, k: Any, t: Any) -> Any:
    out, (weighted, _) = DECAY({"a": a, "k": [k]}, t, 2)
    return torch.sin(out["y"]).sum() * out["s"] + weighted


def double(x: Any, grad: bool = True) -> Any:
    return torch.tensor(x, dtype=torch.float64, requires_grad=grad)


def arguments() -> tuple[Any, ...]:
    return double(1.5), double(0.3), torch.linspace(0, 1, 4, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("case", cases(), ids=str)
def test_gradients_of_the_corpus(case: Case) -> None:
    with override(cache=False):
        handle = revtrace.wrap(case.program.function)
    values, expected = case.expected()
    leaves = [torch.tensor(np.asarray(x), requires_grad=True) for x in case.leaves]
    outs = case.call(handle, leaves)
    total = sum((torch.as_tensor(w) * out).sum() for w, out in zip(case.weights(), outs, strict=True))
    total = total.real if total.is_complex() else total
    gradients = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
    case.close([out.detach().numpy() for out in outs], values)
    # PyTorch's gradients by complex numbers are conjugates.
    case.close([g.conj().resolve_conj().numpy() for g in gradients], expected)


@pytest.mark.parametrize(
    "name",
    ["while_loops.newton_square_root", "arrays_inplace.convolution", "published.gram_schmidt", "physics.lennard_jones",
     "complex_numbers.complex_array_argument", "containers.dataclass_argument"],
)  # fmt: skip
def test_gradcheck_on_the_corpus(name: str) -> None:
    (case,) = cases([name])
    handle = revtrace.wrap(case.program.function)
    leaves = [torch.tensor(np.asarray(x), requires_grad=True) for x in case.leaves]
    assert torch.autograd.gradcheck(lambda *xs: tuple(case.call(handle, xs)), leaves, check_forward_ad=True)


def test_gradcheck_and_gradgradcheck() -> None:
    assert torch.autograd.gradcheck(loss, arguments(), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(loss, arguments(), check_fwd_over_rev=True)


def test_opcheck() -> None:
    a, k, t = arguments()
    x = double([1.0, 2.0, 3.0])
    for call in (interop.operator_call(norm2, x), interop.operator_call(decay, {"a": a, "k": [k]}, t, 2)):
        torch.library.opcheck(torch.ops.revtrace.call.default, call)


def test_torch_func() -> None:
    f = revtrace.wrap(norm2)
    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    batch = torch.stack([x, 2 * x])
    func = torch.func
    torch.testing.assert_close(func.grad(f)(x), 2 * x)
    torch.testing.assert_close(func.vmap(f)(batch), (batch**2).sum(1))
    torch.testing.assert_close(func.vmap(func.grad(f))(batch), 2 * batch)
    torch.testing.assert_close(func.vmap(f, in_dims=1)(batch.T), (batch**2).sum(1))
    torch.testing.assert_close(func.grad(lambda b: func.vmap(f)(b).sum())(batch), 2 * batch)
    torch.testing.assert_close(func.hessian(f)(x), 2 * torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(func.jacrev(func.jacrev(f))(x), 2 * torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(func.jvp(f, (x,), (torch.ones_like(x),))[1], 2 * x.sum())
    a, k, t = (y.detach() for y in arguments())
    given = arguments()
    torch.testing.assert_close(func.grad(loss, (0, 1, 2))(a, k, t), torch.autograd.grad(loss(*given), given))


def test_double_backward_of_a_vector() -> None:
    def cubes(x: Any) -> Any:
        y = np.zeros(len(x))
        for i in range(len(x)):
            y[i] = x[i] ** 3
        return y

    x = double([1.0, 2.0])
    (first,) = torch.autograd.grad(revtrace.wrap(cubes)(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)
    for found, expected in ((first, 3 * x**2), (second, 6 * x), (third, 6 * torch.ones(2, dtype=torch.float64))):
        torch.testing.assert_close(found, expected)


def test_a_number_backward_again_and_again() -> None:
    f = revtrace.wrap(norm2)
    x = double([1.0, -2.0])
    out = f(x)
    for k in range(1, 4):
        # PyTorch adds to the array that it gets first.
        out.backward(retain_graph=True)
        torch.testing.assert_close(x.grad, 2.0 * k * x.detach())
    out.backward(torch.tensor(3.0, dtype=torch.float64))
    torch.testing.assert_close(x.grad, 12.0 * x.detach())
    with pytest.raises(RuntimeError, match="second time"):
        out.backward()
    (first,) = torch.autograd.grad(f(x), x, create_graph=True)
    (second,) = torch.autograd.grad(first[0], x)
    torch.testing.assert_close(second, torch.tensor([2.0, 0.0], dtype=torch.float64))
    batch = torch.tensor([1.0, 3.0], dtype=torch.float64)
    (rows,) = torch.autograd.grad(f(x), x, batch, is_grads_batched=True)
    torch.testing.assert_close(rows, batch[:, None] * 2.0 * x.detach())


def test_a_number_of_several_tensors_and_constants() -> None:
    def weighted(x: Any, n: int, w: Any, s: Any, name: str) -> Any:
        total = 0.0
        for i in range(n):
            total += s * w[i] * x[i] ** 2
        return -total if name == "minus" else total

    f = revtrace.wrap(weighted)
    x, w, s = double([1.0, 2.0, 3.0]), double([1.0, -1.0, 5.0], grad=False), double(0.5)
    for n, name in ((2, "plus"), (3, "plus"), (3, "minus")):
        expected = s * (w[:n] * x[:n] ** 2).sum() * (-1.0 if name == "minus" else 1.0)
        found = f(x, n, w, s, name)
        assert found.dtype == torch.float64
        for a, b in zip(torch.autograd.grad(found, (x, s)), torch.autograd.grad(expected, (x, s)), strict=True):
            torch.testing.assert_close(a, b)
    with torch.no_grad():
        assert not f(x, 2, w, s, "plus").requires_grad


def test_no_gradient_shares_memory() -> None:
    def dot(x: Any, y: Any) -> Any:
        return x @ y

    x, y = double([1.0, 2.0]), double([3.0, 4.0])
    revtrace.wrap(dot)(x, y).backward()
    x.grad[0] = 7.0
    assert y.detach()[0] == 3.0
    assert y.grad[0] == 1.0


def test_a_value_without_gradient() -> None:
    def parity(x: Any) -> Any:
        return np.linalg.matrix_rank(x) * x[0, 0]

    x = double([[1.0, 2.0], [2.0, 4.0]])
    f = revtrace.wrap(parity)
    try:
        expected = f.grad(x.detach().numpy())
    except UnsupportedError:
        # The value is that of the plain function, and only the gradient is refused.
        out = f(x)
        assert float(out) == 1.0
        with pytest.raises(UnsupportedError):
            out.backward()
    else:
        f(x).backward()
        np.testing.assert_allclose(x.grad.numpy(), expected)


@pytest.mark.parametrize("backend", ["eager", "aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compile(backend: str) -> None:
    x = double([1.0, 2.0, 3.0])
    (expected,) = torch.autograd.grad(3 * torch.sin((4 * x**2).sum()), x)
    explicit = interop.wrap(norm2)
    for f, whole in ((explicit, True), (revtrace.wrap(norm2), False)):
        torch._dynamo.reset()
        compiled = torch.compile(lambda x: torch.sin(f(x * 2)) * 3, backend=backend, fullgraph=whole)  # noqa: B023
        (found,) = torch.autograd.grad(compiled(x), x)
        torch.testing.assert_close(found, expected)


def test_layouts_dtypes_and_devices() -> None:
    f = revtrace.wrap(norm2)
    whole = torch.arange(6.0, requires_grad=True)
    f(whole[::2]).backward()
    torch.testing.assert_close(whole.grad, torch.tensor([0.0, 0.0, 4.0, 0.0, 8.0, 0.0]))
    assert f(whole).dtype == torch.float32
    with pytest.raises(UnsupportedError, match="bfloat16"):
        f(torch.ones(2, dtype=torch.bfloat16))
    with pytest.raises(UnsupportedError, match="sparse"):
        f(torch.ones(2).to_sparse())


def test_memory_is_shared_in_and_not_out() -> None:
    def same(x: Any) -> Any:
        return x

    x = torch.arange(3.0, dtype=torch.float64)
    out = revtrace.wrap(same)(x)
    out[0] = 5.0
    assert x[0] == 0.0

    def doubled(x: Any) -> Any:
        x *= 2.0
        return x

    torch.testing.assert_close(revtrace.wrap(doubled)(x), 2 * torch.arange(3.0, dtype=torch.float64))
    assert x[1] == 1.0


def test_a_constant_array_changed_before_backward() -> None:
    def dot(x: Any, w: Any) -> Any:
        return np.sum(x * w)

    w = np.array([1.0, 2.0])
    x = double([3.0, 4.0])
    out = revtrace.wrap(dot)(x, w)
    w[:] = 0.0
    out.backward()
    torch.testing.assert_close(x.grad, torch.tensor([1.0, 2.0], dtype=torch.float64))


_scale = 2.0


def test_a_changed_global_is_seen() -> None:
    global _scale

    def scaled(x: Any) -> Any:
        return x * _scale if _scale < 3 else (x * _scale, x)

    f = revtrace.wrap(scaled)
    x = double(1.0)
    try:
        assert float(f(x)) == 2.0
        _scale = 2.5
        assert float(f(x)) == 2.5
        _scale = 3.0
        assert [float(y) for y in f(x)] == [3.0, 1.0]
    finally:
        _scale = 2.0


def test_modules_train() -> None:
    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.tensor([0.1, 0.2], dtype=torch.float64))
            self.f = revtrace.wrap(recurrence)

        def forward(self, x: Any) -> Any:
            return self.f(self.w, x)

    def recurrence(w: Any, x: Any) -> Any:
        h = 0.0
        for k in range(len(x)):
            h = np.tanh(w[0] * h + w[1] * x[k])
        return h

    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    x, target = np.array([0.5, 1.0, 0.25]), 0.3
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        error = (model(x) - target) ** 2
        error.backward()
        optimizer.step()
        losses.append(float(error))
    assert losses[-1] < 1e-3 * losses[0]


def test_threads() -> None:
    f = revtrace.wrap(norm2)
    wrong: list[Any] = []

    def work(k: int) -> None:
        for _ in range(20):
            x = double([float(k), 1.0])
            f(x).backward()
            if not torch.equal(x.grad, 2 * x.detach()):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_of_a_data_loader(start: str) -> None:
    NORM2(double([1.0, 2.0])).backward()  # forked workers inherit what the parent has compiled and the threads it had
    loader = torch.utils.data.DataLoader(Samples(), batch_size=2, num_workers=2, multiprocessing_context=start)
    gradients = torch.cat(list(loader))
    expected = torch.stack([2 * Samples.sample(k) for k in range(4)])
    assert torch.equal(gradients, expected)


@pytest.mark.parametrize("number", [False, True])
def test_derivatives_see_the_numbers_that_were_drawn(number: bool) -> None:
    def total(x: Any) -> Any:
        return np.sum(noisy(x))

    with override(interpret=True, cache=False):
        f = revtrace.wrap(total if number else noisy)
    x = double([1.0, -2.0, 3.0])
    for _ in range(2):
        z = double(noise(3), grad=False)
        out = f(x).sum()
        torch.testing.assert_close(out, (x**3 * z).sum())
        (first,) = torch.autograd.grad(out, x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x)
        torch.testing.assert_close(first, 3 * x**2 * z)
        torch.testing.assert_close(second, 6 * x * z)
    z = double(noise(3), grad=False)
    torch.testing.assert_close(torch.func.hessian(lambda x: f(x).sum())(x.detach()), torch.diag(6 * x.detach() * z))
    with pytest.raises(UnsupportedError, match="over an axis"):
        torch.func.vmap(f)(torch.ones(2, 3))


def test_numpy_and_tensors_in_turns() -> None:
    f = revtrace.wrap(norm2)
    x = double([1.0, 2.0])
    for _ in range(3):
        assert f(x.detach().numpy()) == 5.0
        assert type(f(x)) is torch.Tensor
        assert f.func(x).item() == 5.0
    with revtrace.config.override(interpret=True):
        # Whatever refreshes the table, both are still served.
        f.table(1).forget("a test")
    assert (f(x).item(), f(np.array([3.0]))) == (5.0, 9.0)
