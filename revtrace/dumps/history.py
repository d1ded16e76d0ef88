"""What a handle has done so far: its specialisations, and why each was needed."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from revtrace.dumps.page import wrapped

if TYPE_CHECKING:
    from revtrace.handle import Handle

__all__ = ["handle_html", "history"]


def history(handle: Handle) -> str:
    """Return in sentences why a handle's function was specialised, newest last."""
    name = handle.function.__qualname__
    tables = handle.tables()
    reasons = [reason for table in tables for reason in table.reasons]
    if not reasons:
        return f"{name} has not been called yet; give arguments to hear about a call."
    lines = [f"{name} was specialised {len(reasons)} times:" if len(reasons) > 1 else f"{name} was specialised once:"]
    lines += [f"{k}. {reason}" for k, reason in enumerate(reasons, 1)]
    stats = handle.stats
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
