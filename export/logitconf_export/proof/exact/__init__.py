"""Exact real expressions of rows, and intervals that hold their values.

Read `intervals`, `expressions`, `choices` and then `abstract_rows`. What knows of ONNX or of a
runtime stays out.
"""
