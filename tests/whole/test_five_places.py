"""Fitted, saved, loaded, compiled, exported, attached: the same decisions on real logits."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import parser
from support import real_data
from support.score_cases import NAMES, make

import logitconf
from logitconf.fitting.fit import rounding_of
from logitconf_export import attach, to_onnx

COVERAGES = np.linspace(0.0025, 0.9975, 400)


def outputs(model: onnx.ModelProto, feeds: dict[str, Any]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found: list[Any] = session.run(["score", "mask"], feeds)
    return found


def classifier(columns: int) -> onnx.ModelProto:
    """A host whose logits are its inputs, hidden behind a softmax."""
    return parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 17]> host (float[N, {columns}] x) '
        f"=> (float[N, {columns}] p) {{ z = Identity(x)\n p = Softmax <axis = 1> (z) }}"
    )


@pytest.mark.parametrize("data", real_data.LOGIT_SPLITS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("runtime", ["any", "onnxruntime", "cuda"])
def test_five_places_decide_alike_at_400_coverages(
    name: str, data: str, runtime: str, tmp_path: Path
) -> None:
    split = real_data.LOGIT_SPLITS[data]()
    score = make(name).fit(split.fit_logits, split.fit_labels)
    score.card = replace(score.card, threshold=0.5)
    score.save(tmp_path / "card.json")
    loaded = logitconf.load(tmp_path / "card.json")
    head = score.compile(runtime=runtime)
    exported = to_onnx(head)
    attached = attach(classifier(split.fit_logits.shape[1]), head)
    found = {}
    for kind, rows in (("calibration", split.fit_logits), ("new", split.test_logits)):
        logits = torch.from_numpy(rows)
        found[kind] = {
            "in memory": score.score(logits).numpy(),
            "loaded": loaded.score(logits).numpy(),
            "compiled": head(logits)[0].numpy(),
            "exported": outputs(exported, {"logits": rows})[0],
            "attached": outputs(attached, {"x": rows})[0],
        }
    for coverage in COVERAGES.tolist():
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            score.set_threshold(coverage=coverage)
        assert isinstance(score.threshold, float)
        threshold = np.float32(score.threshold)
        band = rounding_of(score.card).bands(threshold)
        for kind, scores in found.items():
            expected = scores["in memory"] < threshold
            for place, values in scores.items():
                flipped = (values < threshold) != expected
                # no gap is promised around rows that the threshold was not placed among, nor where
                # the score is so saturated that a warning says so
                if kind == "calibration" and not told:
                    assert not flipped.any(), f"{place} at coverage {coverage}"
                assert (np.abs(scores["in memory"][flipped] - threshold) <= band).all(), place


@pytest.mark.parametrize("data", real_data.LOGIT_SPLITS)
@pytest.mark.parametrize("name", ["softmax", "energy", "margin"])
def test_in_double_the_exported_scores_are_those_of_torch_to_the_last_bit(
    name: str, data: str
) -> None:
    split = real_data.LOGIT_SPLITS[data]()
    score = make(name).fit(split.fit_logits, split.fit_labels)
    score.set_threshold(value=float(np.median(score.score(split.fit_logits))))
    head = score.compile(precision="float64")
    expected = [value.numpy() for value in head(torch.from_numpy(split.test_logits))]
    found = outputs(to_onnx(head), {"logits": split.test_logits})
    for ours, theirs in zip(expected, found, strict=True):
        np.testing.assert_array_equal(theirs, ours)
