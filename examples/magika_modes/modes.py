"""One file that decides as magika's own code does in all its modes, on other runtimes too.

Run it with: python examples/magika_modes/modes.py [FOLDER] [STRINGS] [RUNTIME ...]

magika tells content types by a network and a page of rules around it: thresholds for some types, a
generic label where the network is unsure, names that stand for others. Here the rules go into the
model file, and its labels are compared with those of magika's code on byte strings.
"""

import io
import json
import random
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import magika
import numpy as np
import onnx
from magika.types import ModelFeatures
from magika.types.seekable import Seekable

import logitconf
from logitconf.card.modes import LabelMap, Modes
from logitconf_export.runtimes.protocol import Job, RunError
from logitconf_export.runtimes.targets.table import RuntimeRequest

MODES = {
    "high-confidence": magika.PredictionMode.HIGH_CONFIDENCE,
    "medium-confidence": magika.PredictionMode.MEDIUM_CONFIDENCE,
    "best-guess": magika.PredictionMode.BEST_GUESS,
}
HOME = Path(magika.__file__).parent
MODEL = HOME / "models" / "standard_v3_3" / "model.onnx"
BATCH = 100
Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"


def at_least(share: float) -> float:
    """The threshold on −p that accepts p >= share: float32, and strictly below accepts."""
    largest_below = np.float32(share)
    while float(largest_below) >= share:
        largest_below = np.nextafter(largest_below, np.float32(0))
    return -float(largest_below)


def card() -> logitconf.ScoreCard:
    """magika's rules as a card: thresholds by mode and class, and which label stands for each."""
    config = json.loads((MODEL.parent / "config.min.json").read_text(encoding="utf-8"))
    types = json.loads((HOME / "config" / "content_types_kb.min.json").read_text(encoding="utf-8"))
    classes = config["target_labels_space"]
    medium = config["medium_confidence_threshold"]
    high = [config["thresholds"].get(name, medium) for name in classes]
    # whatever has a score lies below 0
    thresholds = (
        tuple(map(at_least, high)),
        (at_least(medium),) * len(classes),
        (0.0,) * len(classes),
    )
    accepted = [config["overwrite_map"].get(name, name) for name in classes]
    rejected = ["txt" if types[name]["is_text"] else "unknown" for name in accepted]
    names = tuple(dict.fromkeys([*classes, *accepted, *rejected]))
    labels = [tuple(map(names.index, labels)) for labels in (accepted, rejected)]
    return logitconf.ScoreCard(
        "softmax",
        "multiclass",
        threshold=thresholds[0],
        n_classes=len(classes),
        class_names=names,
        modes=Modes(tuple(MODES), thresholds, "high-confidence"),
        label_map=LabelMap(*labels),
    )


def strings(count: int, seed: int = 0) -> Iterator[bytes]:
    """Pieces of files that come with Python, some of them shuffled or cut, and random bytes."""
    chance = random.Random(seed)
    folders = [Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")]
    paths = [
        path
        for folder in folders
        for pattern in ("**/*.[a-z]*", "**/[A-Z]*")
        for path in folder.glob(pattern)
        if path.is_file()
    ]
    paths.sort()
    for index in range(count):
        if index % 10 == 0:
            yield chance.randbytes(chance.randint(16, 3000))
            continue
        content = chance.choice(paths).read_bytes()
        start = chance.randrange(max(1, len(content) - 8))
        piece = bytearray(content[start : start + chance.choice((20, 60, 200, 1000, 6000))])
        if index % 3 == 0:
            for place in chance.sample(range(len(piece)), len(piece) // 20):
                piece[place] = chance.randrange(256)
        yield bytes(piece)


def by_the_network(pieces: Sequence[bytes]) -> tuple[Array, dict[str, list[str]]]:
    """What the network reads of each piece that it is asked about, and magika's label by mode.

    Of some pieces magika needs no network to decide: they are too short, or blank.
    """
    tellers = {mode: magika.Magika(prediction_mode=kind) for mode, kind in MODES.items()}
    first = next(iter(tellers.values()))
    asked: list[tuple[Path, ModelFeatures]] = []
    for index, piece in enumerate(pieces):
        _, features = first._get_result_or_features_from_seekable(Seekable(io.BytesIO(piece)))
        if features is not None:
            asked.append((Path(str(index)), features))
    outputs = [
        output
        for start in range(0, len(asked), BATCH)
        for _, output in first._get_model_outputs_from_features(asked[start : start + BATCH])
    ]
    labels = {
        mode: [
            str(teller._get_output_label_from_dl_label_and_score(each.label, each.score)[0])
            for each in outputs
        ]
        for mode, teller in tellers.items()
    }
    rows = np.array([[*each.beg, *each.mid, *each.end] for _, each in asked], dtype=np.int32)
    return rows, labels


def labels_on(runtime: str, model: onnx.ModelProto, mode: str, rows: Array) -> Array:
    """The file's labels in a mode.

    onnxruntime in Python takes the mode's thresholds as an optional input. In Node it passes over
    such inputs without a word (1.30), and others refuse them: there the mode is chosen in the file.
    """
    modes = card().modes
    if runtime == "tract" or modes is None:
        return labels_on_tract(model, mode, rows)
    given = {}
    if runtime == "onnxruntime":
        given["logitconf/threshold"] = np.array(modes.threshold(mode), dtype=np.float32)
    else:
        model = logitconf.retune(model, mode=mode)
    content = model.SerializeToString()
    jobs = [
        Job(content, {"bytes": rows[start : start + BATCH], **given}, ("label",))
        for start in range(0, len(rows), BATCH)
    ]
    labels = []
    for answer in RuntimeRequest(runtime).runtime().run(jobs):
        if isinstance(answer, RunError):
            raise SystemExit(f"{runtime}: {answer.reason}")
        labels.append(np.asarray(answer[0]))
    return np.concatenate(labels)


def labels_on_tract(model: onnx.ModelProto, mode: str, rows: Array) -> Array:
    """The same with the thresholds in the file: tract takes inputs with a default for constants.

    It loads magika's network with a fixed batch alone, so that the last one is filled up.
    """
    import tract

    plain = logitconf.attach(logitconf.detach(model), card(), outputs=["label"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        logitconf.retune(plain, path, mode=mode)
        loaded = tract.onnx().load(str(path))
        loaded.set_input_fact(0, f"{BATCH},{rows.shape[1]},i32")
        loaded.analyse()
        runnable = loaded.into_model().into_runnable()
    place = [value.name for value in plain.graph.output].index("label")
    labels = []
    for start in range(0, len(rows), BATCH):
        taken = np.minimum(np.arange(start, start + BATCH), len(rows) - 1)
        outputs = runnable.run([np.ascontiguousarray(rows[taken])])
        labels.append(outputs[place].to_numpy())
    return np.concatenate(labels)[: len(rows)]


def main(folder: Path, count: int, runtimes: Sequence[str]) -> None:
    """Writes the file and compares it with magika's code, mode by mode and runtime by runtime."""
    held = card()
    path = folder / "magika_with_head.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    model = logitconf.attach(str(MODEL), held, path, outputs=["label"], tunable=True, force=True)
    names = held.class_names or ()
    rows, expected = by_the_network(list(strings(count)))
    print(f"{path.name}: outputs {', '.join(value.name for value in model.graph.output)}")
    print(f"{len(rows)} byte strings that magika asks its network about")
    for runtime in runtimes:
        for mode, wanted in expected.items():
            given = [names[label] for label in labels_on(runtime, model, mode, rows)]
            unlike = sum(a != b for a, b in zip(given, wanted, strict=True))
            generic = sum(label in ("txt", "unknown") for label in wanted)
            print(f"{runtime}, {mode}: {unlike} labels differ; {generic} are txt or unknown")


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "magika_example"),
        int(sys.argv[2]) if len(sys.argv) > 2 else 300,
        sys.argv[3:] or ["onnxruntime"],
    )
