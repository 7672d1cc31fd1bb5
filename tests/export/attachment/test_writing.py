"""Several heads on one host: names, joint and single decisions, and what is refused."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from support import reference
from support import several_hosts as hosts

from logitconf import ConfidenceHead, LogitconfError
from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf_export import attach, detach, head_nodes, retune, single_head
from logitconf_export.heads.metadata import read_heads, read_metadata

# softmax and exp of two libraries, once each
CLOSE = 1e-5


def head(
    score: str = "softmax",
    threshold: float = hosts.THRESHOLD,
    temperature: float = hosts.TEMPERATURE,
    mask_type: str = "bool",
) -> ConfidenceHead:
    card = ScoreCard(score, "multiclass", temperature, threshold, policy={"name": "value"})
    return ConfidenceHead(card, HeadForm(mask_type=mask_type))


@pytest.fixture(scope="module")
def joint() -> onnx.ModelProto:
    return attach(hosts.three_softmaxes(), head(), several="joint")


@pytest.fixture(scope="module")
def each() -> onnx.ModelProto:
    return attach(hosts.three_softmaxes(), head(), several="each")


@pytest.mark.parametrize("score", ["softmax", "entropy", "energy", "margin"])
@pytest.mark.parametrize(("opset", "ir"), [(7, 3), (13, 7), (17, 8)])
def test_the_joint_decision_is_that_of_the_least_confident_head(
    score: str, opset: int, ir: int
) -> None:
    host = hosts.three_softmaxes(opset=opset, ir=ir)
    expected = np.max(hosts.expected_scores(score), axis=0)
    limit = float(np.median(expected)) + 1e-3
    attached = attach(host, head(score, limit), several="joint")
    found = hosts.run(attached)
    np.testing.assert_allclose(found["score"], expected, rtol=CLOSE, atol=CLOSE)
    clear = np.abs(expected - limit) > CLOSE * (1 + np.abs(limit))
    assert clear.sum() > 0.9 * len(clear)
    np.testing.assert_array_equal(found["mask"][clear], (expected < limit)[clear])
    for name, values in hosts.run(host).items():
        np.testing.assert_array_equal(found[name], values)
    assert detach(attached) == host
    onnx.checker.check_model(attached, full_check=True)


def test_each_head_has_outputs_named_after_the_output_that_it_judges(each: onnx.ModelProto) -> None:
    found = hosts.run(each)
    for name, expected in zip(hosts.NAMES, hosts.expected_scores(), strict=True):
        np.testing.assert_allclose(found[f"score_{name}"], expected, rtol=CLOSE, atol=CLOSE)
        clear = np.abs(expected - hosts.THRESHOLD) > CLOSE
        mask = found[f"mask_{name}"]
        np.testing.assert_array_equal(mask[clear], (expected < hosts.THRESHOLD)[clear])
    assert detach(each) == hosts.three_softmaxes()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_rows_without_a_score_are_rejected_jointly(joint: onnx.ModelProto, value: float) -> None:
    rows = hosts.ROWS[:5].copy()
    rows[2] = value
    with np.errstate(invalid="ignore"):
        found = hosts.run(joint, rows=rows)
    assert np.isnan(found["score"][2])
    assert not found["mask"][2]
    assert np.isfinite(found["score"][[0, 1, 3, 4]]).all()


def test_one_head_without_a_score_is_enough_to_reject() -> None:
    """The second head's row is masked to one class: its margin is not finite, the others' is."""
    host = hosts.three_softmaxes()
    bias = np.array([0.0, -np.inf, -np.inf], dtype=np.float32)
    host.graph.initializer.append(onnx.numpy_helper.from_array(bias, "bias"))
    host.graph.node[1].output[0] = "raw"
    host.graph.node.insert(2, onnx.helper.make_node("Add", ["raw", "bias"], ["z2"]))
    attached = attach(host, head("margin", -1e-6), several="joint")
    found = hosts.run(attached, ["score", "mask"])
    assert np.isnan(found["score"]).all()
    assert not found["mask"].any()


@pytest.mark.parametrize("mask_type", ["uint8", "float32"])
def test_the_joint_mask_has_the_type_asked_for(mask_type: str, joint: onnx.ModelProto) -> None:
    attached = attach(hosts.three_softmaxes(), head(mask_type=mask_type), several="joint")
    found = hosts.run(attached, ["mask"])["mask"]
    assert found.dtype == mask_type
    np.testing.assert_array_equal(found.astype(bool), hosts.run(joint, ["mask"])["mask"])


def test_the_heads_of_a_model_can_be_taken_out_one_by_one(
    joint: onnx.ModelProto, each: onnx.ModelProto
) -> None:
    for name, tensor in zip(hosts.NAMES, ("z1", "z2", "z3"), strict=True):
        own = hosts.run(each, [f"score_{name}"])[f"score_{name}"]
        for model in (joint, each):
            alone = single_head(model, name)
            record = read_metadata(alone)
            assert record.attached is not None
            assert record.attached.tensor == tensor
            onnx.checker.check_model(alone, full_check=True)
            score = record.attached.score
            np.testing.assert_array_equal(hosts.run(alone, [score])[score], own)
            assert detach(alone) == hosts.three_softmaxes()
            assert single_head(model, tensor) == alone
    with pytest.raises(LogitconfError, match=r"no head is called 'z9'; the heads are \['first'"):
        single_head(joint, "z9")


def test_head_nodes_are_those_that_attach_added(
    joint: onnx.ModelProto, each: onnx.ModelProto
) -> None:
    count = len(hosts.three_softmaxes().graph.node)
    for model in (joint, each):
        added = [node.name for node in model.graph.node][count:]
        assert list(head_nodes(model)) == added
        assert len(set(added)) == len(added)


def test_attaching_again_replaces_all_heads(joint: onnx.ModelProto, each: onnx.ModelProto) -> None:
    assert attach(joint, head(), several="each") == each
    assert attach(each, head(), several="joint") == joint
    assert attach(joint, head(), logits="z2") == attach(
        hosts.three_softmaxes(), head(), logits="z2"
    )


def test_retune_equals_attaching_with_the_new_numbers(
    joint: onnx.ModelProto, each: onnx.ModelProto
) -> None:
    new = attach(hosts.three_softmaxes(), head(threshold=-0.9, temperature=0.7), several="joint")
    assert retune(joint, threshold=-0.9, temperature=0.7) == new
    heads = [head(), head(threshold=-0.9), head()]
    changed = retune(each, threshold=-0.9, head="second")
    assert changed == attach(hosts.three_softmaxes(), heads, several="each")
    everyone = attach(hosts.three_softmaxes(), head(threshold=-0.9), several="each")
    assert retune(each, threshold=-0.9, head="all") == everyone


def test_heads_may_differ_in_temperature_and_decide_jointly() -> None:
    temperatures = [0.5, 1.5, 3.0]
    heads = [head(temperature=t) for t in temperatures]
    found = hosts.run(attach(hosts.three_softmaxes(), heads, several="joint"), ["score"])["score"]
    own = [hosts.expected_scores(temperature=t)[k] for k, t in enumerate(temperatures)]
    np.testing.assert_allclose(found, np.max(own, axis=0), rtol=CLOSE, atol=CLOSE)


def test_only_the_places_that_are_named_get_a_head() -> None:
    attached = attach(hosts.three_softmaxes(), head(), several="joint", logits=["third", "first"])
    assert read_heads(attached).names == ("third", "first")
    own = hosts.expected_scores()
    np.testing.assert_allclose(
        hosts.run(attached, ["score"])["score"], np.maximum(own[0], own[2]), rtol=CLOSE, atol=CLOSE
    )


def test_names_that_the_host_uses_are_left_to_it() -> None:
    host = hosts.three_softmaxes()
    for taken in ("mask", "score_second"):
        host.graph.node.append(onnx.helper.make_node("Relu", ["x"], [taken], name=taken))
        host.graph.output.append(
            onnx.helper.make_tensor_value_info(taken, onnx.TensorProto.FLOAT, ["N", 6])
        )
    names = list(hosts.NAMES)
    joint = attach(host, head(), several="joint", logits=names)
    decision = read_heads(joint).joint
    assert decision is not None
    assert decision.mask == "logitconf/joint/mask"
    each = attach(host, head(), several="each", logits=names)
    record = read_heads(each).heads[1].attached
    assert record is not None
    assert record.score == "logitconf/2/score"
    for model in (joint, each):
        assert detach(model) == host
        np.testing.assert_array_equal(hosts.run(model, ["mask"])["mask"], np.maximum(hosts.ROWS, 0))


@pytest.mark.parametrize(
    ("heads", "options", "words"),
    [
        (["softmax"], {}, "3 places in the model hold logits; name one .*, or attach to all"),
        (["softmax"], {"logits": ["z1", "z2"]}, "1 heads for 2 places; say whether"),
        (["softmax"], {"several": "all"}, r"several must be one of \['joint', 'each'\], got 'all'"),
        (["softmax"], {"several": "each", "logits": ["z1"]}, "two different places or more"),
        (["softmax"], {"several": "each", "logits": ["z1", "z1"]}, "two different places or more"),
        (["softmax"], {"several": "each", "logits": ["z1", "first"]}, "need different places"),
        (["softmax"] * 2, {"several": "each"}, "one head for all 3 places or one for each, got 2"),
        (
            ["softmax", "margin", "softmax"],
            {"several": "joint"},
            "the same score and one threshold",
        ),
    ],
)
def test_what_is_not_clear_is_refused(
    heads: Sequence[str], options: dict[str, object], words: str
) -> None:
    made = [head(score) for score in heads]
    with pytest.raises(LogitconfError, match=words):
        attach(hosts.three_softmaxes(), made, **options)  # type: ignore[arg-type]


def test_thresholds_that_differ_have_no_joint_score() -> None:
    heads = [head(), head(threshold=-0.5), head()]
    with pytest.raises(LogitconfError, match="the same score and one threshold in every head"):
        attach(hosts.three_softmaxes(), heads, several="joint")


def test_scores_of_different_shapes_have_no_joint_decision() -> None:
    host = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N, 4] x, float[N, T, 4] y) => '
        "(float[N, 4] p, float[N, T, 4] q) "
        "{ p = Softmax<axis = 1>(x) q = Softmax<axis = 2>(y) }"
    )
    with pytest.raises(LogitconfError, match="name those to attach to"):
        attach(host, head(), several="joint")
    with pytest.raises(LogitconfError, match="scores of one shape, but those of 'x' and 'y'"):
        attach(host, head(), several="joint", logits=["p", "q"])


def test_a_retuned_joint_head_keeps_one_threshold(
    joint: onnx.ModelProto, each: onnx.ModelProto
) -> None:
    with pytest.raises(LogitconfError, match="decide jointly by one threshold"):
        retune(joint, threshold=-0.9, head="second")
    with pytest.raises(LogitconfError, match="say which of the heads"):
        retune(each, threshold=-0.9)
    with pytest.raises(LogitconfError, match="no head is called 'z9'"):
        retune(each, threshold=-0.9, head="z9")


MEMBERS_TEXT = """
<ir_version: 8, opset_import: ["" : 17]>
dropout (float[N, 6] x, float[4, 6, 3] w) => (float[N, 3, 4] z, float[4, N, 3] first) {
  first = MatMul (x, w)
  z = Transpose <perm = [1, 2, 0]> (first)
}
"""


@pytest.mark.parametrize("score", ["margin", "mutual_information", "predictive_variance"])
def test_a_head_reads_the_members_that_its_host_puts_last(score: str) -> None:
    host = onnx.parser.parse_model(MEMBERS_TEXT)
    weights = np.random.default_rng(4).normal(0, 1, (4, 6, 3)).astype(np.float32)
    host.graph.initializer.append(onnx.numpy_helper.from_array(weights, "w"))
    logits = np.transpose(hosts.ROWS @ weights, (1, 2, 0))
    expected = reference.member_score(score, logits, 1.5, "multiclass")
    limit = float(np.median(expected)) + 1e-3
    card = ScoreCard(score, "multiclass", 1.5, limit, n_classes=3, members=4)
    made = ConfidenceHead(card, HeadForm(n_classes=3, rank=3, members=4))
    attached = attach(host, made, logits="z", kind="logits", class_axis=1)
    found = hosts.run(attached)
    np.testing.assert_allclose(found["score"], expected, rtol=CLOSE, atol=CLOSE)
    clear = np.abs(expected - limit) > CLOSE * (1 + np.abs(limit))
    assert clear.sum() > 0.9 * len(clear)
    np.testing.assert_array_equal(found["mask"][clear], (expected < limit)[clear])
    np.testing.assert_array_equal(found["z"], hosts.run(host)["z"])
    assert detach(attached) == host
    with pytest.raises(LogitconfError, match="4 members must lie along the last axis of 'first'"):
        attach(host, made, logits="first", kind="logits", class_axis=2)
