"""Python's objects while tracing: containers, iterators, instances, classes, strings."""
