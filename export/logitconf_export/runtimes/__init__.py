"""Runtimes: sessions, placement, other processes."""
