"""How far each score moves where the logits of a row move a little, as a calibration map's do.

Where each z = y / T of a row moves by at most ε, odds of two classes move by a factor within
exp(±2ε), a probability p by at most p (1 − p) (exp(2ε) − 1), and a logarithm of a sum of
exponentials by ε.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shift:
    """A bound on a score's move; the terms add up.

    Attributes:
        constant: times ε.
        of_log: times ε log K.
        of_temperature: times ε T; for labels that are added up, for each.
        relative: the score moves by a factor within exp(±ε) to this power.
        of_odds: and so do the odds of the probability that the score is.
    """

    constant: float = 0.0
    of_log: float = 0.0
    of_temperature: float = 0.0
    relative: float = 0.0
    of_odds: float = 0.0


SOFTMAX = Shift(of_odds=2.0)
# The slope of the entropy is at most the standard deviation of log p, sqrt(1 + (log K)² / 4).
# Source: Reeb & Wolf 2015, "Tight bound on relative entropy by entropy difference".
ENTROPY = Shift(constant=1.0, of_log=0.5)
ENERGY = Shift(of_temperature=1.0)
MARGIN = Shift(constant=2.0)
# two probabilities, each by at most ε / 2
SOFTMAX_MARGIN = Shift(constant=1.0)
MAX_LOGIT = Shift(constant=1.0)
# p (1 − p) moves by a factor within exp(±4ε), and the exponent γ is at most 1
GEN = Shift(relative=4.0)
# Σ p (1 − p)
GINI = Shift(relative=4.0)
# that over 1 less that
DOCTOR = Shift(relative=8.0)
# odds
DOCTOR_BETA = Shift(relative=2.0)
