"""What a score below its threshold means, in words: what its row of the table says of it.

``{x}`` stands for the threshold or its negative; z, the calibrated logits, are those over T.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """What lies where, if a score lies below its threshold.

    Attributes:
        of_classes: for classes that compete.
        of_one: for one logit, or a label that is judged by itself; that of classes if empty.
        of_labels: for labels that are judged together; that of one with "every label's" if empty.
        above: whether the score is a negated quantity, so that this lies above.
    """

    of_classes: str
    of_one: str = ""
    of_labels: str = ""
    above: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "of_one", self.of_one or self.of_classes)
        object.__setattr__(self, "of_labels", self.of_labels or f"every label's {self.of_one}")


SOFTMAX = Meaning("probability above {x}", "probability, of yes or of no, above {x}")
ENTROPY = Meaning("entropy below {x} nats", above=False)
ENERGY = Meaning(
    "T times the logsumexp of the calibrated logits above {x}",
    "T times the softplus of the calibrated logit's size above {x}",
    "T times the sum of the calibrated logits' softplus above {x}",
)
MARGIN = Meaning(
    "the two best calibrated logits differ by more than {x}",
    "the calibrated logit lies more than {x} from 0",
    "every label's calibrated logit lies more than {x} from 0",
)
SOFTMAX_MARGIN = Meaning(
    "the two best probabilities differ by more than {x}",
    "the probabilities of yes and of no differ by more than {x}",
    "every label's probabilities of yes and of no differ by more than {x}",
)
LEARNED = Meaning("learned confidence above {x}")
MAX_LOGIT = Meaning(
    "the best calibrated logit lies above {x}",
    "the calibrated logit lies more than {x} from 0",
    "the best label's calibrated logit lies above {x}",
)
MAX_LOGIT_NORM = Meaning("the best centred logit, over the p-norm of all, lies above {x}")
GEN = Meaning("generalised entropy below {x}", above=False)
GINI = Meaning("Gini impurity below {x}", above=False)
DOCTOR = Meaning(
    "odds of an error, for a class that is drawn, below {x}",
    "odds of an error, for a side that is drawn, below {x}",
    above=False,
)
DOCTOR_BETA = Meaning("odds of an error below {x}", above=False)
MUTUAL_INFORMATION = Meaning(
    "mutual information of prediction and member below {x} nats", above=False
)
VARIANCE = Meaning("variance over the members below {x}", above=False)
