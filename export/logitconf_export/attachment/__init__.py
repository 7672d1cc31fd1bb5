"""Attaching heads to hosts, taking them off, changing them."""
