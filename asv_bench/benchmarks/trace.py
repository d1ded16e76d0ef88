"""What happens before anything is compiled: tracing, differentiating, writing the source."""

import revtrace
from revtrace import codegen
from revtrace.program.nodes import walk

from . import kernels
from .interleaved import least_times


def _sum_of_squares(n):
    """Do what a computer does in a time that no change of revtrace alters."""
    total = 0
    for k in range(n):
        total += k * k % 7
    return total


def _deriving(name):
    """Return a function that makes the program of a kernel's value and gradient."""
    active, rest = kernels.problem(name, small=True)
    args = (*active, *rest)
    handle = revtrace.value_and_grad(kernels.FUNCTIONS[name], argnums=tuple(range(len(active))))
    return lambda: handle.table(len(args)).maker.traced(args, {})[0].program


class Trace:
    """Seconds from a plain function to the program of its gradient, and how many statements that has.

    Times are also given over a loop of plain Python timed in turns, which takes the machine's speed out.
    """

    params = kernels.NAMES
    param_names = ("kernel",)
    timeout = 300
    version = "1"

    def setup(self, name):
        self.derive = _deriving(name)
        self.derive()

    def time_gradient_program(self, name):
        self.derive()

    def track_over_plain_loop(self, name):
        ours, loop = least_times(self.derive, lambda: _sum_of_squares(20_000), repeats=7)
        return ours / loop

    track_over_plain_loop.unit = "times"

    def track_statements(self, name):
        return sum(1 for _ in walk(self.derive().body))

    track_statements.unit = "statements"


class Generate:
    """Seconds from a program to Python source."""

    params = kernels.NAMES
    param_names = ("kernel",)
    timeout = 300
    version = "1"

    def setup(self, name):
        self.program = _deriving(name)()

    def time_source(self, name):
        codegen.emit(self.program)

    def track_lines(self, name):
        return codegen.emit(self.program).text.count("\n")

    track_lines.unit = "lines"
