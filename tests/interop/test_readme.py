"""What README.md shows of hosts is true."""

from __future__ import annotations

import pytest

from tools import readme


def host_of(block: str) -> str:
    """Return the package that a block imports first."""
    line = next(line for line in block.splitlines() if line.startswith("import "))
    return line.split()[1].strip(",").partition(".")[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("block", readme.blocks("python"), ids=host_of)
def test_examples(block: str, float32_in_jax: None) -> None:
    pytest.importorskip(host_of(block))
    space: dict[str, object] = {"__name__": "examples"}
    exec(
        "import numpy as np, revtrace\n"
        "def norm2(x):\n    out = 0.0\n    for i in range(len(x)):\n        out += x[i] ** 2\n    return out\n"
        "x = np.array([1.0, 2.0, 3.0])\n",
        space,
    )
    lines = block.splitlines()
    for k, line in enumerate(lines):
        if "  # " in line:
            code, expected = line.split("  # ")
            exec("\n".join([*lines[:k], f"_found = {code}"]), space)
            assert repr(space["_found"]) == expected


def test_tables_have_a_row_per_host_and_form() -> None:
    hosts = [row.split("|")[1].strip() for row in readme.part("hosts").splitlines() if row.startswith("| ")]
    assert hosts[0] == "gradient by"
    assert set(hosts[2:]) == {
        "autograd",
        "torch",
        "torch, by (x * x).sum()",
        "torch, by dot(x, x)",
        "jax",
        "jax, under jit",
        "pytensor",
        "pytensor, by numba",
        "revtrace alone",
        "no gradient, compiled",
    }
    fits = [row.split("|")[1].strip() for row in readme.part("garch").splitlines() if row.startswith("| ")]
    assert fits[2:] == ["arch", "SciPy with our gradient", "SciPy with differences"]
