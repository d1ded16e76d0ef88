"""Canonical instructions are the same on every release, but for what the lists here say."""

# The functions decoded are odd on purpose.
# ruff: noqa: C416, RUF059

from __future__ import annotations

import sys

import pytest

from revtrace.decode import decode
from revtrace.decode.table import RELEASES, TABLE

#: What only some releases say, and says nothing new: truth tests, NULLs and iterators popped.
OPTIONAL = {"TO_BOOL", "PUSH_NULL", "POP"}


def names(function):
    return [instr.name for instr in decode(function.__code__).instrs if instr.name not in OPTIONAL]


def pairs(function):
    return [(instr.name, instr.arg) for instr in decode(function.__code__).instrs if instr.name not in OPTIONAL]


def test_operators():
    def f(a, b):
        a += b
        return -(a * b) < ~a

    assert pairs(f) == [
        ("LOAD_LOCAL", "a"),
        ("LOAD_LOCAL", "b"),
        ("INPLACE", "+"),
        ("STORE_LOCAL", "a"),
        ("LOAD_LOCAL", "a"),
        ("LOAD_LOCAL", "b"),
        ("BINARY", "*"),
        ("NEGATIVE", None),
        ("LOAD_LOCAL", "a"),
        ("INVERT", None),
        ("COMPARE", "<"),
        ("RETURN", None),
    ]


def test_subscripts_and_slices():
    def f(a, i):
        a[i:] = a[0]
        return a[1:i]

    assert names(f) == [
        *("LOAD_LOCAL", "LOAD_CONST", "SUBSCR"),
        *("LOAD_LOCAL", "LOAD_LOCAL", "LOAD_CONST", "BUILD_SLICE", "STORE_SUBSCR"),
        *("LOAD_LOCAL", "LOAD_CONST", "LOAD_LOCAL", "BUILD_SLICE", "SUBSCR", "RETURN"),
    ]


def test_superinstructions_are_split_in_order():
    def f(a, b):
        c = a - b
        x, y = c
        return x

    assert pairs(f) == [
        ("LOAD_LOCAL", "a"),
        ("LOAD_LOCAL", "b"),
        ("BINARY", "-"),
        ("STORE_LOCAL", "c"),
        ("LOAD_LOCAL", "c"),
        ("UNPACK", 2),
        ("STORE_LOCAL", "x"),
        ("STORE_LOCAL", "y"),
        ("LOAD_LOCAL", "x"),
        ("RETURN", None),
    ]


def test_calls():
    def f(g, a):
        return g.h(a, 1)

    decoded = pairs(f)
    assert decoded == [
        ("LOAD_LOCAL", "g"),
        ("LOAD_METHOD", "h"),
        ("LOAD_LOCAL", "a"),
        ("LOAD_CONST", 1),
        ("CALL", (2, ())),
        ("RETURN", None),
    ]


def test_keywords_are_with_the_call_or_on_the_stack():
    def f(g):
        return g(1, y=len(g))

    decoded = pairs(f)
    call = decoded[-2]
    assert call == ("CALL", (2, ("y",))) or (call == ("CALL_KW", 2) and decoded[-3] == ("LOAD_CONST", ("y",)))
    # The names belong to the outer call only.
    assert ("CALL", (1, ())) in decoded


def test_spread_call():
    def f(g, a, k):
        return g(*a), g(*a, **k)

    assert [arg for name, arg in pairs(f) if name == "CALL_EX"] == [False, True]


def test_globals_have_their_null_apart():
    def f():
        return len(()), len

    found = [(instr.name, instr.arg) for instr in decode(f.__code__).instrs]
    at = found.index(("LOAD_GLOBAL", "len"))
    assert ("PUSH_NULL", None) in (found[at - 1] if at else None, found[at + 1])
    assert [name for name, _ in found].count("PUSH_NULL") == 1


def test_cells():
    free = 1

    def f(a, b):
        def g():
            return a + free

        return [b for b in (b,)], g

    decoded = decode(f.__code__)
    assert decoded.cells == ("a",)
    assert decoded.freevars == ("free",)
    assert {instr.arg for instr in decoded.instrs if instr.name == "LOAD_CLOSURE"} == {"a", "free"}
    (inner,) = (i.arg for i in decoded.instrs if i.name == "LOAD_CONST" and getattr(i.arg, "co_name", "") == "g")
    assert [(i.name, i.arg) for i in decode(inner).instrs if i.name.startswith("LOAD")] == [
        ("LOAD_CELL", "a"),
        ("LOAD_CELL", "free"),
    ]


def test_a_local_of_a_comprehension_is_no_closure():
    def f(values):
        x = 1

        def g():
            return x

        return [x for x in values], g

    closures = [instr for instr in decode(f.__code__).instrs if instr.name == "LOAD_CLOSURE"]
    assert [instr.arg for instr in closures] == ["x"]


def test_function_parts():
    def f(x):
        def g(a=1, *, b=x) -> int:
            return x

        return g

    parts = set()
    for name, arg in pairs(f):
        if name == "MAKE_FUNCTION":
            parts |= set(arg)
        elif name == "SET_FUNCTION_ATTRIBUTE":
            parts.add(arg)
    assert parts - {"annotations", "annotate"} == {"defaults", "kwdefaults", "closure"}


def test_formats():
    def f(a, b):
        return f"{a!r:>{b}}{b}"

    conversions = [arg if name == "CONVERT" else arg[0] for name, arg in pairs(f) if name in ("FORMAT", "CONVERT")]
    specs = [arg[1] for name, arg in pairs(f) if name == "FORMAT"]
    assert specs == [False, True, False]
    assert "r" in conversions


def test_for_loop_pops_its_iterator_exactly_once():
    def f(a):
        for x in a:
            print(x)
        return a

    decoded = decode(f.__code__)
    (header,) = (instr for instr in decoded.instrs if instr.name == "FOR_ITER")
    after = decoded.instrs[header.target]
    assert header.arg == (after.name != "POP")
    assert decoded.instrs[header.target + (after.name == "POP")].name == "LOAD_LOCAL"


def test_jumps_have_targets_and_others_none():
    def f(a):
        while a:
            a = a - 1 if a is None else a
        return a and a

    for instr in decode(f.__code__).instrs:
        jumps = instr.name.startswith("JUMP") or instr.name in ("FOR_ITER", "SEND")
        assert (instr.target is not None) == jumps


def test_handlers():
    def f(a):
        b = 1
        try:
            b = a / b
        except ZeroDivisionError:
            b = 2
        return b

    decoded = decode(f.__code__)
    (division,) = (instr for instr in decoded.instrs if instr.name == "BINARY")
    handler = decoded.handlers[division.handler]
    assert (handler.target, handler.depth, handler.push_lasti) == (division.handler, 0, False)
    assert decoded.instrs[division.handler].name == "PUSH_EXC_INFO"
    assert decoded.instrs[0].handler is None


def test_places():
    # fmt: off
    def f(a):
        return (
            a
            * 3
        )
    # fmt: on

    first = f.__code__.co_firstlineno
    (product,) = (instr for instr in decode(f.__code__).instrs if instr.name == "BINARY")
    (three,) = (instr for instr in decode(f.__code__).instrs if instr.name == "LOAD_CONST")
    assert (product.loc.file, product.loc.line, product.loc.column) == (__file__, first + 2, 12)
    assert product.loc.column == product.loc.end_column
    assert (three.loc.line, three.loc.column, three.loc.end_column) == (first + 3, 14, 15)
    assert product.loc.function == "test_places.<locals>.f"


def test_places_survive_code_without_lines():
    def f(a):
        return a

    locs = {instr.loc for instr in decode(f.__code__.replace(co_linetable=b"")).instrs}
    assert {loc.line for loc in locs} == {f.__code__.co_firstlineno}


def test_refused_by_name_with_a_reason():
    async def f(a):
        await a

    refused = [instr.arg for instr in decode(f.__code__).instrs if instr.name == "REFUSED"]
    assert ("GET_AWAITABLE", "coroutines and asynchronous generators are not differentiated") in refused


def test_generators_keep_their_names():
    def f(a):
        yield from a
        yield 1

    found = names(f)
    assert found[0] == "RETURN_GENERATOR"
    assert found.count("YIELD_VALUE") == 2
    assert "SEND" in found


def test_str_shows_operands_targets_and_handlers():
    def f(a):
        try:
            return a if a else None
        except ValueError:
            return 1

    shown = str(decode(f.__code__))
    assert "LOAD_LOCAL 'a'" in shown
    assert "JUMP_IF_FALSE ->" in shown
    assert "(raises to" in shown


def test_every_release_pops_the_iterator_in_one_place():
    for release, rows in RELEASES.items():
        ((_, pops),) = rows["FOR_ITER"].make(None)
        assert pops == (release == (3, 11))
        if "END_FOR" in rows:
            assert (rows["END_FOR"].status == "mapped") == (release == (3, 12))


def test_the_running_release_has_rows():
    assert RELEASES.get(sys.version_info[:2], RELEASES[max(RELEASES)]) is TABLE


@pytest.mark.parametrize("release", RELEASES)
def test_rows_are_whole(release):
    for name, row in RELEASES[release].items():
        assert row.status in ("mapped", "dropped", "refused"), name
        assert (row.make is not None) == (row.status == "mapped"), name
        assert row.reason or row.status == "mapped", name
