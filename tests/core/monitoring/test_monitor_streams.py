"""The many streams of the benchmark are bet on as the monitor bets."""

import numpy as np
from benchmarks.monitor import ManyBets, alarms, calibrated, patterns_of

from logitconf.monitoring.monitor import Bets


def test_many_players_hold_the_capital_that_each_would_hold_alone() -> None:
    made = [calibrated(1000, seed) for seed in range(5)]
    levels, edges = (np.array([each[part] for each in made]) for part in (0, 1))
    limit = made[0][2]
    # the last players are shown larger numbers, and alarm
    uniform = np.random.default_rng(0).random((1250, 5)) ** np.array([1.0, 1.0, 1.0, 0.5, 0.3])
    together = ManyBets(edges, patterns_of(levels), limit)
    alone = [Bets(edges[player].tolist()) for player in range(5)]
    for row, numbers in enumerate(uniform):
        together.play((numbers[:, None] > levels).sum(axis=1))
        for player, bets in enumerate(alone):
            ones = (numbers[player] > levels[player])[None]
            bets.play(ones, np.array([row]), limit)
            if bets.alarm is None:
                total = np.exp(bets.total(bets.capital[None])[0]) * together.bets
                np.testing.assert_allclose(together.total()[player], total, rtol=1e-9)
    raised = [-1 if bets.alarm is None else bets.alarm for bets in alone]
    assert together.alarm.tolist() == raised
    assert raised[:3] == [-1] * 3
    assert min(raised[3:]) > 0


def test_rows_that_are_not_judged_are_not_bet_on() -> None:
    generator = np.random.default_rng(1)
    errors, judged = generator.random((2000, 3)) < 0.14, generator.random((2000, 3)) < 0.6
    limit = np.log(2.0 / (0.9 * 0.05))
    two = np.broadcast_to([[[False], [True]]], (3, 2, 1))
    together = ManyBets(np.full((3, 1), 0.08), two, limit)
    for row in range(2000):
        together.play(errors[row].astype(np.int64), judged[row])
    for player in range(3):
        own = errors[judged[:, player], player]
        bets = Bets([0.08])
        bets.play(own[:, None], np.arange(len(own)), limit)
        assert bets.alarm == together.alarm[player]
        assert bets.alarm is not None


def test_quiet_streams_and_streams_at_the_edge_keep_to_alpha() -> None:
    # 40 streams each; more than 8 of them alarm with probability below one in a thousand
    for edge in ("quiet", "null", "bets"):
        inputs, promise = alarms(1000, range(40), 1000, edge=edge)
        assert (inputs | promise).sum() <= 8
