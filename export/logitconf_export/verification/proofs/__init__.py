"""Verdicts for every row instead of those tried.

Read `proving`: what is checked of the file as a whole, and which tables a runtime has. What proves
a head stays in the room of proofs.
"""
