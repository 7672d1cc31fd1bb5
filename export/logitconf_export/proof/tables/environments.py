"""Where operations are measured: the processor and the system, by what runtimes choose code by."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

from logitconf_export.proof.tables.evaluators import Evaluator
from logitconf_export.proof.tables.operation_table import Environment

_VECTORS = ("avx512f", "avx2", "avx", "sse4_1", "sve2", "sve", "asimd", "neon")
"""Sets of instructions, the widest vectors first."""


def environment_of(evaluator: Evaluator) -> Environment:
    """Where an evaluator computes."""
    return Environment(
        evaluator.name,
        evaluator.version,
        evaluator.provider,
        processor_of(evaluator.provider),
        f"{platform.system()} {platform.machine()}",
    )


def processor_of(provider: str) -> str:
    """What a provider computes on here."""
    return _gpu() if provider.startswith("cuda") else processor()


def processor(description: str | None = None) -> str:
    r"""Maker, family and widest vectors of the processor.

    Args:
        description: what Linux says of it; read unless given.

    >>> processor("vendor_id : AuthenticAMD\ncpu family : 25\nflags : sse4_1 avx2 avx512f")
    'AuthenticAMD family 25 avx512f'
    """
    path = Path("/proc/cpuinfo")
    if description is None:
        description = path.read_text(encoding="utf-8") if path.exists() else ""
    facts: dict[str, str] = {}
    for line in description.splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    maker = facts.get("vendor_id") or facts.get("CPU implementer")
    family = facts.get("cpu family") or facts.get("CPU part")
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    vectors = [name for name in _VECTORS if name in flags][:1]
    if maker and family:
        return " ".join([maker, "family", family, *vectors])
    # macOS and Windows tell the maker and the family in a sentence
    return platform.processor() or platform.machine()


def _gpu() -> str:
    """The first NVIDIA GPU's name, by its driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "an unknown GPU"
    asked = [program, "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    return (done.stdout.splitlines() or ["an unknown GPU"])[0]
