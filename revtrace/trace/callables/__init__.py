"""Calls while tracing: plain functions, built-in ones, those of the standard library, methods."""
