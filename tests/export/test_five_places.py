"""Fitted, saved, loaded, compiled, exported, attached: the same decisions on real logits."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import real_data
import torch
from onnx import parser
from score_cases import SCORE_CLASSES, make

import logitconf
from logitconf import LogitconfWarning
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
@pytest.mark.parametrize("name", SCORE_CLASSES)
@pytest.mark.parametrize("runtime", ["any", "onnxruntime"])
def test_no_mask_flips_between_five_places_at_400_coverages(
    name: str, data: str, runtime: str, tmp_path: Path
) -> None:
    split = real_data.LOGIT_SPLITS[data]()
    score = make(name).fit(split.fit_logits, split.fit_labels)
    score.set_threshold(coverage=0.9)
    score.save(tmp_path / "card.json")
    loaded = logitconf.load(tmp_path / "card.json")
    rows = split.test_logits
    logits = torch.from_numpy(rows)
    head = score.compile(runtime=runtime)
    exported = outputs(to_onnx(head), {"logits": rows})
    attached = outputs(attach(classifier(rows.shape[1]), head), {"x": rows})
    scores = {
        "in memory": score.score(logits).numpy(),
        "loaded": loaded.score(logits).numpy(),
        "compiled": head(logits)[0].numpy(),
        "exported": exported[0],
        "attached": attached[0],
    }
    for _, mask in (exported, attached):
        np.testing.assert_array_equal(mask, loaded.select(logits)["selected"].numpy())
    flips = {}
    for coverage in COVERAGES.tolist():
        with warnings.catch_warnings():
            # saturated scores and rows without a gap are warned about; they may not flip either
            warnings.simplefilter("ignore", LogitconfWarning)
            score.set_threshold(coverage=coverage)
        expected = scores["in memory"] < score.threshold
        for place, found in scores.items():
            different = int(((found < score.threshold) != expected).sum())
            if different:
                flips[place, coverage] = different
    assert flips == {}
