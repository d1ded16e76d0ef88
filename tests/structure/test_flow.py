"""Blocks, order and loops of small functions have the shape of their source on every release."""

from __future__ import annotations

import pytest

from revtrace.decode import Decoded, Instr, decode
from revtrace.errors import UnsupportedError
from revtrace.loc import Loc
from revtrace.structure import Flow, analyse


def flow(function) -> Flow:
    return analyse(decode(function.__code__))


def shape(function):
    """Return (loops, exits, latches) as numbers, in the order of the loops."""
    loops = flow(function).loops.values()
    return [(len(loop.exits), len(loop.latches)) for loop in loops]


def straight(a, b):
    c = a * b
    return c + 1


def branch(a):
    if a > 0:
        b = a
    else:
        b = -a
        b += 1
    return b


def loop_for(a):
    s = 0
    for x in a:
        s += x
    return s


def loop_while(n):
    s = 0
    while n > 0:
        s += n
        n -= 1
    return s


def loop_first(n):
    while n > 0:
        n -= 1
    return n


def loop_and(a, b):
    while a and b:
        a -= 1
        b -= 1
    return a


def loop_or(a, b):
    while a or b:
        a -= 1
        b -= 1
    return a


def loop_continue(a, b):
    while a and b:
        if a == 3:
            a -= 2
            continue
        b -= 1
    return b


def loop_true(n):
    while True:
        n += 1
        if n > 5:
            break
    return n


def loop_forever(n):
    while True:
        n += 1


def loop_empty(n):
    while True:
        pass


def loop_for_break_else(n, k):
    for i in range(n):
        if i == k:
            break
    else:
        k = -1
    return k


def loop_return(rows, k):
    for row in rows:
        for x in row:
            if x == k:
                return x
    return None


def loop_nested_while(n):
    i = 0
    while i < n:
        j = 0
        while j < i:
            j += 1
            if j == 5:
                continue
            if j == 7:
                break
        i += 1
    return i


def loop_raise(n):
    while n > 0:
        if n == 3:
            raise ValueError(n)
        n -= 1
    return n


def loop_once(n):
    while n:
        return n
    return 0


def handler(a):
    s = 0
    try:
        s = 1 / a
    except ZeroDivisionError:
        for x in (1, 2):
            s += x
    return s


def handler_in_loop(a):
    s = 0
    for x in a:
        try:
            s += 1 / x
        except ZeroDivisionError:
            continue
        s += 1
    return s


def listed(a):
    return [x * 2 for x in a if x]


EVERY = [
    *(straight, branch, loop_for, loop_while, loop_first, loop_and, loop_or, loop_continue, loop_true, loop_forever),
    *(loop_empty, loop_for_break_else, loop_return, loop_nested_while, loop_raise, loop_once, handler),
    *(handler_in_loop, listed),
]


@pytest.mark.parametrize("function", EVERY)
def test_invariants(function):
    found = flow(function)
    assert [block.index for block in found.blocks] == list(range(len(found.blocks)))
    assert set(found.order) == set(range(len(found.blocks)))
    assert found.order[0] == 0
    assert found.blocks[0].predecessors == ()
    back = {(latch, loop.header) for loop in found.loops.values() for latch in loop.latches}
    reached = {block for block in found.order if block in found.reach[0]}
    for block in found.blocks:
        for to in block.successors:
            assert block.index in found.blocks[to].predecessors
            if (block.index in reached) == (to in reached):
                forward = found.order[to] > found.order[block.index]
                assert forward != ((block.index, to) in back)
        jumps = [instr for instr in block.instrs if instr.target is not None and instr.name != "JUMP"]
        assert len(block.successors) == 2 if jumps else len(block.successors) < 2
        assert jumps == list(block.instrs[len(block.instrs) - len(jumps) :])
        if any(instr.name == "FOR_ITER" for instr in block.instrs):
            assert len(block.instrs) == 1
        ends = bool(block.instrs) and block.instrs[-1].name in ("RETURN", "RAISE", "RERAISE")
        assert ends == (block.successors == ())
    for header, loop in found.loops.items():
        places = sorted(found.order[block] for block in loop.blocks)
        assert places == list(range(found.order[header], found.order[header] + len(places)))
        assert all(block in loop.blocks and to not in loop.blocks for block, to in loop.exits)
        assert loop.parent is None or loop.blocks < found.loops[loop.parent].blocks


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (straight, []),
        (branch, []),
        (loop_for, [(1, 1)]),
        (loop_while, [(1, 1)]),
        (loop_first, [(1, 1)]),
        (loop_and, [(2, 1)]),
        (loop_or, [(1, 1)]),
        (loop_continue, [(2, 2)]),
        (loop_true, [(1, 1)]),
        (loop_forever, [(0, 1)]),
        (loop_empty, [(0, 1)]),
        (loop_for_break_else, [(2, 1)]),
        (loop_return, [(2, 1), (2, 1)]),
        (loop_nested_while, [(1, 1), (2, 2)]),
        (loop_raise, [(2, 1)]),
        (loop_once, []),
    ],
)
def test_loops_are_those_of_the_source(function, expected):
    assert shape(function) == expected


@pytest.mark.parametrize("function", [loop_while, loop_and, loop_or, loop_continue, loop_nested_while])
def test_a_while_loop_is_entered_by_its_test(function):
    found = flow(function)
    for header in found.loops:
        # The first line of the loop is that of `while`, and it is tested nowhere else.
        line = found.loc(header).line
        assert line == min(found.loc(block).line for block in found.loops[header].blocks)
        tests = [
            block
            for block in found.loops[header].blocks
            if found.loc(block).line == line and found.blocks[block].instrs[-1].name.startswith("JUMP_IF")
        ]
        assert len(tests) == (2 if function in (loop_and, loop_or, loop_continue) else 1)


def test_nesting():
    found = flow(loop_nested_while)
    outer, inner = found.loops
    assert found.loops[outer].parent is None
    assert found.loops[inner].parent == outer
    assert found.loops[inner].blocks < found.loops[outer].blocks
    assert found.loop_of[inner] == inner
    assert found.loop_of[0] is None
    assert {found.loop_of[block] for block in found.loops[outer].blocks} == {outer, inner}


def test_a_returning_block_is_outside_the_loop():
    found = flow(loop_return)
    returns = [block.index for block in found.blocks if block.instrs and block.instrs[-1].name == "RETURN"]
    assert len(returns) == 2
    assert all(found.loop_of[block] is None for block in returns)
    outer, inner = found.loops.values()
    early = {to for _, to in outer.exits} & {to for _, to in inner.exits}
    assert len(early) == 1


def test_for_successors_are_body_and_exhausted():
    found = flow(loop_for)
    (header,) = found.loops
    body, exhausted = found.blocks[header].successors
    assert found.blocks[header].instrs[0].name == "FOR_ITER"
    assert found.loop_of[body] == header
    assert found.loop_of[exhausted] is None


def test_merge_of_branches():
    found = flow(branch)
    yes, no = found.blocks[0].successors
    meeting = found.merge(yes, no)
    assert meeting not in (yes, no)
    assert found.blocks[meeting].instrs[-1].name == "RETURN"
    assert found.merge(yes, meeting) == meeting
    assert found.merge(yes, no, within=frozenset({yes, no})) is None


def test_merge_does_not_go_around_a_loop():
    found = flow(loop_raise)
    (header,) = found.loops
    loop = found.loops[header]
    raising = next(to for _, to in loop.exits if found.blocks[to].instrs[-1].name == "RAISE")
    going_on = next(block for block in loop.latches)
    assert found.merge(raising, going_on) is None


def test_reach_leaves_out_back_edges():
    found = flow(loop_for)
    (header,) = found.loops
    (latch,) = found.loops[header].latches
    assert found.reach[latch] == {latch}
    assert found.reach[0] == set(found.order)


def test_handlers_are_no_successors():
    found = flow(handler)
    protected = [block for block in found.blocks if block.handler is not None]
    assert protected
    handlers = {block.handler for block in protected}
    assert not any(set(block.successors) & handlers for block in found.blocks)
    first = min(found.order[block] for block in handlers)
    assert all(found.order[block] < first for block in found.reach[0])
    # The loop inside the handler is found too.
    (header,) = found.loops
    assert found.order[header] > first


def test_blocks_have_one_handler_each():
    found = flow(handler_in_loop)
    for block in found.blocks:
        assert len({instr.handler for instr in block.instrs}) <= 1
        assert all((instr.handler is None) == (block.handler is None) for instr in block.instrs)


def test_break_before_return_is_not_duplicated():
    """CPython 3.12 and later copy the return after the loop to the break."""
    found = flow(loop_for_break_else)
    assert sum(instr.name == "RETURN" for block in found.blocks for instr in block.instrs) == 1


def test_returns_on_different_lines_stay_apart():
    def f(a):
        if a:
            return a
        return a

    assert sum(instr.name == "RETURN" for block in flow(f).blocks for instr in block.instrs) == 2


def test_equal_constants_of_different_type_stay_apart():
    def f(a):
        return 1 if a else 1.0

    loaded = [instr.arg for block in flow(f).blocks for instr in block.instrs if instr.name == "LOAD_CONST"]
    assert sorted(map(repr, loaded)) == ["1", "1.0"]


def test_str_lists_blocks_in_order():
    shown = str(flow(loop_for))
    assert "loop 1 -> " in shown
    assert shown.index("FOR_ITER") < shown.index("INPLACE '+'") < shown.index("RETURN")


def test_a_block_without_instructions_has_no_place():
    found = flow(loop_empty)
    assert found.blocks[0].instrs == ()
    assert found.loc(0).line == 0


def made(*instrs):
    loc = Loc("made.py", 1, 0, 0, "made")
    decoded = tuple(Instr(name, arg, Loc("made.py", at + 1), target) for at, (name, arg, target) in enumerate(instrs))
    return Decoded((lambda: loc).__code__, decoded, {}, (), ())


def test_irreducible_loop_is_refused_with_its_place():
    decoded = made(
        ("LOAD_LOCAL", "a", None),
        ("JUMP_IF_TRUE", None, 4),
        ("LOAD_LOCAL", "b", None),
        ("POP", None, None),
        ("LOAD_LOCAL", "c", None),
        ("JUMP_IF_TRUE", None, 2),
        ("LOAD_CONST", None, None),
        ("RETURN", None, None),
    )
    with pytest.raises(UnsupportedError, match="more than one place") as caught:
        analyse(decoded)
    assert caught.value.loc.file == "made.py"
    assert caught.value.loc.line in (3, 5)


def test_code_that_only_looks_copied_is_left_alone():
    """Two ways into what folding takes for one loop are loops apart in the code."""

    def f(a, b):
        if a:
            b += 1
        while b < a:
            a -= 1
            b += 1
        return b

    found = analyse(decode(f.__code__.replace(co_linetable=b"")))
    assert len(found.loops) == 1
