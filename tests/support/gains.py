"""What abstaining gains on real classifiers: the table in README and docs.

Run with: python -m support.gains
"""

import sys
from dataclasses import dataclass

import numpy as np
from support import real_data

import logitconf
from docs.making import pictures
from logitconf_export.cli.making import digits

COVERAGES = (0.8,)
RISK = 0.05
SETS = {
    "EuroSAT, satellite pictures": "eurosat",
    "CIFAR-10, DenseNet-40": "nncal",
    "MMLU questions, Mistral-7B": "llmuq_mistral_base",
}
"""Classifiers of the real data, as the table names them."""


@dataclass(frozen=True)
class Gain:
    """Shares of rows that nothing was fitted on.

    Attributes:
        rows: how many.
        right: of all.
        answered: of all; for each coverage that was asked for, then for the certified risk.
        answered_right: of the answered, likewise.
    """

    rows: int
    right: float
    answered: tuple[float, ...]
    answered_right: tuple[float, ...]

    def cells(self) -> tuple[str, ...]:
        """As they stand in the table."""
        pairs = zip(self.answered, self.answered_right, strict=True)
        shares = (f"{share:.1%}".replace("%", " %") for pair in pairs for share in pair)
        return (f"{self.right:.1%}".replace("%", " %"), *shares)


def gain(split: real_data.LogitSplit) -> Gain:
    """Softmax, fitted on one part of the rows and counted on the other."""
    fitted = logitconf.SoftmaxScore().fit(split.fit_logits, split.fit_labels)
    masks = []
    for coverage in COVERAGES:
        fitted.set_threshold(coverage=coverage)
        masks.append(np.asarray(fitted.select(split.test_logits)["selected"]))
    certified = logitconf.SoftmaxScore().fit(split.fit_logits, split.fit_labels, holdout=0.5)
    certified.set_threshold(risk=RISK)
    masks.append(np.asarray(certified.select(split.test_logits)["selected"]))
    right = split.test_logits.argmax(axis=1) == split.test_labels
    return Gain(
        rows=len(right),
        right=float(right.mean()),
        answered=tuple(float(mask.mean()) for mask in masks),
        answered_right=tuple(float(right[mask].mean()) for mask in masks),
    )


def of_digits() -> Gain:
    """The demo's network, on the digits that it was neither trained nor fitted on."""
    _, calibration, test = digits.load_digits()
    network = pictures.trained()
    return gain(
        real_data.LogitSplit(
            digits.logits_of_network(network, calibration).numpy(),
            calibration.labels,
            digits.logits_of_network(network, test).numpy(),
            test.labels,
        )
    )


def shift() -> tuple[float, float, float, float]:
    """What becomes of a threshold for 80 % where the world shifts in the middle of a stream.

    Returns:
        Shares in percent: accepted and wrong among these before, and after.
    """
    stored = real_data.arrays("nannyml_mc_synthetic.npz")
    score = logitconf.SoftmaxScore()
    score.fit(stored["reference_probs"], stored["reference_labels"], kind="probabilities")
    score.set_threshold(coverage=COVERAGES[0])
    shares = []
    for rows in (slice(None, 30_000), slice(30_000, None)):
        probabilities, labels = stored["analysis_probs"][rows], stored["analysis_labels"][rows]
        accepted = np.asarray(score.select(probabilities, kind="probabilities")["selected"])
        right = probabilities.argmax(axis=1) == labels
        shares += [100 * accepted.mean(), 100 * (1 - right[accepted].mean())]
    return shares[0], shares[1], shares[2], shares[3]


MADE = {"handwritten digits, small network": of_digits} | {
    name: (lambda key=key: gain(real_data.LOGIT_SPLITS[key]())) for name, key in SETS.items()
}
"""Every row of the table and who counts it."""


def line(name: str) -> str:
    """One row of the table, in Markdown."""
    made = MADE[name]()
    return f"| {name}, {made.rows:,} rows | {' | '.join(made.cells())} |"


def main() -> None:
    """Prints the table."""
    for name in MADE:
        sys.stdout.write(f"{line(name)}\n")


if __name__ == "__main__":
    main()
