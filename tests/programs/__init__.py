"""The program corpus: plain functions as other people write them, each with what is known about it."""
