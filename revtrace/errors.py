"""Everything revtrace raises, each error naming a place in the user's source.

The first line of a message is the user's ``file:line``; then the source line with a
caret, one sentence of why, and what to write instead.
"""

from __future__ import annotations

import linecache
import os
import sysconfig

from revtrace.loc import NOWHERE, Loc

__all__ = [
    "CacheError",
    "GradientError",
    "InternalError",
    "InverseDriftError",
    "RevtraceError",
    "TypeMismatchError",
    "UnsupportedError",
]


def _view(loc: Loc) -> list[str]:
    """A place, and its source line with a caret."""
    if loc == NOWHERE or not loc.line:
        return []
    where = f" in {loc.function}" if loc.function else ""
    lines = [f'File "{loc.file}", line {loc.line}{where}']
    source = linecache.getline(loc.file, loc.line).rstrip("\n")
    if source.strip():
        stripped = source.lstrip()
        indent = len(source) - len(stripped)
        # Columns are byte offsets in UTF-8.
        start = len(source.encode()[: loc.column].decode(errors="ignore")) - indent
        end = len(source.encode()[: loc.end_column].decode(errors="ignore")) - indent
        start = max(0, start)
        width = max(1, min(end, len(stripped)) - start)
        lines += [f"    {stripped}", "    " + " " * start + "^" * width]
    return lines


def _render(what: str, why: str, instead: str, loc: Loc, inside: Loc = NOWHERE) -> str:
    lines = [*_view(loc), what]
    if why:
        lines.append(f"why: {why}")
    if instead:
        lines.append(f"try: {instead}")
    if inside != NOWHERE:
        first, *rest = _view(inside)
        lines += [f"inside: {first}", *rest]
    return "\n".join(lines)


def installed_in(file: str) -> str | None:
    """The installed package or standard module that a file belongs to, None for the user's own."""
    if file.startswith("<frozen "):
        return file.removeprefix("<frozen ").rstrip(">").partition(".")[0]
    path = file.replace(os.sep, "/")
    for folder in ("/site-packages/", "/dist-packages/", sysconfig.get_path("stdlib").replace(os.sep, "/") + "/"):
        if folder in path:
            return path.partition(folder)[2].partition("/")[0]
    return None


def source_view(error: BaseException, package: str = "") -> str:
    """Return an exception of the user's code as revtrace's own errors look: the place, the source with a caret, what.

    Parameters
    ----------
    error : exception
        With its traceback.
    package : str
        Folder whose frames are passed over; revtrace's own by default.
    """
    package = package or os.path.dirname(os.path.abspath(__file__)) + os.sep
    loc, trace = NOWHERE, error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if not os.path.abspath(code.co_filename).startswith(package) and linecache.getline(
            code.co_filename, trace.tb_lineno
        ):
            positions = list(code.co_positions())
            _, last, start, end = positions[trace.tb_lasti // 2]
            one = last == trace.tb_lineno
            loc = Loc(code.co_filename, trace.tb_lineno, start or 0, (end or 0) if one else 1 << 30, code.co_qualname)
        trace = trace.tb_next
    return _render(f"{type(error).__name__}: {error}", "", "", loc)


class RevtraceError(Exception):
    """Base of all of revtrace's errors.

    Parameters
    ----------
    what : str
        What is wrong, in one sentence.
    why : str
        The reason.
    instead : str
        What to write instead.
    loc : Loc
        The place in the user's source.
    inside : Loc
        The place in a library that the user's line calls, where it is there.
    """

    def __init__(self, what: str, why: str = "", instead: str = "", loc: Loc = NOWHERE, inside: Loc = NOWHERE) -> None:
        self.what, self.why, self.instead, self.loc, self.inside = what, why, instead, loc, inside
        self.calls: list[Loc] = []
        super().__init__(_render(what, why, instead, loc, inside))

    def name_users_line(self) -> None:
        """Name the user's line rather than one in a library that it calls.

        ``calls`` has the calls that lead to the place, innermost first.  A library whose function is
        differentiated itself counts as the user's.
        """
        places = [self.loc, *self.calls]
        own = {None, installed_in(places[-1].file)}
        loc = next(place for place in places if installed_in(place.file) in own)
        if loc != self.loc:
            type(self).__init__(self, self.what, self.why, self.instead, loc, self.loc)

    def __reduce__(self) -> tuple[type, tuple[str, str, str, Loc, Loc]]:
        return type(self), (self.what, self.why, self.instead, self.loc, self.inside)


class UnsupportedError(RevtraceError, NotImplementedError):
    """The function uses something revtrace does not differentiate."""


class GradientError(RevtraceError, TypeError):
    """A gradient was asked for that does not exist: non-scalar result, integer argument."""


class TypeMismatchError(RevtraceError, TypeError):
    """A cotangent or tangent does not have the structure, shape or dtype it must have."""


class InverseDriftError(RevtraceError, ArithmeticError):
    """Running the program backward did not return to its start."""


class CacheError(RevtraceError, OSError):
    """The disk cache cannot be used as asked."""


class InternalError(RevtraceError, RuntimeError):
    """A defect in revtrace; please report it with the output of ``revtrace info``."""
