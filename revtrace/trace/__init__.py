"""From a Python function and example arguments to a program.

Reads bytecode, Python objects and types; knows the rules by name; knows nothing of
derivatives or of numba.
"""

from revtrace.trace.entry import trace
from revtrace.trace.record import Traced

__all__ = ["Traced", "trace"]
