"""Hosts are run with and without their head, on feeds that are theirs."""

import numpy as np
import onnx
import pytest
from support import head_models

from logitconf.errors import LogitconfError
from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.in_file import head_in
from logitconf_export.verification.host_runs import (
    HostOnTrial,
    generated_feeds,
    host_logits_dtype,
    identical,
)

NAN = float("nan")
TOKENS = """
<ir_version: 8, opset_import: ["" : 17]>
tokens (int64[N, 3] ids) => (float[N, 3] y) { y = Cast <to = 1> (ids) }
"""


@pytest.fixture(scope="module")
def host() -> onnx.ModelProto:
    return attach(head_models.make_host(), head_models.make_head(n_classes=5))


def test_a_host_keeps_its_outputs_and_hands_out_its_logits(host: onnx.ModelProto) -> None:
    feeds = {"pixels": head_models.make_pixels(6)}
    run = HostOnTrial(host, head_in(host), None, feeds, 0).run("cpu", "all")
    assert run.own_outputs == 1
    assert run.changed_outputs == ()
    assert run.logits.shape == (6, 5)
    assert run.score.shape == run.mask.shape == (6,)


def test_an_output_that_the_head_changes_is_named(host: onnx.ModelProto) -> None:
    """A stand-in for a runtime that fuses otherwise: the host's own weights differ."""
    feeds = {"pixels": head_models.make_pixels(6)}
    trial = HostOnTrial(host, head_in(host), None, feeds, 0)
    trial._plain = head_models.make_host(seed=9)
    assert trial.run("cpu", "all").changed_outputs == ("probabilities",)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (np.array([1.0, NAN]), np.array([1.0, NAN]), True),
        (np.array([0.0]), np.array([-0.0]), False),
        (np.array([1.0]), np.array([1.0], dtype=np.float32), False),
        (np.array([1.0, 2.0]), np.array([1.0]), False),
        (np.array(["a"]), np.array(["a"]), True),
        ([{0: 0.5}], [{0: 0.5}], True),
        ([{0: 0.5}], [{0: 0.25}], False),
        ([np.ones(1)], [np.ones(1), np.ones(1)], False),
    ],
)
def test_outputs_are_identical_bit_for_bit_but_for_nan(
    left: object, right: object, same: bool
) -> None:
    assert identical(left, right) is same


def test_feeds_are_made_up_for_floats_alone() -> None:
    feeds, note = generated_feeds(head_models.make_host(), 0)
    assert feeds is not None
    assert feeds["pixels"].shape == (4, 8)
    assert "made-up inputs" in note
    feeds, note = generated_feeds(onnx.parser.parse_model(TOKENS), 0)
    assert feeds is None
    assert "'ids' is no float tensor" in note


def test_the_dtype_of_hidden_logits_is_inferred(host: onnx.ModelProto) -> None:
    assert host_logits_dtype(host, head_in(host), None) == "float32"


def test_feeds_that_miss_an_input_are_refused(host: onnx.ModelProto) -> None:
    with pytest.raises(LogitconfError, match=r"inputs \['pixels'\], got \[\]"):
        HostOnTrial(host, head_in(host), None, {}, 0)
