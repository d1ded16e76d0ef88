"""Program to Python source to machine code; the only package that imports numba, and only to compile."""

from revtrace.codegen.build import build, emit, load
from revtrace.codegen.emit import Source, TooDeep
from revtrace.codegen.signals import Bail, Deopt

__all__ = ["Bail", "Deopt", "Source", "TooDeep", "build", "emit", "load"]
