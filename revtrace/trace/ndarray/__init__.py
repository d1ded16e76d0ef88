"""Arrays while tracing: elements, views, slices, writes, and expressions of whole arrays."""
