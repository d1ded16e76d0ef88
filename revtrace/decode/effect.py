"""What canonical instructions do to the stack.

The stack around calls: below the arguments of ``CALL`` and ``CALL_KW`` (which has the tuple of
names on top of them) and below those of ``CALL_EX`` lie two slots.  They are *(NULL, callable)*,
*(callable, NULL)* or *(callable, first argument)*, depending on the release and on who pushed them;
the first argument may be any value, as in ``CALL 0`` of a comprehension on its iterator.
"""

from __future__ import annotations

from revtrace.decode.records import Decoded, Instr

__all__ = ["TERMINAL", "depths", "effect"]

#: Instructions after which control does not go on.
TERMINAL = frozenset({"JUMP", "RETURN", "RAISE", "RERAISE"})

# name: (values popped, values pushed), for those whose operand does not matter.
_FIXED: dict[str, tuple[int, int]] = {
    **dict.fromkeys(
        (
            *("LOAD_CONST", "LOAD_LOCAL", "LOAD_LOCAL_AND_CLEAR", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_CELL"),
            *("LOAD_CLOSURE", "LOAD_LOCALS", "LOAD_BUILD_CLASS", "LOAD_ASSERTION_ERROR", "PUSH_NULL"),
            "RETURN_GENERATOR",
        ),
        (0, 1),
    ),
    **dict.fromkeys(
        (
            *("STORE_LOCAL", "STORE_CELL", "STORE_GLOBAL", "STORE_NAME", "POP", "POP_EXCEPT", "DELETE_ATTR"),
            *("JUMP_IF_FALSE", "JUMP_IF_TRUE", "JUMP_IF_NONE", "JUMP_IF_NOT_NONE", "RETURN", "RERAISE"),
            *("LIST_APPEND", "SET_ADD", "LIST_EXTEND", "SET_UPDATE", "DICT_UPDATE", "DICT_MERGE"),
        ),
        (1, 0),
    ),
    **dict.fromkeys(("DELETE_LOCAL", "DELETE_CELL", "DELETE_GLOBAL", "DELETE_NAME", "MAKE_CELL", "JUMP"), (0, 0)),
    **dict.fromkeys(("NEGATIVE", "POSITIVE", "INVERT", "NOT", "TO_BOOL", "CONVERT", "LIST_TO_TUPLE"), (1, 1)),
    **dict.fromkeys(("GET_ITER", "GET_YIELD_FROM_ITER", "YIELD_VALUE", "STOPITERATION_ERROR", "LOAD_ATTR"), (1, 1)),
    **dict.fromkeys(("BINARY", "INPLACE", "COMPARE", "IS", "CONTAINS", "SUBSCR", "IMPORT_NAME", "END_SEND"), (2, 1)),
    "SET_FUNCTION_ATTRIBUTE": (2, 1),
    **dict.fromkeys(("DELETE_SUBSCR", "STORE_ATTR", "MAP_ADD"), (2, 0)),
    "STORE_SUBSCR": (3, 0),
    **dict.fromkeys(("BEFORE_WITH", "PUSH_EXC_INFO", "IMPORT_FROM", "LOAD_METHOD", "LOAD_SPECIAL"), (1, 2)),
    **dict.fromkeys(("GET_LEN", "MATCH_MAPPING", "MATCH_SEQUENCE"), (1, 2)),
    "MATCH_KEYS": (2, 3),
    "MATCH_CLASS": (3, 1),
    "CHECK_EXC_MATCH": (2, 2),
    "WITH_EXCEPT_START": (4, 5),
}


def effect(instr: Instr, jump: bool = False) -> tuple[int, int] | None:
    """Return how many values an instruction pops and then pushes; None if refused.

    Parameters
    ----------
    instr : Instr
    jump : bool
        Whether the instruction's jump is taken.
    """
    name, arg = instr.name, instr.arg
    if name in _FIXED:
        return _FIXED[name]
    match name:
        case "CALL":
            return arg[0] + 2, 1
        case "CALL_KW":
            return arg + 3, 1
        case "CALL_EX":
            return 3 + arg, 1
        case "BUILD_TUPLE" | "BUILD_LIST" | "BUILD_SET" | "BUILD_STRING" | "BUILD_SLICE":
            return arg, 1
        case "BUILD_MAP":
            return 2 * arg, 1
        case "BUILD_CONST_KEY_MAP":
            return arg + 1, 1
        case "UNPACK":
            return 1, arg
        case "UNPACK_EX":
            return 1, arg[0] + 1 + arg[1]
        case "COPY":
            return arg, arg + 1
        case "SWAP":
            return arg, arg
        case "RAISE":
            return arg, 0
        case "FORMAT":
            return 1 + arg[1], 1
        case "MAKE_FUNCTION":
            return 1 + len(arg), 1
        case "LOAD_SUPER_ATTR":
            return 3, 1 + arg[1]
        case "JUMP_IF_FALSE_OR_POP" | "JUMP_IF_TRUE_OR_POP":
            return (1, 1) if jump else (1, 0)
        case "FOR_ITER":
            return (1, 2) if not jump else (1, 0) if arg else (1, 1)
        case "SEND":
            return (2, 1) if jump and arg else (2, 2)
    return None


def depths(decoded: Decoded) -> tuple[int | None, ...]:
    """Return the depth of the stack before each instruction, None where it is unknown.

    Unknown are instructions that are never reached, and those after a refused one.

    Raises
    ------
    ValueError
        If two ways to an instruction disagree, or the stack would underflow.
    """
    found: list[int | None] = [None] * len(decoded.instrs)
    work: list[tuple[int, int]] = [(0, 0)]
    while work:
        index, depth = work.pop()
        while True:
            if found[index] is not None:
                if found[index] != depth:
                    raise ValueError(f"instruction {index} is reached with {found[index]} and {depth} values")
                break
            found[index] = depth
            instr = decoded.instrs[index]
            if instr.handler is not None:
                handler = decoded.handlers[instr.handler]
                work.append((handler.target, handler.depth + handler.push_lasti + 1))
            if instr.target is not None:
                work.append((instr.target, _after(instr, depth, True, index)))
            if effect(instr) is None or instr.name in TERMINAL:
                break
            index, depth = index + 1, _after(instr, depth, False, index)
    return tuple(found)


def _after(instr: Instr, depth: int, jump: bool, index: int) -> int:
    change = effect(instr, jump)
    assert change is not None
    popped, pushed = change
    if popped > depth:
        raise ValueError(f"instruction {index} pops {popped} of {depth} values")
    return depth - popped + pushed
