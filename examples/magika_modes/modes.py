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
from logitconf.head_spec import Head
from logitconf_export.heads.metadata import read_metadata
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
TOGETHER = 500
"""Strings in one process, so that a slow runtime ends in its time."""
MOST_WHOLE = 1000
"""Strings up to which the network runs in every mode, not in the first one alone."""
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
    # one by one: onnxruntime (1.31, x86) adds up in another order in a batch, and the network's
    # normalisation makes a thousandth of that
    outputs = [
        output for each in asked for _, output in first._get_model_outputs_from_features([each])
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


def by_the_rules(probabilities: Array) -> dict[str, list[str]]:
    """magika's label by mode, of what its network gave on some runtime."""
    tellers = {mode: magika.Magika(prediction_mode=kind) for mode, kind in MODES.items()}
    classes = list(
        map(magika.ContentTypeLabel, (card().class_names or ())[: probabilities.shape[1]])
    )
    return {
        mode: [
            str(
                teller._get_output_label_from_dl_label_and_score(classes[place], float(row[place]))[
                    0
                ]
            )
            for row, place in zip(probabilities, probabilities.argmax(axis=1), strict=True)
        ]
        for mode, teller in tellers.items()
    }


def labels_on(
    runtime: str, rows: Array, *, whole: bool = True
) -> tuple[dict[str, list[str]], Array]:
    """The file's labels by mode on a runtime, and what the network gave there.

    onnxruntime in Python takes the mode's thresholds as an optional input. In Node it passes over
    such inputs without a word (1.30), and others refuse them: there the mode is chosen in the file.

    Args:
        runtime: its name.
        rows: as the network reads them.
        whole: whether the network runs in each mode; else in the first one alone, and the others'
            heads on the logits of that.
    """
    held = card()
    assert held.modes is not None
    takes_inputs = runtime == "onnxruntime"
    file = logitconf.attach(str(MODEL), held, outputs=["label"], tunable=takes_inputs)
    names = ["label", file.graph.output[0].name]
    if not whole:
        names.append(add_output(file))
    labels: dict[str, list[str]] = {}
    for mode in MODES:
        given = {"logitconf/threshold": np.array(held.modes.threshold(mode), dtype=np.float32)}
        tuned = file if takes_inputs else logitconf.retune(file, mode=mode)
        feeds = given if takes_inputs else {}
        if whole or not labels:
            places, probabilities, *logits = outputs_on(
                runtime, tuned, {"bytes": rows, **feeds}, names
            )
        else:
            head = read_metadata(tuned)
            alone = logitconf.to_onnx(Head.of_card(head.card, head.form))
            (places,) = outputs_on(runtime, alone, {"logits": logits[0], **feeds}, names[:1])
        labels[mode] = [(held.class_names or ())[place] for place in places]
    return labels, probabilities


def add_output(file: onnx.ModelProto) -> str:
    """Makes an output of the logits that the head reads, in place; their name."""
    place = read_metadata(file).attached
    assert place is not None
    shape = [
        dim.dim_param or dim.dim_value for dim in file.graph.output[0].type.tensor_type.shape.dim
    ]
    logits = onnx.helper.make_tensor_value_info(place.tensor, onnx.TensorProto.FLOAT, shape)
    file.graph.output.append(logits)
    return place.tensor


def outputs_on(
    runtime: str, model: onnx.ModelProto, feeds: dict[str, Array], names: Sequence[str]
) -> list[Array]:
    """What a file gives on a runtime, batch by batch, a few at a time, the last one filled up.

    onnxruntime runs one string at a time, as magika does; see `by_the_network`.
    """
    (key, rows), *others = feeds.items()
    batch = 1 if runtime in ("onnxruntime", "onnxruntime-node") else BATCH
    batches = [
        rows[np.minimum(np.arange(start, start + batch), len(rows) - 1)]
        for start in range(0, len(rows), batch)
    ]
    content = model.SerializeToString()
    answers: list[Any] = []
    if runtime == "tract":
        answers += on_tract(content, batches, [value.name for value in model.graph.output], names)
        batches = []
    for start in range(0, len(batches), TOGETHER // batch):
        few = batches[start : start + TOGETHER // batch]
        jobs = [Job(content, {key: each, **dict(others)}, tuple(names)) for each in few]
        answers += RuntimeRequest(runtime).runtime().run(jobs)
    for answer in answers:
        if isinstance(answer, RunError):
            raise SystemExit(f"{runtime}: {answer.reason}")
    return [np.concatenate(parts)[: len(rows)] for parts in zip(*answers, strict=True)]


def on_tract(
    content: bytes, batches: Sequence[Array], outputs: Sequence[str], names: Sequence[str]
) -> Iterator[list[Array]]:
    """The same on tract, which loads magika's network with a fixed batch alone."""
    import tract

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(content)
        loaded = tract.onnx().load(str(path))
    dtype = {"float32": "f32", "int32": "i32"}[str(batches[0].dtype)]
    loaded.set_input_fact(0, f"{BATCH},{batches[0].shape[1]},{dtype}")
    loaded.analyse()
    runnable = loaded.into_model().into_runnable()
    for batch in batches:
        values = runnable.run([np.ascontiguousarray(batch)])
        yield [values[outputs.index(name)].to_numpy() for name in names]


def main(folder: Path, count: int, runtimes: Sequence[str]) -> None:
    """Writes the file and compares it with magika's code, mode by mode and runtime by runtime."""
    path = folder / "magika_with_head.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    model = logitconf.attach(str(MODEL), card(), path, outputs=["label"], tunable=True, force=True)
    rows, expected = by_the_network(list(strings(count)))
    print(f"{path.name}: outputs {', '.join(value.name for value in model.graph.output)}")
    print(f"{len(rows)} byte strings that magika asks its network about")
    for runtime in runtimes:
        labels, probabilities = labels_on(runtime, rows, whole=len(rows) <= MOST_WHOLE)
        there = by_the_rules(probabilities)
        for mode, wanted in expected.items():
            unlike = sum(a != b for a, b in zip(labels[mode], wanted, strict=True))
            own = sum(a != b for a, b in zip(labels[mode], there[mode], strict=True))
            generic = sum(label in ("txt", "unknown") for label in wanted)
            print(
                f"{runtime}, {mode}: {unlike} labels differ from those in Python, {own} from "
                f"magika's rules on what the network gives there; {generic} are txt or unknown"
            )


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "magika_example"),
        int(sys.argv[2]) if len(sys.argv) > 2 else 300,
        sys.argv[3:] or ["onnxruntime"],
    )
