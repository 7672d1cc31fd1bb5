"""Measures of how well scores rank and how well probabilities hold, with their intervals.

Read `selective` (risk and coverage), `calibration` (expected calibration error and the like), then
`intervals` (bootstrap and exact binomial bounds), the one home of statistics for both rooms.

What may enter: functions of plain NumPy columns. No score by name, no card.
"""
