"""Heads as graphs: writing them, their metadata, finding them in files."""
