"""Facts about control flow: blocks, order, loops, where branches meet.

Owns everything computed from canonical instructions alone.  `fold` undoes the compiler's
duplication of code, `blocks` cuts blocks, `loops` finds loops, `flow` puts it together.  Knows
nothing of CPython releases or of values.
"""

from revtrace.structure.flow import Flow, analyse
from revtrace.structure.records import BasicBlock, LoopInfo

__all__ = ["BasicBlock", "Flow", "LoopInfo", "analyse"]
