"""Writing into the primal what adjoint formulas compute from primal values alone.

A cosine for a sine, the comparison in a maximum: as operations of the primal they
take part in the plan like any other value, so that one byte is kept for a
comparison rather than the numbers compared.  Those not kept are dead in the forward
sweep and are removed.
"""

from __future__ import annotations

from revtrace.passes.activity import Activity
from revtrace.passes.pullback import Pullback, pullback
from revtrace.passes.scopes import is_float
from revtrace.program.nodes import Block, For, If, Op, Program, Stmt, Var, While

__all__ = ["expose"]

_MEMORY = frozenset({"load", "copy", "pop", "alloc", "stack"})


def expose(program: Program, on: Activity) -> tuple[Program, dict[Var, Pullback], set[Var]]:
    """Return the program with the seed-free parts of its adjoint formulas.

    Returns
    -------
    Program
        Computes the same.
    dict
        The rest of the formulas, by the result of the operation they belong to.
    set
        The values that were added.
    """
    texts: dict[Var, Pullback] = {}
    added: set[Var] = set()

    def block(old: Block) -> Block:
        stmts: list[Stmt] = []
        for stmt in old.stmts:
            match stmt:
                case Op():
                    stmts.append(stmt)
                    if stmt.out is not None and stmt.name not in _MEMORY and is_float(stmt.out) and on.is_active(stmt.out):
                        text = pullback(stmt, on.is_active)
                        early, texts[stmt.out] = _split(text)
                        stmts += early
                        added.update(op.out for op in early if op.out is not None)
                case If():
                    stmts.append(If(stmt.cond, block(stmt.then), block(stmt.orelse), stmt.outs, stmt.loc))
                case For():
                    stmts.append(
                        For(
                            stmt.index,
                            stmt.start,
                            stmt.stop,
                            stmt.step,
                            stmt.params,
                            stmt.inits,
                            block(stmt.body),
                            stmt.outs,
                            stmt.count,
                            stmt.exits,
                            stmt.loc,
                        )
                    )
                case While():
                    body = block(stmt.body)
                    stmts.append(
                        While(
                            stmt.params, stmt.inits, stmt.cond, body, stmt.outs, stmt.count, stmt.exits, stmt.loc
                        )
                    )
        return Block(tuple(stmts), old.results)

    return Program(program.name, program.inputs, block(program.body)), texts, added


def _split(text: Pullback) -> tuple[list[Op], Pullback]:
    """Separate what does not depend on the seed."""
    tainted: set[object] = {text.seed}
    early: list[Op] = []
    late: list[Op] = []
    for op in text.ops:
        if any(x in tainted for x in op.args):
            tainted.add(op.out)
            late.append(op)
        else:
            early.append(op)
    made = {op.out for op in late}
    needs: dict[Var, None] = {}
    for x in [x for op in late for x in op.args] + [t for _, t in text.terms]:
        if isinstance(x, Var) and x is not text.seed and x not in made:
            needs.setdefault(x)
    return early, Pullback(text.seed, tuple(late), text.terms, tuple(needs))
