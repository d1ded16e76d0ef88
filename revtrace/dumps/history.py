"""What a handle has done so far: its specialisations, and why each was needed."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from revtrace.dumps.page import wrapped

if TYPE_CHECKING:
    from revtrace.derived import Derived
    from revtrace.handle import Handle

__all__ = ["handle_html", "history"]


def history(handle: Handle) -> str:
    """Return in sentences why a handle's function and derivatives of it were specialised, newest last."""
    told = [_of_one(each) for each in handle.family()]
    name = handle.function.__qualname__
    return "\n".join(filter(None, told)) or f"{name} has not been called yet; give arguments to hear about a call."


def _of_one(derived: Derived) -> str:
    reasons = [reason for table in derived.tables() for reason in table.reasons]
    if not reasons:
        return ""
    count = len(reasons)
    lines = [f"{derived.title} was specialised {f'{count} times' if count > 1 else 'once'}:"]
    lines += [f"{k}. {reason}" for k, reason in enumerate(reasons, 1)]
    stats = derived.stats
    lines.append(
        f"Tracing took {stats.trace_seconds:.3f} s, compiling {stats.compile_seconds:.3f} s; "
        f"{stats.disk_hits} of the kernels came from disk."
    )
    if stats.deopts:
        lines.append(f"{stats.deopts} calls ran again with full checks: an assumption on sizes did not hold.")
    if stats.bails:
        lines.append(f"{stats.bails} calls were handed to the plain function, which raised its exception.")
    return "\n".join(lines)


def handle_html(handle: Handle) -> str:
    """Return a handle as a notebook shows it."""
    stats = handle.stats
    names = "".join(f" {step.kind}" for step in handle.steps) or " function"
    rows = (
        ("calls", stats.calls),
        ("specialisations", stats.specialisations),
        ("tracing", f"{stats.trace_seconds:.3f} s"),
        ("compiling", f"{stats.compile_seconds:.3f} s"),
        ("from disk", stats.disk_hits),
        ("kept", "" if stats.kept_bytes is None else f"{stats.kept_bytes} bytes"),
    )
    table = "".join(f"<tr><td>{name}</td><td>{escape(str(value))}</td></tr>" for name, value in rows)
    title = f"revtrace{names} of {handle.function.__module__}.{handle.function.__qualname__}"
    return wrapped("", f"<b>{escape(title)}</b><table>{table}</table>", False)
