"""Drift of a variant, and refitting it."""
