"""The JSON Schema that the package ships for its reports, as a check."""

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import fastjsonschema

SCHEMA = json.loads(
    (files("logitconf_export") / "verification" / "report.schema.json").read_text(encoding="utf-8")
)
check_report: Callable[[Any], Any] = fastjsonschema.compile(SCHEMA)
"""Raises for JSON values that are no report."""
