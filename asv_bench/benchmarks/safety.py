"""What index tests cost: each kernel's gradient with them over the same without, in one run."""

import revtrace
from revtrace.codegen.bounds import analyse
from revtrace.codegen.emit import write
from revtrace.codegen.kernel import compile_source, numba_type
from revtrace.codegen.plan import CHECK, IN
from revtrace.codegen.split import split

from . import kernels
from .interleaved import least_times


class _Trusting(dict):
    """Kinds of accesses, where one that would be tested counts as known to be right."""

    def get(self, position, default=()):
        return tuple(IN if how == CHECK else how for how in super().get(position, default))


def compiled(program, *, tests):
    """Compile a program, with or without tests of indices: what guards say is then assumed."""
    program = split(program)
    plan = analyse(program, careful=False)
    if not tests:
        plan.access = _Trusting(plan.access)
        plan.guards.clear()
        plan.limits.clear()
    return compile_source(write(program, plan), tuple(numba_type(v.type) for v in program.inputs)).dispatch


class IndexTests:
    """The gradient's kernel alone; valid inputs, so that both compute the same."""

    params = kernels.NAMES
    param_names = ("kernel",)
    timeout = 300
    version = "1"

    def track_over_untested(self, name):
        active, rest = kernels.problem(name)
        # What the disk holds is compiled already, without its program.
        with revtrace.config.override(cache=False):
            gradient = revtrace.value_and_grad(kernels.FUNCTIONS[name], argnums=tuple(range(len(active))))
        found = gradient._found((*active, *rest), {})
        inputs = found.inputs_of((*active, *rest), {})
        tested, untested = (compiled(found.traced.program, tests=tests) for tests in (True, False))
        ours, theirs = least_times(lambda: tested(*inputs), lambda: untested(*inputs))
        return ours / theirs

    track_over_untested.unit = "times"
