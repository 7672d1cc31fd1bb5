"""Choosing one of the candidates, and the words where that is refused."""

import pytest
from onnx import parser
from support.hosts.bodies import TWO_HEADS
from support.hosts.text import ACTIVATIONS, LOGITS, host

from logitconf.errors import LogitconfError
from logitconf.fitting.score_classes import SoftmaxScore
from logitconf_export.attachment.attaching import attach
from logitconf_export.hosts.candidates import HostReading
from logitconf_export.hosts.reading import read_host

SOFTMAX = host(f"{LOGITS} y = Softmax(z)")
BARE = host(f"{LOGITS} y = Identity(z)")
SIGMOID = host(f"{LOGITS} y = Sigmoid(z)")
TWO_COLUMNS = host("z = MatMul(x, w2) y = Softmax(z)", outputs="float[N, 2] y")
TWO_SIGMOIDS = host("z = MatMul(x, w2) y = Sigmoid(z)", outputs="float[N, 2] y")
ONE_COLUMN = host("z = MatMul(x, w1) y = Sigmoid(z)", outputs="float[N, 1] y")
TIME = host(f"{LOGITS} y = Softmax(z)", inputs="float[N, 6, 4] x", outputs="float[N, 6, 3] y")


def reading_of(text: str) -> HostReading:
    return read_host(parser.parse_model(text))


def test_the_only_certain_candidate_is_chosen() -> None:
    reading = reading_of(SOFTMAX)
    assert reading.chosen == reading.choose() == reading.choose(task="multiclass")


def test_a_task_that_the_graph_cannot_tell_must_be_said() -> None:
    with pytest.raises(LogitconfError, match="cannot tell the task of 'y'"):
        reading_of(BARE).choose()
    assert reading_of(BARE).choose(task="multilabel").task == "multilabel"
    assert reading_of(BARE).choose(task="multiclass").task == "multiclass"


@pytest.mark.parametrize(
    ("text", "task", "words"),
    [
        (SIGMOID, "multiclass", "labels that do not compete"),
        (TWO_SIGMOIDS, "binary", "labels that do not compete"),
        (TWO_SIGMOIDS, "multiclass", "labels that do not compete"),
        (SOFTMAX, "multilabel", "classes that compete"),
        (SOFTMAX, "binary", "3 columns, and binary logits have one or two"),
        (BARE, "binary", "3 columns, and binary logits have one or two"),
        (ONE_COLUMN, "multiclass", "one column has no classes that compete"),
    ],
)
def test_a_task_against_the_graph_is_refused(text: str, task: str, words: str) -> None:
    reading = reading_of(text)
    name = reading.candidates[0].tensor
    with pytest.raises(LogitconfError, match=words):
        reading.choose(logits=name, task=task)
    with pytest.raises(LogitconfError, match=words):
        reading.choose(task=task)


def test_two_columns_are_binary_or_two_classes() -> None:
    reading = reading_of(TWO_COLUMNS)
    assert reading.choose(task="binary").task == "binary"
    assert reading.choose(task="multiclass").task == "multiclass"


def test_several_heads_are_listed_and_one_must_be_named() -> None:
    reading = reading_of(TWO_HEADS)
    with pytest.raises(LogitconfError, match=r"(?s)2 places.*'z': logits.*'t': logits"):
        reading.choose()
    assert reading.choose(logits="t").n_classes == 2
    assert reading.choose(logits="u").tensor == "t"


def test_a_task_that_only_one_of_two_heads_can_serve_does_not_hide_the_other() -> None:
    assert reading_of(TWO_HEADS).choose(task="binary").tensor == "t"
    with pytest.raises(LogitconfError, match="2 places"):
        reading_of(TWO_HEADS).choose(task="multiclass")


def test_a_score_for_each_position_must_be_asked_for_by_name() -> None:
    reading = reading_of(TIME)
    assert reading.chosen is None
    with pytest.raises(LogitconfError, match=r"(?s)no place.*one score a position"):
        reading.choose()
    assert reading.choose(logits="z").position_axes == (1,)


def test_an_output_named_with_its_own_kind_is_tapped_itself() -> None:
    chosen = reading_of(SOFTMAX).choose(logits="y", kind="probabilities")
    assert (chosen.tensor, chosen.kind, chosen.class_axis) == ("y", "probabilities", 1)
    assert reading_of(SOFTMAX).choose(logits="y").tensor == "z"


def test_a_kind_against_the_graph_is_refused() -> None:
    with pytest.raises(LogitconfError, match="'z' holds logits, not probabilities"):
        reading_of(SOFTMAX).choose(logits="z", kind="probabilities")
    with pytest.raises(LogitconfError, match="'y' holds probabilities, not log-probabilities"):
        reading_of(SOFTMAX).choose(logits="y", kind="log-probabilities")


def test_logits_of_an_output_named_by_their_kind_are_those_before_the_softmax() -> None:
    assert reading_of(SOFTMAX).choose(logits="y", kind="logits").tensor == "z"


def test_any_value_can_be_named() -> None:
    chosen = reading_of(SOFTMAX).choose(logits="h", task="multiclass")
    assert (chosen.tensor, chosen.kind, chosen.n_classes, chosen.certain) == (
        "h", "logits", 3, False,
    )  # fmt: skip


def test_a_name_that_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(LogitconfError, match=r"(?s)no value 'nope'.*'z': logits"):
        reading_of(SOFTMAX).choose(logits="nope")


def test_a_refused_output_needs_its_kind_said() -> None:
    reading = reading_of(host(f"{LOGITS} y = HardSigmoid(z)"))
    with pytest.raises(LogitconfError, match="cannot be read: it comes from a 'HardSigmoid'"):
        reading.choose(logits="y", task="multilabel")
    assert reading.choose(logits="y", kind="probabilities", task="multilabel").tensor == "y"


def test_a_value_of_three_axes_needs_its_class_axis_said() -> None:
    reading = reading_of(TIME)
    with pytest.raises(LogitconfError, match="'h' has 3 axes; say which one"):
        reading.choose(logits="h", task="multiclass")
    assert reading.choose(logits="h", task="multiclass", class_axis=2).n_classes == 3


def test_a_value_of_whole_numbers_is_refused() -> None:
    text = host(f"{LOGITS} i = Cast<to = 7>(z) y = Cast<to = 1>(i)")
    with pytest.raises(LogitconfError, match="must hold floating-point numbers"):
        reading_of(text).choose(logits="i", kind="logits", task="multiclass")


def test_a_class_axis_against_a_softmax_is_refused() -> None:
    with pytest.raises(LogitconfError, match="are on axis 1, got class_axis 0"):
        reading_of(SOFTMAX).choose(class_axis=0)
    with pytest.raises(LogitconfError, match=r"class_axis must be in -2\.\.2"):
        reading_of(SOFTMAX).choose(class_axis=5)
    assert reading_of(SOFTMAX).choose(class_axis=-1).class_axis == 1


def test_the_label_axis_of_a_sigmoid_can_be_moved() -> None:
    case = next(c for c in ACTIVATIONS if c.name.startswith("sigmoid of three axes"))
    reading = read_host(case.model())
    chosen = reading.choose(logits="x", task="multilabel", class_axis=1)
    assert (chosen.class_axis, chosen.n_classes, chosen.position_axes) == (1, 5, (2,))
    alone = reading.choose(logits="x", task="binary", class_axis=3)
    assert (alone.n_classes, alone.position_axes) == (1, (1, 2))


@pytest.mark.parametrize("request_", [{"kind": "scores"}, {"task": "regression"}])
def test_unknown_words_are_refused(request_: dict[str, str]) -> None:
    with pytest.raises(LogitconfError, match="must be one of"):
        reading_of(SOFTMAX).choose(**request_)  # type: ignore[arg-type]


INSIDE = host(
    f"{LOGITS} p = Softmax(z) l = Log(p) s = Sigmoid(h) a = Tanh(l) c = Add(a, s) c2 = Mul(c, p) "
    "y = Tanh(c2)"
)
"""A softmax, its logarithm and a sigmoid that no output shows."""


@pytest.mark.parametrize(
    ("name", "kind", "task"),
    [
        ("p", "probabilities", "multiclass"),
        ("l", "log-probabilities", "multiclass"),
        ("s", "probabilities", "multilabel"),
    ],
)
def test_a_value_inside_the_graph_is_read_when_it_is_named(name: str, kind: str, task: str) -> None:
    chosen = reading_of(INSIDE).choose(logits=name)
    assert (chosen.tensor, chosen.kind, chosen.task, chosen.n_classes) == (name, kind, task, 3)


@pytest.mark.parametrize("said", ["logits", "log-probabilities"])
def test_a_softmax_inside_the_graph_is_not_taken_as_logits(said: str) -> None:
    with pytest.raises(LogitconfError, match=rf"'p' holds probabilities, not {said} .* name 'z'"):
        reading_of(INSIDE).choose(logits="p", kind=said)
    with pytest.raises(LogitconfError, match="classes that compete"):
        reading_of(INSIDE).choose(logits="p", task="multilabel")
    with pytest.raises(LogitconfError, match="labels that do not compete"):
        reading_of(INSIDE).choose(logits="s", task="multiclass")


def test_log_probabilities_are_logits_of_the_same_softmax() -> None:
    assert reading_of(INSIDE).choose(logits="l", kind="logits").kind == "logits"


def test_a_value_inside_that_cannot_be_read_needs_its_kind_said() -> None:
    with pytest.raises(LogitconfError, match="'a' cannot be read: it comes from a 'Tanh' node"):
        reading_of(INSIDE).choose(logits="a", task="multiclass")
    assert reading_of(INSIDE).choose(logits="a", kind="logits", task="multiclass").tensor == "a"


UNRANKED = (
    '<ir_version: 8, opset_import: ["": 17, "x.y": 1]> agraph (float[N, 4] x) => (float[] y) '
    "<float[4, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}> "
    "{ h = x.y.Foo(x) z = MatMul(h, w) y = Softmax(z) }"
)
"""The number of axes is lost in an operator that nobody knows."""


def unranked() -> HostReading:
    model = parser.parse_model(UNRANKED)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return read_host(model)


def test_classes_on_the_last_of_an_unknown_number_of_axes_are_not_certain() -> None:
    reading = unranked()
    assert (reading.candidates[0].class_axis, reading.chosen) == (-1, None)
    with pytest.raises(LogitconfError, match="does not say how many axes it has"):
        reading.choose()
    with pytest.raises(LogitconfError, match=r"how many axes 'z' has; say .*--class-axis 1"):
        reading.choose(logits="z")


@pytest.mark.parametrize(("axis", "positions"), [(1, ()), (2, (1,))])
def test_an_axis_from_the_front_says_how_many_there_are(
    axis: int, positions: tuple[int, ...]
) -> None:
    for name, kind, tensor in (("z", None, "z"), ("y", None, "z"), ("y", "probabilities", "y")):
        chosen = unranked().choose(logits=name, kind=kind, class_axis=axis)
        assert (chosen.tensor, chosen.class_axis, chosen.rank) == (tensor, axis, axis + 1)
        assert (chosen.n_classes, chosen.position_axes) == (3, positions)


def test_where_nothing_was_read_naming_is_offered() -> None:
    with pytest.raises(LogitconfError, match=r"name it and its kind with .*\(--logits, --kind\)"):
        reading_of(host(f"{LOGITS} y = Tanh(z)")).choose()


@pytest.mark.parametrize(("operator", "n_classes"), [("Sigmoid", 1), ("Softmax", 2)])
def test_a_binary_task_counts_the_columns_where_the_graph_does_not(
    operator: str, n_classes: int
) -> None:
    """A head of two logits on sigmoids of an unknown number would compete across labels."""
    text = host(f"y = {operator}(x)", inputs="float[N, M] x", outputs="float[N, M] y")
    chosen = reading_of(text).choose(logits="x", task="binary")
    assert (chosen.task, chosen.n_classes) == ("binary", n_classes)
    model = parser.parse_model(text)
    wrong = SoftmaxScore(1.0, "binary")
    wrong.set_threshold(value=-0.7)
    with pytest.raises(LogitconfError, match=r"class|column|logit"):
        attach(model, wrong.compile(n_classes=3 - n_classes), logits="x")
