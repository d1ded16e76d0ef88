"""Compiled code between processes: keys, the store on disk, and finding a kernel."""
