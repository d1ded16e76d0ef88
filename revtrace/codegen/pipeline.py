"""The passes of numba that generated code needs.

Generated code has no closures, no calls of overloads, no array expressions: passes that look for
them are left out.  A variable of it has one type, so nothing is gained by a name for each of its
values either: numba finds these in a time quadratic in the length of the code, and LLVM does so anyway.
Imports numba.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils, lowering, typed_passes, types, untyped_passes
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager, register_pass

from revtrace.codegen.memory import field
from revtrace.codegen.ranges import ranges
from revtrace.codegen.single import single

__all__ = ["Pipeline"]


@contextmanager
def remembering(context: Any) -> Iterator[None]:
    """Let a typing context resolve calls of the same types once: generated code has many calls of few kinds."""
    known: dict[Any, Any] = {}
    # Another compilation's, which this one is made in.
    outer = vars(context).get("resolve_function_type")
    resolve = type(context).resolve_function_type.__get__(context)

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
        if outer is not None:
            context.resolve_function_type = outer


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
        self._operations: dict[Any, Any] = {}
        look_up = self.context.get_function

        def function(fn: Any, sig: Any, _firstcall: bool = True) -> Any:
            key = (fn, sig)
            found = known.get(key)
            if found is None:
                found = known[key] = ranges(self.context, fn, sig) or look_up(fn, sig, _firstcall)
            return found

        self.context.get_function = function
        self.context.pair_first = lambda builder, pair, kind: builder.extract_value(pair, 0)
        self.context.pair_second = lambda builder, pair, kind: builder.extract_value(pair, 1)

    def _find_singly_assigned_variable(self) -> None:
        """Find the variables that are held as values; of arrays used in other blocks a place says who frees them."""
        found = single(self.func_ir.blocks)
        shared = {name for name, crosses in found.items() if crosses and self._owns(name)}
        self._owners: dict[str, Any] = {
            name: None
            for name in shared
            if isinstance(self.typeof(name), types.Array)  # type: ignore[no-untyped-call]
        }
        self._singly_assigned_vars = found.keys() - (shared - self._owners.keys())
        self._blk_local_varmap: dict[str, Any] = {}

    def storevar(self, value: Any, name: str, argidx: int | None = None) -> None:
        """Store a variable; what it held is given up where that owns memory only."""
        if name in self._owners:
            kind = self.typeof(name)  # type: ignore[no-untyped-call]
            # NULL where the function begins.
            self._owners[name] = cgutils.alloca_once(self.builder, cgutils.voidptr_t)
            self.delvar(name)
            self._blk_local_varmap[name] = value
            self.builder.store(field(self.context, self.builder, kind, value, "meminfo"), self._owners[name])
        elif argidx is not None or name in self._singly_assigned_vars or self._owns(name):
            super().storevar(value, name, argidx)  # type: ignore[no-untyped-call]
        else:
            self.builder.store(value, self.getvar(name))  # type: ignore[no-untyped-call]

    def delvar(self, name: str) -> None:
        """Give up what a variable holds where that owns memory."""
        if name in self._owners:
            place = self._owners[name]
            self.context.nrt.decref(self.builder, types.MemInfoPointer(types.int8), self.builder.load(place))
            self.builder.store(cgutils.voidptr_t(None), place)
        elif self._owns(name):
            super().delvar(name)  # type: ignore[no-untyped-call]

    def incref(self, typ: Any, val: Any) -> None:
        """Count a reference more."""
        super().incref(*self._owner(typ, val))  # type: ignore[no-untyped-call]

    def decref(self, typ: Any, val: Any) -> None:
        """Count a reference less."""
        super().decref(*self._owner(typ, val))  # type: ignore[no-untyped-call]

    def _owner(self, kind: Any, value: Any) -> tuple[Any, Any]:
        """Return the part of an array that owns its memory; numba takes the array apart to find it."""
        if not isinstance(kind, types.Array):
            return kind, value
        return types.MemInfoPointer(kind.dtype), field(self.context, self.builder, kind, value, "meminfo")

    def _owns(self, name: str) -> bool:
        kind = self.typeof(name)  # type: ignore[no-untyped-call]
        return bool(self.context.data_model_manager[kind].contains_nrt_meminfo())

    def lower_binop(self, resty: Any, expr: Any, op: Any) -> Any:
        """Write an operation on two numbers; only a power has a form for each constant operand."""
        if op is operator.pow:
            return super().lower_binop(resty, expr, op)  # type: ignore[no-untyped-call]
        context, builder = self.context, self.builder
        signature = self.fndesc.calltypes[expr]
        operands = [
            context.cast(builder, self.loadvar(x.name), self.typeof(x.name), kind)  # type: ignore[no-untyped-call]
            for x, kind in zip((expr.lhs, expr.rhs), signature.args, strict=True)
        ]
        function = self._operations.get((op, signature))
        if function is None:
            kind = context.typing_context.resolve_value_type(op)
            if isinstance(kind, types.Function):
                # A type of a function knows how to do what it was asked for only.
                kind.get_call_type(context.typing_context, signature.args, {})
            function = self._operations[op, signature] = context.get_function(kind, signature)
        value = function(builder, operands)
        if isinstance(value, ir.instructions.Instruction) and value.opname == "fmul":
            # A sum that allows it may add the product unrounded.
            value.flags.append("contract")
        return context.cast(builder, value, signature.return_type, resty)


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
            Inference,
            # Adds the statements that free what is not used any more.
            typed_passes.IRLegalization,
            Lowering,
            typed_passes.NoPythonBackend,
        ):
            manager.add_pass(each, each.__name__)
        manager.finalize()
        return [manager]
