"""Accuracy of what is accepted: ``PYTHONPATH=tests python -m benchmarks.accepted``.

Temperature and threshold are fitted on one half of the rows by the command ``fit``, the head is
attached by ``attach``, and the attached file decides about the other half.
"""

import contextlib
import io
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from support.real_hosts import REAL_HOSTS, NotAvailableError, fetch

from logitconf_export.cli.app import run
from logitconf_export.runtimes.sessions import Session

Array = NDArray[Any]
COVERAGE = 0.9
SCORES = ("softmax", "entropy", "margin")
SUFFIXES = {
    ".py": "python", ".pyc": "pythonbytecode", ".c": "c", ".h": "c", ".cpp": "cpp", ".hpp": "cpp",
    ".js": "javascript", ".css": "css", ".html": "html", ".json": "json", ".md": "markdown",
    ".rst": "rst", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".csv": "csv", ".xml": "xml",
    ".svg": "svg", ".png": "png", ".gif": "gif", ".so": "elf", ".exe": "pebin", ".sh": "shell",
    ".npy": "npy", ".npz": "npz", ".ttf": "ttf", ".proto": "proto", ".sql": "sql",
    ".f90": "fortran", ".f": "fortran", ".ini": "ini", ".tcl": "tcl", ".bat": "batch",
    ".ps1": "powershell", ".ipynb": "ipynb", ".po": "po", ".wav": "wav", ".pem": "pem",
    ".txt": "txt", ".onnx": "onnx",
}  # fmt: skip
MOST_OF_A_KIND = 150


@dataclass(frozen=True)
class LabelledHost:
    """A host, its input (N, ...), and the class index (N,) that is right."""

    name: str
    model: bytes
    rows: Array
    labels: Array


def magika() -> LabelledHost:
    """File types of the Python installation, labelled by their suffix."""
    import json
    import zipfile

    host = next(h for h in REAL_HOSTS if h.package == "magika==1.0.3")
    path = fetch(host)
    wheels = path.parents[4].parent / "wheels" / "magika-1.0.3"
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        config = json.loads(wheel.read("magika/models/standard_v3_3/config.min.json"))
    names: list[str] = config["target_labels_space"]
    rng = np.random.default_rng(1)
    by_kind: dict[str, list[Path]] = {}
    for folder in sorted({Path(p) for p in (sys.prefix, sys.base_prefix)}):
        for file in sorted((folder / "lib").rglob("*")):
            if SUFFIXES.get(file.suffix) and file.is_file() and file.stat().st_size >= 16:
                by_kind.setdefault(SUFFIXES[file.suffix], []).append(file)
    rows, labels = [], []
    for kind, files in sorted(by_kind.items()):
        chosen = rng.permutation(len(files))[:MOST_OF_A_KIND]
        rows += [_ends(files[k].read_bytes()) for k in chosen]
        labels += [names.index(kind)] * len(chosen)
    return LabelledHost("magika 1.0.3, file types", path.read_bytes(), np.stack(rows), _int(labels))


def _ends(content: bytes) -> Array:
    """First and last 1024 bytes without outer white space, 256 where there are none."""
    row = np.full(2048, 256, dtype=np.int32)
    start = np.frombuffer(content[:4096].lstrip()[:1024], dtype=np.uint8)
    end = np.frombuffer(content[-4096:].rstrip()[-1024:], dtype=np.uint8)
    row[: len(start)] = start
    row[2048 - len(end) :] = end
    return row


def _int(labels: list[int]) -> Array:
    return np.array(labels, dtype=np.int64)


def _converted(name: str, fitted: Any, rows: Array, labels: Array) -> LabelledHost:
    import skl2onnx

    last = fitted[-1] if hasattr(fitted, "steps") else fitted
    model = skl2onnx.to_onnx(
        fitted,
        rows[:1].astype(np.float32),
        target_opset={"": 17, "ai.onnx.ml": 3},
        options={id(last): {"zipmap": False}},
    )
    return LabelledHost(name, model.SerializeToString(), rows.astype(np.float32), labels)


def _split(data: Any, training: int) -> tuple[Array, Array, Array, Array]:
    rows, labels = data
    order = np.random.default_rng(0).permutation(len(labels))
    first, rest = order[:training], order[training:]
    return rows[first], labels[first], rows[rest], labels[rest]


def digits() -> LabelledHost:
    """Handwritten digits, a small network trained on 300 of them."""
    x, y, rows, labels = _split(load_digits(return_X_y=True), 300)
    fitted = make_pipeline(
        StandardScaler(), MLPClassifier((32,), max_iter=300, random_state=0)
    ).fit(x, y)
    return _converted("digits, network of scikit-learn", fitted, rows, labels)


def tumours() -> LabelledHost:
    """Breast cancer, trees trained on 150 rows."""
    x, y, rows, labels = _split(load_breast_cancer(return_X_y=True), 150)
    fitted = ExtraTreesClassifier(50, max_depth=4, random_state=0).fit(x.astype(np.float32), y)
    return _converted("breast cancer, trees of scikit-learn", fitted, rows, labels)


def words() -> LabelledHost:
    """Text: which of ten packages of the standard library a line of source comes from."""
    folder = Path(contextlib.__file__).parent
    packages = ("asyncio", "email", "http", "json", "logging", "sqlite3", "tkinter", "unittest",
                "xml", "ctypes")  # fmt: skip
    lines, labels = [], []
    rng = np.random.default_rng(2)
    for label, package in enumerate(packages):
        own = sorted(
            {
                line.strip()
                for file in sorted((folder / package).rglob("*.py"))
                for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
                if len(line.split()) >= 6
            }
        )
        chosen = rng.permutation(len(own))[:600]
        lines += [own[k] for k in chosen]
        labels += [label] * len(chosen)
    text, kinds = np.array(lines, dtype=object), _int(labels)
    x, y, rest, answers = _split((text, kinds), len(text) // 2)
    features = TfidfVectorizer(max_features=3000).fit(x)
    fitted = LogisticRegression(max_iter=300, C=5.0).fit(features.transform(x).toarray(), y)
    return _converted(
        "lines of Python by package, logistic regression", fitted,
        features.transform(rest).toarray(), answers,
    )  # fmt: skip


HOSTS: tuple[Callable[[], LabelledHost], ...] = (magika, digits, tumours, words)


def interval(count: int, total: int) -> str:
    """A share with its exact 95 % interval."""
    low = beta.ppf(0.025, count, total - count + 1) if count else 0.0
    high = beta.ppf(0.975, count + 1, total - count) if count < total else 1.0
    return f"{count / total:.2%} ({low:.2%}–{high:.2%})"


@dataclass(frozen=True)
class Figures:
    """Rows of the other half: right of all, accepted, right of the accepted."""

    rows: int
    right: int
    accepted: int
    accepted_right: int


def measured(host: LabelledHost, score: str, folder: Path) -> Figures:
    """Fit on one half, attach, and what the attached file accepts of the other half."""
    order = np.random.default_rng(3).permutation(len(host.labels))
    fit, test = order[: len(order) // 2], order[len(order) // 2 :]
    (folder / "host.onnx").write_bytes(host.model)
    name = onnx.ModelProto.FromString(host.model).graph.input[0].name
    arrays: dict[str, Any] = {name: host.rows[fit], "labels": host.labels[fit]}
    np.savez(folder / "fit.npz", **arrays)
    arguments = ["--data", str(folder / "fit.npz"), "--score", score, "--coverage", str(COVERAGE)]
    if len(np.unique(host.labels)) == 2:
        arguments += ["--task", "binary"]
    source, card, out = (str(folder / n) for n in ("host.onnx", "card.json", "out.onnx"))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = run(["fit", "--model", source, *arguments, "-o", card, "--force"])
        code = code or run(["attach", source, card, "-o", out, "--force"])
    if code:
        raise RuntimeError(f"{host.name}: exit code {code}")
    with Session(onnx.load(out), threads=1, profile=False) as session:
        outputs = list(session.output_types)
        shares = next(n for n in outputs if n in ("target_label", "probabilities"))
        parts = [
            session.run({name: host.rows[part]}, [shares, "mask"])
            for part in np.array_split(test, max(1, len(test) // 128))
        ]
    right = np.concatenate([p[0].argmax(axis=1) for p in parts]) == host.labels[test]
    mask = np.concatenate([p[1] for p in parts])
    return Figures(len(test), int(right.sum()), int(mask.sum()), int((right & mask).sum()))


def results() -> Iterator[tuple[str, str, Figures]]:
    """Host, score, figures."""
    for make in HOSTS:
        try:
            host = make()
        except NotAvailableError as reason:
            sys.stdout.write(f"{make.__name__}: {reason}\n")
            continue
        with tempfile.TemporaryDirectory() as folder:
            for score in SCORES:
                yield host.name, score, measured(host, score, Path(folder))


def main() -> None:
    """Prints the table."""
    warnings.simplefilter("ignore")
    sys.stdout.write("| host | score | rows | right of all | accepted | right of the accepted |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    for name, score, found in results():
        cells = (
            name, score, str(found.rows), interval(found.right, found.rows),
            f"{found.accepted / found.rows:.2%}", interval(found.accepted_right, found.accepted),
        )  # fmt: skip
        sys.stdout.write(f"| {' | '.join(cells)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
