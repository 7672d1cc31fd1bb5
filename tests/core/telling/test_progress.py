"""What is told of work while it goes on."""

import numpy as np
import pytest
from numpy.typing import NDArray
from support.heard import Heard, check_all_done

from logitconf.calibration.maps.choice import FOLDS
from logitconf.calibration.temperature.fit import fit_temperature, fit_temperature_chunks
from logitconf.fitting.comparison import compare_scores
from logitconf.fitting.one_call import fit
from logitconf.fitting.score_classes import GenScore
from logitconf.telling.progress import heard_by, steps, work


def rows(n: int = 900) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    random = np.random.default_rng(0)
    logits = random.normal(size=(n, 5)) * 2.0
    return logits, (logits + random.gumbel(size=logits.shape)).argmax(axis=1)


def test_nobody_listens_unless_asked() -> None:
    assert list(steps([1, 2], "Counting")) == [1, 2]
    with work("Waiting", None) as advance:
        advance(3)


def test_a_step_is_told_when_it_is_done_and_not_when_it_begins() -> None:
    heard = Heard()
    with heard_by(heard):
        told = [heard.pieces[0][2] for _ in steps(range(3), "Counting")]
    assert told == [0, 1, 2]
    check_all_done(heard)
    list(steps(range(3), "Later"))
    assert heard.named("Later") == []


def test_work_that_breaks_off_ends_without_being_done() -> None:
    heard = Heard()

    def breaking() -> None:
        for item in steps(range(3), "Counting"):
            if item == 1:
                raise RuntimeError("no more")

    with heard_by(heard), pytest.raises(RuntimeError, match="no more"):
        breaking()
    assert heard.pieces == [["Counting", 3, 1]]
    assert heard.open == 0


def test_listeners_nest_and_go_in_their_order() -> None:
    outer, inner = Heard(), Heard()
    with heard_by(outer):
        with heard_by(inner):
            list(steps([1], "In"))
        list(steps([1], "Out"))
    assert (outer.pieces, inner.pieces) == ([["Out", 1, 1]], [["In", 1, 1]])


def test_a_fit_of_a_temperature_tells_of_all_rows_in_every_pass() -> None:
    logits, labels = rows()
    heard = Heard()
    with heard_by(heard):
        fitted = fit_temperature(logits, labels, family="categorical")
    passes = heard.named("temperature")
    assert len(passes) >= fitted.passes
    assert sum(total == len(logits) for _, total, _ in passes) == fitted.passes
    check_all_done(heard)


def test_chunks_are_counted_from_the_second_pass_on() -> None:
    # more than the first guess takes, and in another order
    logits, labels = rows(30_000)
    order = np.argsort(logits[:, 0])
    parts = [(logits[part], labels[part]) for part in np.array_split(order, 9)]
    heard = Heard()
    with heard_by(heard):
        fitted = fit_temperature_chunks(lambda: iter(parts), family="categorical")
    passes = [(total, told) for _, total, told in heard.named("pass")]
    assert passes[0] == (None, 30_000)
    assert len(passes) == fitted.passes > 1
    assert set(passes[1:]) == {(30_000, 30_000)}


def test_a_choice_of_calibrations_tells_of_its_folds() -> None:
    heard = Heard()
    with heard_by(heard):
        fit(*rows(), calibration="auto")
    assert [piece[1:] for piece in heard.named("Cross-validating")] == [[FOLDS, FOLDS]]
    check_all_done(heard)


def test_a_fit_with_parameters_and_a_comparison_tell_of_each_trial() -> None:
    logits, labels = rows()
    heard = Heard()
    with heard_by(heard):
        GenScore(top=[0, 2]).fit(logits, labels)
    assert [total for _, total, _ in heard.named("parameters")] == [10]
    check_all_done(heard)
    heard = Heard()
    with heard_by(heard):
        compare_scores(logits, labels, draws=300)
    assert [told for _, _, told in heard.named("signs")] == [300]
    assert heard.named("scores")
    check_all_done(heard)
