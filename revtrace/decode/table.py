"""The one version table: what each opcode of each CPython release means.

A row says that an opcode is *mapped* (with a function from its operand, as the ``bytecode``
package resolves it, to canonical instructions), *dropped* (it means nothing to revtrace) or
*refused*, with the reason.  `COMMON` holds the rows that mean the same in every release that
has the opcode; each release then lists only what is its own.  Nothing outside this module asks which
CPython is running.

To support a release: run ``python -m tools.opcodes`` under it and write a row for each opcode it
names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bytecode as bc

__all__ = ["COMPENSATED_SUMS", "RELEASES", "TABLE", "Row", "row"]

Canonical = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """An opcode's meaning: ``status`` is ``"mapped"``, ``"dropped"`` or ``"refused"``."""

    status: str
    reason: str = ""
    make: Callable[[Any], Canonical] | None = None


def _as(name: str, *rest: tuple[str, Any]) -> Row:
    """Map to ``name`` with the operand unchanged, and then ``rest``."""
    return Row("mapped", make=lambda arg: ((name, arg), *rest))


def _are(*instrs: tuple[str, Any]) -> Row:
    """Map to fixed instructions, whatever the operand."""
    return Row("mapped", make=lambda arg: instrs)


def _by(make: Callable[[Any], Canonical]) -> Row:
    """Map with a function of the operand."""
    return Row("mapped", make=make)


def _named(name: str) -> Row:
    """Map to ``name`` with the operand as a plain string (a local, cell or global name)."""
    return Row("mapped", make=lambda arg: ((name, str(arg)),))


def _drop(reason: str) -> Row:
    return Row("dropped", reason)


def _refuse(reason: str) -> Row:
    return Row("refused", reason)


_SIGN = {
    "ADD": "+",
    "AND": "&",
    "FLOOR_DIVIDE": "//",
    "LSHIFT": "<<",
    "MATRIX_MULTIPLY": "@",
    "MULTIPLY": "*",
    "REMAINDER": "%",
    "OR": "|",
    "POWER": "**",
    "RSHIFT": ">>",
    "SUBTRACT": "-",
    "TRUE_DIVIDE": "/",
    "XOR": "^",
}
_COMPARE = {"LT": "<", "LE": "<=", "EQ": "==", "NE": "!=", "GT": ">", "GE": ">="}
_CONVERSION = {0: None, 1: "s", 2: "r", 3: "a"}
_FUNCTION_PARTS = {1: "defaults", 2: "kwdefaults", 4: "annotations", 8: "closure", 16: "annotate"}
_INTRINSICS = {
    "INTRINSIC_STOPITERATION_ERROR": "STOPITERATION_ERROR",
    "INTRINSIC_UNARY_POSITIVE": "POSITIVE",
    "INTRINSIC_LIST_TO_TUPLE": "LIST_TO_TUPLE",
}
_SPECIAL = {"ENTER": "__enter__", "EXIT": "__exit__"}
_COMMON_CONSTANTS = {
    "NOT_IMPLEMENTED_ERROR": NotImplementedError,
    "BUILTIN_TUPLE": tuple,
    "BUILTIN_ALL": all,
    "BUILTIN_ANY": any,
}

_ASYNC = "coroutines and asynchronous generators are not differentiated"
_GROUPS = "exception groups (except*) are not supported"
_CLASS_SCOPE = "code that runs in a class body or module namespace is not supported"
_TYPE_PARAMETERS = "type parameters and type aliases are evaluated outside functions revtrace traces"
_TEMPLATES = "template strings are not supported"
_INTERNAL = "the interpreter makes it for itself; it is never in a function's code"


def _binary(arg: bc.BinaryOp) -> Canonical:
    if arg.name == "SUBSCR":
        return (("SUBSCR", None),)
    inplace = arg.name.startswith("INPLACE_")
    return (("INPLACE" if inplace else "BINARY", _SIGN[arg.name.removeprefix("INPLACE_")]),)


def _compare(arg: bc.Compare) -> Canonical:
    compare = ("COMPARE", _COMPARE[arg.name.removesuffix("_CAST")])
    return (compare, ("TO_BOOL", None)) if arg.name.endswith("_CAST") else (compare,)


def _intrinsic(arg: Any) -> Canonical:
    if arg.name in _INTRINSICS:
        return ((_INTRINSICS[arg.name], None),)
    return (("REFUSED", (arg.name, "an operation of class bodies, modules or coroutines")),)


def _format(arg: int) -> Canonical:
    return (("FORMAT", (_CONVERSION[arg & 3], bool(arg & 4))),)


def _make_function(arg: int) -> Canonical:
    return (("MAKE_FUNCTION", tuple(part for bit, part in _FUNCTION_PARTS.items() if arg & bit)),)


def _set_function_attribute(arg: int) -> Canonical:
    return (("SET_FUNCTION_ATTRIBUTE", _FUNCTION_PARTS[arg]),)


def _load_attr(arg: tuple[bool, str]) -> Canonical:
    method, name = arg
    return (("LOAD_METHOD" if method else "LOAD_ATTR", name),)


def _load_super_attr(arg: tuple[bool, bool, str]) -> Canonical:
    method, two_arguments, name = arg
    return (("LOAD_SUPER_ATTR", (name, method, two_arguments)),)


def _null_then_global(arg: tuple[bool, str]) -> Canonical:
    null, name = arg
    return (("PUSH_NULL", None), ("LOAD_GLOBAL", name)) if null else (("LOAD_GLOBAL", name),)


def _global_then_null(arg: tuple[bool, str]) -> Canonical:
    return tuple(reversed(_null_then_global(arg)))


def _common_constant(arg: Any) -> Canonical:
    if arg.name == "ASSERTION_ERROR":
        return (("LOAD_ASSERTION_ERROR", None),)
    return (("LOAD_CONST", _COMMON_CONSTANTS[arg.name]),)


def _load_special(arg: Any) -> Canonical:
    if arg.name in _SPECIAL:
        return (("LOAD_SPECIAL", _SPECIAL[arg.name]),)
    return (("REFUSED", (f"LOAD_SPECIAL {arg.name}", _ASYNC)),)


def _pair(first: str, second: str) -> Row:
    """Split a superinstruction into its halves, which run in the order written."""
    return _by(lambda arg: ((first, str(arg[0])), (second, str(arg[1]))))


_SAME_NAME = """
TO_BOOL DELETE_SUBSCR STORE_SUBSCR BUILD_SLICE BUILD_TUPLE BUILD_LIST BUILD_SET BUILD_MAP
BUILD_CONST_KEY_MAP BUILD_STRING LIST_APPEND SET_ADD MAP_ADD LIST_EXTEND SET_UPDATE DICT_UPDATE
DICT_MERGE LIST_TO_TUPLE COPY SWAP GET_ITER RERAISE BEFORE_WITH WITH_EXCEPT_START
PUSH_EXC_INFO POP_EXCEPT CHECK_EXC_MATCH GET_LEN MATCH_MAPPING MATCH_SEQUENCE MATCH_KEYS
MATCH_CLASS RETURN_GENERATOR YIELD_VALUE END_SEND GET_YIELD_FROM_ITER LOAD_BUILD_CLASS LOAD_LOCALS
LOAD_ASSERTION_ERROR LOAD_CONST PUSH_NULL LOAD_METHOD CALL CALL_KW KW_NAMES
IMPORT_NAME IMPORT_FROM LOAD_NAME STORE_NAME DELETE_NAME STORE_GLOBAL DELETE_GLOBAL
STORE_ATTR DELETE_ATTR
""".split()

COMMON: dict[str, Row] = {name: _as(name) for name in _SAME_NAME}
COMMON |= {
    "POP_TOP": _are(("POP", None)),
    "UNARY_NEGATIVE": _are(("NEGATIVE", None)),
    "UNARY_NOT": _are(("NOT", None)),
    "UNARY_INVERT": _are(("INVERT", None)),
    "BINARY_OP": _by(_binary),
    "BINARY_SUBSCR": _are(("SUBSCR", None)),
    "COMPARE_OP": _by(_compare),
    "IS_OP": _by(lambda arg: (("IS", bool(arg)),)),
    "CONTAINS_OP": _by(lambda arg: (("CONTAINS", bool(arg)),)),
    "UNPACK_SEQUENCE": _as("UNPACK"),
    "UNPACK_EX": _by(lambda arg: (("UNPACK_EX", (arg & 0xFF, arg >> 8)),)),
    "CALL_FUNCTION_EX": _by(lambda arg: (("CALL_EX", bool(arg)),)),
    "RAISE_VARARGS": _as("RAISE"),
    "RETURN_VALUE": _are(("RETURN", None)),
    "LOAD_FAST": _named("LOAD_LOCAL"),
    "STORE_FAST": _named("STORE_LOCAL"),
    "DELETE_FAST": _named("DELETE_LOCAL"),
    "LOAD_DEREF": _named("LOAD_CELL"),
    "STORE_DEREF": _named("STORE_CELL"),
    "DELETE_DEREF": _named("DELETE_CELL"),
    "MAKE_CELL": _named("MAKE_CELL"),
    "JUMP_FORWARD": _are(("JUMP", None)),
    "JUMP_BACKWARD": _are(("JUMP", None)),
    "JUMP_BACKWARD_NO_INTERRUPT": _are(("JUMP", None)),
    "NOP": _drop("does nothing"),
    "RESUME": _drop("a place for tracing and signals"),
    "CACHE": _drop("space for the specialising interpreter"),
    "EXTENDED_ARG": _drop("folded into the operand of the next instruction"),
    "COPY_FREE_VARS": _drop("function entry; see Decoded.freevars"),
    "ENTER_EXECUTOR": _drop(_INTERNAL),
    "CHECK_EG_MATCH": _refuse(_GROUPS),
    "SETUP_ANNOTATIONS": _refuse(_CLASS_SCOPE),
    **dict.fromkeys(
        ("GET_AITER", "GET_ANEXT", "GET_AWAITABLE", "BEFORE_ASYNC_WITH", "END_ASYNC_FOR"),
        _refuse(_ASYNC),
    ),
}

_R311: dict[str, Row] = {
    "PRECALL": _drop("the CALL that follows says it all"),
    "LOAD_GLOBAL": _by(_null_then_global),
    "LOAD_ATTR": _as("LOAD_ATTR"),
    "LOAD_CLOSURE": _named("LOAD_CLOSURE"),
    "UNARY_POSITIVE": _are(("POSITIVE", None)),
    "FOR_ITER": _are(("FOR_ITER", True)),
    "SEND": _are(("SEND", True)),
    "FORMAT_VALUE": _by(_format),
    "MAKE_FUNCTION": _by(_make_function),
    "JUMP_IF_FALSE_OR_POP": _are(("JUMP_IF_FALSE_OR_POP", None)),
    "JUMP_IF_TRUE_OR_POP": _are(("JUMP_IF_TRUE_OR_POP", None)),
    **{
        f"POP_JUMP_{direction}_IF_{test}": _are((f"JUMP_IF_{test}", None))
        for direction in ("FORWARD", "BACKWARD")
        for test in ("FALSE", "TRUE", "NONE", "NOT_NONE")
    },
    "PREP_RERAISE_STAR": _refuse(_GROUPS),
    "ASYNC_GEN_WRAP": _refuse(_ASYNC),
    "LOAD_CLASSDEREF": _refuse(_CLASS_SCOPE),
    "IMPORT_STAR": _refuse(_CLASS_SCOPE),
    "PRINT_EXPR": _refuse("it prints at the interactive prompt"),
}

_SINCE_312: dict[str, Row] = {
    "LOAD_ATTR": _by(_load_attr),
    "LOAD_SUPER_ATTR": _by(_load_super_attr),
    "LOAD_FAST_CHECK": _named("LOAD_LOCAL"),
    "LOAD_FAST_AND_CLEAR": _named("LOAD_LOCAL_AND_CLEAR"),
    "FOR_ITER": _are(("FOR_ITER", False)),
    "SEND": _are(("SEND", False)),
    "BINARY_SLICE": _are(("BUILD_SLICE", 2), ("SUBSCR", None)),
    "STORE_SLICE": _are(("BUILD_SLICE", 2), ("STORE_SUBSCR", None)),
    "CALL_INTRINSIC_1": _by(_intrinsic),
    **{f"POP_JUMP_IF_{test}": _are((f"JUMP_IF_{test}", None)) for test in ("FALSE", "TRUE", "NONE", "NOT_NONE")},
    "INTERPRETER_EXIT": _drop(_INTERNAL),
    "RESERVED": _drop(_INTERNAL),
    "CALL_INTRINSIC_2": _refuse(_TYPE_PARAMETERS),
    "CLEANUP_THROW": _refuse("throwing into a generator that delegates is not supported"),
    "LOAD_FROM_DICT_OR_GLOBALS": _refuse(_CLASS_SCOPE),
    "LOAD_FROM_DICT_OR_DEREF": _refuse(_CLASS_SCOPE),
}

_R312: dict[str, Row] = _SINCE_312 | {
    "LOAD_GLOBAL": _by(_null_then_global),
    "LOAD_CLOSURE": _named("LOAD_CLOSURE"),
    # FOR_ITER leaves its iterator and a value on exhaustion; END_FOR pops both.  The
    # canonical FOR_ITER leaves the iterator only.
    "END_FOR": _are(("POP", None)),
    "RETURN_CONST": _as("LOAD_CONST", ("RETURN", None)),
    "FORMAT_VALUE": _by(_format),
    "MAKE_FUNCTION": _by(_make_function),
}

_SINCE_313: dict[str, Row] = _SINCE_312 | {
    "LOAD_GLOBAL": _by(_global_then_null),
    # It pops the value only; the POP_TOP or POP_ITER that follows pops the iterator.
    "END_FOR": _drop("the canonical FOR_ITER leaves no value on exhaustion"),
    "LOAD_FAST_LOAD_FAST": _pair("LOAD_LOCAL", "LOAD_LOCAL"),
    "STORE_FAST_LOAD_FAST": _pair("STORE_LOCAL", "LOAD_LOCAL"),
    "STORE_FAST_STORE_FAST": _pair("STORE_LOCAL", "STORE_LOCAL"),
    "MAKE_FUNCTION": _are(("MAKE_FUNCTION", ())),
    "SET_FUNCTION_ATTRIBUTE": _by(_set_function_attribute),
    "CONVERT_VALUE": _by(lambda arg: (("CONVERT", _CONVERSION[int(arg)]),)),
    "FORMAT_SIMPLE": _are(("FORMAT", (None, False))),
    "FORMAT_WITH_SPEC": _are(("FORMAT", (None, True))),
    "EXIT_INIT_CHECK": _drop(_INTERNAL),
}

_R313: dict[str, Row] = _SINCE_313 | {
    "RETURN_CONST": _as("LOAD_CONST", ("RETURN", None)),
}

_R314: dict[str, Row] = _SINCE_313 | {
    "LOAD_FAST_BORROW": _named("LOAD_LOCAL"),
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": _pair("LOAD_LOCAL", "LOAD_LOCAL"),
    "LOAD_SMALL_INT": _as("LOAD_CONST"),
    "LOAD_COMMON_CONSTANT": _by(_common_constant),
    "LOAD_SPECIAL": _by(_load_special),
    "POP_ITER": _are(("POP", None)),
    # The keyword dictionary is always there, NULL if there is none.
    "CALL_FUNCTION_EX": _are(("CALL_EX", True)),
    "NOT_TAKEN": _drop("a place for monitoring"),
    "BUILD_TEMPLATE": _refuse(_TEMPLATES),
    "BUILD_INTERPOLATION": _refuse(_TEMPLATES),
}

RELEASES: dict[tuple[int, int], dict[str, Row]] = {
    (3, 11): COMMON | _R311,
    (3, 12): COMMON | _R312,
    (3, 13): COMMON | _R313,
    (3, 14): COMMON | _R314,
}

#: The rows of the running CPython; a release newer than the table is read by the newest rows,
#: so that an opcode it adds is refused by name.
TABLE: dict[str, Row] = RELEASES.get(sys.version_info[:2], RELEASES[max(RELEASES)])


def row(name: str) -> Row:
    """Return what an opcode of the running CPython means."""
    if name.startswith("INSTRUMENTED_"):
        return _drop("co_code shows the instruction it stands for")
    return TABLE.get(name, Row("unclassified", "this CPython release is newer than revtrace knows"))


COMPENSATED_SUMS: str = "" if sys.version_info < (3, 12) else "f" if sys.version_info < (3, 14) else "fc"
"""Kinds of numbers whose rounding errors the built-in ``sum`` adds up as well."""
