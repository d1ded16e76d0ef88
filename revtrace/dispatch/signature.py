"""Signatures of the user's functions as text: taking a call's arguments, and handing them on."""

from __future__ import annotations

from keyword import iskeyword
from types import CodeType, FunctionType
from typing import Any

__all__ = ["ABSENT", "EXTRA", "commas", "compile_binder", "is_name", "make", "packed", "passed", "signature"]


class _Absent:
    """Stands for an argument that was not passed."""

    def __repr__(self) -> str:
        return "<default>"


ABSENT = _Absent()

EXTRA = "_rt_extra"
"""Name of the parameter, before the user's, that carries seeds or tangents."""


def signature(f: FunctionType, extra: bool) -> tuple[str, str]:
    """Return a function's parameters, and the arguments that hand them on, as text."""
    code = f.__code__
    names = code.co_varnames
    count, only = code.co_argcount, code.co_kwonlyargcount
    first = [EXTRA] if extra else []
    parts = [*first, *names[:count]]
    if code.co_posonlyargcount or extra:
        parts.insert(len(first) + code.co_posonlyargcount, "/")
    passed = list(names[:count])
    at = count + only
    if code.co_flags & 4:
        parts.append(f"*{names[at]}")
        passed.append(f"*{names[at]}")
        at += 1
    elif only:
        parts.append("*")
    parts += names[count : count + only]
    passed += [f"{name}={name}" for name in names[count : count + only]]
    if code.co_flags & 8:
        parts.append(f"**{names[at]}")
        passed.append(f"**{names[at]}")
    return ", ".join(parts), ", ".join(passed)


def packed(f: FunctionType) -> str:
    """Return the arguments as a tuple and a dict, as text."""
    code = f.__code__
    names = code.co_varnames
    count, only = code.co_argcount, code.co_kwonlyargcount
    positional = list(names[:count])
    at = count + only
    if code.co_flags & 4:
        positional.append(f"*{names[at]}")
        at += 1
    keywords = [f"{name!r}: {name}" for name in names[count : count + only]]
    if code.co_flags & 8:
        keywords.append(f"**{names[at]}")
    return f"({commas(positional)}), {{{', '.join(keywords)}}}"


def make(text: str, name: str, constants: dict[str, Any], f: FunctionType) -> Any:
    """Compile the text to a function with the user's globals and defaults."""
    # A name of its own: the function's may be a global that the text reads (a recursive function).
    text = text.replace(f"def {name}(", "def _rt_call(", 1)
    outer = f"def _rt_make({', '.join(constants)}):\n" + "".join(f"    {line}\n" for line in text.splitlines())
    outer += "    return _rt_call\n"
    module = compile(outer, f"<revtrace call of {f.__qualname__}>", "exec")
    code = next(c for c in module.co_consts if isinstance(c, CodeType))
    call: Any = FunctionType(code, f.__globals__)(**constants)
    if f.__defaults__:
        call.__defaults__ = (ABSENT,) * len(f.__defaults__)
    if f.__kwdefaults__:
        call.__kwdefaults__ = dict.fromkeys(f.__kwdefaults__, ABSENT)
    call.__name__, call.__qualname__ = name, f.__qualname__
    return call


def compile_binder(f: FunctionType) -> Any:
    """Return a function that takes a call's arguments and returns the value of every parameter.

    A call that does not fit raises the TypeError that CPython raises for ``f`` itself.
    """
    code = f.__code__
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    entries = ", ".join(f"{name!r}: {name}" for name in code.co_varnames[:count])
    name = f.__name__ if is_name(f.__name__) else "function"
    call = make(f"def {name}({signature(f, False)[0]}):\n    return {{{entries}}}\n", name, {}, f)
    call.__defaults__, call.__kwdefaults__ = f.__defaults__, f.__kwdefaults__
    return call


def passed(f: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call without those that are `ABSENT`."""
    named = {name: value for name, value in kwargs.items() if value is not ABSENT}
    for k, value in enumerate(args):
        if value is ABSENT:
            later = zip(f.__code__.co_varnames[k : f.__code__.co_argcount], args[k:], strict=False)
            named |= {name: value for name, value in later if value is not ABSENT}
            return args[:k], named
    return args, named


def commas(parts: list[str]) -> str:
    """Return the inside of a tuple display."""
    return "".join(f"{part}, " for part in parts).strip() if len(parts) < 2 else ", ".join(parts)


def is_name(text: str) -> bool:
    """Whether text can be written as a name."""
    return text.isidentifier() and not iskeyword(text)
