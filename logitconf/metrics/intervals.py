"""Intervals: bootstrap percentiles, and the exact bounds of an error rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from logitconf.errors import LogitconfError, share_hint


@dataclass(frozen=True, slots=True)
class Interval:
    """A measure and its bootstrap percentile interval.

    Attributes:
        estimate: on all rows.
        lower: end of the interval.
        upper: end of the interval.
        confidence: of the two-sided interval.
    """

    estimate: float
    lower: float
    upper: float
    confidence: float


def bootstrap(
    measure: Callable[..., float],
    *columns: npt.ArrayLike,
    seed: int,
    draws: int = 1000,
    confidence: float = 0.95,
) -> Interval:
    """A measure with its bootstrap percentile interval: rows are drawn with replacement, together.

    Args:
        measure: takes the columns, gives a number.
        columns: arrays with one entry for each of the N rows.
        seed: of the draws; the same seed gives the same interval.
        draws: how many.
        confidence: of the two-sided interval, in (0, 1).

    Raises:
        LogitconfError: for columns of different lengths, no rows, or other numbers.

    Source: Efron 1979; percentile interval.
    """
    arrays = [np.asarray(column) for column in columns]
    lengths = {array.shape[0] if array.ndim else 0 for array in arrays}
    if len(lengths) != 1 or lengths == {0} or draws < 1:
        raise LogitconfError(
            "bootstrap needs columns of one length and draws >= 1, got lengths "
            f"{sorted(lengths)} and {draws} draws"
        )
    check_share("confidence", confidence)
    rows = lengths.pop()
    generator = np.random.default_rng(seed)
    values = np.empty(draws)
    for draw in range(draws):
        chosen = generator.integers(0, rows, size=rows)
        values[draw] = measure(*(array[chosen] for array in arrays))
    tail = (1.0 - confidence) / 2.0
    lower, upper = np.quantile(values, [tail, 1.0 - tail])
    return Interval(float(measure(*arrays)), float(lower), float(upper), confidence)


def clopper_pearson_upper(errors: int, rows: int, confidence: float) -> float:
    """The upper confidence bound on an error rate after `errors` of `rows` independent trials.

    Args:
        errors: 0 to `rows`.
        rows: at least 0; without rows the bound is 1.
        confidence: one-sided, in (0, 1).

    Returns:
        The largest rate at which `errors` or fewer still happen with probability 1 - confidence.

    Raises:
        LogitconfError: for numbers outside of these.

    Source: Clopper & Pearson 1934, as the quantile of Beta(errors + 1, rows - errors).

    >>> round(clopper_pearson_upper(31, 3911, 0.999), 4)
    0.0134
    """
    if not 0 <= errors <= rows:
        raise LogitconfError(f"errors must lie in [0, rows], got {errors} errors of {rows} rows")
    check_share("confidence", confidence)
    if errors == rows:
        return 1.0
    return _beta_quantile(errors + 1, rows - errors, confidence)


def clopper_pearson_lower(errors: int, rows: int, confidence: float) -> float:
    """The lower confidence bound on an error rate; arguments as in `clopper_pearson_upper`.

    Returns:
        The smallest rate at which `errors` or more still happen with probability 1 - confidence;
        0 without errors.

    >>> round(clopper_pearson_lower(3, 3, 0.875), 6)  # p ** 3 = 0.125
    0.5
    """
    if not 0 <= errors <= rows:
        raise LogitconfError(f"errors must lie in [0, rows], got {errors} errors of {rows} rows")
    check_share("confidence", confidence)
    if errors == 0:
        return 0.0
    return _beta_quantile(errors, rows - errors + 1, 1.0 - confidence)


def share_floor(count: int, rows: int, confidence: float) -> float:
    """What the true share is at least, after `count` of `rows` lie below a limit that they chose.

    It holds for all limits at once, so that the rows that choose a threshold may count what it
    accepts.

    Args:
        count: 0 to `rows`.
        rows: independent draws, at least 1.
        confidence: one-sided, in [0.5, 1).

    Raises:
        LogitconfError: for numbers outside of these.

    Source: Massart 1990, the one-sided inequality of Dvoretzky, Kiefer and Wolfowitz.

    >>> round(share_floor(90, 100, 0.95), 4)  # 0.9 - sqrt(log(20) / 200)
    0.7776
    """
    if not (rows > 0 and 0 <= count <= rows):
        raise LogitconfError(f"count must lie in [0, rows], got {count} of {rows} rows")
    if not 0.5 <= confidence < 1.0:
        raise LogitconfError(f"confidence must lie in [0.5, 1), got {confidence}")
    return max(0.0, count / rows - math.sqrt(-math.log1p(-confidence) / (2.0 * rows)))


def _beta_quantile(a: int, b: int, share: float) -> float:
    # a card without a certificate is shown without scipy
    from scipy.special import betaincinv

    return float(betaincinv(a, b, share))


def check_share(name: str, value: float) -> None:
    """Checks that a number lies strictly between 0 and 1.

    Raises:
        LogitconfError: where it does not, with its `name`.
    """
    if not 0.0 < value < 1.0:
        raise LogitconfError(
            f"{name} must lie strictly between 0 and 1, got {value}{share_hint(value)}"
        )
