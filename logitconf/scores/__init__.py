"""The confidence scores: one table, and the formulas that its rows name."""
