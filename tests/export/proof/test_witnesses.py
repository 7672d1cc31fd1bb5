"""A witness is found where there is one, and none where there is none."""

import numpy as np
import onnxruntime
from support.proofs import model_of

from logitconf_export.heads.metadata import read_metadata
from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.cases.sorts import cases_of
from logitconf_export.proof.composing.head_part import HeadPart
from logitconf_export.proof.witnesses import Searcher, part_model


def searcher(off: float, *, accepts_all: bool = False) -> Searcher:
    model = model_of("softmax")
    part = HeadPart.of(model, read_metadata(model))
    session = onnxruntime.InferenceSession(
        part_model(part, model, read_metadata(model)).SerializeToString(),
        providers=["CPUExecutionProvider"],
    )

    def run(logits: Array) -> tuple[Array, Array]:
        score, _ = session.run(None, {"logits": logits})
        score = score + np.float32(off)
        return score, (score < np.float32(-0.6)) | accepts_all

    return Searcher(read_metadata(model), run, 100.0)


def test_a_right_head_has_no_witness() -> None:
    assert searcher(0.0)(None) is None
    assert searcher(0.0)(cases_of(n_classes=10, margin=False)[0]) is None


def test_scores_that_are_off_by_more_than_the_band_are_found() -> None:
    witness = searcher(1e-3)(None)
    assert witness is not None
    assert abs(witness.score - witness.exact) > witness.band


def test_an_accepted_nan_is_found() -> None:
    witness = searcher(0.0, accepts_all=True)(cases_of(n_classes=10, margin=False)[0])
    assert witness is not None
    assert np.isnan(witness.logits).any()
