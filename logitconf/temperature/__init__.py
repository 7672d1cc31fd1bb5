"""The temperature: the likelihood, its exact minimum, rows in chunks."""
