"""List what revtrace makes of each opcode of the running CPython.

Run ``python -m tools.opcodes``.  It fails if the version table (``revtrace/decode/table.py``) does
not classify an opcode, and so names all that supporting a new release of CPython takes.
"""

from __future__ import annotations

import dis
import platform

from revtrace.decode.table import Row, row

__all__ = ["classify", "main"]

_LAST_REAL = 255


def classify() -> dict[str, Row]:
    """Return a row for every opcode of the running CPython, by name."""
    pseudo = Row("dropped", "exists inside the compiler only")
    return {name: pseudo if number > _LAST_REAL else row(name) for name, number in sorted(dis.opmap.items())}


def main() -> int:
    """Print the opcodes by status; return 1 if any is unclassified."""
    rows = classify()
    print(f"CPython {platform.python_version()}")
    for name, known in rows.items():
        print(f"{known.status:12} {name:36} {known.reason}".rstrip())
    missing = [name for name, known in rows.items() if known.status == "unclassified"]
    if missing:
        print(f"unclassified: {', '.join(missing)}; write rows for them in revtrace/decode/table.py")
    return int(bool(missing))


if __name__ == "__main__":
    raise SystemExit(main())
