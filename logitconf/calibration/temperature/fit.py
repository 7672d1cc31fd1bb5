"""The temperature that minimises a task's mean negative log-likelihood, exactly and in few passes.

The NLL is convex in b = 1/T, so a bracketed third-order (Halley) iteration, started from a
subsample, settles to the last float32 bit of T in two or three passes over the data.

Source: Guo et al. 2017, "On calibration of modern neural networks", section 4.2. Departure: the
unknown is b, in which the problem is convex, not T.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from logitconf.arrays import Array
from logitconf.blocks.cutting import CACHED_ELEMENTS, cut, stays
from logitconf.blocks.pages import BLOCKS, letting_go, scattered_rows
from logitconf.blocks.threads import in_threads
from logitconf.calibration.temperature.block_sums import (
    BLOCK_ELEMENTS,
    Room,
    block_sums,
    large_blocks,
)
from logitconf.calibration.temperature.chunks import (
    Chunk,
    block_of,
    blocks,
    check_chunk,
    check_values,
    first_rows,
)
from logitconf.calibration.temperature.halley import (
    Evaluate,
    Solution,
    halley_step,
    minimise,
    rounded,
)
from logitconf.calibration.temperature.likelihood import (
    VECTOR_SIZE,
    LikelihoodSums,
    Vector,
    chunk_sums,
)
from logitconf.calibration.temperature.outcome import TemperatureFit
from logitconf.errors import LogitconfError
from logitconf.tasks import ArrayLike, Family
from logitconf.telling.progress import Advance, work

AllReduce: TypeAlias = Callable[[Vector], Vector]

_WARM_ROWS = 1000
_WARM_PASSES = 12
# The first pass over many rows is made in float32, and so are others where it started far away.
# Then passes are exact and made at a b of so many bits. Wherever the start was, the last one is
# made at the such b nearest to the root, so its float32 rounding, and T, do not depend on the
# start. From there Halley's step is at most 2^-11 of b and its error, about the cube, below 2^-32.
_BITS = 11
_WARM_BITS, _GUESS_BITS = 6, 4
_MOST_PASSES = 200


def fit_temperature(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    family: Family,
    initial: float = 1.0,
    weights: ArrayLike | None = None,
) -> TemperatureFit:
    """The temperature at which the calibrated probabilities fit `labels` best.

    Rows with a NaN, a +inf, no finite value, or a label whose own probability is 0 (its logit is
    -inf) are left out and counted; any other -inf is a masked class or a certain negative.

    Args:
        logits: categorical (N, K) or Bernoulli (N, L); any device and floating dtype; a NumPy
            memory map is read chunk by chunk.
        labels: categorical (N,) integers in [0, K); Bernoulli (N, L) in [0, 1].
        family: ``"categorical"`` where the columns compete, else ``"bernoulli"``.
        initial: the temperature to compare with and to fall back on; > 0.
        weights: (N,), finite and not negative; None counts each row once.

    Raises:
        LogitconfError: for shapes, dtypes or values other than these, or no rows at all.

    >>> logits = np.log(np.array([[0.9, 0.1]] * 4, dtype=np.float32))
    >>> fit = fit_temperature(logits, np.array([0, 0, 0, 1]), family="categorical")
    >>> round(fit.temperature, 6)  # (0.9 / 0.1) ** b = 3 at b = 1/2
    2.0
    """
    chunk: Chunk = (logits, labels) if weights is None else (logits, labels, weights)
    chunk = check_chunk(chunk, family)
    rows = int(chunk[0].shape[0])
    places = spread(rows)
    warm = [] if places is None else [[scattered_rows(part, places) for part in chunk]]
    return fit_from(lambda: [chunk], warm, family=family, initial=initial, rows=rows)


def fit_temperature_chunks(
    chunks: Callable[[], Iterable[Chunk]],
    *,
    family: Family,
    initial: float = 1.0,
    all_reduce: AllReduce | None = None,
) -> TemperatureFit:
    """The temperature of data that come in chunks: memory for one chunk, on one or many machines.

    Args:
        chunks: starts a pass: each call gives the same (logits, labels) or (logits, labels,
            weights) again; shapes as in `fit_temperature`.
        family: whether the columns compete.
        initial: the temperature to compare with and to fall back on; > 0.
        all_reduce: adds a float64 vector up over all processes, each of which holds its own chunks,
            possibly none. Called once a pass and once a step of the warm start, equally often
            everywhere. All processes return the same fit. It differs from that of one process by
            the order in which float64 numbers are added: about 1e-15 of T, before T is rounded.

    Raises:
        LogitconfError: for bad chunks, no rows at all, or a later pass over other rows.

    >>> halves = [(np.float32([[2, 0], [2, 0]]), np.array([0, 0])),
    ...           (np.float32([[2, 0], [2, 0]]), np.array([0, 1]))]
    >>> fit = fit_temperature_chunks(lambda: halves, family="categorical")
    >>> round(fit.temperature, 4)  # exp(2 / T) = 3
    1.8205
    """
    warm = first_rows(chunks(), _WARM_ROWS, family)
    return fit_from(chunks, warm, family=family, initial=initial, all_reduce=all_reduce)


def fit_from(
    chunks: Callable[[], Iterable[Chunk]],
    warm: Sequence[Chunk],
    *,
    family: Family,
    initial: float,
    all_reduce: AllReduce | None = None,
    rows: int | None = None,
) -> TemperatureFit:
    """The temperature of data in chunks, from a first guess on: warm start, survey, solution.

    Args:
        chunks: starts a pass, as in `fit_temperature_chunks`.
        warm: rows to guess from; empty to start at the initial temperature.
        family: whether the columns compete.
        initial: the temperature to compare with and to fall back on; > 0.
        all_reduce: as in `fit_temperature_chunks`.
        rows: how many there are, where that is known, for those who wait.
    """
    with np.errstate(over="ignore"):
        initial_temperature = float(np.float32(initial))
    if not _is_normal(initial_temperature):
        raise LogitconfError(f"initial must be a positive float32 temperature, got {initial!r}")
    start = 1.0 / initial_temperature

    def evaluate(
        data: Iterable[Chunk], b: float, *, survey: bool, what: str, rows: int | None, quick: bool
    ) -> LikelihoodSums:
        with work(f"Fitting the temperature, {what}", rows) as advance:
            at = {
                "inverse_temperature": b,
                "initial": start if survey else None,
                "quick": quick,
            }
            vector = _pass_sums(data, family, at, advance, rooms)
        if all_reduce is not None:
            vector = np.asarray(all_reduce(vector), dtype=np.float64)
        return LikelihoodSums.from_vector(vector)

    rooms: deque[Room] = deque()
    b, quick = start, False
    # Every process takes part in the warm start, even one that holds no rows.
    if warm or all_reduce is not None:
        few = sum(len(chunk[0]) for chunk in warm)
        guess = partial(evaluate, warm, what="first guess", rows=few, quick=True)
        sample = guess(start, survey=True)
        # with fewer rows all is done in a moment, and exactly
        quick = sample.rows + sample.left_out >= _WARM_ROWS
        if sample.weight > 0.0 and sample.gap > 0.0:
            b = minimise(
                lambda at: guess(at, survey=False),
                start,
                sample,
                bits=_GUESS_BITS,
                most_passes=_WARM_PASSES,
            ).inverse
    b = rounded(b, _BITS)

    passes = 1
    first = evaluate(chunks(), b, survey=True, what="pass 1", rows=rows, quick=quick)
    if first.rows + first.left_out == 0:
        raise LogitconfError("logits must have at least one row, got none")

    def evaluate_again(at: float, *, quick: bool = False) -> LikelihoodSums:
        nonlocal passes
        passes += 1
        # of many processes each tells of its own rows, and knows of all
        own = None if all_reduce is not None else int(first.rows + first.left_out)
        what = f"pass {passes}"
        sums = evaluate(chunks(), at, survey=False, what=what, rows=own, quick=quick)
        if (sums.rows, sums.left_out) != (first.rows, first.left_out):
            raise LogitconfError(
                f"each call of chunks() must give the same rows, got {first.rows:.0f} usable rows, "
                f"then {sums.rows:.0f}; pass a function that starts a new iterator"
            )
        return sums

    solution = Solution(b, b, first, unidentified_reason(first))
    if solution.reason is None and quick:
        solution = _approached(partial(evaluate_again, quick=True), b, first)
    if solution.reason is None:
        b = rounded(solution.inverse, _BITS)
        sums = evaluate_again(b) if quick else first
        solution = minimise(evaluate_again, b, sums, bits=_BITS, most_passes=_MOST_PASSES)
    return report_fit(first, solution, initial_temperature, passes)


def _approached(evaluate: Evaluate, b: float, sums: LikelihoodSums) -> Solution:
    """A b from which one exact pass leads to the root; from a b not far away, without a pass."""
    if not (math.isfinite(sums.slope) and math.isfinite(sums.curvature)):
        # float32 does not hold these logits
        return Solution(b, b, sums)
    step = halley_step(sums)
    if abs(step) <= math.ldexp(b, -_WARM_BITS + 2):
        return Solution(b + step, b, sums)
    return minimise(evaluate, b, sums, bits=_WARM_BITS, most_passes=_MOST_PASSES)


def spread(rows: int) -> npt.NDArray[np.int64] | None:
    """Places of rows to guess from, evenly spread, since files are often sorted by class.

    None where they are so few that a guess costs more than it saves.
    """
    if rows <= 2 * _WARM_ROWS:
        return None
    return np.linspace(0, rows - 1, num=_WARM_ROWS).astype(np.int64)


def _pass_sums(
    data: Iterable[Chunk],
    family: Family,
    at: Mapping[str, Any],
    advance: Advance,
    rooms: deque[Room],
) -> Vector:
    """The vector of `LikelihoodSums` over `data`; the first pass checks labels.

    Args:
        data: as of `fit_from`.
        family: whether the columns compete.
        at: where the sums are taken, by the names that `chunk_sums` has for it.
        advance: is told how many rows are done.
        rooms: that no thread uses.
    """
    vector = np.zeros(VECTOR_SIZE)
    for chunk in data:
        parts = check_chunk(chunk, family)
        if at["initial"] is not None:
            check_values(parts, family)
        roomy = family == "categorical" and at["inverse_temperature"] > 0.0 and not stays(parts[0])

        def of_block(rows: slice, parts: tuple[Array, ...] = parts) -> Vector:
            return chunk_sums(*block_of(parts, rows), family=family, **at)

        def of_large_block(rows: slice, parts: tuple[Array, ...] = parts) -> Vector:
            try:
                room = rooms.pop()
            except IndexError:
                room = Room()
            sums = block_sums(*block_of(parts, rows), **at, room=room)
            rooms.append(room)
            if sums is not None:
                return sums
            few = cut(rows.stop - rows.start, int(parts[0].shape[1]))
            within = (slice(rows.start + each.start, rows.start + each.stop) for each in few)
            vectors = [of_block(each) for each in within]
            return np.asarray(np.sum(vectors, axis=0))

        summing: Callable[[slice], Vector] = of_block
        cuts, often = blocks(parts), BLOCKS
        if roomy:
            summing, cuts = of_large_block, large_blocks(*parts[0].shape)
            often = BLOCKS * CACHED_ELEMENTS // BLOCK_ELEMENTS
        summing = letting_go(summing, parts[0], blocks=often)
        # In the order of the rows, so that the result does not depend on the number of threads.
        for sums in in_threads(summing, cuts, advance=advance):
            vector += sums
    return vector


def unidentified_reason(sums: LikelihoodSums) -> str | None:
    """Why the first pass already shows that no finite temperature is best, if it does."""
    if sums.rows == 0:
        return "no row has a finite likelihood"
    if sums.weight == 0.0:
        return "all weights are 0"
    if sums.one_class:
        return "all labels are of one class"
    if sums.gap == 0.0:
        return (
            "no row is wrong: every label has its row's largest logit, so the likelihood grows "
            "as the temperature goes to 0"
        )
    return None


def report_fit(
    first: LikelihoodSums, solution: Solution, initial_temperature: float, passes: int
) -> TemperatureFit:
    """The fit as a plain value; Taylor's series carries NLL and curvature to the rounded T."""
    nll_before = first.nll_initial / first.weight if first.weight > 0.0 else None
    reason = solution.reason
    best = 1.0 / solution.inverse
    if reason is None and not _is_normal(best):
        reason = f"the best temperature, {best:.3g}, is beyond float32"
    common: dict[str, Any] = {
        "rows": int(first.rows),
        "rows_left_out": int(first.left_out),
        "passes": passes,
    }
    if reason is not None:
        return TemperatureFit(
            temperature=initial_temperature,
            standard_error=None,
            nll_before=nll_before,
            nll_after=nll_before,
            identified=False,
            reason=reason,
            **common,
        )
    temperature = float(np.float32(best))
    sums = solution.sums
    step = 1.0 / temperature - solution.at
    nll = sums.nll + step * (sums.slope + step * (sums.curvature / 2.0 + step * sums.third / 6.0))
    curvature = sums.curvature + step * sums.third
    return TemperatureFit(
        temperature=temperature,
        standard_error=temperature**2 / math.sqrt(curvature) if curvature > 0.0 else None,
        nll_before=nll_before,
        nll_after=nll / first.weight,
        identified=True,
        reason=None,
        **common,
    )


def _is_normal(temperature: float) -> bool:
    """Whether a temperature is a normal float32 value."""
    limits = np.finfo(np.float32)
    return float(limits.tiny) <= temperature <= float(limits.max)
