"""Measures of ranking, of calibration, and their intervals."""
