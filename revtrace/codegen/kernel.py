"""Compiled programs: the builtin function of one generated function, and its form on disk.

Imports numba.
"""

from __future__ import annotations

import cmath
import hashlib
import math
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

import numpy as np
from numba import njit
from numba.core import types
from numba.core.compiler import Flags, compile_extra
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.runtime.nrt import rtsys
from numba.np.numpy_support import from_dtype

from revtrace.codegen import door, native, pool
from revtrace.codegen.emit import Source
from revtrace.codegen.expressions import NUMPY
from revtrace.codegen.external import linked, register
from revtrace.codegen.inner import again, part
from revtrace.codegen.intrinsics import DTYPES, FUNCTIONS
from revtrace.codegen.memory import accessors
from revtrace.codegen.objects import builtin, export
from revtrace.codegen.outputs import SLOTS
from revtrace.codegen.parts import divided
from revtrace.codegen.pipeline import Pipeline
from revtrace.codegen.signals import Bail, Deopt
from revtrace.codegen.vecmath import available
from revtrace.codegen.vecmath import functions as functions_of_vectors
from revtrace.codegen.vector import MATH
from revtrace.program.collector import rarely
from revtrace.program.types import Array, Scalar, Type

__all__ = ["Kernel", "compile_source", "load", "numba_type"]

_OPTIONS: dict[str, Any] = {
    "nopython": True,
    "error_model": "numpy",
    "boundscheck": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}

# Past this the lists of what each access is independent of grow too long.
_BUFFERS = 60

_linked: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A compiled program.

    Attributes
    ----------
    source : Source
        What was compiled.
    dispatch : callable
        A builtin function: takes the program's inputs, returns a tuple of its results,
        raises `Bail` or `Deopt`.  Arguments of other types than it was compiled for
        raise TypeError.  Of a kernel that C calls, something that cannot be called.
    library : CodeLibrary
        Its machine code.
    symbol : str
        That of the builtin's code, or of the function that C calls.
    address : int
        Where that is.
    """

    source: Source
    dispatch: Callable[..., tuple[Any, ...]]
    library: Any
    symbol: str
    address: int

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        """Run the program."""
        return self.dispatch(*args)

    def enter(self, function: FunctionType, code: CodeType) -> tuple[Callable[..., Any], Any]:
        """Return a builtin like `dispatch` that raises TypeError once a function has other code, and its calls.

        Calls are counted in the first element of an array.
        """
        return builtin(self.source.name, self.address, (self.library,), (function, code))

    def save(self) -> bytes:
        """Return the machine code for `load`; valid for this numba, interpreter and CPU only."""
        return pickle.dumps(
            (self.source, calls_vectors(self.source), self.symbol, self.library.serialize_using_object_code())
        )


def numba_type(type_: Type) -> Any:
    """Return numba's type of an input."""
    match type_:
        case Scalar(dtype):
            return from_dtype(np.dtype(dtype))
        case Array(dtype, ndim):
            return types.Array(from_dtype(np.dtype(dtype)), ndim, "C")
    raise TypeError(f"a program takes no {type_}")


@rarely()
def compile_source(source: Source, signature: tuple[Any, ...]) -> Kernel:
    """Compile generated code for inputs of the given numba types."""
    flags = Flags()
    cpu_target.options.parse_as_flags(flags, _OPTIONS)
    # Numba is to make no way in from Python.
    flags.no_compile = True  # type: ignore[misc, assignment]
    if source.calls:
        prepare_calls(source)
    typing, context = cpu_target.typing_context, cpu_target.target_context
    arguments = (*((SLOTS,) if source.outputs else ()), *signature)
    with global_compiler_lock:
        export()
        pool.export()
        library = context.codegen().create_library(_unique(source))
        library.enable_object_caching()
        function = _function(source, flags, library)
        result = compile_extra(typing, context, function, arguments, None, flags, {}, library, Pipeline)
        # As the flags made it: with reference counting.
        context = result.target_context
        with context.push_code_library(library):
            symbol = (native if source.native else door).write(context, library, result.fndesc, source)
        return _opened(source, library, symbol)


def load(data: bytes) -> Kernel:
    """Return a kernel that `Kernel.save` wrote."""
    source, vectors, symbol, state = pickle.loads(data)
    if vectors and not available():
        raise ValueError("the kernel calls vector functions that this machine's C library lacks")
    if source.calls:
        # Before its machine code is read, which is linked at once.
        prepare_calls(source)
    register(source.runtime)
    context = cpu_target.target_context
    with global_compiler_lock:
        export()
        pool.export()
        # Nothing has done this in a process that compiles nothing; reading numba's registries, which takes
        # half a second, is needed for compiling only.
        rtsys.initialize(context)
        return _opened(source, context.codegen().unserialize_library(state), symbol)


def _opened(source: Source, library: Any, symbol: str) -> Kernel:
    """Return the kernel in a library, whose code is made executable now."""
    address = library.get_pointer_to_function(symbol)
    if not address:
        raise ValueError(f"no symbol {symbol}")
    dispatch = _not_from_python if source.native else builtin(source.name, address, (library,))[0]
    return Kernel(source, dispatch, library, symbol, address)


def _not_from_python(*args: Any) -> tuple[Any, ...]:
    raise TypeError("this kernel is called from C")


def prepare_calls(source: Source) -> None:
    """Make the rows that a source calls known in this process."""
    from revtrace.codegen.calls import prepare

    prepare([spec for _, spec in source.calls])


def calls_vectors(source: Source) -> bool:
    """Whether machine code for a source calls vector functions of the C library."""
    return available() and any(f"v{name}(" in source.text for name in MATH)


def _unique(source: Source) -> str:
    """Return a name for symbols made of a source: one loaded from disk must not meet another of its name."""
    return f"{source.name}_{hashlib.sha256(repr(source).encode()).hexdigest()[:16]}"


def _function(source: Source, flags: Flags, library: Any) -> Any:
    """Return generated code as a Python function, with what it calls."""
    text, divisions = divided(source.text)
    held = {name: frozenset(numbers) for name, numbers in source.buffers}
    namespace = _namespace(source)
    known: dict[Any, Any] = {}
    for k, each in enumerate(divisions):
        inside = {new: held[name] for name, new in each.names.items() if name in held}
        own, functions = _by_buffer(each.text, inside)
        key = own, tuple(sorted((name, id(f)) for name, f in functions.items()))
        if key not in known:
            made = _defined(own, "part", f"{_unique(source)}_{k}", namespace | functions)
            known[key] = part(made, flags, library)
        namespace[each.name] = known[key]
    words = set(re.findall(r"[A-Za-z_]\w*", text))
    text, functions = _by_buffer(text, {name: numbers for name, numbers in held.items() if name in words})
    return _defined(text, source.name, _unique(source), namespace | functions)


def _defined(text: str, name: str, qualified: str, namespace: dict[str, Any]) -> Any:
    """Return the function that a text defines."""
    exec(compile(text, f"<revtrace {qualified}>", "exec"), namespace)
    function = namespace[name]
    function.__qualname__ = qualified
    return function


def _namespace(source: Source) -> dict[str, Any]:
    """Return what generated code calls, by name."""
    namespace: dict[str, Any] = {"__name__": __name__, "again": again, "Bail": Bail}
    words = set(re.findall(r"[A-Za-z_]\w*", source.text))
    known = {"math": math, "cmath": cmath, "np": np, "inf": math.inf, "nan": math.nan, "Deopt": Deopt}
    namespace.update({w: known[w] for w in words & known.keys()})
    namespace.update({w: DTYPES[w] for w in words & DTYPES.keys()})
    vector = functions_of_vectors()
    namespace.update({f"v{f}": vector.get(f, getattr(math, f)) for f in MATH if f"v{f}" in words})
    for w in words:
        if w in FUNCTIONS or re.fullmatch(r"dim\d+", w):
            namespace[w] = FUNCTIONS[w]
    if source.calls:
        from revtrace.codegen.calls import function as of_call

        namespace.update({name: of_call(spec) for name, spec in source.calls})
    namespace.update({name: linked(name, njit(error_model="numpy"), _linked) for name in source.runtime})
    namespace.update({name: DTYPES[NUMPY[dtype]](value) for name, dtype, value in source.constants})
    return namespace


def _by_buffer(text: str, held: dict[str, frozenset[int]]) -> tuple[str, dict[str, Any]]:
    """Give each access the function for its array's buffers; return the text and these functions.

    Buffers are numbered as they come: code that does the same gets the same functions.
    """
    order = {n: k for k, n in enumerate(dict.fromkeys(n for numbers in held.values() for n in sorted(numbers)))}
    held = {name: frozenset(order[n] for n in numbers) for name, numbers in held.items()}
    every = frozenset(order.values())
    kinds = {numbers: k for k, numbers in enumerate(dict.fromkeys(held.values()))}
    functions: dict[str, Any] = {}

    def renamed(m: re.Match[str]) -> str:
        numbers = held.get(m.group(2))
        if numbers is None or len(every) > _BUFFERS:
            return m.group(0)
        # No variable begins with an underscore.
        name = f"_{m.group(1)}_{kinds[numbers]}"
        functions[name] = accessors(numbers, every - numbers)[m.group(1)]
        return f"{name}({m.group(2)},"

    return re.sub(r"\b(at|put|bump)\((\w+),", renamed, text), functions
