"""The dump of a call: everything known about how its gradient is computed, in all forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revtrace.dumps import document
from revtrace.dumps.columns import Segment, columns, plain
from revtrace.dumps.listing import Row, listing
from revtrace.dumps.page import page
from revtrace.dumps.source import Excerpt, excerpts
from revtrace.dumps.stages import Stage, changed, stages
from revtrace.dumps.words import explained, total
from revtrace.kept import counting, keeps
from revtrace.loc import Loc
from revtrace.passes.plan import Answer
from revtrace.program.nodes import Program, walk
from revtrace.program.show import show
from revtrace.replay import Bail, Event, run
from revtrace.runs.call import Call, call_of
from revtrace.runs.recording import Recording

if TYPE_CHECKING:
    from revtrace.handle import Handle

__all__ = ["Dump", "dump"]

_SHOWN = 200_000
"""Steps that are run for the pictures of a page."""

_STEPS = 1_000_000
"""Steps of the interpreter that counting what is kept may take."""


@dataclass(frozen=True, eq=False)
class Dump:
    """How a call is computed: the program, forward and backward, its plan and the source.

    Printed, it is a table: source line, what runs forward for it, where the values come from that the backward
    sweep reads, what runs backward, bytes kept per iteration.

    Attributes
    ----------
    function : str
        The user's function.
    here : Loc
        Where it is.
    program : Program
        What runs.
    primal : Program or None
        What was reversed, its statements numbered (`revtrace.loc.Loc`); None where nothing runs backward.
    answers : tuple of Answer
        Where each value that the backward sweep reads comes from.
    source : tuple of Excerpt
        The functions that were traced into.
    kept : int or None
        Bytes kept for the backward sweep in this call; None where finding out takes too long.

    Examples
    --------
    >>> import revtrace
    >>> seen = revtrace.wrap(lambda x, y: x * y).dump(2.0, 3.0)
    >>> print(seen.text)
    <lambda>_grad(x: f8, y: f8) {
      v0: f8 = mul x, y
      return v0, y, x
    }
    <BLANKLINE>
    >>> Dump.from_json(seen.to_json()).text == seen.text
    True
    """

    function: str
    here: Loc
    program: Program
    primal: Program | None = None
    answers: tuple[Answer, ...] = ()
    source: tuple[Excerpt, ...] = ()
    kept: int | None = None
    lower: Callable[[str], str] | None = field(default=None, repr=False)
    retrace: Callable[[], object] | None = field(default=None, repr=False)
    recording: Callable[[bool], Recording] | None = field(default=None, repr=False)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of the table."""
        return listing(self.program, self.primal, self.answers)

    @property
    def text(self) -> str:
        """The program as `revtrace.program.show` writes it, which `revtrace.program.parse` reads back."""
        return show(self.program)

    def segments(self, width: int | None = None) -> list[list[Segment]]:
        """Return the lines of the table with the styles of their parts.

        Parameters
        ----------
        width : int, optional
            Of the terminal that it is for; cells are folded to fit.
        """
        lines = columns(self.rows, self.source, self.here, width)
        ending = [Segment(total(self.answers, self.kept))] if self.primal is not None else []
        return [*lines, [Segment("")], ending] if ending else lines

    def __str__(self) -> str:
        return plain(self.segments()).rstrip("\n")

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return page(self, whole=False)

    def explain(self) -> str:
        """Return in sentences what is kept and why, with lines."""
        return explained(self.function, self.answers, self.kept, self.primal, self.source)

    # data -----------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return everything as a tree that ``json.dumps`` takes; see `revtrace.dumps.document` for the schema."""
        return document.written(
            self.function, self.here, self.program, self.primal, self.answers, self.source, self.kept
        )

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Dump:
        """Return the dump that `to_json` wrote.

        Raises
        ------
        ValueError
            The data has another schema or version, or is damaged.
        """
        return cls(**document.read(data))

    @classmethod
    def load(cls, path: str | Path) -> Dump:
        """Read a dump from a file of JSON."""
        return cls.from_json(json.loads(Path(path).read_text()))

    # other forms ------------------------------------------------------------------------

    def html(self, *, record: bool = True, recording: Recording | None = None) -> str:
        """Return one page of HTML that needs nothing else.

        Parameters
        ----------
        record : bool
            Whether to run the interpreter, at most 200,000 steps of it, for the pictures of kept bytes and
            adjoints over the run.
        recording : Recording, optional
            A run of this call that there is already.
        """
        if recording is None and record and self.recording is not None:
            recording = self.recording(False)
        keeping = None
        if record and self.recording is not None and keeps(self.program):
            # What is compiled may keep less than the function as it is written.
            tidied = recording is not None and recording.call.tidied
            keeping = recording if tidied else self.recording(True)
        return page(self, recording, keeping)

    @property
    def python(self) -> str:
        """The generated function, forward and backward, as a script of plain Python, numpy and the SciPy it calls."""
        return self._lowered("python")

    @property
    def llvm(self) -> str:
        """The code numba hands to LLVM, optimised."""
        return self._lowered("llvm")

    @property
    def asm(self) -> str:
        """The machine code as assembly."""
        return self._lowered("asm")

    def _lowered(self, form: str) -> str:
        if self.lower is None:
            raise ValueError(f"a dump read from a file has no {form}: dump the function itself")
        return self.lower(form)

    def stages(self) -> tuple[Stage, ...]:
        """Return the programs after each pass."""
        if self.retrace is None:
            raise ValueError("a dump read from a file has no stages: dump the function itself")
        return stages(self.retrace)

    def after(self, name: str) -> str:
        """Return the program after a pass, its lines marked with what the pass changed.

        Parameters
        ----------
        name : str
            As in `stages`; the last part is enough.

        Raises
        ------
        ValueError
            There is no such pass.
        """
        found = self.stages()
        names = [stage.name for stage in found]
        at = next((k for k, n in enumerate(names) if n == name), None)
        if at is None:
            at = next((k for k, n in enumerate(names) if n.rpartition(".")[2] == name), None)
        if at is None:
            raise ValueError(f"no pass is called {name}: write one of {', '.join(names)}")
        text = changed(found[at - 1].program if at else None, found[at].program)
        if at and not any(line.startswith(("+", "-")) for line in text.splitlines()):
            return f"{names[at]} changed nothing.\n{text}"
        return text


def dump(handle: Handle, args: tuple[Any, ...], kwargs: dict[str, Any], *, backward: bool = True) -> Dump:
    """Return the dump of a call; nothing is compiled.

    Parameters
    ----------
    handle : Handle
    args, kwargs
        The call.
    backward : bool
        Whether that of a wrapped function has a backward sweep.
    """
    call = call_of(handle, args, kwargs, backward=backward)
    plan, program = call.plan, call.traced.program
    primal = None if plan is None else plan.program
    answers = () if plan is None else tuple(plan.answers)
    places = [stmt.loc for part in (program, primal) if part is not None for stmt in walk(part.body)]

    def lower(form: str) -> str:
        from revtrace.dumps.lower import lowered

        return lowered(call, form)

    return Dump(
        handle.function.__qualname__,
        call.here,
        program,
        primal,
        answers,
        excerpts(call.here, places),
        kept_bytes(call),
        lower,
        lambda: call_of(handle, args, kwargs, backward=backward),
        lambda tidy: Recording.of(call_of(handle, args, kwargs, tidy=tidy, backward=backward), limit=_SHOWN),
    )


def kept_bytes(call: Call) -> int | None:
    """Return the bytes a call keeps; None where finding out takes too many steps, or the call fails."""
    if not keeps(call.traced.program):
        return 0
    steps = 0

    def observer(event: Event) -> None:
        nonlocal steps
        steps += 1
        if steps > _STEPS:
            raise _TooLongError

    try:
        return int(run(counting(call.traced.program), call.inputs(), observer=observer)[0])
    except (_TooLongError, Bail):
        return None


class _TooLongError(Exception):
    """A run takes more steps than it is worth."""
