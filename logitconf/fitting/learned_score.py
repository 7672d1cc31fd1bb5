"""The learned confidence as a score: fitted on confidence logits, or on a model and a loader."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logitconf.arrays import Array, beside
from logitconf.errors import LogitconfError, torch_for
from logitconf.fitting.logit_score import LogitScore
from logitconf.rows import Rows
from logitconf.tasks import ArrayLike, as_array, check_task

if TYPE_CHECKING:
    from torch import nn
    from torch.utils.data import DataLoader


class LearnedConfidenceScore(LogitScore):
    """Learned confidence, negated: −sigmoid(s / T) of a confidence logit s; lower is surer.

    With task ``"binary"`` there is one confidence logit a row, (N,) or (N, 1), whatever the
    classes are; with ``"multilabel"`` one a label, (N, L), and the least sure label counts. The
    labels of ``fit`` say whether each prediction was right, and T is what makes sigmoid(s / T) the
    best probability of that. T never changes the order of the rows.

    >>> LearnedConfidenceScore().score([2.0, 0.0, -2.0]).round(4)
    array([-0.8808, -0.5   , -0.1192])
    """

    name = "learned"

    def __init__(self, temperature: float | None = None, task: str = "binary") -> None:
        """Makes a score that can be used at once, or fitted.

        Args:
            temperature: divides the confidence logits, > 0; None means 1 until ``fit`` finds one.
            task: ``"binary"``: one confidence a row; ``"multilabel"``: one a label.

        Raises:
            LogitconfError: if either is not valid.
        """
        if task == "multiclass":
            raise LogitconfError(
                "task must be 'binary' (one confidence logit a row) or 'multilabel' (one a label), "
                "got 'multiclass'"
            )
        super().__init__(temperature, task)
        if task == "binary":
            self.card = replace(self.card, n_classes=1)

    def fit(  # noqa: PLR0917 (the base class's signature)
        self,
        X: ArrayLike | None = None,
        Y: ArrayLike | None = None,
        model: "nn.Module | None" = None,
        loader: "DataLoader[Any] | None" = None,
        outdir: str | Path | None = None,
        prefix: str | None = None,
        *,
        kind: str | None = None,
        holdout: float | None = None,
        seed: int = 0,
        class_names: Sequence[str] | None = None,
    ) -> "LogitScore":
        """Fits the temperature (with Y) and keeps the scores for ``set_threshold``.

        Args:
            X: confidence logits (N,) or (N, 1), multilabel (N, L).
            Y: 1 where the prediction was right, else 0, shaped like X; see
                :func:`predictions_right`.
            model: instead of X, a module with ``.logits(x)`` and ``.confidence_logits(x)``.
            loader: with ``model``: yields x, (x, y) or dicts; y are the labels of the classes.
            outdir: with ``model``: folder where what was extracted is saved and found again.
            prefix: name of the file there.
            kind: what X holds, as in the base class.
            holdout: share of the rows kept for ``set_threshold``, as in the base class.
            seed: of the draw.
            class_names: of the labels with task ``"multilabel"``, as in the base class.

        Returns:
            The score itself. A threshold set before is gone.

        Raises:
            LogitconfError: if the rows do not fit the task, or there are none.
        """
        options: dict[str, Any] = {"kind": kind, "holdout": holdout, "seed": seed}
        options["class_names"] = class_names
        if X is not None or Y is not None or model is None or loader is None:
            given = (X, Y, model, loader, outdir, prefix)
            return super().fit(*given, **options)
        with torch_for("a model with a loader"):
            from logitconf.fitting.extraction import JoinedLogits, extract_logits

        both, labels = extract_logits(JoinedLogits(model), loader, outdir=outdir, prefix=prefix)
        n_classes = 1 if self.task == "binary" else both.shape[1] // 2
        classes, confidence = both[:, :-n_classes], both[:, -n_classes:]
        right = None if labels is None else predictions_right(classes, labels)
        if right is not None and right.ndim == 2 and n_classes == 1:
            right = right.all(1)
        return super().fit(confidence, right, **options)


def predictions_right(logits: ArrayLike, labels: ArrayLike) -> Array:
    """Whether predictions are right: what :meth:`LearnedConfidenceScore.fit` takes as Y.

    Args:
        logits: class logits (N, K), or probabilities of classes, whose largest is the same; one
            logit (N,) or (N, 1), or labels (N, L).
        labels: (N,) classes; (N,) in [0, 1] for one logit; (N, L) in [0, 1] for labels.

    Returns:
        (N,) bool, or (N, L) where the labels have that shape.

    Raises:
        LogitconfError: if the shapes do not fit each other, or the numbers of one logit or of
            labels look like probabilities.

    >>> predictions_right([[2.0, 1.0], [0.0, 3.0]], [0, 0])
    array([ True, False])
    """
    values, targets = as_array(logits, "logits"), as_array(labels, "labels")
    n_classes = 1 if values.ndim == 1 else values.shape[1]
    several = targets.ndim == 2 and targets.shape[1] > 1
    task = "multilabel" if several else ("binary" if n_classes <= 2 else "multiclass")
    # the largest class is the same, the side of 0 is not
    kind = None if several or n_classes == 1 else "logits"
    rows = Rows.checked(values, targets, check_task(task), kind=kind, per_label=several)
    return beside(rows.right.reshape(len(rows), -1) if several else rows.right, values)
