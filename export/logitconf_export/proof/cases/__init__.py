"""Rows that are not finite, case by case.

Read `kinds`, then `case_analysis`; `masked_classes` says whether −inf counts for nothing, `lineage`
what still holds it.
"""
