"""Hypothesis strategies: random well-formed programs together with inputs for them.

`programs` draws nested loops, branches, bounded ``while`` loops, early exits, memory
operations, casts and loops that swap arrays.  Indices are kept in range unless asked
otherwise, so that a program runs to its end; values may overflow to infinity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from revtrace.program import Array, Block, Builder, Const, For, If, Operand, Program, Scalar, Type, Var, While
from revtrace.program.nodes import const
from revtrace.program.show import show
from revtrace.program.types import BOOL, F64, INT

__all__ = ["Case", "programs", "same"]


class Case(NamedTuple):
    """A program and inputs to run it on; `copies` gives fresh ones, as programs write to arrays."""

    program: Program
    inputs: tuple[Any, ...]

    def copies(self) -> list[Any]:
        """Return the inputs with arrays copied."""
        return [x.copy() if isinstance(x, np.ndarray) else x for x in self.inputs]

    def __repr__(self) -> str:
        return f"Case(parse('''\n{show(self.program)}'''),\n  {self.inputs!r})"


def same(a: Any, b: Any) -> bool:
    """Whether two results are equal: type, shape, dtype and every element, NaN being equal to NaN."""
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    a_, b_ = np.asarray(a), np.asarray(b)
    return a_.dtype == b_.dtype and a_.shape == b_.shape and np.array_equal(a_, b_, equal_nan=a_.dtype.kind in "fc")


SMOOTH = ("add", "sub", "mul", "sin", "cos", "tanh", "neg", "fma", "square")
ROUGH = (*SMOOTH, "div", "abs", "max", "min", "powi", "select", "fromint", "round4")


@st.composite
def programs(
    draw: st.DrawFn,
    *,
    size: int = 12,
    depth: int = 3,
    smooth: bool = False,
    special: bool = False,
    exotic: bool = True,
    loose: bool = False,
) -> Case:
    """Draw a program and inputs.

    Parameters
    ----------
    draw : callable
        Given by Hypothesis.
    size : int
        About how many statements a block has at most.
    depth : int
        How deep regions nest.
    smooth : bool
        Only functions that are smooth and stay moderate, and branches on integers only: for
        comparing derivatives.
    special : bool
        Whether inputs may be NaN, infinite or huge.
    exotic : bool
        Whether f4 and c16 values appear.
    loose : bool
        Whether indices may be out of range, so that the program may bail.
    """
    maker = _Maker(draw, size, depth, smooth, exotic, loose)
    nonempty = draw(st.integers(0, 3)) > 0
    inputs: list[Var] = []
    values: list[Any] = []
    for k in range(draw(st.integers(1, 3))):
        dtype = draw(st.sampled_from(["f8", "f8", "f8", "i8", *(["f4", "c16"] if exotic else [])]))
        inputs.append(Var(Scalar(dtype), f"s{k}"))
        values.append(draw(_numbers(dtype, special)))
    for k in range(draw(st.sampled_from([1, 2, 2, 3, 0]))):
        dtype = draw(st.sampled_from(["f8", "f8", "f8", "i8"]))
        shape = draw(st.lists(st.integers(1 if nonempty else 0, 4), min_size=1, max_size=2))
        inputs.append(Var(Array(dtype, len(shape)), f"a{k}"))
        count = int(np.prod(shape))
        flat = draw(st.lists(_numbers(dtype, special), min_size=count, max_size=count))
        values.append(np.array(flat, dtype).reshape(shape))
    for var in inputs:
        maker.see(var)
    maker.nonempty = nonempty
    maker.statements(depth)
    results = [maker.scalar(F64)]
    results += [v for v in maker.visible if draw(st.integers(0, 5)) == 0]
    return Case(Program("random", tuple(inputs), maker.builder.close(*results)), tuple(values))


def _numbers(dtype: str, special: bool) -> st.SearchStrategy[Any]:
    if dtype[0] == "i":
        return st.integers(-5, 5)
    floats = st.floats(-2, 2, allow_subnormal=False, width=32)
    if special:
        floats |= st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -0.0, 1e-300])
    if dtype == "c16":
        return st.builds(complex, floats, floats)
    # Clipped first: numpy warns when a float is too large for single precision.
    return floats.map(lambda x: np.float32(x if abs(x) < 1e38 else np.inf)) if dtype == "f4" else floats


class _Maker:
    """Appends random statements; `visible` is what they may read, innermost block last."""

    def __init__(self, draw: st.DrawFn, size: int, depth: int, smooth: bool, exotic: bool, loose: bool) -> None:
        self.draw, self.size, self.depth = draw, size, depth
        self.smooth, self.exotic, self.loose = smooth, exotic, loose
        self.builder = Builder()
        self.visible: list[Var] = []
        self.nonempty = True
        # Loop indices with the array axis they run over: in range for it by construction.
        self.bounded: list[tuple[Var, Var, int]] = []

    def see(self, *variables: Var) -> None:
        self.visible += variables

    def choose(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def of(self, type_: Type) -> list[Var]:
        return [v for v in self.visible if v.type == type_]

    def arrays(self, dtype: str | None = None) -> list[Var]:
        return [v for v in self.visible if isinstance(v.type, Array) and dtype in (None, v.type.dtype)]

    # operands -------------------------------------------------------------------------

    def scalar(self, type_: Scalar) -> Operand:
        """Return a value of the type: one at hand, or a constant."""
        known = self.of(type_)
        if known and self.draw(st.integers(0, 4)):
            return known[-1 - min(len(known) - 1, self.draw(st.integers(0, 5)))]
        kind = type_.dtype[0]
        if kind == "b":
            return const(self.draw(st.booleans()))
        if kind == "i":
            return const(self.draw(st.integers(-3, 4)), type_.dtype)
        value = self.choose(0.0, 1.0, -1.0, 0.5, 2.0, -0.25)
        return const(value, type_.dtype)

    def index(self, array: Var) -> list[Operand] | None:
        """Return indices in range (raw Python ones), or None where none is known to be."""
        assert isinstance(array.type, Array)
        found: list[Operand] = []
        for axis in range(array.type.ndim):
            if self.loose and self.draw(st.integers(0, 9)) == 0:
                found.append(self.scalar(INT))
                continue
            loops = [i for i, a, k in self.bounded if a is array and k == axis]
            if loops and self.draw(st.integers(0, 3)):
                found.append(self.choose(*loops))
            elif self.nonempty:
                b = self.builder
                length = b.dim(array, axis)
                i: Operand = b.op("mod", self.scalar(INT), length, type=INT)
                if self.draw(st.integers(0, 3)) == 0:
                    i = b.op("sub", i, length, type=INT)
                found.append(i)
            else:
                return None
        return found

    # statements -----------------------------------------------------------------------

    def statements(self, depth: int) -> None:
        for _ in range(self.draw(st.integers(1, self.size if depth == self.depth else 4))):
            makers: list[Callable[[int], None]] = [self.compute, self.compute, self.compute, self.integer, self.logic]
            makers += [self.memory] * 6 + [self.make]
            if depth > 0:
                makers += [self.branch, self.count, self.count, self.count, self.loop]
            if self.exotic:
                makers.append(self.narrow)
            self.choose(*makers)(depth)

    def compute(self, depth: int) -> None:
        b = self.builder
        x, y = self.scalar(F64), self.scalar(F64)
        match self.choose(*(SMOOTH if self.smooth else ROUGH)):
            case "fma":
                self.see(b.op("add", b.op("mul", x, y), self.scalar(F64), hint="fma"))
            case "square":
                self.see(b.op("powi", x, const(self.choose(0, 1, 2, 3)), type=F64))
            case "powi":
                self.see(b.op("powi", x, self.scalar(INT), type=F64))
            case "select":
                self.see(b.op("select", self.scalar(BOOL), x, y, type=F64))
            case "fromint":
                self.see(b.op("cast", self.scalar(INT), type=F64))
            case "round4":
                small = b.op("cast", x, type=Scalar("f4"))
                self.see(b.op("cast", b.op("mul", small, small), type=F64))
            case "sin" | "cos" | "tanh" | "neg" | "abs" as name:
                self.see(b.op(name, x, type=F64))
            case "mul" if self.smooth:
                # Squashed, or loops of products run to infinity.
                self.see(b.op("sin", b.op("mul", x, y, type=F64), type=F64))
            case name:
                self.see(b.op(name, x, y, type=F64))

    def integer(self, depth: int) -> None:
        b = self.builder
        name = self.choose("add", "sub", "min", "max", "mod", "floordiv", "bound")
        x, y = self.scalar(INT), self.scalar(INT)
        if name in ("mod", "floordiv"):
            y = const(self.choose(1, 2, 3, -2))
        if name == "bound" and not self.smooth:
            # A float to int conversion, of what fits only.
            z = self.scalar(F64)
            size = b.op("abs", z, type=F64)
            z = b.op("select", b.compare("lt", size, const(1e6)), z, const(0.0), type=F64)
            self.see(b.op("mod", b.op("cast", z, type=INT), const(5), type=INT))
            return
        # Kept small: integers index arrays and count loops.
        out = b.op(name if name != "bound" else "sub", x, y, type=INT)
        self.see(b.op("mod", out, const(self.choose(7, 5, -4)), type=INT))

    def logic(self, depth: int) -> None:
        b = self.builder
        name = self.choose("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "xor")
        if name == "not":
            self.see(b.op("not", self.scalar(BOOL), type=BOOL))
        elif name in ("and", "or", "xor"):
            self.see(b.op(name, self.scalar(BOOL), self.scalar(BOOL), type=BOOL))
        else:
            type_ = INT if self.smooth else self.choose(INT, F64)
            self.see(b.op(name, self.scalar(type_), self.scalar(type_), type=BOOL))

    def narrow(self, depth: int) -> None:
        """Work in single precision or complex numbers."""
        b = self.builder
        type_ = Scalar(self.choose("f4", "c16"))
        out = b.op(self.choose("add", "sub", "mul"), self.scalar(type_), self.scalar(type_), type=type_)
        self.see(out)
        if type_.dtype == "c16":
            self.see(b.op("real", out, type=F64))
        else:
            self.see(b.op("cast", out, type=F64))

    def memory(self, depth: int) -> None:
        arrays = self.arrays()
        if not arrays:
            return
        b = self.builder
        array = self.choose(*arrays)
        assert isinstance(array.type, Array)
        element = Scalar(array.type.dtype)
        name = self.choose("load", "load", "load", "store", "store", "addto", "addto", "fill", "copyto", "dim")
        if name == "fill":
            b.do("fill", array, self.scalar(element))
        elif name == "copyto":
            b.do("copyto", array, b.op("copy", array))
        elif name == "dim":
            self.see(b.op("dim", array, type=INT, axis=self.draw(st.integers(0, array.type.ndim - 1))))
        elif (index := self.index(array)) is not None:
            if name == "load":
                self.see(b.load(array, *index))
            else:
                value = self.scalar(element)
                if name == "addto" and element == INT:
                    name = "store"
                b.do(name, array, value, *index)

    def make(self, depth: int) -> None:
        """Make an array: a copy, or a new one."""
        b = self.builder
        arrays = self.arrays()
        if arrays and self.draw(st.booleans()):
            self.see(b.op("copy", self.choose(*arrays)))
            return
        shape = [const(n) for n in self.draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))]
        zeros = self.draw(st.booleans())
        array = b.alloc("f8", *shape, zeros=zeros, hint="new")
        if not zeros:
            b.do("fill", array, self.scalar(F64))
        self.see(array)

    # regions --------------------------------------------------------------------------

    def nested(self, fill: Callable[[], Sequence[Operand]], params: Sequence[Var] = ()) -> Block:
        """Fill a block that sees what is visible here and its params."""
        visible, bounded = list(self.visible), list(self.bounded)
        self.see(*params)
        with self.builder.block() as stmts:
            results = fill()
        self.visible, self.bounded = visible, bounded
        return Block(tuple(stmts), tuple(results))

    def branch(self, depth: int) -> None:
        b = self.builder
        cond = self.scalar(BOOL)
        types: list[Type] = [F64, INT, BOOL][: self.draw(st.integers(0, 3))]
        arrays = self.arrays()
        if arrays and self.draw(st.integers(0, 2)) == 0:
            types.append(self.choose(*arrays).type)

        def arm() -> list[Operand]:
            self.statements(depth - 1)
            return [self.scalar(t) if isinstance(t, Scalar) else self.choose(*self.of(t)) for t in types]

        then, orelse = self.nested(arm), self.nested(arm)
        outs = tuple(Var(t, "j") for t in types)
        b.append(If(cond, then, orelse, outs))
        self.see(*outs)

    def carried(self) -> tuple[list[Var], list[Operand]]:
        """Return params with inits: scalars, and sometimes two arrays of one type to swap."""
        params, inits = [], []
        for type_ in [F64, F64, INT][: self.draw(st.integers(0, 3))]:
            params.append(Var(type_, "p"))
            inits.append(self.scalar(type_))
        arrays = self.arrays()
        if arrays and self.draw(st.integers(0, 2)) == 0:
            type_ = self.choose(*arrays).type
            # Two names may hold one buffer, through the outs of a branch.
            pair = self.draw(st.permutations(self.of(type_)))[:2]
            params += [Var(type_, "buf") for _ in pair]
            inits += pair
        return params, inits

    def yields(self, params: Sequence[Var]) -> list[Operand]:
        arrays = [p for p in params if isinstance(p.type, Array)]
        order = self.draw(st.permutations(arrays))
        return [self.scalar(p.type) for p in params if isinstance(p.type, Scalar)] + order

    def count(self, depth: int) -> None:
        b = self.builder
        params, inits = self.carried()
        index, count = Var(INT, "i"), Var(INT, "trips")
        arrays = self.arrays()
        exits = self.draw(st.integers(0, 3)) == 0
        start: Operand
        stop: Operand
        over: tuple[Var, int] | None = None
        if arrays and self.draw(st.booleans()):
            array = self.choose(*arrays)
            axis = self.draw(st.integers(0, array.type.ndim - 1))
            over = array, axis
            start, stop, step = const(0), b.dim(array, axis), self.choose(1, 1, 2)
            if self.draw(st.integers(0, 2)) == 0:
                start, stop, step = b.op("sub", stop, const(1)), const(-1), -1
        else:
            start, stop = self.scalar(INT), const(self.draw(st.integers(-2, 4)))
            step = self.choose(1, 2, -1, -3)

        def body() -> list[Operand]:
            if over is not None:
                self.bounded.append((index, *over))
            self.statements(depth - 1)
            return self.yields(params) + ([self.scalar(BOOL)] if exits else [])

        block = self.nested(body, [index, *params])
        outs = tuple(Var(p.type, "last") for p in params)
        b.append(For(index, start, stop, step, tuple(params), tuple(inits), block, outs, count, exits))
        self.see(*outs, count)

    def loop(self, depth: int) -> None:
        b = self.builder
        params, inits = self.carried()
        k, count = Var(INT, "k"), Var(INT, "trips")
        exits = self.draw(st.integers(0, 3)) == 0
        limit = const(self.draw(st.integers(0, 4)))
        visible = [*params, k]

        def test() -> list[Operand]:
            go: Operand = b.compare("lt", k, limit)
            if self.draw(st.booleans()):
                go = b.op("and", go, self.scalar(BOOL), type=BOOL)
            return [go]

        def body() -> list[Operand]:
            self.statements(depth - 1)
            step = b.op("add", k, const(1))
            return [step, *self.yields(params), *([self.scalar(BOOL)] if exits else [])]

        cond, block = self.nested(test, visible), self.nested(body, visible)
        outs = tuple(Var(p.type, "end") for p in (k, *params))
        zero: Const = const(0)
        b.append(While((k, *params), (zero, *inits), cond, block, outs, count, exits))
        self.see(*outs, count)
