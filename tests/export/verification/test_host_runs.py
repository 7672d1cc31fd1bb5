"""Hosts are run with and without their head, on feeds that are theirs."""

from typing import Any

import numpy as np
import onnx
import pytest
from support import head_models

from logitconf.errors import LogitconfError
from logitconf_export.attachment.attaching import attach
from logitconf_export.heads.in_file import head_in
from logitconf_export.runtimes.sessions import Session
from logitconf_export.verification.host_runs import (
    HostOnTrial,
    generated_feeds,
    host_logits_dtype,
    identical,
)
from logitconf_export.verification.verifying import verify

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


@pytest.mark.parametrize(("shown", "most"), [(True, 2.52), (False, 2.62)])
def test_many_rows_run_through_the_host_less_than_three_times_in_all(
    shown: bool, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At three levels with the head, without, and with its logits shown, it would be nine times."""
    host = head_models.make_host()
    if shown:
        host.graph.output.add(name="logits")
    model = attach(host, head_models.make_head(n_classes=5), logits="logits")
    pixels, counts = head_models.make_pixels(8192), []
    own = Session.run

    def counted(self: Session, feeds: Any, *rest: Any) -> list[Any]:
        counts.append(len(feeds.get("pixels", ())))
        return own(self, feeds, *rest)

    monkeypatch.setattr(Session, "run", counted)
    report = verify(model, feeds={"pixels": pixels}, pairs=10)
    assert report.passed
    assert report.verdict == "PASSED: 0 of 8,192 rows decided differently on cpu"
    assert sum(counts) <= most * len(pixels)
    assert sum("1024 of 8,192 rows ran" in note for note in report.notes) == 2
    compared = {run.optimisation: run.eager.rows for run in report.runs if run.part == "host"}
    assert compared == {"off": 1024, "basic": 1024, "all": 8192}


def test_a_part_of_the_rows_is_spread_over_all_of_them(host: onnx.ModelProto) -> None:
    pixels = head_models.make_pixels(2000)
    pixels[-1] = np.nan
    trial = HostOnTrial(host, head_in(host), None, {"pixels": pixels}, 0)
    part = trial.run("cpu", "all", whole=False)
    assert part.score.shape == (1024,)
    assert np.isnan(part.score[-1])
    assert not np.isnan(part.score[:-1]).any()
    whole = trial.run("cpu", "all")
    assert whole.score.shape == (2000,)
    np.testing.assert_allclose(part.score[0], whole.score[0], rtol=1e-5)


def test_logits_that_the_host_shows_are_read_from_the_run_itself() -> None:
    host = head_models.make_host()
    host.graph.output.add(name="logits")
    model = attach(host, head_models.make_head(n_classes=5), logits="logits")
    pixels = head_models.make_pixels(6)
    run = HostOnTrial(model, head_in(model), None, {"pixels": pixels}, 0).run("cpu", "all")
    (gemm,) = (node for node in host.graph.node if node.op_type == "Gemm")
    weight, bias = (onnx.numpy_helper.to_array(t) for t in host.graph.initializer)
    assert list(gemm.input) == ["pixels", "weight", "bias"]
    np.testing.assert_allclose(run.logits, pixels @ weight + bias, rtol=1e-4, atol=1e-5)
    assert run.own_outputs == 2


@pytest.mark.parametrize(
    ("difference", "own_rows"),
    [(None, 256), ("nodes", 1000), ("operators", 1000), ("score", 1000), ("own output", 1000)],
)
def test_rows_run_in_one_session_less_only_where_fetching_changes_nothing(
    host: onnx.ModelProto, difference: str | None, own_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runtimes that fuse otherwise are stood in for: the session that fetches answers so."""
    run, ran, operators = Session.run, Session.ran, Session.operators
    rows, fetching = [], set()

    def counted(self: Session, feeds: Any, outputs: Any = None) -> list[Any]:
        values = run(self, feeds, outputs)
        if len(outputs) == 4:
            fetching.add(self)
            values[0] = values[0] + np.float32(difference == "own output")
            values[2] = values[2] + np.float32(difference == "score")
        elif len(outputs) == 3:
            rows.append(len(feeds["pixels"]))
        return values

    def changed(names: dict[str, str], what: str, session: Session) -> dict[str, str]:
        return {**names, "fused": "x"} if difference == what and session in fetching else names

    monkeypatch.setattr(Session, "run", counted)
    monkeypatch.setattr(Session, "ran", lambda self: changed(ran(self), "nodes", self))
    named = lambda self: changed(operators(self), "operators", self)  # noqa: E731
    monkeypatch.setattr(Session, "operators", named)
    feeds = {"pixels": head_models.make_pixels(1000)}
    tried = HostOnTrial(host, head_in(host), None, feeds, 0).run("cpu", "all")
    assert sum(rows) == own_rows
    assert tried.score.shape == (1000,)
    assert len(tried.notes) == (difference == "score")
    assert tried.changed_outputs == ()
