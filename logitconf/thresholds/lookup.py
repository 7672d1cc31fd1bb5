"""The policy that arguments of ``set_threshold`` ask for, or that a card names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from logitconf.errors import LogitconfError, closest
from logitconf.policy_table import POLICIES
from logitconf.thresholds.per_class import PART_POLICIES, PerClass, PerLabel
from logitconf.thresholds.policy import Policy, policy_class


def policy_asked(
    *,
    outliers: bool = False,
    per_class: bool = False,
    per_label: bool = False,
    simultaneous: bool = False,
    **arguments: Any,
) -> Policy:
    """The one policy that arguments ask for; without any the quantile .99.

    Args:
        outliers: whether out-of-distribution rows are given.
        per_class: whether each predicted class gets a threshold of its own.
        per_label: whether each label is judged by itself.
        simultaneous: whether a promise holds for all classes or labels at once.
        arguments: of the table's rows; None stands for one that is not given.

    Raises:
        LogitconfError: for an argument that no policy has, several policies, an argument of
            another policy, or out-of-distribution rows without a policy for them.

    >>> policy_asked(coverage=0.9)
    Coverage(coverage=0.9)
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    rows = {row.argument.name: name for name, row in POLICIES.items()}
    further = {each.name: own for own, row in POLICIES.items() for each in row.further}
    unknown = sorted(set(given) - set(rows) - set(further))
    if unknown:
        meant = closest(unknown[0], [*rows, *further])
        hint = "" if meant is None else f"; did you mean {meant!r}?"
        raise LogitconfError(
            f"set_threshold takes one of {list(rows)}, and {list(further)}, got {unknown}{hint}"
        )
    chosen = [name for name in rows if name in given]
    if len(chosen) > 1:
        raise LogitconfError(f"set_threshold takes one policy, got {chosen}")
    name = rows[chosen[0]] if chosen else "quantile"
    for argument, own in further.items():
        if argument in given and own != name:
            raise LogitconfError(
                f"{argument} belongs to {POLICIES[own].argument.name}, got it with "
                f"{POLICIES[name].argument.name}"
            )
    policy = policy_class(name).from_arguments(**given)
    if policy.needs_outliers != outliers:
        raise LogitconfError(
            "fpr and tpr need ood_logits (--ood), and no other policy does, got "
            f"{policy.keyword} {'with' if outliers else 'without'} them"
        )
    return in_parts(policy, per_class=per_class, per_label=per_label, simultaneous=simultaneous)


def in_parts(policy: Policy, *, per_class: bool, per_label: bool, simultaneous: bool) -> Policy:
    """The policy for each class or label, or as it is.

    Raises:
        LogitconfError: for both, or a policy that cannot be followed so.
    """
    if per_class and per_label:
        raise LogitconfError(
            "a score with per_label=True has a threshold for each label, got per_class too"
        )
    if per_class:
        if policy.needs_outliers or policy.is_given:
            raise LogitconfError(f"per_class needs q, coverage, risk or cost, got {policy.keyword}")
        return PerClass(policy, simultaneous)
    if per_label and not policy.is_given:
        return PerLabel(policy, simultaneous)
    if simultaneous:
        raise LogitconfError(
            "simultaneous is for thresholds of classes or labels, got one threshold; use "
            "per_class, or a score with per_label=True"
        )
    return policy


def policy_of_card(values: Mapping[str, Any] | None) -> Policy | None:
    """The policy that a card names; None for a threshold that was given without a policy.

    Raises:
        LogitconfError: for a policy that this version does not know.

    >>> policy_of_card({"name": "quantile", "q": 0.9, "accepted": 90, "errors": None})
    Quantile(q=0.9)
    """
    if values is None:
        return None
    name = str(values.get("name"))
    if name in PART_POLICIES:
        return PART_POLICIES[name].from_card(values)
    own = policy_class(name)
    # a threshold that was changed by hand is named without its value
    if own.is_given and "value" not in values:
        return None
    return own.from_card(values)
