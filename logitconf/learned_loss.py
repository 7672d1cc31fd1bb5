"""Confidence that a network learns beside its classes: the loss, and a branch to put on.

Source: DeVries & Taylor 2018, "Learning confidence for out-of-distribution detection in neural
networks". The network gives a confidence logit s, c = sigmoid(s), and may buy hints with it: its
prediction p becomes p' = c·p + (1 − c)·y, and −log c is what the hints cost.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from logitconf.errors import LogitconfError
from logitconf.tasks import Layout, check_labels, check_logits, check_task

# the authors' published code: one per cent a batch
_RAISE, _LOWER = 1.0 / 0.99, 1.0 / 1.01
# departure: bounds, so that the penalty never leaves float32 and can always come back
_LEAST_PENALTY, _MOST_PENALTY = 1e-6, 1e6


def confidence_terms(
    logits: Tensor, confidence_logits: Tensor, labels: Tensor, hinted: Tensor, *, task: str
) -> tuple[Tensor, Tensor]:
    """The task loss after hints and the price of the confidence, (N,) each, in nats, >= 0.

    Classes pay −log p'_y, where p'_y = c·p_y + (1 − c). One logit and labels pay the binary cross
    entropy of p' = c·p + (1 − c)·y, labels its mean; they may have one confidence a row or one
    each. A row without hints pays as if c were 1. Everything is computed from logarithms.

    Args:
        logits: multiclass (N, C); binary (N,), (N, 1) or (N, 2); multilabel (N, L).
        confidence_logits: (N,) or (N, 1); multilabel (N, L) too.
        labels: classes (N,) long; one logit (N,) and labels (N, L) in [0, 1].
        hinted: (N,) bool, the rows that get hints.
        task: what the columns of the logits mean.

    Raises:
        LogitconfError: if the shapes or the labels do not fit the task.

    Source: DeVries & Taylor 2018; binary cross entropy is theirs for two classes.
    """
    checked, layout = check_logits(logits.detach(), check_task(task))
    targets = check_labels(labels, checked, layout)
    rows = len(logits)
    certainty = _confidence_columns(confidence_logits, rows, layout)
    log_confidence, log_hint = F.logsigmoid(certainty), F.logsigmoid(-certainty)
    if layout.family == "categorical":
        log_right = F.log_softmax(logits, dim=1).gather(1, targets[:, None])
        losses = -log_right
        with_hints = -torch.logaddexp(log_confidence + log_right, log_hint)
    else:
        z, y = logits.reshape(rows, -1), targets.to(logits.dtype)
        log_yes, log_no = F.logsigmoid(z), F.logsigmoid(-z)
        losses = -(y * log_yes + (1.0 - y) * log_no)
        hinted_yes = torch.logaddexp(log_confidence + log_yes, log_hint + torch.log(y))
        hinted_no = torch.logaddexp(log_confidence + log_no, log_hint + torch.log(1.0 - y))
        with_hints = -(y * hinted_yes + (1.0 - y) * hinted_no)
    paid = torch.where(hinted[:, None], with_hints, losses)
    return paid.mean(dim=1), -log_confidence.mean(dim=1)


def _confidence_columns(confidence_logits: Tensor, rows: int, layout: Layout) -> Tensor:
    """The confidence logits as (N, 1) or, for labels, (N, L)."""
    shape = tuple(confidence_logits.shape)
    allowed = [(rows,), (rows, 1)]
    if layout.task == "multilabel":
        allowed.append((rows, layout.n_classes or 1))
    if shape not in allowed:
        raise LogitconfError(
            f"confidence logits must have one of the shapes {allowed} beside {rows} rows, "
            f"got {shape}"
        )
    return confidence_logits.reshape(rows, -1)


class LearnedConfidenceLoss(nn.Module):
    """The loss that teaches a network its confidence: task loss + penalty · (−log c).

    In training, a random half of the rows gets hints, so that the others keep the classes honest,
    and the penalty follows the budget: after each batch it grows by 1/.99 if the mean price −log c
    exceeded the budget, and shrinks by 1/1.01 if not. In eval mode there are neither hints nor
    changes.

    Attributes:
        task: what the columns of the logits mean.
        budget: the mean price, in nats, that training steers to: a geometric mean of the
            confidences of exp(−budget).
        penalty: () buffer, lambda; > 0.

    Source: DeVries & Taylor 2018; the budget of .3, lambda's start at .1 and its steps from the
    authors' code.
    Departures: exactly half of the rows (with an odd one by chance) where the code tosses a coin
    for each; lambda stays in [1e-6, 1e6].

    >>> loss = LearnedConfidenceLoss().eval()
    >>> loss(torch.zeros(1, 2), torch.zeros(1, 1), torch.tensor([0]))  # log 2 + .1 log 2
    tensor(0.7625)
    """

    penalty: Tensor

    def __init__(
        self,
        task: str = "multiclass",
        *,
        budget: float = 0.3,
        penalty: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> None:
        """Makes the loss.

        Args:
            task: what the columns of the logits mean.
            budget: in nats, > 0.
            penalty: lambda at the start, in [1e-6, 1e6].
            generator: draws the rows that get hints; torch's own if none is given.

        Raises:
            LogitconfError: for a number out of range.
        """
        super().__init__()
        if not 0.0 < budget < float("inf"):
            raise LogitconfError(f"budget must be finite and > 0, got {budget!r}")
        if not _LEAST_PENALTY <= penalty <= _MOST_PENALTY:
            raise LogitconfError(
                f"penalty must be in [{_LEAST_PENALTY:g}, {_MOST_PENALTY:g}], got {penalty!r}"
            )
        self.task = check_task(task)
        self.budget = budget
        self._generator = generator
        self.register_buffer("penalty", torch.tensor(penalty, dtype=torch.float32))

    def forward(self, logits: Tensor, confidence_logits: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of a batch, ().

        Args:
            logits: (N, ...) as the task says.
            confidence_logits: (N,) or (N, 1); multilabel (N, L) too.
            labels: as the task says.

        Raises:
            LogitconfError: if the shapes do not fit, or there are no rows.
        """
        rows = len(logits)
        if rows == 0:
            raise LogitconfError("a batch must have at least one row, got none")
        hinted = torch.zeros(rows, dtype=torch.bool, device=logits.device)
        if self.training:
            hinted = random_half(rows, self._generator).to(logits.device)
        losses, prices = confidence_terms(logits, confidence_logits, labels, hinted, task=self.task)
        price = prices.mean()
        loss = losses.mean() + self.penalty.to(price.dtype) * price
        if self.training:
            step = torch.where(price.detach() > self.budget, _RAISE, _LOWER)
            changed = self.penalty * step.to(self.penalty.dtype)
            # a new tensor, since backward still needs the old one
            self.penalty = torch.clamp(changed, _LEAST_PENALTY, _MOST_PENALTY)
        return loss

    def extra_repr(self) -> str:
        """What is printed between the brackets."""
        return f"task={self.task!r}, budget={self.budget:g}, penalty={float(self.penalty):.4g}"


def random_half(rows: int, generator: torch.Generator | None = None) -> Tensor:
    """Which rows get hints: a random half, (N,) bool; of an odd number, one more by chance."""
    extra = int(torch.randint(0, 2, (), generator=generator))
    return torch.randperm(rows, generator=generator) < (rows + extra) // 2


class ConfidenceBranch(nn.Module):
    """Confidence logits from the features that the classes are read from.

    >>> ConfidenceBranch(64)(torch.zeros(8, 64)).shape
    torch.Size([8, 1])

    Source: DeVries & Taylor 2018: one or more linear layers beside the last one.
    """

    def __init__(
        self, in_features: int, *, out_features: int = 1, hidden: int | None = None
    ) -> None:
        """Makes the branch.

        Args:
            in_features: F, of the last layer before the logits.
            out_features: 1 for a confidence a row, or the number of labels.
            hidden: width of one layer with a ReLU in between; None for a single linear layer.

        Raises:
            LogitconfError: for a size below 1.
        """
        super().__init__()
        sizes = [in_features, *([] if hidden is None else [hidden]), out_features]
        if min(sizes) < 1:
            raise LogitconfError(f"a branch needs sizes of at least 1, got {sizes}")
        layers: list[nn.Module] = [nn.Linear(sizes[0], sizes[1])]
        if hidden is not None:
            layers += [nn.ReLU(), nn.Linear(sizes[1], sizes[2])]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Confidence logits (N, out_features) of features (N, F)."""
        logits: Tensor = self.layers(features)
        return logits
