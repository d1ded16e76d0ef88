"""Tests of revtrace.calls."""
