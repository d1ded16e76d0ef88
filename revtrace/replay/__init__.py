"""The meaning of programs, in plain Python.

Owns the interpreter (`run`), the number systems it computes in, `GVar` pairs and
running a program's inverse on them.  Slow, exact about semantics, generic in the
number type, and easy to step through.  Never imports the code generator.
"""

from revtrace.replay.gvar import GVar, invert
from revtrace.replay.interpret import Bail, Event, OutOfTime, run

__all__ = ["Bail", "Event", "GVar", "OutOfTime", "invert", "run"]
