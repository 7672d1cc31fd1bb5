"""Whether the certificate in a file is true: from the file alone, and on labelled rows."""

import numpy as np

from logitconf.card.parts import Certificate
from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.fitting.calibrated_rows import rows_mapped, rows_right
from logitconf.head_spec import Head
from logitconf.policy_table import POLICY_PARTS
from logitconf.rows import Rows
from logitconf.tasks import check_labels, check_logits, logits_of
from logitconf.thresholds.certificate import (
    breach,
    broken_bindings,
    promises_risk,
    wrong_arithmetic,
)
from logitconf_export.decisions.hard_rows import flattened
from logitconf_export.decisions.reference import Reference
from logitconf_export.onnx_files.types import Array
from logitconf_export.verification.report import Check

BELONGS = "the certificate is this head's"
ARITHMETIC = "the certificate's arithmetic is right"
HOLDS = "the certificate holds on the labelled rows"


def certificate_checks(card: ScoreCard) -> list[Check]:
    """What the card alone shows; nothing where it promises nothing."""
    if card.certificate is None and not promises_risk(card):
        return []
    bindings, numbers = broken_bindings(card), wrong_arithmetic(card)
    checks = [Check(BELONGS, not bindings, "; ".join(bindings))]
    if card.certificate is not None:
        promise = "; ".join(numbers) or _promise(card.certificate)
        checks.append(Check(ARITHMETIC, not numbers, promise))
    return checks


def measured_again(head: Head, values: Array, labels: Array) -> Check:
    """The certificate measured on labelled rows.

    On the rows that it was made from, all counts must come out again. On others, it fails where
    their errors contradict the promise.

    Args:
        head: as its card says, with a certificate.
        values: what the head reads, in its layout.
        labels: one for each position; for labels in the shape of the values.

    Raises:
        LogitconfError: if the labels do not fit the rows.
    """
    certificate = head.card.certificate
    if certificate is None:
        raise LogitconfError("the card must have a certificate to measure, got none")
    layout, kind = head.layout, head.form.kind
    rows = np.ascontiguousarray(flattened(values, head.form))
    rows, layout = check_logits(rows, layout.task, per_label=layout.per_label)
    logits = logits_of(rows, layout, kind)  # type: ignore[arg-type]
    if layout.family == "categorical" or layout.one_logit:
        labels = labels.reshape(-1)
    elif labels.ndim > 2:
        labels = flattened(labels, head.form)
    labelled = Rows(logits, layout, check_labels(labels, logits, layout))
    accepted = Reference(head).decisions(values).mask
    if layout.per_label:
        accepted = flattened(accepted.reshape(values.shape), head.form)
    mapped = rows_mapped(head.card, labelled)
    wrong = ~rows_right(head.card.score, mapped)
    counted = {"accepted": int(accepted.sum()), "errors": int((accepted & wrong).sum())}
    what = "decisions" if layout.per_label else "rows"
    counts = (
        f"{counted['errors']} of {counted['accepted']} accepted of {wrong.size} {what} are wrong"
    )
    if labelled.matches(certificate.data.sha256):
        off = [name for name in counted if getattr(certificate, name) != counted[name]]
        certified = ", ".join(f"{name} {getattr(certificate, name)}" for name in off)
        detail = f"the certified rows: {counts}" + (
            f"; the certificate says {certified}" if off else ""
        )
        return Check(HOLDS, not off, detail)
    try:
        by_class = promised_parts(certificate) == "class"
        predicted = mapped.predicted if by_class else None
        contradiction = _contradiction(accepted, wrong, certificate, predicted)
    except LogitconfError as error:
        return Check(HOLDS, False, str(error))
    return Check(HOLDS, not contradiction, contradiction or f"other rows: {counts}")


def promised_parts(certificate: Certificate) -> str:
    """What each part of a promise is called, "class" or "label"; empty for one about all rows."""
    name = certificate.policy["name"]
    return POLICY_PARTS[name][1] if name in POLICY_PARTS else ""


def _contradiction(
    accepted: Array, wrong: Array, certificate: Certificate, predicted: Array | None
) -> str:
    """In words, where errors contradict the promise: for all rows, each label, or each class.

    Args:
        accepted: (N,), or (N, L) for labels.
        wrong: of the same shape.
        certificate: the promise.
        predicted: (N,) classes, where each class is promised by itself.
    """
    if predicted is None:
        taken, errors = (np.atleast_1d(each.sum(axis=0)) for each in (accepted, accepted & wrong))
    else:
        taken = np.bincount(predicted[accepted])
        errors = np.bincount(predicted[accepted & wrong], minlength=len(taken))
    problems = [
        breach(int(bad), int(all_), certificate.risk, tests=len(taken))
        for bad, all_ in zip(errors, taken, strict=True)
    ]
    word = promised_parts(certificate)
    return "; ".join(
        f"{word} {k}: {problem}" if word else problem
        for k, problem in enumerate(problems)
        if problem
    )


def _promise(certificate: Certificate) -> str:
    text = (
        f"risk at most {certificate.risk:g} at confidence {certificate.confidence:g}: "
        f"{certificate.errors} errors of {certificate.accepted} accepted of "
        f"{certificate.rows} rows"
    )
    word = promised_parts(certificate)
    if word:
        at_once = certificate.policy.get("simultaneous")
        each = f"every {word} at once and for all together" if at_once else f"each {word} by itself"
        text += f", for {each}"
    fitted = certificate.fitted_rows
    return text + (f", {fitted} of which were fitted on too" if fitted else "")
