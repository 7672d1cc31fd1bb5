"""A bill of materials in CycloneDX 1.6: logitconf and all that its environment brings with it.

Run it in an environment that holds what ships: python release/sbom.py cpu > sbom.json
"""

import importlib.metadata
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

NAME = "logitconf"


def bill(extras: frozenset[str]) -> dict[str, Any]:
    """The bill as JSON values, the same for the same environment.

    Args:
        extras: of logitconf, whose requirements count too.
    """
    needs = {name: sorted(set(_needs(name, extras))) for name in _reached(extras)}
    components = {name: _component(name) for name in needs}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": components.pop(NAME)},
        "components": [components[name] for name in sorted(components)],
        "dependencies": [
            {"ref": _purl(name), "dependsOn": [_purl(each) for each in needs[name]]}
            for name in sorted(needs)
        ],
    }


def _reached(extras: frozenset[str]) -> list[str]:
    """Logitconf and what it needs, directly and by others."""
    seen, left = {NAME}, [NAME]
    while left:
        new = set(_needs(left.pop(), extras)) - seen
        seen |= new
        left += sorted(new)
    return sorted(seen)


def _needs(name: str, extras: frozenset[str]) -> Iterator[str]:
    """The installed packages that a package requires here."""
    from packaging.requirements import Requirement

    wanted = extras if name == NAME else frozenset()
    for text in importlib.metadata.requires(name) or ():
        requirement = Requirement(text)
        cases: list[dict[str, str]] = [{"extra": extra} for extra in wanted or {""}]
        marker = requirement.marker
        if marker is None or any(marker.evaluate(case) for case in cases):
            plain = _plain(requirement.name)
            if plain != NAME:
                yield plain


def _component(name: str) -> dict[str, Any]:
    metadata = importlib.metadata.metadata(name)
    kind = "application" if name == NAME else "library"
    component: dict[str, Any] = {
        "type": kind,
        "bom-ref": _purl(name),
        "name": name,
        "version": metadata["Version"],
        "purl": _purl(name),
    }
    if "License-Expression" in metadata:
        component["licenses"] = [{"expression": metadata["License-Expression"]}]
    return component


def _purl(name: str) -> str:
    return f"pkg:pypi/{name}@{importlib.metadata.version(name)}"


def _plain(name: str) -> str:
    """As package indexes compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    json.dump(bill(frozenset(sys.argv[1:])), sys.stdout, indent=2)
    sys.stdout.write("\n")
