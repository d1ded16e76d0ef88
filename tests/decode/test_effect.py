"""Stack depths agree wherever ways meet, over the standard library: names and operands are right."""

from __future__ import annotations

import ast
import bisect
import colorsys
import contextlib
import dataclasses
import dis
import fractions
import functools
import heapq
import inspect
import random
import statistics
import textwrap
from types import CodeType

import pytest

from revtrace.decode import Instr, decode, depths, effect
from revtrace.loc import NOWHERE

MODULES = [ast, bisect, colorsys, contextlib, dataclasses, fractions, functools, heapq, random, statistics, textwrap]


def codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_depths_agree_over_a_module(module):
    known = 0
    for code in codes(compile(inspect.getsource(module), module.__file__, "exec")):
        decoded = decode(code)
        found = depths(decoded)
        known += sum(depth is not None for depth in found)
        deepest = max((depth for depth in found if depth is not None), default=0)
        # RETURN_CONST needs no stack; its canonical form needs one slot.
        assert deepest <= max(code.co_stacksize, 1)
        for instr, depth in zip(decoded.instrs, found, strict=True):
            if instr.name == "RETURN" and depth is not None and not code.co_flags & inspect.CO_GENERATOR:
                assert depth == 1, (code, instr)
    assert known > 50


def test_disagreement_is_noticed():
    decoded = decode(compile("for x in a:\n    b(x)\n", "?", "exec"))
    wrong = tuple(
        Instr("PUSH_NULL", None, instr.loc) if instr.name == "STORE_NAME" else instr for instr in decoded.instrs
    )
    with pytest.raises(ValueError, match="reached with"):
        depths(dataclasses.replace(decoded, instrs=wrong))


def test_underflow_is_noticed():
    decoded = decode(compile("a + b", "?", "eval"))
    with pytest.raises(ValueError, match="pops 2 of 1"):
        depths(dataclasses.replace(decoded, instrs=decoded.instrs[1:]))


def test_after_a_refused_instruction_depth_is_unknown():
    async def f(a):
        await a
        return a

    decoded = decode(f.__code__)
    first = next(index for index, instr in enumerate(decoded.instrs) if instr.name == "REFUSED")
    assert depths(decoded)[first] is not None
    assert effect(decoded.instrs[first]) is None
    assert depths(decoded)[first + 1] is None


@pytest.mark.parametrize(
    ("name", "arg", "expected"),
    [
        ("CALL", (3, ("k",)), (5, 1)),
        ("CALL_KW", 3, (6, 1)),
        ("CALL_EX", True, (4, 1)),
        ("CALL_EX", False, (3, 1)),
        ("LOAD_METHOD", "m", (1, 2)),
        ("UNPACK_EX", (2, 1), (1, 4)),
        ("MAKE_FUNCTION", ("defaults", "closure"), (3, 1)),
        ("FORMAT", ("r", True), (2, 1)),
    ],
)
def test_effects(name, arg, expected):
    assert effect(Instr(name, arg, NOWHERE)) == expected


def test_for_iter_on_exhaustion():
    assert effect(Instr("FOR_ITER", True, NOWHERE), jump=True) == (1, 0)
    assert effect(Instr("FOR_ITER", False, NOWHERE), jump=True) == (1, 1)


def test_dis_and_decoding_see_the_same_jumps():
    for code in codes(compile(inspect.getsource(heapq), "?", "exec")):
        jumps = sum(i.opcode in dis.hasjrel or i.opcode in dis.hasjabs for i in dis.get_instructions(code))
        assert sum(instr.target is not None for instr in decode(code).instrs) == jumps
