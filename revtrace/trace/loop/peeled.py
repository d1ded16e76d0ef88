"""The rest of a loop whose variables get their form in its first iterations: a list before it, an array ever after.

Such a loop cannot be rolled as a whole.  The iterations that change a form are walked on their own, and what
is left is tried as a rolled loop once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from revtrace.trace.loop.rolled import NotALoopError, rolled_loop
from revtrace.trace.loop.ways import Loop
from revtrace.trace.objects.iterators import used_up
from revtrace.trace.objects.rolling import roll
from revtrace.trace.signals import NeedStatic
from revtrace.trace.state import ObjectBox, State
from revtrace.trace.values import Elementwise, Ref, Tup, View, is_numeric

if TYPE_CHECKING:
    from revtrace.trace.frames import Frame
    from revtrace.trace.machine import Tracer

__all__ = ["forms_of", "rolled_rest"]

_TRIES = 2
"""How many iterations may change a form before the loop is taken to change forms for ever."""


def forms_of(fr: Frame, loop: Loop, st: State) -> dict[str, object]:
    """Return the forms of the locals that the body, or the code after the loop, reads."""
    live = fr.shape.live[loop.header]
    return {name: _form(st, value) for name, value in st.locals.items() if name in live}


def _form(st: State, value: Any) -> object:
    if is_numeric(value):
        return "number"
    if isinstance(value, (View, Elementwise)):
        return "array", value.ndim, value.dtype
    if isinstance(value, Tup):
        return value.cls, len(value.items)
    if isinstance(value, Ref):
        # Not to be computed with: it may be one that another was changed which it may be.
        box = st.heap.get(value.id, st.originals.get(value.id))
        return box.cls if isinstance(box, ObjectBox) else type(box)
    return type(value)


def rolled_rest(t: Tracer, fr: Frame, loop: Loop, before: dict[str, object], st: State) -> tuple[State | None] | None:
    """Try to roll what is left of a loop after an iteration that changed a form, as seen by the forms before it.

    Returns the state after the loop in a tuple, with None for no way on; None where the loop must be walked on.
    """
    if (fr.shape.code, loop.header) in t.unroll:
        # What comes after the loop needs to know what it did.
        return None
    after = forms_of(fr, loop, st)
    if loop.tries >= _TRIES or not any(form != after.get(name, form) for name, form in before.items()):
        return None
    loop.tries += 1
    ways, saved, trial = loop.ways[:], t.save(), st.fork()
    rolled, ref = None, None
    try:
        if loop.counted:
            ref = trial.stack[-1]
            assert isinstance(ref, Ref)
            rolled = roll(t, trial, ref)
            if rolled is None:
                raise NotALoopError
        end = rolled_loop(t, fr, loop, trial, rolled)
    except (NeedStatic, NotALoopError):
        t.restore(saved)
        loop.ways[:] = ways
        return None
    if end is not None and ref is not None:
        used_up(end, ref, (fr.shape.code, loop.header), complete=len(loop.ways) == 1)
    return (end,)
