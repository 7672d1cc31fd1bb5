"""Thresholds and the certificates that some of them carry."""
