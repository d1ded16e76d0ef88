"""Time the gradients of hosts and write README's table: ``python -m tools.hosts``; ``--print`` prints it only."""

from __future__ import annotations

import argparse
import importlib.metadata

from revtrace.cli.hosts import measured, missing, table
from tools import readme
from tools.kernels import machine

HOSTS = ("autograd", "torch", "jax", "pytensor")


def text(n: int, seconds: float, patient: bool) -> str:
    """Return the part of README."""
    installed = [name for name in HOSTS if name not in missing()]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in installed)
    heading, *rows = table(*measured(n, seconds, patient=patient))
    lines = [f"| {' | '.join(heading)} |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return f"{machine()} {versions}.\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--quick", action="store_true", help="leave out JAX on the plain loop, which takes minutes")
    parser.add_argument("--print", action="store_true", help="print the table only")
    asked = parser.parse_args()
    found = text(asked.n, asked.seconds, not asked.quick)
    if asked.print:
        print(found)
    else:
        readme.write_part("hosts", found)
