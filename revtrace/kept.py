"""How many bytes a call keeps for its backward sweep: a program that counts them.

Only what decides the sizes is left of the gradient's program: for loops with known bounds a
few multiplications, for a ``while`` the loop itself.
"""

from __future__ import annotations

from revtrace.passes.dce import dce
from revtrace.program.build import Builder
from revtrace.program.nodes import Block, For, If, Op, Program, Stmt, Var, While, const, walk
from revtrace.program.types import INT, Array, Stack

__all__ = ["counting", "keeps"]


def keeps(program: Program) -> bool:
    """Whether a program keeps anything."""
    return any(isinstance(stmt, Op) and (_tape(stmt) or stmt.name == "push") for stmt in walk(program.body))


def counting(program: Program) -> Program:
    """Return the program that takes the same inputs and returns the largest number of bytes kept at once."""
    b = Builder()
    counts = b.alloc("i8", const(2), zeros=True, hint="bytes")
    stmts, _ = _counted(program.body.stmts, counts)
    for stmt in (*stmts,):
        b.append(stmt)
    # Counted in bits.
    most = b.op("floordiv", b.op("add", b.load(counts, const(1)), const(7)), const(8))
    return dce(Program(f"{program.name}_kept", program.inputs, b.close(most)))


def _tape(op: Op) -> bool:
    """Whether an operation makes an array for values of the forward sweep, which the reverse pass names so."""
    return op.name == "alloc" and op.out is not None and (op.out.name == "kept" or op.out.name.endswith("_kept"))


def _size(var: Var, *, bits: bool = False) -> int:
    """Return how many bits one value takes."""
    assert isinstance(var.type, (Array, Stack))
    return 1 if bits else 8 * int(var.type.dtype[1:])


def _counted(stmts: tuple[Stmt, ...], counts: Var) -> tuple[tuple[Stmt, ...], list[Var]]:
    """Return statements with the counting written in, and the sizes of the tapes among them."""
    b = Builder()
    tapes: list[Var] = []
    for stmt in stmts:
        match stmt:
            case Op():
                b.append(stmt)
                if _tape(stmt):
                    assert stmt.out is not None
                    size = b.op("mul", const(_size(stmt.out, bits=bool(stmt.attr("bits")))), const(1), type=INT)
                    for length in stmt.args:
                        size = b.op("mul", size, length)
                    _add(b, counts, size)
                    tapes.append(size)
                elif stmt.name in ("push", "pop"):
                    stack = stmt.args[0]
                    assert isinstance(stack, Var)
                    entry = _size(stack, bits=stack.type == Stack("b1"))
                    step = entry if stmt.name == "push" else -entry
                    _add(b, counts, b.op("mul", const(step), const(1), type=INT))
            case If():
                then, orelse = _inner(stmt.then, counts), _inner(stmt.orelse, counts)
                b.append(If(stmt.cond, then, orelse, stmt.outs, stmt.loc))
            case For():
                body = _inner(stmt.body, counts)
                b.append(
                    For(stmt.index, stmt.start, stmt.stop, stmt.step, stmt.params, stmt.inits, body, stmt.outs,
                        stmt.count, stmt.exits, stmt.loc)
                )  # fmt: skip
            case While():
                body = _inner(stmt.body, counts)
                b.append(While(stmt.params, stmt.inits, stmt.cond, body, stmt.outs, stmt.count, stmt.exits, stmt.loc))
    return tuple(b.stmts), tapes


def _inner(block: Block, counts: Var) -> Block:
    """Count a nested block, whose tapes go when it ends."""
    stmts, tapes = _counted(block.stmts, counts)
    b = Builder()
    for stmt in stmts:
        b.append(stmt)
    for size in tapes:
        _add(b, counts, b.op("neg", size))
    return Block(tuple(b.stmts), block.results)


def _add(b: Builder, counts: Var, size: Var) -> None:
    """Append the change of the bytes held, and of the most so far."""
    held = b.op("add", b.load(counts, const(0)), size)
    b.store(counts, held, const(0))
    b.store(counts, b.op("max", b.load(counts, const(1)), held), const(1))
