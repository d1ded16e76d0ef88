"""The passes of numba that generated code needs.

Generated code has no closures, no calls of overloads, no array expressions: passes that look for
them are left out, a fifth of the compile time.  Imports numba.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import lowering, typed_passes, untyped_passes
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager, register_pass

__all__ = ["Pipeline"]


@contextmanager
def remembering(context: Any) -> Iterator[None]:
    """Let a typing context resolve calls of the same types once: generated code has many calls of few kinds."""
    known: dict[Any, Any] = {}
    resolve = context.resolve_function_type

    def resolved(function: Any, args: Any, kws: Any) -> Any:
        # Slices cannot be hashed in every release.
        hashable = tuple(("slice", a.start, a.stop, a.step) if isinstance(a, slice) else a for a in args)
        key = (function, hashable, tuple(sorted(dict(kws).items())))
        found = known.get(key)
        if found is None:
            found = resolve(function, args, kws)
            if found is not None:
                known[key] = found
        return found

    context.resolve_function_type = resolved
    try:
        yield
    finally:
        del context.resolve_function_type


@register_pass(mutates_CFG=True, analysis_only=False)
class Inference(typed_passes.NopythonTypeInference):
    """numba's type inference, each kind of call resolved once."""

    _name = "revtrace_type_inference"

    def run_pass(self, state: Any) -> bool:
        """Infer types; numba holds its compiler lock."""
        with remembering(state.typingctx):
            return bool(super().run_pass(state))  # type: ignore[no-untyped-call]


class Lower(lowering.Lower):
    """numba's translation to LLVM, each kind of call looked up once."""

    def init(self) -> None:
        """Prepare this object's own context."""
        super().init()  # type: ignore[no-untyped-call]
        known: dict[Any, Any] = {}
        look_up = self.context.get_function

        def function(fn: Any, sig: Any, _firstcall: bool = True) -> Any:
            key = (fn, sig)
            found = known.get(key)
            if found is None:
                found = known[key] = look_up(fn, sig, _firstcall)
            return found

        self.context.get_function = function


@register_pass(mutates_CFG=True, analysis_only=False)
class Lowering(typed_passes.NativeLowering):
    """The pass that runs `Lower`."""

    _name = "revtrace_lowering"

    @property
    def lowering_class(self) -> Any:
        """Return the class that does it."""
        return Lower


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
            Inference,
            typed_passes.PreLowerStripPhis,
            # Adds the statements that free what is not used any more.
            typed_passes.IRLegalization,
            Lowering,
            typed_passes.NoPythonBackend,
        ):
            manager.add_pass(each, each.__name__)
        manager.finalize()
        return [manager]
