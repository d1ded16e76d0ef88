"""The passes of numba that generated code needs.

Generated code has no closures, no calls of overloads, no array expressions: passes that look for
them are left out, a fifth of the compile time.  Imports numba.
"""

from __future__ import annotations

from typing import Any

from numba.core import typed_passes, untyped_passes
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager

__all__ = ["Pipeline"]


class Pipeline(CompilerBase):
    """A compiler of generated code."""

    def define_pipelines(self) -> list[Any]:
        """Return the passes in order."""
        manager = PassManager("revtrace")
        for each in (
            untyped_passes.TranslateByteCode,
            untyped_passes.FixupArgs,
            untyped_passes.IRProcessing,
            untyped_passes.GenericRewrites,
            untyped_passes.ReconstructSSA,
            typed_passes.NopythonTypeInference,
            typed_passes.PreLowerStripPhis,
            # Adds the statements that free what is not used any more.
            typed_passes.IRLegalization,
            typed_passes.NativeLowering,
            typed_passes.NoPythonBackend,
        ):
            manager.add_pass(each, each.__name__)
        manager.finalize()
        return [manager]
