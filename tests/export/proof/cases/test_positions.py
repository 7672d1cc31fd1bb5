"""Classes that a graph takes apart: each is followed to where it goes, and no further."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from support.changed_graphs import put_before
from support.proofs import computed_of
from support.proved_forms import FORMS, measured

from logitconf.card.score_card import ScoreCard
from logitconf_export.heads.conversion import to_onnx
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.proof.cases.kinds import NAN, ONE, UP, ZERO
from logitconf_export.proof.cases.positions import moved_places, places_reduced
from logitconf_export.proof.cases.steps import Places
from logitconf_export.proof.composing.head_part import HeadPart
from logitconf_export.proof.composing.tensors import Tensor
from logitconf_export.proof.exact.expressions import number
from logitconf_export.proof.prover import Question, prove
from logitconf_export.proof.verdicts import RuntimeProof

N = 10


def pixels(score: str, form: str = "any") -> onnx.ModelProto:
    """A head of the classes of each pixel."""
    card = ScoreCard(score, "multiclass", 1.5, -0.6, N)
    return to_onnx(card, n_classes=N, runtime=form, rank=4, class_axis=1)


def proved(model: onnx.ModelProto) -> RuntimeProof:
    return prove(Question(model, read_metadata(model)), measured())


def masks_of(model: onnx.ModelProto, rows: np.ndarray) -> np.ndarray:
    """Of rows of classes, as pixels of one picture."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (mask,) = session.run(["mask"], {"logits": rows.T[None, :, None].astype(np.float32)})
    return np.asarray(mask).ravel()


def bad_rows() -> np.ndarray:
    """A NaN or +inf at each class of a sure row, and rows with one class left."""
    sure = np.where(np.arange(N) == 4, 50.0, np.linspace(-1.0, 1.0, N))
    rows = [np.where(np.arange(N) == k, bad, sure) for k in range(N) for bad in (np.nan, np.inf)]
    return np.array(rows)


@pytest.mark.parametrize("score", ["softmax", "margin", "max_logit"])
@pytest.mark.parametrize("form", FORMS)
def test_heads_of_an_inner_axis_are_proved(score: str, form: str) -> None:
    model = pixels(score, form)
    proof = proved(model)
    assert (proof.verdict, proof.bound and proof.bound.masked) == ("PROVED", "")
    assert not masks_of(model, bad_rows()).any()


def changed(score: str, nodes: Sequence[onnx.NodeProto]) -> onnx.ModelProto:
    """A head that reads y instead of the logits."""
    model = pixels(score)
    put_before(model, nodes, NUMBERS)
    return model


NUMBERS: Mapping[str, np.ndarray] = {
    "low": np.array(-np.inf, np.float32),
    "singles": np.ones(N, np.int64),
    "first_and_rest": np.array([1, N - 1]),
    "turned": np.arange(N).reshape(2, 5).T.ravel(),
}
PIECES = [f"piece {k}" for k in range(N)]


def masking_one(k: int) -> list[onnx.NodeProto]:
    """A NaN of one class alone is taken for a masked one."""
    joined = ["kept" if i == k else name for i, name in enumerate(PIECES)]
    return [
        helper.make_node("Split", ["logits", "singles"], PIECES, axis=1),
        helper.make_node("IsNaN", [PIECES[k]], ["bad"]),
        helper.make_node("Where", ["bad", "low", PIECES[k]], ["kept"]),
        helper.make_node("Concat", joined, ["y"], axis=1),
    ]


# of the same classes in another order
ROLLED = [
    helper.make_node("Split", ["logits", "first_and_rest"], ["first", "rest"], axis=1),
    helper.make_node("Concat", ["rest", "first"], ["other"], axis=1),
]
TURNED = [helper.make_node("Gather", ["logits", "turned"], ["other"], axis=1)]
FROM_OTHER = [
    helper.make_node("IsNaN", ["logits"], ["bad"]),
    helper.make_node("Where", ["bad", "other", "logits"], ["y"]),
]
CHANGES: Mapping[str, list[onnx.NodeProto]] = {
    **{f"class {k} masked": masking_one(k) for k in (0, 5, 9)},
    "from the next class": [*ROLLED, *FROM_OTHER],
    "from another place": [*TURNED, *FROM_OTHER],
}


@pytest.mark.parametrize("score", ["softmax", "margin"])
@pytest.mark.parametrize("change", sorted(CHANGES))
def test_a_head_that_loses_a_nan_of_some_classes_is_not_proved(change: str, score: str) -> None:
    model = changed(score, CHANGES[change])
    onnx.checker.check_model(model)
    assert masks_of(model, bad_rows()).any()
    proof = proved(model)
    assert proof.verdict == "CANNOT PROVE"
    stops = ("may be accepted", "numbers of different classes go together")
    assert any(words in proof.reason for words in stops)


@pytest.mark.parametrize(
    ("moves", "at", "place"),
    [(ROLLED, 0, 9), (ROLLED, 3, 2), (TURNED, 0, 0), (TURNED, 3, 6), (TURNED, 9, 9)],
)
def test_a_class_is_followed_to_its_place(
    moves: Sequence[onnx.NodeProto], at: int, place: int
) -> None:
    model = changed("softmax", [*moves, helper.make_node("Identity", ["other"], ["y"])])
    part, shapes = HeadPart.of(model, read_metadata(model)), computed_of(model).values
    values: dict[str, object] = {"logits": Places(NAN, ONE, frozenset((at,)))}
    for node in part.nodes[: len(moves)]:
        inputs = [values.get(name) for name in node.input]
        outputs = moved_places(part, shapes, node, inputs)
        assert outputs is not None
        values.update(zip(node.output, outputs, strict=True))
    assert values["other"] == Places(NAN, ONE, frozenset((place,)))


def test_a_class_is_in_one_of_two_pieces() -> None:
    model = changed("softmax", [*ROLLED, helper.make_node("Identity", ["other"], ["y"])])
    part, shapes = HeadPart.of(model, read_metadata(model)), computed_of(model).values
    first, rest = (
        moved_places(part, shapes, part.nodes[0], [Places(UP, ZERO, frozenset((k,)))])
        for k in (0, 4)
    )
    assert first == [Places(UP, None, frozenset((0,))), Places(None, ZERO, frozenset())]
    assert rest == [Places(None, ZERO, frozenset()), Places(UP, ZERO, frozenset((3,)))]
    # somewhere
    assert moved_places(part, shapes, part.nodes[0], [Places(UP, ZERO)]) is None


def test_a_maximum_of_some_classes_is_where_they_were() -> None:
    node = helper.make_node("ReduceMax", ["table"], ["largest"], axes=[1], keepdims=0)
    part = HeadPart.of(pixels("softmax"), read_metadata(pixels("softmax")))
    members = np.full((2, 5), None, dtype=object)
    dims = ("N", 2, 5, "H", "W")
    table = Tensor(number(0), np.zeros((1, 1)), dims, "float32", "table", members)
    for at, place in ((0, 0), (7, 2), (9, 4)):
        assert places_reduced(part, table, node, frozenset((at,))) == frozenset((place,))
    assert places_reduced(part, table, node, None) is None
