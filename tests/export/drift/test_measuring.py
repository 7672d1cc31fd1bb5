"""Drift between a host and its variant is counted, and is nothing between a host and itself."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import quantize_dynamic
from support import head_models, reference, tampering

from logitconf.errors import LogitconfError
from logitconf_export.attachment.attaching import attach
from logitconf_export.drift.measuring import Fraction, drift
from logitconf_export.heads.conversion import to_onnx

PIXELS = head_models.make_pixels(400)
LABELS = np.random.default_rng(2).integers(0, 5, 400)


def _host(noise: float = 0.0, score: str = "softmax") -> onnx.ModelProto:
    host = head_models.make_host()
    weight = next(t for t in host.graph.initializer if t.name == "weight")
    values = numpy_helper.to_array(weight)
    values = values + np.float32(noise) * np.sign(values)
    weight.CopyFrom(numpy_helper.from_array(values.astype(np.float32), "weight"))
    return attach(host, head_models.make_head(score, n_classes=5, threshold=-0.7))


def test_a_host_does_not_drift_from_itself() -> None:
    found = drift(_host(), _host(), {"pixels": PIXELS}, LABELS)
    assert found.rows == 400
    assert found.flips.count == found.changed_predictions.count == found.newly_accepted == 0
    assert found.reference == found.variant
    assert found.same_numbers


def test_other_weights_flip_rows_in_a_known_direction() -> None:
    found = drift(_host(), _host(noise=0.5), {"pixels": PIXELS}, LABELS)
    assert found.flips.count > 0
    assert found.variant.coverage.count - found.reference.coverage.count == (
        2 * found.newly_accepted - found.flips.count
    )
    assert found.flips.low < found.flips.value < found.flips.high


def test_figures_are_those_of_an_independent_count() -> None:
    host = head_models.make_host()
    weight, bias = (numpy_helper.to_array(t) for t in host.graph.initializer)
    logits = (PIXELS @ weight + bias).astype(np.float64)
    sure = -reference.score("softmax", logits, 1.5)
    wrong = logits.argmax(axis=1) != LABELS
    found = drift(_host(), _host(), {"pixels": PIXELS}, LABELS).reference
    assert found.coverage.count == int((sure > 0.7).sum())
    assert found.errors is not None
    assert found.errors.count == int(wrong.sum())
    assert found.risk is not None
    assert found.risk.count == int((wrong & (sure > 0.7)).sum())
    expected = reference.calibration_error(sure, ~wrong)
    assert found.calibration_error == pytest.approx(expected, abs=1e-6)


def test_without_labels_there_is_no_risk() -> None:
    found = drift(_host(), _host(), {"pixels": PIXELS})
    assert found.reference.risk is None
    assert '"risk": null' in found.to_json()


def test_the_interval_is_clopper_and_pearsons() -> None:
    """0 of 10: 1 - .025 ** (1/10); the published interval of 5 in 10 is .187 to .813."""
    assert Fraction.of(0, 10).high == pytest.approx(1 - 0.025 ** (1 / 10))
    assert Fraction.of(5, 10).low == pytest.approx(0.187, abs=5e-4)
    assert Fraction.of(5, 10).high == pytest.approx(0.813, abs=5e-4)
    assert (Fraction.of(0, 0).low, Fraction.of(0, 0).high) == (0.0, 1.0)


def test_two_scores_cannot_be_compared() -> None:
    with pytest.raises(LogitconfError, match="one score and task, got softmax"):
        drift(_host(), _host(score="energy"), {"pixels": PIXELS})


def test_a_head_alone_cannot_drift() -> None:
    head = to_onnx(head_models.make_head())
    with pytest.raises(LogitconfError, match="stands alone"):
        drift(head, head, {"logits": np.zeros((2, 10), dtype=np.float32)})


def test_what_a_batch_does_to_its_rows_is_said_of_the_variant(tmp_path: Path) -> None:
    """Dynamic quantisation makes finite integers of NaN, so the row of NaN is accepted."""
    source, target = tmp_path / "host.onnx", tmp_path / "int8.onnx"
    source.write_bytes(tampering.plain_host().SerializeToString())
    quantize_dynamic(source, target)
    original, variant = (attach(path, tampering.head(threshold=-0.2)) for path in (source, target))
    rows = np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32)
    report = drift(original, variant, {"pixels": rows})
    assert any("an input of NaN alone is ACCEPTED" in note for note in report.notes), report.notes
    same = drift(original, original, {"pixels": rows})
    assert any("an input of NaN alone is rejected" in note for note in same.notes), same.notes
    assert report.to_dict()["notes"] == list(report.notes)


def test_data_may_be_a_file_named_arrays_with_labels_or_the_only_input(tmp_path: Path) -> None:
    host, path = _host(), tmp_path / "rows.npz"
    np.savez(path, x=PIXELS, labels=LABELS)
    expected = drift(host, host, {"pixels": PIXELS}, LABELS)
    assert drift(host, host, path) == expected
    assert drift(host, host, {"pixels": PIXELS, "labels": LABELS}) == expected
    assert drift(host, host, PIXELS, LABELS) == expected
