"""What is installed and what works here, with what to install for the rest."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata

import onnx

from logitconf.errors import LogitconfError
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.runtimes.probing import Probe, difference, probe_all, tiny_head

_OF_USERS = (
    "torch",
    "cpu",
    "gpu",
    "sklearn",
    "tables",
    "demo",
    "plot",
    "runtimes",
    "ray",
    "spark",
    "dask",
)
_BASE = ("logitconf", "numpy", "scipy", "onnx", "msgspec", "array-api-compat", "typer", "rich")


@dataclass(frozen=True, slots=True)
class Extra:
    """A group of optional packages.

    Attributes:
        name: as in ``logitconf[name]``.
        missing: its packages that are not installed, or are older than needed.
    """

    name: str
    missing: tuple[str, ...]

    @property
    def install(self) -> str:
        """The line that brings it."""
        return f'pip install "logitconf[{self.name}]"'


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is here.

    Attributes:
        fault: why logitconf itself does not work; empty if it does.
        packages: versions by name, of what is installed.
        extras: groups of optional packages.
        probes: of runtimes and providers.
        gpus: NVIDIA's, that the driver names.
        no_gpu: why it names none; empty if it does.
    """

    fault: str
    packages: Mapping[str, str]
    extras: tuple[Extra, ...]
    probes: tuple[Probe, ...]
    gpus: tuple[str, ...]
    no_gpu: str

    @property
    def works(self) -> bool:
        """Whether heads can be made, and NumPy decides by them."""
        return not self.fault

    @property
    def verdict(self) -> str:
        """What works here, in one sentence."""
        if self.fault:
            return f"FAILED: logitconf does not work here: {self.fault}"
        running = [each.runtime for each in self.probes if each.outcome == "works"]
        if "onnxruntime" not in running:
            ort = next(each for each in self.probes if each.runtime == "onnxruntime")
            return (
                "PARTLY: scores are fitted and heads attached, but no model can be run by "
                f"onnxruntime: {ort.detail}"
            )
        providers = [p.provider for p in self.probes if p.provider and p.outcome == "works"]
        others = len({*running} - {"onnxruntime"})
        more = f" and on {others} other runtime{'s' if others > 1 else ''}" if others else ""
        where = ", ".join(each for each in providers if each)
        return f"WORKS: heads run by onnxruntime on {where}{more}{self._without_gpu()}"

    def _without_gpu(self) -> str:
        """Why no GPU is used, as the end of a sentence; empty if one is."""
        cuda = next((each for each in self.probes if each.provider == "cuda"), None)
        if cuda is None or cuda.outcome == "works":
            return ""
        return f"; no GPU is used: {cuda.detail if self.gpus else self.no_gpu}"

    def to_dict(self) -> dict[str, object]:
        """Everything as JSON values."""
        return {
            "works": self.works,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": dict(self.packages),
            "gpus": list(self.gpus),
            "no_gpu": self.no_gpu,
            "runtimes": [
                {name: getattr(each, name) for name in Probe.__slots__} for each in self.probes
            ],
            "extras": [
                {"name": e.name, "missing": list(e.missing), "install": e.install}
                for e in self.extras
            ],
        }


def diagnose() -> Diagnosis:
    """Looks at everything; runtimes are tried in processes of their own."""
    known = extras()
    gpus, no_gpu = _gpus()
    names = [*_BASE, "torch", *(package for each in known for package, _ in each[1])]
    return Diagnosis(
        fault=_fault(),
        packages={name: v for name in dict.fromkeys(names) if (v := _version(name)) is not None},
        extras=tuple(Extra(name, _missing(packages)) for name, packages in known),
        probes=probe_all(),
        gpus=gpus,
        no_gpu=no_gpu,
    )


def extras() -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """The extras that users install, each with its packages and the oldest version of each.

    They are what the installed package says of itself; none where it is not installed.
    """
    try:
        required = metadata.requires("logitconf") or []
    except metadata.PackageNotFoundError:
        required = []
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in _OF_USERS}
    for line in required:
        needed = re.match(r"""([\w.-]+)(?:\[.*?\])?(?:>=([\d.]+))?.*extra == ['"](\w+)""", line)
        if needed and needed[3] in found and needed[1] != "logitconf":
            found[needed[3]].append((needed[1], needed[2] or "0"))
    return [(name, tuple(packages)) for name, packages in found.items() if packages]


def _missing(packages: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    absent = []
    for name, oldest in packages:
        version = _version(name)
        if version is None:
            absent.append(name)
        elif _numbers(version) < _numbers(oldest):
            absent.append(f"{name} {version}, which is older than {oldest}")
    return tuple(absent)


def _numbers(version: str) -> tuple[int, ...]:
    """What a version begins with, for comparison.

    >>> _numbers("2.13.0+cpu") < _numbers("2.9"), _numbers("5") < _numbers("5.0.0.93")
    (False, True)
    """
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+", maxsplit=1)[0]))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _fault() -> str:
    """Why a head cannot be made and judged here; empty if it can."""
    head, rows = tiny_head()
    try:
        model = to_onnx(head)
        onnx.checker.check_model(model)
    except (LogitconfError, onnx.checker.ValidationError) as error:
        return str(error)
    score, mask = head(rows)[:2]
    # three rows are sure, two are not, one has no score
    if mask.tolist() != [True, False, True, False, True, False]:
        return f"NumPy decides wrongly: {mask.tolist()}"
    return difference(head, rows, score, mask)


def _gpus() -> tuple[tuple[str, ...], str]:
    """NVIDIA's GPUs by name, and why there are none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return (), "there is no NVIDIA driver (no nvidia-smi)"
    try:
        done = subprocess.run(
            [program, "-L"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return (), f"nvidia-smi does not answer: {error}"
    names = tuple(re.findall(r"^GPU \d+: (.*?)(?: \(UUID|$)", done.stdout, re.MULTILINE))
    return names, "" if names else f"nvidia-smi names none: {done.stdout.strip()[:200]}"
