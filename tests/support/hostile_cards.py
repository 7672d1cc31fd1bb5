"""Hostile cards and metadata: ``PYTHONPATH=tests python -m support.hostile_cards --most 12000``.

Every valid card is changed in every place: other types, huge and negative numbers, what JSON does
not have, keys that are missing, added or stand twice. Wherever such a card is used, it may work or
be refused with a LogitconfError of one sentence; anything else is a fault.
"""

import argparse
import copy
import io
import json
import random
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import logitconf
from logitconf import ConfidenceHead, HeadForm, LogitconfError, ScoreCard
from logitconf.thresholds.certificate import broken_bindings, head_digest, wrong_arithmetic
from logitconf_export import attach, detach, reattach, retune, to_onnx, verify
from logitconf_export.cli.common.view import View
from logitconf_export.cli.judging import inspect as inspection
from logitconf_export.verification.certificate import certificate_checks

Values = dict[str, Any]
Step = Callable[[], object]
Place = tuple[str | int, ...]

CLASSES = 4
LONGEST = 2000
"""Characters of a sentence, which may list what is allowed."""
KEY = "logitconf"
# a text of JSON cannot hold these as values; they are put in afterwards
_RAW = {
    "nan": "NaN",
    "minus infinity": "-Infinity",
    "infinite": "1e999",
    "4400 digits": "1" * 4400,
    "400 digits": "-" + "7" * 400,
    "half a character": '"\\ud800"',
    "an escape": '"\\u001b[2J\\u0000"',
    "deep": "[" * 5000 + "]" * 5000,
    "thirteen deep": "[" * 13 + "]" * 13,
    "wide float": "123456789012345678901234567890.5e270",
}
_VALUES: tuple[object, ...] = (
    None, True, "", "text", "1", 0, -1, 1, 3.5, -0.0, 2**31, 2**63, -(2**64), 10**30, 1e308, 5e-324,
    [], [None], [1, 2], ["a"], [[]], {}, {"a": 1}, {"name": "risk"}, {"name": "value", "value": 0},
    {"name": "per class", "classes": [None]}, "learned", "energy", "binary",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A text that is hardly a card, and what was done to it."""

    seed: str
    change: str
    write: Callable[[], str]

    @property
    def text(self) -> str:
        """The text, made anew each time."""
        return self.write()


@dataclass(frozen=True)
class Fault:
    """A case that ended as none may."""

    case: Case
    step: str
    error: str


@cache
def rows(task: str, members: int = 0) -> tuple[Any, Any, Any]:
    """Logits, labels that are mostly right, and rows from elsewhere."""
    random_ = np.random.default_rng(4)
    shape = (400, CLASSES) + ((members,) if members else ())
    logits = (random_.normal(size=shape) * 3).astype(np.float32)
    mean = logits.mean(axis=-1) if members else logits
    others = random_.normal(size=shape).astype(np.float32)
    if task == "multilabel":
        return logits, (mean + random_.normal(size=mean.shape) > 0).astype(np.float32), others
    if task == "binary":
        return logits[:, 0], (mean[:, 0] + random_.normal(size=400) > 0).astype(int), others[:, 0]
    noise = random_.normal(size=mean.shape)
    return logits, (mean + noise).argmax(axis=1), others


def _fitted(score: Any, task: str, members: int = 0, ood: str = "", **policy: Any) -> Any:
    logits, labels, others = rows(task, members)
    score.fit(logits, labels, holdout=0.5)
    if ood:
        policy["ood_logits"] = others
    score.set_threshold(**policy)
    return score


_SCORES: Mapping[str, Callable[[], Any]] = {
    "certified": lambda: _fitted(logitconf.SoftmaxScore(), "multiclass", risk=0.4),
    "per class": lambda: _fitted(
        logitconf.MarginScore(), "multiclass", risk=0.5, confidence=0.8, per_class=True
    ),
    "per label": lambda: _fitted(
        logitconf.EntropyScore(task="multilabel", per_label=True),
        "multilabel",
        risk=0.6,
        simultaneous=True,
    ),
    "parameters": lambda: _fitted(logitconf.GenScore(), "multiclass", cost=(5.0, 1.0)),
    "one logit": lambda: _fitted(logitconf.SoftmaxScore(task="binary"), "binary", q=0.8),
    "outside": lambda: _fitted(logitconf.EnergyScore(), "multiclass", ood="y", fpr=0.3),
    "inside": lambda: _fitted(logitconf.MaxLogitScore(), "multiclass", ood="y", tpr=0.9),
    "labels": lambda: _fitted(logitconf.EnergyScore(task="multilabel"), "multilabel", coverage=0.8),
    "members": lambda: _fitted(logitconf.MutualInformationScore(), "multiclass", 3, coverage=0.7),
    "chosen": lambda: logitconf.fit(*rows("multiclass")[:2], "auto"),
    "vector map": lambda: _fitted(
        logitconf.SoftmaxScore(calibration="vector"), "multiclass", coverage=0.8
    ),
    "matrix map": lambda: _fitted(
        logitconf.MarginScore(calibration="matrix"), "multiclass", risk=0.5
    ),
    "labels' map": lambda: _fitted(
        logitconf.EntropyScore(task="multilabel", calibration="platt"), "multilabel", q=0.8
    ),
    "learned": lambda: _fitted(
        logitconf.LearnedConfidenceScore(task="binary"), "binary", value=-0.7
    ),
}


@cache
def seeds() -> Mapping[str, Any]:
    """Fitted scores: every policy, with and without certificate, parameters, labels, members."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: make() for name, make in _SCORES.items()}


HOST = """<ir_version: 8, opset_import: ["": 17]>
host (float[N, 4] x) => (float[N, 4] y, float[N, 4] w) {
  z = Neg(x)
  y = Softmax<axis = 1>(z)
  v = Abs(x)
  w = Softmax<axis = 1>(v)
}"""


@cache
def models() -> Mapping[str, onnx.ModelProto]:
    """Models with heads: alone, in a host, and several that decide jointly."""
    host = onnx.parser.parse_model(HOST)
    score = seeds()["certified"]
    form = HeadForm(CLASSES)
    return {
        "head": to_onnx(ConfidenceHead(score.card, form)),
        "labels": to_onnx(seeds()["per label"].compile()),
        "host": attach(host, score.compile(), logits="y", kind="probabilities"),
        "joint": attach(host, score.compile(), several="joint"),
    }


def cases(seed: str, values: Values) -> Iterator[Case]:
    """The values with one change, for every change in every place."""
    for path in [(), *_paths(values)]:
        place = ".".join(map(str, path)) or "all"
        for value in _VALUES:
            yield Case(seed, f"{place} = {value!r}"[:80], partial(_set, values, path, value))
        for name, raw in _RAW.items():
            yield Case(seed, f"{place} = {name}", partial(_raw, values, path, raw))
        if path:
            yield Case(seed, f"{place} is missing", partial(_missing, values, path))
        if path and isinstance(path[-1], str):
            yield Case(seed, f"{place} twice", partial(_twice, values, path))
            yield Case(seed, f"{place} is called otherwise", partial(_renamed, values, path))
        if isinstance(_at(values, path), dict):
            add = partial(_set, values, (*path, "colour"), "red")
            yield Case(seed, f"{place} with another key", add)
    text = json.dumps(values)
    for cut in range(0, len(text), max(1, len(text) // 40)):
        yield Case(seed, f"cut at {cut}", partial(text.__getitem__, slice(cut)))


def _set(values: Values, path: Place, value: object) -> str:
    return json.dumps(_with(values, path, value))


def _raw(values: Values, path: Place, raw: str) -> str:
    return json.dumps(_with(values, path, "@here@")).replace('"@here@"', raw)


def _missing(values: Values, path: Place) -> str:
    return json.dumps(_without(values, path))


def _twice(values: Values, path: Place) -> str:
    text = json.dumps(_with(values, (*path[:-1], "@here@"), _at(values, path)))
    return text.replace("@here@", str(path[-1]))


def _renamed(values: Values, path: Place) -> str:
    return json.dumps(_with(_without(values, path), (*path[:-1], f"{path[-1]}_"), 1))


def _paths(values: object) -> Iterator[Place]:
    if isinstance(values, dict | list):
        for key, value in values.items() if isinstance(values, dict) else enumerate(values[:3]):
            yield (key,)
            yield from ((key, *rest) for rest in _paths(value))


def _at(values: Any, path: Place) -> Any:
    for key in path:
        values = values[key]
    return values


def _with(values: Values, path: Place, value: object) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(values)
    _at(changed, path[:-1])[path[-1]] = value
    return changed


def _without(values: Values, path: Place) -> Any:
    changed = copy.deepcopy(values)
    del _at(changed, path[:-1])[path[-1]]
    return changed


def card_cases() -> list[Case]:
    """Of every valid card, all changes."""
    return [
        case
        for name, score in seeds().items()
        for case in cases(name, json.loads(score.card.to_json()))
    ]


def model_cases() -> list[Case]:
    """Of the metadata of every model with heads, all changes."""
    return [
        case
        for name, model in models().items()
        for case in cases(name, json.loads(metadata_of(model)))
    ]


def metadata_of(model: onnx.ModelProto) -> str:
    """The entry with card and form."""
    return next(str(entry.value) for entry in model.metadata_props if entry.key == KEY)


def card_steps(case: Case, folder: Path) -> Iterator[tuple[str, Step]]:
    """Everything that is done with a card, one thing after the other."""
    path = folder / "card.json"
    path.write_text(case.text, encoding="utf-8")
    yield "inspect", partial(inspected, path)
    made: list[Any] = []
    yield "load", lambda: made.append(logitconf.load(path))
    if not made:
        return
    score = made[0]
    card = score.card
    yield "write", lambda: ScoreCard.from_dict(json.loads(card.to_json()))
    yield "certificate", lambda: (
        broken_bindings(card), wrong_arithmetic(card), head_digest(card), certificate_checks(card)
    )  # fmt: skip
    logits, _, _ = rows(card.task, 3 if card.members is not None else 0)
    yield "score", lambda: score.select(logits[:5])
    heads: list[ConfidenceHead] = []
    form = {"n_classes": 1 if card.task == "binary" else CLASSES}
    yield "compile", lambda: heads.append(score.compile(**form))
    if heads:
        yield "export", lambda: to_onnx(heads[0])
        host = onnx.parser.parse_model(HOST)
        yield "attach", lambda: attach(host, heads[0], logits="z", kind="logits", class_axis=1)
    # and the threshold is gone
    yield "calibrate", lambda: score.calibrate(logits[:50])


def model_steps(case: Case, folder: Path, *, thorough: bool) -> Iterator[tuple[str, Step]]:
    """Everything that is done with a model whose metadata are the text."""
    model = copy.deepcopy(models()[case.seed])
    entry = next(entry for entry in model.metadata_props if entry.key == KEY)
    try:
        entry.value = case.text
    except UnicodeError:
        # halves of characters are no text of protobuf, so no file has them
        return
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    yield "inspect", partial(inspected, path)
    yield "detach", lambda: detach(model)
    yield "retune", lambda: retune(model, temperature=2.0, head="all")
    yield "reattach", lambda: reattach(model)
    if thorough:
        yield "verify", lambda: verify(model, pairs=5)


def inspected(path: Path) -> None:
    """What the command ``inspect`` prints, as a stream of UTF-8 takes it."""
    with redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")):
        inspection.inspect(path, view=View(verbose=True))


def ended(case: Case, steps: Iterator[tuple[str, Step]]) -> Iterator[tuple[str, str, Fault | None]]:
    """How each step ended: the step, one word, and the fault if it is one."""
    for step, act in steps:
        try:
            with warnings.catch_warnings():
                # advice is no fault, whatever the tests make of warnings
                warnings.simplefilter("ignore")
                act()
        except LogitconfError as error:
            words = str(error)
            if not words or len(words) > LONGEST:
                yield step, "fault", Fault(case, step, f"a sentence of {len(words)} characters")
            else:
                yield step, "refused", None
        except Exception as error:
            yield step, "fault", Fault(case, step, f"{type(error).__name__}: {error}"[:200])
        else:
            yield step, "works", None


def try_all(
    most: int, folder: Path, *, thorough: bool, seed: int = 0
) -> tuple[Counter[tuple[str, str]], Counter[str], list[Fault]]:
    """Counts by step and outcome, counts of cases, and the faults; at most so many cases of each.

    Every second case is one of metadata.
    """
    ends: Counter[tuple[str, str]] = Counter()
    tried: Counter[str] = Counter()
    faults: list[Fault] = []
    random_ = random.Random(seed)
    for what, found in (("card", card_cases()), ("metadata", model_cases())):
        chosen = found if len(found) <= most // 2 else random_.sample(found, most // 2)
        for case in chosen:
            steps = (
                card_steps(case, folder)
                if what == "card"
                else model_steps(case, folder, thorough=thorough)
            )
            outcomes = list(ended(case, steps))
            tried[what] += 1
            tried[f"{what} with a fault"] += any(fault for _, _, fault in outcomes)
            for step, end, fault in outcomes:
                ends[f"{what}: {step}", end] += 1
                if fault is not None:
                    faults.append(fault)
    return ends, tried, faults


def main() -> None:
    """Prints the counts and the first of each kind of fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=12000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ends, tried, faults = try_all(
            given.most, Path(folder), thorough=not given.quick, seed=given.seed
        )
    print(dict(tried))
    for (step, end), count in sorted(ends.items()):
        print(f"{step:24} {end:8} {count}")
    kinds = Counter((fault.step, fault.error[:60]) for fault in faults)
    first = {(fault.step, fault.error[:60]): fault for fault in reversed(faults)}
    for kind, count in kinds.most_common(60):
        print(count, first[kind].case.seed, "|", first[kind].case.change, "|", *kind)


if __name__ == "__main__":
    main()
