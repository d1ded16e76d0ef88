"""Source lines that read what a specialisation depends on and check that it is as it was.

A path is an expression that reads a source (`revtrace.trace.record.Source`); a guard becomes a line that leaves the
call to other specialisations, by ``break``, where its fact does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from types import FunctionType
from typing import Any

from revtrace.dispatch.signature import is_name
from revtrace.errors import InternalError
from revtrace.trace.constants import contents, same, same_data, same_defaults
from revtrace.trace.record import Arg, Attr, Cell, Fixed, Global, Guard, Item, Source, shape_differs

__all__ = ["Checks"]


class Checks:
    """Lines that check, the constants that they need and the paths that they have read.

    Parameters
    ----------
    function : function
        The user's: a global of its module is read by its name.
    constants : dict
        Constants that there are already, by name; those that lines need are added.
    """

    def __init__(self, function: FunctionType, constants: Mapping[str, Any]) -> None:
        self.function = function
        code = function.__code__
        count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
        self.parameters = code.co_varnames[:count]
        self.constants: dict[str, Any] = {"_rt_Exception": Exception, **constants}
        self.names: dict[int, str] = {}
        self.paths: dict[Source, str] = {}
        self.lines: list[str] = []
        self.tested: set[str] = set()

    # constants and paths ------------------------------------------------------------

    def constant(self, value: Any, hint: str = "", *, by_name: bool = False) -> str:
        """Return the name of a constant object, or its literal."""
        if value is None or value is True or value is False or value is Ellipsis:
            return repr(value)
        if type(value) in (int, str) and not by_name:
            return repr(value)
        name = self.names.get(id(value))
        if name is None:
            hint = "".join(c if c.isalnum() and c.isascii() else "_" for c in hint or getattr(value, "__name__", "k"))
            name = f"_rt_{hint}"
            if name in self.constants:
                name = f"_rt_{hint}{len(self.constants)}"
            self.names[id(value)] = name
            self.constants[name] = value
        return name

    def path(self, source: Source) -> str:
        """Return an expression that reads a source, keeping longer paths in variables."""
        text = self.paths.get(source)
        if text is None:
            text = self.reading(source)
            if isinstance(source, (Attr, Item, Cell)) or "[" in text:
                name = f"_rt_p{len(self.paths)}"
                self.lines.append(f"{name} = {text}")
                text = name
            self.paths[source] = text
        return text

    def reading(self, source: Source) -> str:
        """Return the expression of the last step of a path."""
        match source:
            case Arg(name):
                return name
            case Fixed(value):
                return self.constant(value)
            case Global(namespace, name):
                own = namespace is self.function.__globals__
                if own and name not in self.parameters and not name.startswith("_rt_") and is_name(name):
                    return name
                space = self.constant(namespace, "globals")
                builtins = namespace.get("__builtins__", __builtins__)
                table = self.constant(builtins if isinstance(builtins, dict) else vars(builtins), "builtins")
                return f"({space}[{name!r}] if {name!r} in {space} else {table}[{name!r}])"
            case Cell(Fixed(value), index):
                return f"{self.constant(value.__closure__[index], 'cell')}.cell_contents"
            case Cell(base, index):
                return f"{self.path(base)}.__closure__[{index}].cell_contents"
            case Attr(base, name):
                if is_name(name):
                    return f"{self.path(base)}.{name}"
                return f"{self.constant(getattr)}({self.path(base)}, {name!r})"
            case Item(base, key):
                return f"{self.path(base)}[{self.constant(key)}]"
        raise InternalError(f"unknown source {source!r}")

    def unless(self, condition: str) -> None:
        """Leave the call to other specialisations where a condition fails."""
        line = f"if {condition}: break"
        if line not in self.tested:
            self.tested.add(line)
            self.lines.append(line)

    # guards -------------------------------------------------------------------------

    def guard(self, guard: Guard) -> None:
        """Write the check of one fact."""
        if guard.kind == "absent":
            self.absent(guard.source)
            return
        x, value = self.path(guard.source), guard.value
        match guard.kind:
            case "is":
                self.unless(f"{x} is not {self.constant(value, by_name=True)}")
            case "type":
                self.unless(f"{self.constant(type)}({x}) is not {self.constant(value)}")
            case "len":
                self.unless(f"{self.constant(len)}({x}) != {value}")
            case "shape" | "lengths" | "short":
                self.unless(shape_differs(guard.kind, f"{x}.shape", value))
            case "order":
                self.unless(f"{x}.flags.c_contiguous is not {value}")
            case "keys":
                self.unless(f"{self.constant(tuple)}({x}) != {self.constant(value, 'keys')}")
            case "dtype":
                self.unless(f"{x}.dtype != {self.constant(value, 'dtype')}")
            case "equal":
                self.equal(x, value)
            case "data":
                known = self.constant(value, "data")
                self.unless(f"{x} is not {known} and not {self.constant(same_data)}({x}, {known})")
            case "contents":
                known = self.constant(value, "contents")
                self.unless(f"not {self.constant(same)}({self.constant(contents)}({x}), {known})")
            case "members":
                self.unless(f"{x} != {self.constant(value, 'members')}")
            case "lacks":
                self.unless(f"not {self.constant(value, 'names')}.isdisjoint({x})")
            case "holds":
                assert isinstance(guard.source, Fixed)
                self.holds(value, guard.source.value.__dict__)
            case "same":
                for other in value:
                    self.unless(f"{x} is not {self.path(other)}")
            case "apart":
                objects = [f"{self.constant(id)}({text})" for text in (x, *map(self.path, value))]
                self.unless(f"{self.constant(len)}({{{', '.join(objects)}}}) != {len(objects)}")
            case "code":
                code, defaults, keywords = value
                self.unless(f"{x}.__code__ is not {self.constant(code, 'code')}")
                self.defaults(f"{x}.__defaults__", defaults)
                self.defaults(f"{x}.__kwdefaults__", keywords)
            case _:
                raise InternalError(f"unknown guard {guard.kind!r}")

    def holds(self, value: tuple[tuple[str, Any], ...], names: Mapping[str, Any]) -> None:
        """Write the check that a module has the same objects under some names, all of them read at once."""
        space = self.constant(names, "names")
        if len(value) == 1:
            ((name, known),) = value
            self.unless(f"{space}[{name!r}] is not {self.constant(known, by_name=True)}")
            return
        # Tuples of the same objects are equal without a comparison of any.
        read = self.constant(itemgetter(*(name for name, _ in value)), "read")
        self.unless(f"{read}({space}) != {self.constant(tuple(known for _, known in value), 'held')}")

    def defaults(self, x: str, value: Any) -> None:
        """Write the check that a function's defaults are the same objects."""
        if isinstance(value, dict):
            # Which may be changed in place.
            self.unless(f"not {self.constant(same_defaults)}({x}, {self.constant(dict(value), 'defaults')})")
            return
        known = self.constant(value, "defaults")
        if value is None:
            self.unless(f"{x} is not None")
        else:
            self.unless(f"{x} is not {known} and not {self.constant(same_defaults)}({x}, {known})")

    def equal(self, x: str, value: Any) -> None:
        """Write the check that a constant has the same type and value."""
        if value is None or isinstance(value, bool):
            self.unless(f"{x} is not {value!r}")
        elif type(value) in (int, str, bytes):
            known = self.constant(value)
            self.unless(f"{self.constant(type)}({x}) is not {self.constant(type(value))} or {x} != {known}")
        else:
            known = self.constant(value, "value")
            self.unless(f"{x} is not {known} and not {self.constant(same)}({x}, {known})")

    def absent(self, source: Source) -> None:
        """Write the check that reading a source still raises."""
        outer, self.lines = self.lines, []
        paths = dict(self.paths)
        text = self.reading(source)
        inner, self.lines, self.paths = self.lines, outer, paths
        self.lines += ["try:", *(f"    {line}" for line in inner), f"    {text}"]
        self.lines += ["except _rt_Exception: pass", "else: break"]
