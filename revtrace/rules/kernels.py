"""Accurate special functions."""
