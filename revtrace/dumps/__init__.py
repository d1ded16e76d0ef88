"""What people read of a gradient: columns, pages and data made of a program, its plan and the source.

Modules: `listing` (rows: a line of source, what runs forward for it, where values come from, what runs backward),
`columns` (rows as text), `page` (as HTML), `document` (as JSON, and back), `stages` (programs after each pass),
`difference` (two dumps compared), `words` (sentences), `dump` (all of these for one call).
"""

from revtrace.dumps.dump import Dump

__all__ = ["Dump"]
