"""NumPy's functions that are recorded directly; those written in plain Python are in `revtrace.trace.definitions`."""
