"""Verification: a file decides as its card says."""
