"""What of SciPy is recorded directly; the rest is written in plain Python in `revtrace.trace.libraries`."""
