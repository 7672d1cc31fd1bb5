"""Rows for the commands: files, hosts, functions of the user."""
