"""Decisions: the reference, the rows to try, and how two answers differ."""
