"""Whether two arrays are certainly different storage, though of one buffer class."""

from __future__ import annotations

from revtrace.passes.effects import Buffers
from revtrace.passes.scopes import Scopes, is_array
from revtrace.program.nodes import For, Op, Operand, Var, While

__all__ = ["Distinct"]


class Distinct:
    """Questions about the arrays of one program."""

    def __init__(self, where: Scopes, memory: Buffers) -> None:
        self.where = where
        self.memory = memory

    def apart(self, a: Operand, b: Operand, depth: int = 20) -> bool:
        """Whether two arrays share no element.

        Two that were made, or given, differ; so do those that one loop makes change
        places, if they did at its start.
        """
        if a is b or not isinstance(a, Var) or not isinstance(b, Var) or not depth:
            return False
        if self.memory.find(a) is not self.memory.find(b):
            return True
        p, q = self.where.definition.get(a), self.where.definition.get(b)
        if (p is None or isinstance(p, Op)) and (q is None or isinstance(q, Op)):
            return True
        if p is q and isinstance(p, For | While):
            own = p.params if a in p.params else p.outs
            if a in own and b in own:
                arrays = [x for x, param in zip(p.inits, p.params, strict=True) if is_array(param)]
                # Any two of them may stand at the places of these two, some iterations on.
                return all(self.apart(x, y, depth - 1) for i, x in enumerate(arrays) for y in arrays[i + 1 :])
        return False
