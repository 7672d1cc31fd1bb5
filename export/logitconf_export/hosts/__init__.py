"""Hosts: what their outputs mean and where a head can go."""
