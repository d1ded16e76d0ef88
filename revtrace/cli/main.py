"""Which commands there are, and what becomes of errors."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import revtrace
from revtrace.cli import demo, look, machine
from revtrace.cli.target import Stop, add_target, resolved
from revtrace.errors import source_view

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, `sys.argv` by default.

    Returns
    -------
    int
        Exit status: 0, 1 where a check fails, revtrace refuses or the function raises, 2 for a wrong command line.
    """
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except revtrace.RevtraceError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 0
    except Stop as stop:
        print(source_view(stop.error), file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="revtrace", description="Exact, compiled gradients of plain Python functions."
    )
    parser.add_argument("--version", action="version", version=f"revtrace {revtrace.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    demo.add(commands)
    look.add(commands)

    check = commands.add_parser("check", help="compare a gradient with differences")
    add_target(check)
    check.add_argument("--rtol", type=float, default=1e-6)
    check.set_defaults(run=_check)

    machine.add(commands)
    return parser


def _check(arguments: argparse.Namespace) -> int:
    target = resolved(arguments)
    with target.blamed():
        report = revtrace.check_grad(
            target.function, target.args, target.kwargs, argnums=target.argnums, rtol=arguments.rtol
        )
    agree = "element agrees" if report.checked == 1 else "elements agree"
    print(f"{report.checked} {agree}; the worst differs by {report.worst:.1e} of the largest entry")
    return 0
