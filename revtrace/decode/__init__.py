"""From a code object to canonical instructions, the same on every CPython.

Owns everything that depends on the CPython release.  `table` is the one place that knows
releases; `decoder` applies it; `records` are what comes out; `effect` says what each
canonical instruction does to the stack.  Knows nothing of control flow or of values.
"""

from revtrace.decode.decoder import decode
from revtrace.decode.effect import depths, effect
from revtrace.decode.records import Decoded, Handler, Instr

__all__ = ["Decoded", "Handler", "Instr", "decode", "depths", "effect"]
