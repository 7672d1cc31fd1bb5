"""What comes in as logits and labels, and what a head's input stands for."""

from typing import Any

import array_api_strict
import ml_dtypes
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import logitconf
from logitconf.errors import LogitconfError
from logitconf.tasks import as_array, check_labels, check_logits

LOGITS = np.random.default_rng(0).normal(0, 3, (40, 3)).astype(np.float32)
LABELS = np.where(np.arange(40) % 4 == 0, 1, LOGITS.argmax(axis=1))


class Frame:
    """What gives its values as pandas, polars and pyarrow do."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self._values, dtype=dtype)


class Capsule:
    """What gives its values by DLPack alone."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._values = values

    def __dlpack__(self, **options: Any) -> Any:
        return self._values.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._values.__dlpack_device__()


ARRAY_LIKES = {
    "list": LOGITS.tolist(),
    "rows": list(LOGITS),
    "frame": Frame(LOGITS),
    "capsule": Capsule(LOGITS),
    "big endian": LOGITS.astype(">f4"),
    "Fortran order": np.asfortranarray(LOGITS),
    "backwards twice": LOGITS[::-1].copy()[::-1],
}


@pytest.mark.parametrize("kind", ARRAY_LIKES)
def test_array_likes_are_scored_as_numpy_arrays(kind: str) -> None:
    given = ARRAY_LIKES[kind]
    score = logitconf.SoftmaxScore().fit(given, LABELS.tolist()).set_threshold(coverage=0.8)
    expected = logitconf.SoftmaxScore().fit(LOGITS, LABELS).set_threshold(coverage=0.8)
    assert score.temperature == expected.temperature
    answers = [score.score(given), score.probabilities(given), *score.select(given).values()]
    wanted = [expected.score(LOGITS), expected.probabilities(LOGITS)]
    wanted += expected.select(LOGITS).values()
    for answer, same in zip(answers, wanted, strict=True):
        assert type(answer) is np.ndarray
        np.testing.assert_allclose(answer, same, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors_are_scored_as_tensors(dtype: torch.dtype) -> None:
    logits = torch.from_numpy(LOGITS).to(dtype).requires_grad_()
    score = logitconf.EnergyScore().fit(logits, LABELS).set_threshold(coverage=0.8)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    scores, selected = score.select(logits).values()
    assert (scores.dtype, selected.dtype) == (wide, torch.bool)
    assert score.probabilities(logits).dtype == wide
    assert torch.equal(score.score(logits), scores)


def test_an_array_of_any_library_of_the_standard_is_fitted_and_scored_as_its_own_kind() -> None:
    logits, labels = array_api_strict.asarray(LOGITS), array_api_strict.asarray(LABELS)
    score = logitconf.SoftmaxScore().fit(logits, labels).set_threshold(coverage=0.8)
    assert score == logitconf.SoftmaxScore().fit(LOGITS, LABELS).set_threshold(coverage=0.8)
    answers = [score.score(logits), score.probabilities(logits), *score.select(logits).values()]
    assert {type(answer) for answer in answers} == {type(logits)}


def test_bfloat16_of_numpy_is_scored_on_its_own_values() -> None:
    rounded = LOGITS.astype(ml_dtypes.bfloat16)
    found = logitconf.SoftmaxScore().score(rounded)
    expected = logitconf.SoftmaxScore().score(rounded.astype(np.float32))
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    "dtype",
    [
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "int8",
        "int16",
        "float16",
        "float64",
        ">i4",
        "a tensor",
    ],
)
def test_labels_of_every_type_of_number_are_taken(dtype: str) -> None:
    values, layout = check_logits(LOGITS, "multiclass")
    if dtype == "a tensor":
        labels: Any = torch.from_numpy(LABELS.astype(np.uint16))
    else:
        labels = LABELS.astype(dtype)
    found = check_labels(labels, values, layout)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, LABELS)


def test_labels_may_be_booleans_and_belong_to_the_library_of_the_logits() -> None:
    values, layout = check_logits(torch.from_numpy(LOGITS[:, 0].copy()), "binary")
    found = check_labels(LOGITS[:, 1] > 0, values, layout)
    assert isinstance(found, torch.Tensor)
    assert found.shape == (40, 1)
    assert found[:, 0].tolist() == (LOGITS[:, 1] > 0).tolist()


@pytest.mark.parametrize(
    ("values", "phrase"),
    [
        (np.array([["1", "2"]]), "array of <U1"),
        (np.array([[None, 1.0]]), "array of object"),
        ([[1.0, 2.0], [3.0]], "got list"),
        ({"a": [1.0]}, "got dict"),
        (np.ma.masked_greater(LOGITS, 1.0), "masked elements"),
        (np.zeros((3, 2), "M8[s]"), "array of datetime64"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused_in_words(values: Any, phrase: str) -> None:
    with pytest.raises(LogitconfError, match=phrase):
        as_array(values, "logits")


def test_a_logarithm_of_a_share_near_1_keeps_its_digits() -> None:
    logits = np.linspace(-16.0, 16.0, 4001)
    shares = -np.logaddexp(0.0, -logits)
    rounded = shares.astype(np.float32)
    # what the rounded share stands for, by expm1
    exact = rounded - np.log(-np.expm1(rounded.astype(np.float64)))
    card = logitconf.ScoreCard("margin", "binary", 1.0, -0.5, 1)
    form = logitconf.HeadForm(1, rank=1, kind="log-probabilities")
    found, _ = logitconf.ConfidenceHead(card, form)(torch.from_numpy(rounded))
    np.testing.assert_allclose(found.numpy(), -np.abs(exact), rtol=1e-6, atol=1e-6)
