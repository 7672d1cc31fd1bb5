"""Ensembles: what a head computes of its members' probabilities, with bounds in norms.

Read `shares`, what is known of the probabilities that were computed, then `disagreement`, how far
the two scores of members may be off, and `steps`, which follows the graph from one to the other.
"""
