"""What compiled code raises instead of an answer."""

from __future__ import annotations

__all__ = ["Bail", "Deopt"]


class Bail(Exception):
    """The program met what it does not handle: the plain function says what is wrong.

    Raised where a check failed, an index was out of range, a length was negative or
    shapes differed.  Carries nothing: compiled code raises the class itself.
    """


class Deopt(Exception):
    """An assumption of the fast build does not hold for these arguments; the careful build has the answer."""
