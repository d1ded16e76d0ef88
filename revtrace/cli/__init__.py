"""The command line: ``revtrace demo | show | record | debug | diff | check | info | cache``."""

from revtrace.cli.main import main

__all__ = ["main"]
