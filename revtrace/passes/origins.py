"""Numbering the statements of a program that is about to be reversed.

Each statement's place says afterwards which statement of the reversed program it comes from
(`revtrace.loc.Loc`): passes keep places, so the number survives all that follows.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

from revtrace.program.nodes import Block, For, If, Loc, Op, Program, Stmt, While

__all__ = ["numbered"]


def numbered(program: Program) -> Program:
    """Return the program with its statements numbered from 1, outer ones first; values stay the same."""
    count = itertools.count(1)

    def block(b: Block) -> Block:
        return Block(tuple(map(visit, b.stmts)), b.results)

    def visit(stmt: Stmt) -> Stmt:
        old = stmt.loc
        loc = Loc(old.file, old.line, old.column, old.end_column, old.function, next(count))
        match stmt:
            case Op():
                return Op(stmt.name, stmt.args, stmt.out, stmt.attrs, loc)
            case If():
                return If(stmt.cond, block(stmt.then), block(stmt.orelse), stmt.outs, loc)
            case For():
                return replace(stmt, body=block(stmt.body), loc=loc)
            case While():
                return replace(stmt, cond=block(stmt.cond), body=block(stmt.body), loc=loc)

    return Program(program.name, program.inputs, block(program.body))
