"""Tables as files: JSON with its own SHA-256, and the user's cache of what was measured."""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from pathlib import Path
from typing import Any

import msgspec

from logitconf.errors import LogitconfError
from logitconf.files import write_atomically
from logitconf.typed_json import json_values, read_json
from logitconf_export.proof.tables.operation_table import Environment, RuntimeTables

SCHEMA = 1
CACHE_VARIABLE = "LOGITCONF_CACHE"
"""Names the folder of the cache."""
_WHAT = "tables of operations"


def to_json(tables: RuntimeTables) -> str:
    """The tables as JSON, a table a line, their SHA-256 last.

    Numbers are exact to the last bit.
    """
    values = values_of(tables)
    lines = []
    for name, value in values.items():
        if isinstance(value, list) and value:
            rows = ",\n  ".join(_compact(each) for each in value)
            lines.append(f'"{name}": [\n  {rows}\n ]')
        else:
            lines.append(f'"{name}": {_compact(value)}')
    return "{\n " + ",\n ".join(lines) + f',\n "sha256": "{digest(tables)}"\n}}\n'


def digest(tables: RuntimeTables) -> str:
    """SHA-256 of what the tables say, whatever the layout of the file."""
    return _digest(values_of(tables))


def read_tables(path: str | Path) -> RuntimeTables:
    """The tables in a file.

    Raises:
        LogitconfError: if the file cannot be read, holds something else, or something else than
            was written: its SHA-256 is not its own.
    """
    values = read_json(path, _WHAT)
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        raise LogitconfError(f"{path} must hold {_WHAT} of schema {SCHEMA}; measure them anew")
    stated = values.pop("sha256", None)
    if stated != _digest(values):
        raise LogitconfError(
            f"{path} must hold the {_WHAT} that were written, but its SHA-256 is another one than "
            "it states; measure them anew"
        )
    del values["schema"]
    try:
        return msgspec.convert(values, RuntimeTables)
    except msgspec.ValidationError as error:
        raise LogitconfError(f"{path} must hold {_WHAT}: {error}") from error


def write_tables(path: str | Path, tables: RuntimeTables, *, force: bool = False) -> None:
    """Writes tables to a file, whole or not at all.

    Raises:
        LogitconfError: if the file exists without ``force``, or cannot be written.
    """
    write_atomically(path, to_json(tables).encode(), force=force)


def cache_folder() -> Path:
    """Where measured tables are kept: what the variable names, or the platform's own place."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named) / "operations"
    if os.name == "nt":
        home = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "logitconf" / "operations"


def cached_tables(environment: Environment) -> RuntimeTables | None:
    """What is known of a runtime here; None if it was not measured, or the file was damaged."""
    path = cache_folder() / file_name(environment)
    if not path.exists():
        return None
    try:
        tables = read_tables(path)
    except LogitconfError as error:
        warnings.warn(f"{error}; this is done now", stacklevel=2)
        return None
    return tables if tables.environment == environment else None


def keep_tables(tables: RuntimeTables) -> Path:
    """Keeps tables in the cache, in place of older ones; the file.

    Raises:
        LogitconfError: if it cannot be written.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LogitconfError(
            f"the cache {folder} must be a folder to write to: {error.strerror}; name another one "
            f"by {CACHE_VARIABLE}"
        ) from error
    path = folder / file_name(tables.environment)
    write_tables(path, tables, force=True)
    return path


def file_name(environment: Environment) -> str:
    """A name for tables by all that they depend on."""
    parts = (
        environment.runtime,
        environment.version,
        environment.provider,
        environment.processor,
        environment.system,
    )
    return "_".join(re.sub(r"[^A-Za-z0-9.+-]+", "-", part) for part in parts) + ".json"


def values_of(tables: RuntimeTables) -> dict[str, Any]:
    """The tables as JSON values."""
    return {"schema": SCHEMA, **json.loads(json.dumps(_values(tables)))}


def _values(value: Any) -> Any:
    """Frozen values as JSON values, those in tuples too."""
    if isinstance(value, tuple):
        return [_values(part) for part in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _values(part) for name, part in json_values(value).items()}
    if isinstance(value, dict):
        return {name: _values(part) for name, part in value.items()}
    return value


def _digest(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
