"""Calls of libraries and of users' rules: what they compute, and their derivatives.

`core` owns the table that a program's ``call`` operations name; the other modules enter rows.
"""
