"""Runs that can be looked at: a program executed step by step, forward and back in time.

Modules: `stepper` (a machine that stops after each step, and whose state can be copied), `recording` (a run with its
journal), `locals` (what the user's variables are after a step), `browser` (the text debugger).
"""

from revtrace.runs.recording import Recording
from revtrace.runs.stepper import Stepper

__all__ = ["Recording", "Stepper"]
