"""Taking heads off: all of them, all but one, and what must not be touched."""

import numpy as np
import onnx
import pytest
from support import head_models, several_hosts
from support.several_hosts import NAMES, THRESHOLD, expected_scores, run, three_softmaxes

from logitconf.card.score_card import HeadForm, ScoreCard
from logitconf.errors import LogitconfError
from logitconf.head import ConfidenceHead
from logitconf_export.attachment.attaching import attach
from logitconf_export.attachment.detaching import detach, each_head, head_nodes, single_head
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import METADATA_KEY, read_heads

CLOSE = 1e-5
"""Softmax of two libraries in float32."""


def heads() -> list[ConfidenceHead]:
    card = ScoreCard("softmax", "multiclass", several_hosts.TEMPERATURE, THRESHOLD)
    return [ConfidenceHead(card, HeadForm(count)) for count in several_hosts.CLASSES]


@pytest.fixture(scope="module", params=["joint", "each"])
def several(request: pytest.FixtureRequest) -> onnx.ModelProto:
    return attach(three_softmaxes(), heads(), several=request.param)


def test_all_heads_come_off_and_a_host_without_one_stays(several: onnx.ModelProto) -> None:
    before = several.SerializeToString(deterministic=True)
    assert detach(several) == three_softmaxes()
    assert several.SerializeToString(deterministic=True) == before
    assert detach(three_softmaxes()) == three_softmaxes()


def test_the_head_that_is_kept_still_decides_for_its_own_output(several: onnx.ModelProto) -> None:
    for name, expected in zip(NAMES, expected_scores(), strict=True):
        alone = single_head(several, name)
        onnx.checker.check_model(alone, full_check=True)
        (kept,) = read_heads(alone).heads
        assert kept.attached is not None
        assert kept.attached.output == name
        outputs = run(alone)
        assert set(outputs) == {*NAMES, *kept.outputs}
        score, mask = (outputs[value] for value in kept.outputs)
        np.testing.assert_allclose(score, expected, rtol=CLOSE, atol=CLOSE)
        np.testing.assert_array_equal(mask, score < np.float32(THRESHOLD))
        assert detach(alone) == three_softmaxes()


def test_each_head_in_turn_is_the_one_of_its_name(several: onnx.ModelProto) -> None:
    assert each_head(several) == tuple(single_head(several, name) for name in NAMES)
    with pytest.raises(LogitconfError, match="fourth"):
        single_head(several, "fourth")


def test_the_names_of_the_heads_nodes_are_those_that_the_host_has_not(
    several: onnx.ModelProto,
) -> None:
    own = {node.name for node in three_softmaxes().graph.node}
    added = [node.name for node in several.graph.node if node.name not in own]
    assert list(head_nodes(several)) == added


def test_a_head_alone_is_no_host_and_a_head_that_is_gone_is_said() -> None:
    with pytest.raises(LogitconfError, match="got a head that stands alone"):
        detach(to_onnx(head_models.make_head()))
    host = head_models.make_host()
    attached = attach(host, head_models.make_head(n_classes=5))
    (entry,) = (each for each in attached.metadata_props if each.key == METADATA_KEY)
    host.metadata_props.append(entry)
    with pytest.raises(LogitconfError, match="none of its values and outputs is the head's"):
        detach(host)


def test_an_import_that_attaching_added_goes_with_the_head() -> None:
    text = """<ir_version: 8, opset_import: ["ai.onnx.ml" : 3]>
    host (float[N, 4] x) => (float[N, 4] y) { y = ai.onnx.ml.Normalizer <norm = "L1"> (x) }"""
    bare = onnx.parser.parse_model(text)
    head = head_models.make_head("margin", n_classes=4, form=HeadForm(4, kind="probabilities"))
    attached = attach(bare, head, logits="y", kind="probabilities", class_axis=1)
    assert {each.domain for each in attached.opset_import} == {"ai.onnx.ml", ""}
    assert detach(attached) == bare
