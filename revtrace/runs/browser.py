"""The text browser of a recorded run: a debugger whose time runs both ways.

Reads commands from standard input, so that it can be driven by a script as well.
"""

from __future__ import annotations

import cmd
import linecache
import shutil
import sys
from typing import IO, Any

import numpy as np

from revtrace.errors import source_view
from revtrace.loc import Loc
from revtrace.runs.recording import Moment, Recording
from revtrace.runs.report import clipped, report, value_text

__all__ = ["Browser"]

_AROUND = 3

_SWEEPS = {
    "": "forward",
    "keep": "forward: keeps a value for the way back",
    "fetch": "backward: takes a kept value",
    "again": "backward: computes a value again",
    "undo": "backward: puts back what was written over",
    "bar": "backward: the adjoint of this result is complete",
    "adjoint": "backward",
}


class Browser(cmd.Cmd):
    """Steps through a recording; ``help`` lists the commands.

    Parameters
    ----------
    recording : Recording
    stdin, stdout : file, optional
    """

    prompt = "(revtrace) "
    doc_header = "Commands (help COMMAND tells more; a number after step, back, line, up repeats them):"

    def __init__(self, recording: Recording, stdin: IO[str] | None = None, stdout: IO[str] | None = None) -> None:
        super().__init__(stdin=stdin, stdout=stdout)
        self.run = recording
        self.use_rawinput = stdin is None and sys.stdin.isatty()
        if not self.use_rawinput:
            self.prompt = ""
        self.width = shutil.get_terminal_size().columns
        turn = recording.summary.turn
        swept = "" if turn is None else f", the backward sweep from step {turn + 1} on"
        self.intro = f"{recording.program.name}: {recording.length} steps{swept}. help lists the commands."
        recording.at(0)

    # moving -------------------------------------------------------------------------------

    def do_step(self, argument: str) -> None:
        """Step [N]: execute one operation, or N."""
        self._show(self.run.step(_count(argument)))

    def do_back(self, argument: str) -> None:
        """Back [N]: take one operation back, or N."""
        self._show(self.run.back(_count(argument)))

    def do_line(self, argument: str) -> None:
        """Line [N]: go on to the next source line."""
        self._lines(_count(argument), backward=False)

    def do_up(self, argument: str) -> None:
        """Up [N]: go back to the source line before."""
        self._lines(_count(argument), backward=True)

    def do_goto(self, argument: str) -> None:
        """Goto STEP: go to just after a step; a negative one counts from the end."""
        try:
            self._show(self.run.at(int(argument)), told=True)
        except (ValueError, IndexError) as error:
            self._say(f"goto: {error}")

    def do_until(self, argument: str) -> None:
        """Until LINE: go on to the next operation of a source line."""
        self._find(argument, backward=False)

    def do_before(self, argument: str) -> None:
        """Before LINE: go back to the last operation of a source line."""
        self._find(argument, backward=True)

    def do_turn(self, argument: str) -> None:
        """turn: go to where the backward sweep begins."""
        turn = self.run.summary.turn
        if turn is None:
            self._say("nothing runs backward")
        else:
            self._show(self.run.at(turn + 1), told=True)

    def do_bad(self, argument: str) -> None:
        """bad: go to the operation that gave the first NaN or infinity."""
        found = self.run.first_bad()
        if found is None:
            self._say("no NaN and no infinity comes up")
        else:
            self._show(found)

    def do_start(self, argument: str) -> None:
        """start: go to before the first step."""
        self._show(self.run.at(0))

    def do_end(self, argument: str) -> None:
        """end: go to the last step."""
        self._show(self.run.at(self.run.length))

    # looking ------------------------------------------------------------------------------

    def do_vars(self, argument: str) -> None:
        """vars: the variables, as they are now."""
        self._table(self.run.variables())

    def do_adjoints(self, argument: str) -> None:
        """adjoints: adjoints of variables, as they are now."""
        self._table(self.run.adjoints())

    def do_values(self, argument: str) -> None:
        """values: every value of the program, by its name in dumps."""
        self._table(self.run.values())

    def do_print(self, argument: str) -> None:
        """Print EXPRESSION: evaluate an expression of the variables; values by their names in dumps work too."""
        try:
            value = eval(argument, {"np": np}, {**self.run.values(), **self.run.variables()})
        except NameError as error:
            known = ", ".join(name for name in self.run.variables() if name.isidentifier())
            self._say(f"{error}; there {'are' if ',' in known else 'is'} {known or 'nothing'}")
        except Exception as error:
            self._say(f"{type(error).__name__}: {error}")
        else:
            self._say(repr(value))

    def do_where(self, argument: str) -> None:
        """where: the source around this step, and the step."""
        self._show(self.run.moment())

    def do_summary(self, argument: str) -> None:
        """summary: what happened on each line in the whole run."""
        self._say(report(self.run.summary, self.run, self.width if self.use_rawinput else None))

    def do_results(self, argument: str) -> None:
        """results: what the program returns."""
        if self.run.failed is not None:
            self._say(source_view(self.run.failure()))
        else:
            self._say(repr(self.run.results))

    def do_quit(self, argument: str) -> bool:
        """quit: leave."""
        return True

    do_s, do_b, do_n, do_p, do_q, do_w = do_step, do_back, do_line, do_print, do_quit, do_where

    def do_EOF(self, argument: str) -> bool:  # noqa: N802
        """Leave at the end of the input."""
        return True

    def emptyline(self) -> bool:
        """Do nothing on an empty line."""
        return False

    def default(self, line: str) -> None:
        """Say that a command is unknown."""
        self._say(f"no command {line.split(maxsplit=1)[0]!r}; help lists them")

    def get_names(self) -> list[str]:
        """Return what help lists: not the short forms."""
        short = {"do_s", "do_b", "do_n", "do_p", "do_q", "do_w", "do_EOF"}
        return [name for name in super().get_names() if name not in short]

    # inside -------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self.stdout.write(text + "\n")

    def _lines(self, count: int, *, backward: bool) -> None:
        for _ in range(count):
            loc = self.run.moment().loc
            here = loc.file, loc.line

            def elsewhere(m: Moment, here: tuple[str, int] = here) -> bool:
                return bool(m.loc.line) and (m.loc.file, m.loc.line) != here

            found = self.run.find(elsewhere, backward=backward)
            if found is None:
                self._say("no further line")
                return
        self._show(self.run.moment(), told=True)

    def _find(self, argument: str, *, backward: bool) -> None:
        try:
            line = int(argument)
        except ValueError:
            self._say("write the number of a source line")
            return
        found = self.run.find(lambda m: m.loc.line == line, backward=backward)
        if found is None:
            self._say(f"line {line} is not reached")
        else:
            self._show(found, told=True)

    def _table(self, values: dict[str, Any]) -> None:
        if not values:
            self._say("nothing yet")
            return
        width = max(map(len, values))
        for name, value in values.items():
            self._say(f"  {name:{width}}  {value_text(value, 72)}")

    def _show(self, moment: Moment, *, told: bool = False) -> None:
        """Show a step in its source; where ``told``, with variables, and adjoints on the way back."""
        loc = moment.loc
        if loc.line:
            self._say(f'File "{loc.file}", line {loc.line} in {loc.function}')
            self._source(loc)
        self._say(f"step {moment.step} of {self.run.length}, {_SWEEPS[loc.role]}: {moment.text}")
        for name, value in moment.reads:
            self._say(f"    {name} = {value_text(value, 72)}")
        if moment.after is not None:
            self._say(f"    before {value_text(moment.before, 60)}, after {value_text(moment.after, 60)}")
        elif moment.result is not None:
            name = f"{moment.variable} = " if moment.variable else ""
            self._say(f"    -> {name}{value_text(moment.result, 72)}")
        if told:
            self._told("variables", self.run.variables())
            self._told("adjoints", self.run.adjoints())
        if moment.step == self.run.length and self.run.failed is not None:
            self._say(str(self.run.failure()))

    def _told(self, title: str, values: dict[str, Any]) -> None:
        """Say values in one line, as many as it holds."""
        if values:
            text = ", ".join(f"{name} = {value_text(value, 28)}" for name, value in values.items())
            self._say(clipped(f"  {title}: {text}", self.width))

    def _source(self, loc: Loc) -> None:
        first, last = self.run.summary.names.function(loc)
        for number in range(max(first, loc.line - _AROUND), min(last, loc.line + _AROUND) + 1):
            text = linecache.getline(loc.file, number).rstrip("\n")
            self._say(f"{'>' if number == loc.line else ' '} {number:>4} {text}".rstrip())
            if number == loc.line and loc.end_column > loc.column:
                self._say(" " * (7 + loc.column) + "^" * max(1, min(loc.end_column, len(text)) - loc.column))


def _count(argument: str) -> int:
    try:
        return max(1, int(argument))
    except ValueError:
        return 1
