"""The way from Python into a kernel: a builtin function in LLVM.

It tests and unpacks the arguments, calls the kernel, and packs the results.  Numba's own way in takes a microsecond
more: it looks the types up in a table, and wraps each array both ways in an object that counts references.
Here arguments are borrowed, and arrays that are returned are numpy's from the start, see
`revtrace.codegen.outputs`.  Imports numba.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.np.arrayobj import make_array
from numba.np.numpy_support import as_dtype

from revtrace.codegen import objects
from revtrace.codegen.emit import Source
from revtrace.codegen.entry import entry
from revtrace.codegen.outputs import field, native, symbol

__all__ = ["write"]

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_OBJECT = cgutils.voidptr_t


def write(context: Any, library: Any, descriptor: Any, source: Source) -> str:
    """Add the door of a kernel to its library and return its symbol.

    Parameters
    ----------
    context : CPUContext
    library : CodeLibrary
        Holds the kernel, not finalized.
    descriptor : FunctionDescriptor
        The kernel's.
    source : Source
        Says how many arrays it makes to be returned, which inputs it writes, which results are numpy scalars.
    """
    builder, kernel = entry(
        context, descriptor, "door", ir.FunctionType(_OBJECT, [_OBJECT, _OBJECT.as_pointer(), _I64])
    )
    _Door(context, builder, descriptor, source).build(kernel)
    library.add_ir_module(builder.module)
    return str(builder.function.name)


class _Door:
    """Builds one door."""

    def __init__(self, context: Any, builder: Any, descriptor: Any, source: Source) -> None:
        self.context, self.builder, self.descriptor, self.source = context, builder, descriptor, source
        self.api = context.get_python_api(builder)
        self.count = source.outputs
        self.slots = cgutils.alloca_once(builder, _OBJECT, size=max(1, self.count))
        self.inputs = descriptor.argtypes[1:] if self.count else descriptor.argtypes
        self.failed = builder.append_basic_block("failed")
        self.refused = builder.append_basic_block("refused")
        with builder.goto_block(self.failed):
            builder.ret(self.api.get_null_object())
        with builder.goto_block(self.refused):
            self.api.err_set_string("PyExc_TypeError", "the kernel was compiled for other types, or other code")
            builder.branch(self.failed)

    def need(self, condition: Any) -> None:
        """Leave with TypeError where a condition fails."""
        block = self.builder.append_basic_block("next")
        self.builder.cbranch(condition, block, self.refused).set_weights([99, 1])
        self.builder.position_at_end(block)

    def build(self, kernel: Any) -> None:
        """Write the function."""
        builder, context = self.builder, self.context
        own, given, count = builder.function.args
        ledger = field(builder, own, objects.DATA, _I64.as_pointer())
        calls, place, right = (builder.gep(ledger, [ir.Constant(_I64, k)]) for k in range(3))
        word = builder.inttoptr(builder.load(place), _I64.as_pointer())
        self.need(builder.icmp_unsigned("==", builder.load(word), builder.load(right)))
        self.need(builder.icmp_unsigned("==", count, ir.Constant(_I64, len(self.inputs))))
        passed = [
            self.unpacked(builder.load(builder.gep(given, [ir.Constant(_I64, k)])), kind, k)
            for k, kind in enumerate(self.inputs)
        ]
        builder.store(builder.add(builder.load(calls), ir.Constant(_I64, 1)), calls)
        if self.count:
            for k in range(self.count):
                builder.store(ir.Constant(_OBJECT, None), self.slot(k))
            passed.insert(0, self.slots)
        # Not inlined, so that what surrounds the kernel does not change how it is optimised.
        status, result = context.call_conv.call_function(
            builder, kernel, self.descriptor.restype, self.descriptor.argtypes, passed, attrs=("noinline",)
        )
        with builder.if_then(status.is_error, likely=False):
            self.release()
            context.call_conv.raise_error(builder, self.api, status)
            builder.branch(self.failed)
        if isinstance(self.descriptor.restype, types.BaseTuple):
            builder.ret(self.packed(result))
        else:
            # A kernel that fails whatever it is given: numba gives it no results.
            builder.unreachable()

    def slot(self, k: int) -> Any:
        """Return the address of a slot."""
        return self.builder.gep(self.slots, [ir.Constant(_I64, k)])

    def release(self) -> None:
        """Give up the references in the slots."""
        for k in range(self.count):
            # Decrementing NULL does nothing in numba's.
            self.api.decref(self.builder.load(self.slot(k)))

    # arguments ----------------------------------------------------------------------

    def unpacked(self, obj: Any, kind: Any, position: int) -> Any:
        """Return the native value of an argument."""
        if isinstance(kind, types.Array):
            return self.array(obj, kind, position)
        builder = self.builder
        if kind == types.float64:
            value = self.api.float_as_double(obj)
            suspect = builder.fcmp_ordered("==", value, ir.Constant(ir.DoubleType(), -1.0))
            with builder.if_then(suspect, likely=False), builder.if_then(self.api.c_api_error(), likely=False):
                builder.branch(self.failed)
            return value
        native = self.api.to_native_value(kind, obj)
        with builder.if_then(native.is_error, likely=False):
            builder.branch(self.failed)
        return native.value

    def array(self, obj: Any, kind: Any, position: int) -> Any:
        """Return numba's array of an argument."""
        builder = self.builder
        cls = symbol(builder.module, objects.NDARRAY)
        self.need(builder.icmp_unsigned("==", field(builder, obj, objects.TYPE, _OBJECT), cls))
        dtype = field(builder, obj, objects.DESCR, _OBJECT)
        number = field(builder, dtype, objects.NUMBER, _I32)
        known = [builder.icmp_signed("==", number, ir.Constant(_I32, n)) for n in objects.numbers(as_dtype(kind.dtype))]
        one_of = known[0]
        for other in known[1:]:
            one_of = builder.or_(one_of, other)
        flags = objects.C_CONTIGUOUS | objects.ALIGNED | (objects.WRITEABLE if position in self.source.written else 0)
        mask = ir.Constant(_I32, flags)
        order = field(builder, dtype, objects.BYTEORDER, ir.IntType(8))
        tests = [
            one_of,
            # Types of one byte have '|', arrays of the other byte order '<' or '>'.
            builder.icmp_unsigned("==", order, ir.Constant(ir.IntType(8), ord(as_dtype(kind.dtype).byteorder))),
            builder.icmp_signed("==", field(builder, obj, objects.NDIM, _I32), ir.Constant(_I32, kind.ndim)),
            builder.icmp_signed("==", builder.and_(field(builder, obj, objects.FLAGS, _I32), mask), mask),
        ]
        good = tests[0]
        for test in tests[1:]:
            good = builder.and_(good, test)
        self.need(good)
        return native(self.context, builder, kind, obj)._getvalue()

    # results ------------------------------------------------------------------------

    def packed(self, result: Any) -> Any:
        """Return the results in their form, or NULL."""
        builder, api = self.builder, self.api
        kinds = tuple(self.descriptor.restype)
        form = tuple(range(len(kinds))) if self.source.form is None else self.source.form
        made: list[Any] = []
        tree = self.tuples(form, made)
        with builder.if_then(self.missing(made), likely=False):
            for each in made:
                api.decref(each)
            self.release()
            builder.branch(self.failed)
        values = [self.boxed(k, kind, builder.extract_value(result, k)) for k, kind in enumerate(kinds)]
        out = self.filled(form, tree, values)
        self.release()
        with builder.if_then(self.missing(values), likely=False):
            api.decref(out)
            builder.branch(self.failed)
        return out

    def missing(self, objects: list[Any]) -> Any:
        """Return whether one of some references is NULL; what was made of others must go then."""
        found: Any = cgutils.false_bit
        for obj in objects:
            found = self.builder.or_(found, cgutils.is_null(self.builder, obj))
        return found

    def tuples(self, form: Any, made: list[Any]) -> Any:
        """Return new tuples to be filled: nothing for a number, a tuple and those in it for a tuple."""
        if isinstance(form, int):
            return None
        made.append(self.api.tuple_new(len(form)))
        return made[-1], [self.tuples(part, made) for part in form]

    def filled(self, form: Any, tree: Any, objects: list[Any]) -> Any:
        """Return the object of a form, its tuples filled."""
        if isinstance(form, int):
            return objects[form]
        made, inner = tree
        for k, (part, below) in enumerate(zip(form, inner, strict=True)):
            self.api.tuple_setitem(made, k, self.filled(part, below, objects))
        return made

    def boxed(self, k: int, kind: Any, value: Any) -> Any:
        """Return a new reference to a result, or NULL."""
        if isinstance(kind, types.Array):
            # The caller's, or one in a slot: verified programs let no array out of a loop.
            obj = make_array(kind)(self.context, self.builder, value).parent
            self.api.incref(obj)
            return obj
        return self.scalar(kind, value) if k in self.source.boxed else self.api.from_native_value(kind, value)

    def scalar(self, kind: Any, value: Any) -> Any:
        """Return a numpy scalar."""
        builder = self.builder
        data = cgutils.alloca_once_value(builder, self.context.data_model_manager[kind].as_data(builder, value))
        dtype = as_dtype(kind)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_OBJECT, [_OBJECT] * 3), objects.SCALAR
        )
        return builder.call(
            function,
            [
                builder.bitcast(data, _OBJECT),
                symbol(builder.module, objects.dtype_symbol(dtype)),
                ir.Constant(_OBJECT, None),
            ],
        )
