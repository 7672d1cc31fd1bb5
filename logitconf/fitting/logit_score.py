"""What all confidence scores that users fit have in common."""

import warnings
from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from logitconf.arrays import Array
from logitconf.calibration.names import TEMPERATURE
from logitconf.card.numbers import check_temperature
from logitconf.card.score_card import HeadForm, ScoreCard, check_outputs
from logitconf.errors import LogitconfError, LogitconfWarning, torch_for
from logitconf.fitting.calibrated_rows import (
    asked_calibration,
    decided,
    probabilities_of,
    score_of,
    score_rows,
)
from logitconf.fitting.class_names import Names, numbered_labels
from logitconf.fitting.conventions import ScoreConventions
from logitconf.fitting.fit import (
    calibrate_card,
    card_with_threshold,
    check_as_fitted,
    fit_card,
    given_or_extracted,
)
from logitconf.metrics.separation import separation_notes
from logitconf.rows import Rows, check_order
from logitconf.scores.table import SCORES, check_defined, check_parameters, class_of
from logitconf.tasks import ArrayLike, Layout, check_logits, check_task
from logitconf.thresholds.calibration_rows import CalibrationRows, FloatArray
from logitconf.thresholds.lookup import policy_asked

if TYPE_CHECKING:
    from torch import nn
    from torch.utils.data import DataLoader
    from typing_extensions import Unpack

    from logitconf.head import ConfidenceHead
    from logitconf.policy_table import PolicyArguments


class LogitScore(ScoreConventions, ABC):
    """A confidence score on logits; lower is more confident.

    Logits and labels by task: multiclass (N, C) and (N,) long; binary with one logit (N,) or
    (N, 1) and (N,) float or long; binary with two logits (N, 2) and (N,) long; multilabel (N, L)
    and (N, L) float.

    Attributes:
        task: ``"multiclass"``, ``"binary"`` or ``"multilabel"``.
        card: what is known so far, as plain values.
    """

    name: ClassVar[str]
    _asked: str = TEMPERATURE  # of pickles that older versions wrote

    def __init__(
        self,
        temperature: float | None = None,
        task: str = "multiclass",
        per_member: bool = False,
        *,
        per_label: bool = False,
        calibration: str = TEMPERATURE,
        parameters: Mapping[str, float | None] | None = None,
    ) -> None:
        """Makes a score that can be used at once, or fitted.

        Args:
            temperature: divides the logits, > 0; None means 1 until ``fit`` finds one.
            task: what the columns mean.
            per_member: whether the logits have the M members of an ensemble, or M passes with
                dropout, along a last axis: (N, C, M), (N, L, M), binary (N, M) or (N, 1 or 2, M).
                The score is the mean over them.
            per_label: whether each label of task ``"multilabel"`` is judged by itself, as one logit
                is: scores and ``selected`` are then (N, L), and every policy gives each label a
                threshold of its own. A label of −inf has no score.
            calibration: what ``fit`` fits: a ``"temperature"``; a ``"vector"`` of scales and biases
                by class, or scales by label; a ``"matrix"`` over classes; ``"platt"``: for one
                logit, two classes or each label; ``"auto"``: what cross-validation clearly prefers.
            parameters: further numbers of the score; None means its default until ``fit`` finds
                one, if it does.

        Raises:
            LogitconfError: if any of them is not valid.
        """
        if type(self) is LogitScore:
            raise LogitconfError(f"choose a score: {[class_of(score)[1] for score in SCORES]}")
        start = 1.0 if temperature is None else temperature
        given = {k: v for k, v in (parameters or {}).items() if v is not None}
        self.card = ScoreCard(
            self.name,
            check_task(task),
            check_temperature(start),
            parameters=check_parameters(self.name, given),
            members=0 if per_member else None,
            per_label=per_label,
        )
        if per_label:
            check_defined(self.name, Layout(self.task, None, per_label=True))
        self._asked = asked_calibration(calibration, self.name, members=per_member)
        # what fit tries instead of what the table says
        self._tried: dict[str, tuple[float, ...]] = dict.fromkeys(given, ())
        self._calibration: CalibrationRows | None = None

    @property
    def scores(self) -> FloatArray | None:
        """Float32 scores of the calibration rows, None before ``fit`` and after ``load``."""
        return None if self._calibration is None else self._calibration.scores

    def fit(  # noqa: PLR0917 (the reference implementation's signature)
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
        """Fits temperature and parameters (with labels) and keeps the scores for ``set_threshold``.

        Args:
            X: logits, shaped as the task says.
            Y: labels, as numbers or as names of classes; with them T minimises the task's NLL,
                and parameters that were not given minimise the AURC; without them both stay.
            model: instead of X, a module with ``.logits(x)``.
            loader: with ``model``: yields x, (x, y) or dicts.
            outdir: with ``model``: folder where extracted logits are saved and found again.
            prefix: name of the file there.
            kind: what the numbers are: ``"logits"``, ``"probabilities"`` or
                ``"log-probabilities"``, which become logits here: fit, card and head are of logits.
                Without it they are logits, and are refused if they look like probabilities.
            holdout: share of the rows that nothing is fitted on and that ``set_threshold`` uses
                instead, drawn at random, in (0, 1); None uses all rows for
                both, which a certified risk should not.
            seed: of the draw.
            class_names: of the columns, in their order; labels may be these names. Of labels that
                are names without this, the columns are taken to be in sorted order.

        Returns:
            The score itself. A threshold set before is gone.

        Raises:
            LogitconfError: if logits or labels do not fit the task or the kind, or there are none.
        """
        X, Y = given_or_extracted(X, Y, model, loader, outdir=outdir, prefix=prefix)
        Y, names = self._named(X, Y, class_names)
        rows = self._laid_out(X, Y, kind)
        check_defined(self.name, rows.layout, rows.kind)
        if len(rows) == 0:
            raise LogitconfError(f"fit needs at least one row, got shape {rows.shape}")
        self.card, self._calibration = fit_card(
            replace(self.card, class_names=None),
            rows,
            tried=self._tried,
            calibration=self._asked,
            holdout=holdout,
            seed=seed,
        )
        self.card = replace(self.card, class_names=names)
        return self._separating()

    def calibrate(
        self, X: ArrayLike, Y: ArrayLike | None = None, *, kind: str | None = None
    ) -> "LogitScore":
        """Keeps temperature and parameters, and takes other rows for ``set_threshold``.

        A threshold set before is gone.

        Args:
            X: logits, shaped as the task says.
            Y: labels, for policies that need errors.
            kind: what X holds, as in ``fit``.

        Raises:
            LogitconfError: if logits or labels do not fit the task or the kind, or there are none.
        """
        Y, names = self._named(X, Y, self.class_names)
        rows = self._checked(X, Y, kind=kind)
        if len(rows) == 0:
            raise LogitconfError(f"calibrate needs at least one row, got {rows.shape}")
        fitted_keys = self._calibration.fitted_keys if self._calibration else None
        self.card, self._calibration = calibrate_card(self.card, rows, fitted_keys)
        self.card = replace(self.card, class_names=names)
        return self._separating()

    def score(self, query_logits: ArrayLike, *, kind: str = "logits") -> Array:
        """The scores, lower is more confident.

        Args:
            query_logits: (M, ...) as the task says.
            kind: what they are, as in ``fit``; a few rows refute nothing, so it is not asked for.

        Returns:
            (M,), or (M, L) if each label is judged by itself; float64 for float64 logits and
            float32 for all others; NaN for a row with a NaN, a +inf or no finite value.

        Raises:
            LogitconfError: if the logits do not fit the task or the columns of ``fit``.
        """
        return score_of(self.card, self._checked(query_logits, kind=kind))

    def select(self, query_logits: ArrayLike, *, kind: str = "logits") -> dict[str, Array]:
        """Scores and the rows that are accepted.

        Without a threshold, ``set_threshold(q=0.99)`` is called first.

        Args:
            query_logits: (M, ...) as the task says.
            kind: what they are, as in ``score``.

        Returns:
            ``{"score": (M,), "selected": (M,) bool}``, both shaped as ``score`` says. Selected is
            what has a score, rounded to float32, that is finite and below its threshold.

        Raises:
            LogitconfError: as ``score``; or there is neither threshold nor calibration rows.
        """
        if self.threshold is None:
            self.set_threshold()
        rows = self._checked(query_logits, kind=kind)
        score, selected = decided(self.card, rows)
        return {"score": score, "selected": selected}

    def set_threshold(
        self,
        q: float | None = None,
        *,
        ood_logits: ArrayLike | None = None,
        kind: str | None = None,
        per_class: bool = False,
        simultaneous: bool = False,
        **policy: "Unpack[PolicyArguments]",
    ) -> "LogitScore":
        """Sets the threshold by one policy; without any, ``q=0.99``.

        Args:
            q: the quantile of the calibration scores, in (0, 1).
            ood_logits: out-of-distribution rows (M, ...), shaped as the task says, for ``fpr`` and
                ``tpr``.
            kind: what ``ood_logits`` holds, as in ``fit``.
            per_class: one threshold for each predicted class, by the same policy on its rows.
            simultaneous: a ``risk`` with ``per_class``, or of a score with ``per_label``, is
                promised for all classes or labels at once, and so for all that is accepted; each is
                certified at 1 - (1 - confidence) / K. Without, it is promised for each by itself:
                of K promises one may well be broken, and the risk of all accepted rows too.
            **policy: one of ``coverage``: accept at least this share of the calibration rows, in
                (0, 1], with the threshold in a gap that rounding does not bridge. ``risk``: with
                ``confidence`` (.95), at most this share of the accepted rows is wrong, certified by
                an exact binomial bound, both in (0, 1). A multilabel row is wrong if any label is;
                with ``per_label`` the promise is about the accepted ones of each label by itself.
                ``fpr``: accept at most this share of the ``ood_logits``, in [0, 1]. ``tpr``: accept
                at least this share of the calibration rows, in (0, 1], and report how many of the
                ``ood_logits`` that lets through. ``cost``: what an accepted error and a rejected
                row cost, a pair, both > 0. ``value``: the threshold itself.

        Returns:
            The score itself.

        Raises:
            LogitconfError: for several policies, a number out of range, or a policy that needs
                calibration rows or labels when there are none. The old threshold stays.
            UncertifiableError: for a risk that the rows cannot certify; it names how many could.
        """
        asked = policy_asked(
            q=q,
            outliers=ood_logits is not None,
            per_class=per_class,
            per_label=self.card.per_label,
            simultaneous=simultaneous,
            **policy,
        )
        rows = self._calibration
        if ood_logits is not None and rows is not None:
            rows = replace(
                rows, outliers=score_rows(self.card, self._checked(ood_logits, kind=kind))
            )
        card, notes = card_with_threshold(self.card, rows, asked)
        for note in notes:
            warnings.warn(note, LogitconfWarning, stacklevel=2)
        self.card = card
        return self

    def probabilities(self, logits: ArrayLike, *, kind: str = "logits") -> Array:
        """Calibrated probabilities, in [0, 1].

        Args:
            logits: (N, ...) as the task says.
            kind: what they are, as in ``score``.

        Returns:
            Softmax of z for categorical logits (NaN for the rows that have no score), sigmoid of z
            for one logit and for labels, in the shape of the logits; of members the mean, without
            their axis.

        Raises:
            LogitconfError: if the logits do not fit the task.
        """
        return probabilities_of(self.card, self._checked(logits, kind=kind))

    def compile(
        self,
        *,
        n_classes: int | None = None,
        rank: int | None = None,
        class_axis: int = 1,
        runtime: str = "any",
        precision: str = "float32",
        mask_type: str = "bool",
        kind: str = "logits",
        outputs: Sequence[str] = ("score", "mask"),
        probabilities: bool = False,
        members: int | None = None,
    ) -> "ConfidenceHead":
        """The fitted score as a module that exports.

        Args:
            n_classes: columns along the class axis; what ``fit`` saw unless given.
            rank: axes of the logits; 2 unless given.
            class_axis: where the classes are, for rank 2 to 8.
            runtime: ``"any"``: right on every runtime; ``"onnxruntime"``: fastest there;
                ``"cuda"``: fewest nodes.
            precision: ``"float64"`` computes in double and rounds once.
            mask_type: ``"uint8"`` or ``"float32"`` for runtimes without bool outputs.
            kind: ``"probabilities"`` or ``"log-probabilities"`` if the head gets those.
            outputs: ``"label"``, ``"confidence"``, ``"probabilities"``, beside score and mask.
            probabilities: the last of these.
            members: how many, along the last axis; what ``fit`` saw unless given.

        Raises:
            LogitconfError: without a threshold, or if the hints do not fit the score.
        """
        form = HeadForm(
            self.card.n_classes if n_classes is None else n_classes,
            rank,
            class_axis,
            runtime,
            precision,
            mask_type,
            kind,
            (*check_outputs(outputs), *(["probabilities"] if probabilities else [])),
            self.card.members or members,
        )
        with torch_for("compile()"):
            from logitconf.head import ConfidenceHead

        return ConfidenceHead(self.card, form)

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Writes the score card as JSON: exact values, no calibration data.

        Raises:
            LogitconfError: if the file exists and ``force`` is not given.
        """
        self.card.save(path, force=force)

    def _separating(self) -> "LogitScore":
        """The score itself, with a warning if it does not rank errors behind right rows."""
        for note in separation_notes(self._calibration):
            warnings.warn(note, LogitconfWarning, stacklevel=3)
        return self

    def _named(
        self, logits: ArrayLike, labels: ArrayLike | None, names: Sequence[str] | None
    ) -> tuple[ArrayLike | None, Names | None]:
        """Labels as numbers, and the names of their classes."""
        made = {"per_member": self.per_member, "per_label": self.card.per_label}
        check_order(logits, labels)
        _, layout = check_logits(logits, self.task, **made)
        return numbered_labels(labels, names, layout)

    def _laid_out(self, logits: ArrayLike, labels: ArrayLike | None, kind: str | None) -> Rows:
        made = {"per_member": self.per_member, "per_label": self.card.per_label}
        return Rows.checked(logits, labels, self.task, kind=kind, **made)

    def _checked(
        self, logits: ArrayLike, labels: ArrayLike | None = None, *, kind: str | None = "logits"
    ) -> Rows:
        return check_as_fitted(self.card, self._laid_out(logits, labels, kind))

    def __getstate__(self) -> dict[str, Any]:
        """What pickle keeps: the card, and nothing of the rows."""
        kept = ("card", "_tried", "_arguments", "_asked")
        return {**{name: getattr(self, name) for name in kept}, "_calibration": None}
