"""Rows that fit and rows that certify: drawn apart, and told apart."""

import hashlib
import warnings
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import logitconf
from logitconf.blocks.identity import shared_rows
from logitconf.calibration.temperature.fit import fit_temperature
from logitconf.card.parts import Split
from logitconf.errors import LogitconfError, LogitconfWarning
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf.metrics.intervals import clopper_pearson_upper
from logitconf.rows import Rows, split_rows

steady = settings(derandomize=True, deadline=None, max_examples=40)


def labelled(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N, 3) and labels drawn from their softmax."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, 3, generator=generator) * 3.0
    return logits, torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0]


@steady
@given(rows=st.integers(1, 300), holdout=st.floats(0.05, 0.95), seed=st.integers(0, 1000))
def test_every_row_is_fitted_on_or_held_out_in_the_share_asked_for(
    rows: int, holdout: float, seed: int
) -> None:
    try:
        fitted, held = split_rows(rows, holdout, seed)
    except LogitconfError:
        assert rows * min(holdout, 1 - holdout) <= 0.5 + 1e-9
        return
    assert sorted([*fitted, *held]) == list(range(rows))
    assert abs(len(held) - holdout * rows) <= 0.5 + 1e-9


def test_every_set_of_rows_is_as_likely_to_be_held_out_as_every_other() -> None:
    # 10 sets of 2 of 5 rows, 400 draws each on average; chi-square of 9 degrees, .9999 quantile
    sets = Counter(tuple(split_rows(5, 0.4, seed)[1]) for seed in range(4000))
    assert len(sets) == 10
    assert sum((count - 400) ** 2 / 400 for count in sets.values()) < 33.72


def test_a_larger_share_holds_out_the_rows_of_a_smaller_one_too() -> None:
    fitted, held = split_rows(100, 0.3, seed=5)
    less, more = split_rows(100, 0.7, seed=5)
    assert set(held) < set(more)
    # what keeps `compare` off the rows that `fit` certifies on
    assert not set(less) & set(held)
    assert set(less) < set(fitted)


@pytest.mark.parametrize("of_one_class", [1, 2, 3, 5])
def test_held_out_rows_certify_what_is_true_where_a_class_has_few_rows(of_one_class: int) -> None:
    """600 rows sorted by class; a score that ranks nothing, and a quarter of the rows is wrong.

    Every second row was always right when the draw took one of each pair of neighbours.
    """
    rows, draws, broken = 600, 400, 0
    labels = np.repeat(np.arange(rows // of_one_class), of_one_class)
    for seed in range(draws):
        generator = np.random.default_rng(1000 + seed)
        # half of the classes are always right, the other half is wrong every second time
        wrong = (labels % 2 == 1) & (generator.random(rows) < 0.5)
        held = split_rows(rows, 0.5, seed)[1]
        errors = int(wrong[held].sum())
        broken += clopper_pearson_upper(errors, held.size, 0.9) < 0.25
    # at most a tenth; 400 draws: 40, and four deviations of 6 above
    assert broken <= 64


def test_a_split_is_shuffled_by_its_seed_alone() -> None:
    first, again, other = (split_rows(1000, 0.5, seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    # two random halves share a quarter of all rows: 250, four standard deviations are 32
    assert 218 <= len(np.intersect1d(first, other)) <= 282
    runs = np.flatnonzero(np.diff(first) > 1).size
    assert 200 <= runs <= 300


@pytest.mark.parametrize("holdout", [0.0, 1.0, -0.1, float("nan"), 0.01])
def test_a_share_that_leaves_a_part_empty_is_refused(holdout: float) -> None:
    with pytest.raises(LogitconfError, match="holdout"):
        split_rows(10, holdout, seed=0)


def checked(logits: object, labels: object) -> Rows:
    return Rows.checked(logits, labels, "multiclass")


def keys_of(rows: Rows) -> NDArray[np.uint64]:
    assert rows.identity.keys is not None
    return rows.identity.keys


def test_keys_find_the_rows_that_two_sets_share() -> None:
    rows = checked(*labelled(400, 0))
    keys = keys_of(rows)
    assert len(np.unique(keys)) == 400
    assert shared_rows(keys[:150], keys_of(rows.at(np.arange(100, 180)))) == 50
    assert shared_rows(keys, keys_of(checked(*labelled(400, 1)))) == 0


def test_a_digest_is_that_of_the_rows_in_any_order_library_and_precision() -> None:
    logits, labels = labelled(400, 0)
    digest = checked(logits, labels).identity.sha256
    order = torch.randperm(400, generator=torch.Generator().manual_seed(1))
    wide, numbers = logits.double(), labels.numpy()
    for same in (
        (logits[order], labels[order]),
        (logits.numpy(), numbers.astype(np.uint8)),
        (wide, labels),
        (wide.numpy().astype(">f8"), numbers.astype(np.float32)),
        (np.asfortranarray(logits.numpy()), numbers),
        (wide.tolist(), numbers.tolist()),
    ):
        assert checked(*same).identity.sha256 == digest
    exact = logits.bfloat16()
    assert checked(exact, labels).identity.sha256 == checked(exact.float(), labels).identity.sha256


def test_every_change_of_the_rows_changes_their_digest() -> None:
    logits, labels = (part.numpy() for part in labelled(40, 0))
    swapped, moved, nudged, bad = (logits.copy() for _ in range(4))
    swapped[[0, 1], 0] = swapped[[1, 0], 0]
    moved[:2, 0] += np.array([1.0, -1.0], np.float32)
    nudged[39, 2] = np.nextafter(nudged[39, 2], np.float32(9.0))
    bad[3, 1] = np.nan
    others = [labels.copy(), labels.copy()]
    others[0][[np.argmin(labels), np.argmax(labels)]] = labels.max(), labels.min()
    others[1][0] = (others[1][0] + 1) % 3
    twice = np.r_[0:40, 0]
    digests = {checked(x, labels).identity.sha256 for x in (logits, swapped, moved, nudged, bad)}
    digests |= {checked(logits, y).identity.sha256 for y in others}
    digests |= {checked(logits[twice], labels[twice]).identity.sha256}
    digests |= {
        checked(logits[1:], labels[1:]).identity.sha256,
        checked(logits, None).identity.sha256,
    }
    assert len(digests) == 10
    assert all(digest.startswith("sum:") for digest in digests)


def test_zeros_of_both_signs_and_all_not_a_numbers_are_alike_in_a_digest() -> None:
    first = np.array([[0.0, np.nan], [1.0, 2.0]], np.float32)
    second = np.array([[-0.0, -np.nan], [1.0, 2.0]])
    second.view(np.uint64)[0, 1] |= 7
    labels = [0, 1]
    assert checked(first, labels).identity.sha256 == checked(second, labels).identity.sha256


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_digest_of_version_0_1_is_known_again(dtype: torch.dtype) -> None:
    logits, labels = labelled(50, 0)
    logits = logits.to(dtype)
    old = hashlib.sha256()
    for part in (logits, labels):
        old.update(f"{part.dtype} {len(part)} {part.numel()}".encode())
        old.update(part.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    assert checked(logits, labels).matches(old.hexdigest())
    if dtype != torch.bfloat16:
        assert checked(logits.numpy(), labels.numpy()).matches(old.hexdigest())
    assert not checked(logits.flip(0), labels).matches(old.hexdigest())
    assert not checked(logits, labels).matches(None)


def test_a_card_of_version_0_1_knows_its_fitted_rows_again() -> None:
    logits, labels = labelled(300, 0)
    score = logitconf.SoftmaxScore().fit(logits, labels)
    old = hashlib.sha256()
    for part in (logits, labels):
        old.update(f"{part.dtype} {len(part)} {part.numel()}".encode())
        old.update(part.numpy().tobytes())
    assert score.card.temperature_fit is not None
    record = replace(score.card.temperature_fit, sha256=old.hexdigest())
    loaded = logitconf.SoftmaxScore()
    loaded.card = replace(score.card, temperature_fit=record)
    with pytest.warns(LogitconfWarning, match="300 of the 300 rows that certify"):
        loaded.calibrate(logits, labels).set_threshold(risk=0.3)
    certificate = loaded.card.certificate
    assert certificate is not None
    assert certificate.fitted_rows == 300


def test_a_temperature_is_fitted_on_the_rows_that_are_not_held_out() -> None:
    logits, labels = labelled(1000, 0)
    score = logitconf.SoftmaxScore().fit(logits, labels, holdout=0.3, seed=7)
    fitted, held = (torch.from_numpy(part) for part in split_rows(len(labels), 0.3, seed=7))
    alone = fit_temperature(logits[fitted], labels[fitted], family="categorical")
    assert score.temperature == alone.temperature
    expected = score.score(logits[held]).numpy()
    np.testing.assert_array_equal(score.scores, expected)
    assert score.card.rows is not None
    assert score.card.rows.split == Split(holdout=0.3, seed=7, stratified=False)


def test_certifying_the_fitted_rows_is_warned_about_and_recorded() -> None:
    logits, labels = labelled(1000, 0)
    score = logitconf.SoftmaxScore().fit(logits, labels)
    with pytest.warns(LogitconfWarning, match="1000 of the 1000 rows that certify"):
        score.set_threshold(risk=0.3)
    certificate = score.card.certificate
    assert certificate is not None
    assert certificate.fitted_rows == 1000


def test_some_shared_rows_are_found_among_others() -> None:
    logits, labels = labelled(1000, 0)
    score = logitconf.SoftmaxScore().fit(logits[:600], labels[:600])
    score.calibrate(logits[500:], labels[500:])
    with pytest.warns(LogitconfWarning, match="100 of the 500 rows that certify"):
        score.set_threshold(risk=0.3)


def test_other_rows_certify_without_a_warning() -> None:
    logits, labels = labelled(1000, 0)
    held = logitconf.SoftmaxScore().fit(logits, labels, holdout=0.5)
    apart = logitconf.SoftmaxScore().fit(logits[:500], labels[:500])
    temperature = apart.temperature
    apart.calibrate(logits[500:], labels[500:])
    given = logitconf.SoftmaxScore(temperature=2.0).calibrate(logits, labels)
    for score in (held, apart, given):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            score.set_threshold(risk=0.3)
        certificate = score.card.certificate
        assert certificate is not None
        assert certificate.fitted_rows == 0
    assert apart.temperature == temperature
    assert given.temperature == 2.0


def test_a_loaded_score_knows_its_own_fitted_rows_again() -> None:
    logits, labels = labelled(1000, 0)
    fitted = logitconf.SoftmaxScore().fit(logits, labels)
    loaded = SCORE_CLASSES["softmax"]()
    loaded.card = fitted.card
    loaded.calibrate(logits, labels)
    with pytest.warns(LogitconfWarning, match="1000 of the 1000 rows"):
        loaded.set_threshold(risk=0.3)
    loaded.calibrate(logits[:999], labels[:999])
    loaded.set_threshold(risk=0.3)
    certificate = loaded.card.certificate
    assert certificate is not None
    assert certificate.fitted_rows is None


def test_a_holdout_without_labels_and_calibrating_nothing_are_refused() -> None:
    logits, _ = labelled(10, 0)
    with pytest.raises(LogitconfError, match="holdout is for rows with labels"):
        logitconf.SoftmaxScore().fit(logits, holdout=0.5)
    with pytest.raises(LogitconfError, match="calibrate needs at least one row"):
        logitconf.SoftmaxScore().calibrate(logits[:0])


PROBABILITIES = np.random.default_rng(3).dirichlet(np.ones(4), 500)


@pytest.mark.parametrize("kind", ["logits", "probabilities"])
@pytest.mark.parametrize("as_tensors", [False, True])
def test_some_rows_of_many_are_those_that_were_asked_for(kind: str, as_tensors: bool) -> None:
    values = PROBABILITIES if kind == "probabilities" else np.log(PROBABILITIES)
    labels = np.arange(500) % 4
    given = torch.from_numpy(values) if as_tensors else values
    places = np.random.default_rng(1).permutation(500)[:300]
    # looked up twice
    some = Rows.checked(given, labels, "multiclass", kind=kind).at(places).at(np.arange(50, 300))
    own = places[50:]
    assert (len(some), some.shape, some.plain) == (250, (250, 4), False)
    np.testing.assert_allclose(some.logits, np.log(PROBABILITIES)[own], rtol=1e-15)
    np.testing.assert_array_equal(some.labels, labels[own])
    expected = np.log(PROBABILITIES)[own].argmax(axis=1)
    np.testing.assert_array_equal(some.predicted, expected)
    np.testing.assert_array_equal(some.right, expected == labels[own])
    alone = Rows.checked(some.logits, some.labels, "multiclass", kind="logits")
    assert some.identity.sha256 == alone.identity.sha256
    np.testing.assert_array_equal(some.identity.keys, alone.identity.keys)
    pieces = [*some.pieces()]
    np.testing.assert_array_equal(np.concatenate([piece[0] for piece in pieces]), some.logits)
    np.testing.assert_array_equal(np.concatenate([piece[1] for piece in pieces]), some.labels)


def test_rows_are_walked_through_in_blocks_that_share_their_memory() -> None:
    logits = np.random.default_rng(0).normal(size=(900, 200)).astype(np.float32)
    rows = Rows.checked(logits, np.zeros(900, int), "multiclass")
    blocks = rows.each_block(lambda block: block, "Walking")
    assert len(blocks) > 1
    assert all(np.shares_memory(block.source, logits) for block in blocks)
    np.testing.assert_array_equal(np.concatenate([block.source for block in blocks]), logits)


def test_rows_in_the_midst_of_a_file_are_those_of_an_array() -> None:
    logits, labels = (part.numpy() for part in labelled(3000, 5))
    raw = np.zeros(logits.nbytes + 1, np.uint8)
    raw[1:] = logits.view(np.uint8).reshape(-1)
    odd = raw[1:].view(np.float32).reshape(logits.shape)
    assert not odd.flags.aligned
    assert checked(odd, labels).identity.sha256 == checked(logits, labels).identity.sha256
    both = [logitconf.fit(rows, labels, coverage=0.8) for rows in (odd, logits)]
    assert both[0].card == both[1].card
    np.testing.assert_array_equal(both[0].scores, both[1].scores)
