"""Loops: rolled into ``For`` and ``While`` where they can be, and what their iterations hand on."""
