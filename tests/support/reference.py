"""Float64 references in plain Python, written from the definitions and never from logitconf's code.

Sources: maximum softmax, Hendrycks & Gimpel 2017; entropy, Shannon 1948; energy, Liu et al. 2020,
equation 4; margin, Scheffer et al. 2001 on logits; maximum logit, Hendrycks et al. 2022; its
p-norm, Cattelan & Silva 2024; GEN, Liu et al. 2023; DOCTOR, Granese et al. 2021; temperature, Guo
et al. 2017, equation 9; calibration error, Naeini et al. 2015, equation 3. Binary, multilabel and
not-finite rows follow the project's score table: a logit z is the pair (0, z), L labels are L
pairs, and a row with a NaN, a +inf or no finite value has no score.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]
Layout = Literal["categorical", "one logit", "labels"]
Row = Sequence[float]

NOT_CLOSE = 2**32
"""Distance in ulps of two values that no number of float32 steps makes equal."""


def _gaps(x: Row, temperature: float) -> list[float]:
    """Sorted z minus the largest z, all <= 0; subtracted before dividing, so that none is lost."""
    largest = max(x)
    return [(value - largest) / temperature for value in sorted(x)]


def _log_sum_exp(gaps: Row) -> float:
    """log sum exp of sorted gaps, the last of which is 0."""
    return math.log1p(math.fsum(math.exp(gap) for gap in gaps[:-1]))


def _sigmoid(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z)) if z >= 0.0 else math.exp(z) / (1.0 + math.exp(z))


def _softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def _entropy(gaps: Row) -> float:
    log_sum = _log_sum_exp(gaps)
    surprise = [(math.exp(gap - log_sum), log_sum - gap) for gap in gaps]
    return math.fsum(p * minus_log_p for p, minus_log_p in surprise if p > 0.0)


def _softmax_score(x: Row, layout: Layout, temperature: float) -> float:
    if layout == "categorical":
        return -1.0 / math.fsum(math.exp(gap) for gap in _gaps(x, temperature))
    return -min(_sigmoid(abs(value / temperature)) for value in x)


def _entropy_score(x: Row, layout: Layout, temperature: float) -> float:
    if layout == "categorical":
        return _entropy(_gaps(x, temperature))
    return max(_entropy([-abs(value / temperature), 0.0]) for value in x)


def _energy_score(x: Row, layout: Layout, temperature: float) -> float:
    if layout == "categorical":
        return -(max(x) + temperature * _log_sum_exp(_gaps(x, temperature)))
    if layout == "one logit":
        return -temperature * _softplus(abs(x[0] / temperature))
    return -temperature * math.fsum(_softplus(value / temperature) for value in x)


def _margin_score(x: Row, layout: Layout, temperature: float) -> float:
    if layout == "categorical":
        return _gaps(x, temperature)[-2]
    return -min(abs(value / temperature) for value in x)


def _softmax_margin_score(x: Row, layout: Layout, temperature: float) -> float:
    gaps = _gaps(x, temperature) if layout == "categorical" else _pair(x, temperature)
    return math.expm1(gaps[-2]) / math.fsum(math.exp(gap) for gap in gaps)


def _max_logit_score(x: Row, layout: Layout, temperature: float) -> float:
    largest = abs(x[0]) if layout == "one logit" else max(x)
    return -largest / temperature


def _max_logit_norm_score(x: Row, layout: Layout, temperature: float, p: float = 4) -> float:
    if p == 0:
        return _softmax_score(x, layout, temperature)
    present = [value for value in x if math.isfinite(value)]
    mean = math.fsum(present) / len(present)
    centred = [value - mean for value in present]
    scale = max(abs(value) for value in centred)
    if scale == 0.0:
        return 0.0
    norm = math.pow(math.fsum(abs(value / scale) ** p for value in centred), 1.0 / p)
    return -max(centred) / (scale * norm)


def _pair(x: Row, temperature: float) -> list[float]:
    """Gaps of the least certain label as the pair (0, abs z)."""
    return [-min(abs(value) for value in x) / temperature, 0.0]


def _log_chances(gaps: Row) -> list[tuple[float, float]]:
    """(log p, log(1 - p)) of every class; for the likeliest, the last, 1 - p is summed."""
    total = _log_sum_exp(gaps)
    powers = math.fsum(math.exp(gap) for gap in gaps)
    chances = [(gap - total, math.log((powers - math.exp(gap)) / powers)) for gap in gaps[:-1]]
    second = gaps[-2]
    rest = -math.inf
    if math.isfinite(second):
        rest = second + math.log(math.fsum(math.exp(gap - second) for gap in gaps[:-1])) - total
    return [*chances, (gaps[-1] - total, rest)]


def _gen_score(
    x: Row, layout: Layout, temperature: float, gamma: float = 0.1, top: float = 0
) -> float:
    """Of the ``top`` likeliest classes, 0 for all; both of a pair always count."""
    if layout != "categorical":
        top = 0
    gaps = _gaps(x, temperature) if layout == "categorical" else _pair(x, temperature)
    return math.fsum(math.exp(gamma * (p + q)) for p, q in _log_chances(gaps)[-int(top) :])


def _gini_score(x: Row, layout: Layout, temperature: float) -> float:
    gaps = _gaps(x, temperature) if layout == "categorical" else _pair(x, temperature)
    return math.fsum(math.exp(p + q) for p, q in _log_chances(gaps))


def _doctor_score(x: Row, layout: Layout, temperature: float) -> float:
    gaps = _gaps(x, temperature) if layout == "categorical" else _pair(x, temperature)
    chances = _log_chances(gaps)
    # 1 - sum p^2 = sum p (1 - p)
    impurity = math.fsum(math.exp(p + q) for p, q in chances)
    return impurity / math.fsum(math.exp(2.0 * p) for p, _ in chances)


def _doctor_beta_score(x: Row, layout: Layout, temperature: float) -> float:
    gaps = _gaps(x, temperature) if layout == "categorical" else _pair(x, temperature)
    p, q = _log_chances(gaps)[-1]
    return math.exp(q - p)


_SCORES: dict[str, Callable[..., float]] = {
    "softmax": _softmax_score,
    "entropy": _entropy_score,
    "energy": _energy_score,
    "margin": _margin_score,
    "softmax_margin": _softmax_margin_score,
    "max_logit": _max_logit_score,
    "max_logit_norm": _max_logit_norm_score,
    "gen": _gen_score,
    "gini": _gini_score,
    "doctor": _doctor_score,
    "doctor_beta": _doctor_beta_score,
}
SCORE_NAMES = tuple(_SCORES)
MEMBER_SCORE_NAMES = ("mutual_information", "predictive_variance")


def _shares(x: Row, temperature: float) -> list[float]:
    gaps = [(value - max(x)) / temperature for value in x]
    total = math.fsum(math.exp(gap) for gap in gaps)
    return [math.exp(gap) / total for gap in gaps]


def _disagreement(name: str, members: Sequence[list[float]]) -> float:
    """Of M distributions over K classes: mutual information, or summed population variance."""
    count = len(members)
    means = [math.fsum(column) / count for column in zip(*members, strict=True)]
    if name == "predictive_variance":
        return (
            math.fsum((p[k] - mean) ** 2 for p in members for k, mean in enumerate(means)) / count
        )
    inner = [math.fsum(-p * math.log(p) for p in member if p > 0.0) for member in members]
    return math.fsum(-p * math.log(p) for p in means if p > 0.0) - math.fsum(inner) / count


def member_score(
    name: str, logits: ArrayLike, temperature: float = 1.0, task: str = "multiclass"
) -> Float64:
    """Scores (N,) of the members of an ensemble: logits (N, K, M), (N, L, M) or (N, M).

    Mutual information as H(mean p) - mean H(p) (Houlsby et al. 2011), the variance of p
    over the members summed over the classes, or the mean of the members' own scores. A label is the
    pair (0, z), and the worst label counts; one logit's variance is that of its own p.
    """
    array = np.asarray(logits, dtype=np.float64)
    array = array[:, np.newaxis, :] if array.ndim == 2 else array
    if name not in MEMBER_SCORE_NAMES:
        each = [score(name, array[:, :, m], temperature, task) for m in range(array.shape[2])]
        mean: Float64 = np.stack(each).mean(axis=0)
        return mean
    categorical = task == "multiclass" or (task == "binary" and array.shape[1] == 2)
    values = []
    for row in array:
        members = row.T.tolist()
        if not all(is_computable(member) for member in members):
            values.append(math.nan)
        elif categorical:
            values.append(_disagreement(name, [_shares(m, temperature) for m in members]))
        else:
            labels = zip(*members, strict=True)
            pairs = [[_shares([0.0, z], temperature) for z in label] for label in labels]
            # both halves of a pair vary alike
            half = 0.5 if name == "predictive_variance" else 1.0
            values.append(max(half * _disagreement(name, pair) for pair in pairs))
    return np.array(values, dtype=np.float64)


def layout_of(logits: ArrayLike, task: str) -> Layout:
    """Which formula column holds for logits of this task and shape."""
    if task == "multiclass":
        return "categorical"
    if task == "multilabel":
        return "labels"
    shape = np.shape(logits)
    return "categorical" if len(shape) == 2 and shape[1] == 2 else "one logit"


def rows_of(logits: ArrayLike) -> Float64:
    """Logits as float64 (N, columns); (N,) becomes (N, 1)."""
    array = np.asarray(logits, dtype=np.float64)
    return array[:, np.newaxis] if array.ndim == 1 else array


def is_computable(row: Row) -> bool:
    """Whether a row has a score at all: no NaN, no +inf and at least one finite value."""
    bad = any(math.isnan(value) or value == math.inf for value in row)
    return not bad and any(math.isfinite(value) for value in row)


def score(
    name: str,
    logits: ArrayLike,
    temperature: float = 1.0,
    task: str = "multiclass",
    **parameters: float,
) -> Float64:
    """Scores (N,) of logits (N, columns) or (N,), lower is more confident; NaN where there is none.

    Example:
        >>> score("margin", [[3.0, 1.0, 0.0]], temperature=2.0).tolist()
        [-1.0]
    """
    layout = layout_of(logits, task)
    values = []
    for row in rows_of(logits).tolist():
        computable = is_computable(row)
        exact = _SCORES[name](row, layout, temperature, **parameters) if computable else math.nan
        values.append(exact)
    return np.array(values, dtype=np.float64)


def score_along(
    name: str, logits: ArrayLike, axis: int, temperature: float = 1.0, task: str = "multiclass"
) -> Float64:
    """Scores of logits of any rank, one per position; the class axis is gone from the shape."""
    moved = np.moveaxis(np.asarray(logits, dtype=np.float64), axis, -1)
    flat = score(name, moved.reshape(-1, moved.shape[-1]), temperature, task)
    return flat.reshape(moved.shape[:-1])


def probabilities(logits: ArrayLike, temperature: float = 1.0, task: str = "multiclass") -> Float64:
    """Softmax (N, K) of finite categorical logits over T, else the sigmoid of each logit (N, L)."""
    rows = rows_of(logits)
    if layout_of(logits, task) == "categorical":
        parts = np.exp((rows - rows.max(axis=1, keepdims=True)) / temperature)
        shares: Float64 = parts / parts.sum(axis=1, keepdims=True)
        return shares
    return np.array([[_sigmoid(z) for z in row] for row in (rows / temperature).tolist()])


def mean_nll(
    logits: ArrayLike, labels: ArrayLike, temperature: float = 1.0, task: str = "multiclass"
) -> float:
    """Mean negative log likelihood in nats: over rows, or over rows and labels."""
    rows = rows_of(logits).tolist()
    if layout_of(logits, task) == "categorical":
        classes = np.asarray(labels).reshape(-1).tolist()
        losses = [
            _log_sum_exp(_gaps(x, temperature)) + (max(x) - x[int(k)]) / temperature
            for x, k in zip(rows, classes, strict=True)
        ]
        return math.fsum(losses) / len(losses)
    targets = rows_of(labels).tolist()
    losses = [
        target * _softplus(-x / temperature) + (1.0 - target) * _softplus(x / temperature)
        for row, target_row in zip(rows, targets, strict=True)
        for x, target in zip(row, target_row, strict=True)
    ]
    return math.fsum(losses) / len(losses)


def nll_slope(
    logits: ArrayLike, labels: ArrayLike, inverse: float, task: str = "multiclass"
) -> float:
    """Derivative of the mean NLL of finite logits by b = 1/T: mean(E_p[x] - x_y); grows with b."""
    rows = rows_of(logits)
    if layout_of(logits, task) == "categorical":
        shifted = rows - rows.max(axis=1, keepdims=True)
        weights = np.exp(inverse * shifted)
        expected = (weights * shifted).sum(axis=1) / weights.sum(axis=1)
        chosen = np.asarray(labels).reshape(-1).astype(np.int64)
        return float(np.mean(expected - shifted[np.arange(len(rows)), chosen]))
    sigmoid = np.exp(-np.logaddexp(0.0, -inverse * rows))
    return float(np.mean((sigmoid - rows_of(labels)) * rows))


def best_temperature(logits: ArrayLike, labels: ArrayLike, task: str = "multiclass") -> float:
    """The T in [1e-3, 1e3] of least mean NLL, by bisection of its slope in 1/T.

    Raises:
        ValueError: when the slope does not change its sign there, so no T is best.
    """
    low, high = 1e-3, 1e3
    if not nll_slope(logits, labels, low, task) < 0.0 < nll_slope(logits, labels, high, task):
        raise ValueError("the mean NLL has no minimum inside (1e-3, 1e3)")
    for _ in range(60):
        middle = math.sqrt(low * high)
        if nll_slope(logits, labels, middle, task) < 0.0:
            low = middle
        else:
            high = middle
    return 1.0 / math.sqrt(low * high)


def calibration_error(confidence: ArrayLike, right: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error of top-label confidence (N,) in (0, 1], equal bins (lo, hi]."""
    sure = np.asarray(confidence, dtype=np.float64)
    hits = np.asarray(right, dtype=np.float64)
    error = 0.0
    for index in range(bins):
        inside = (sure > index / bins) & (sure <= (index + 1) / bins)
        if inside.any():
            error += inside.mean() * abs(hits[inside].mean() - sure[inside].mean())
    return float(error)


def ulp_distance(left: ArrayLike, right: ArrayLike) -> NDArray[np.int64]:
    """Number of float32 steps between two arrays; NaN equals NaN, -0 equals 0.

    An infinity or NaN is `NOT_CLOSE` to everything but itself.

    Raises:
        TypeError: when an array is not float32.
        ValueError: when the shapes differ; nothing is broadcast.
    """
    first: NDArray[Any] = np.asarray(left)
    second: NDArray[Any] = np.asarray(right)
    if first.dtype != np.float32 or second.dtype != np.float32:
        raise TypeError(f"ulps are counted in float32, got {first.dtype} and {second.dtype}")
    if first.shape != second.shape:
        raise ValueError(f"shapes must be equal, got {first.shape} and {second.shape}")
    distance = np.abs(_position(first) - _position(second))
    both_finite = np.isfinite(first) & np.isfinite(second)
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    result: NDArray[np.int64] = np.where(same, 0, np.where(both_finite, distance, NOT_CLOSE))
    return result


def _position(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Place of each float32 on the line of all float32 values, 0 for both zeros."""
    bits = np.ascontiguousarray(values).view(np.int32).astype(np.int64).reshape(values.shape)
    return np.where(bits >= 0, bits, -(bits & 0x7FFFFFFF))
