"""``python -m revtrace``: the command line."""

import sys

from revtrace.cli import main

if __name__ == "__main__":
    sys.exit(main())
