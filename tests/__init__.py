"""Tests of revtrace; the tree mirrors the package's."""
