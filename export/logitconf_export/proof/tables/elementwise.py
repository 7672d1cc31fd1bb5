"""Operations of one operand, or of one and a constant: every float of a range, path by path."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.tables import truth
from logitconf_export.proof.tables.evaluators import Evaluator, Operation
from logitconf_export.proof.tables.floats import Floats, count, places_of, run_of
from logitconf_export.proof.tables.operation_table import PATHS, OperationTable, Piece

_CHUNK = 2**22
_TRIALS = {
    "body": (2**11, 2**16),
    "offset": (2**11, 2**16),
    "tail": (600, 6000),
    "one element": (200, 2000),
}
_STEPS = (1, 3, 17, 257, 4099, 65537)
"""Every so-manieth float is tried; odd, so that the last bits vary."""
# three are fewer than any vector holds
_SIZES = {"tail": 3, "one element": 1}
_SHARES = {"body": 0.1, "offset": 0.1, "tail": 0.3, "one element": 0.5}
"""Of the time; short buffers take longer."""
_BLOCK = 2**11
"""Floats at least, after which the clock is looked at."""
_CENTRAL = 2.5
"""Times the seconds of a range may long buffers take where heads live, to try every float."""
# so much of the time that an operation has may be planned for, and so much of a path's be one block
_PLANNED, _ONE_BLOCK = 0.7, 0.1
_ALIGNMENT = 64
_CORRECTLY_ROUNDED = 0.5
# pieces whose bounds differ by less are put together; where no head lives, more of them
_ALIKE, _ALIKE_ELSEWHERE = 0.25, 1.0
_DECIMALS = 1e5


@dataclass(frozen=True, slots=True)
class Span:
    """A range of inputs.

    Attributes:
        low: first float.
        high: last float.
        seconds: that the paths may take together; where all floats take longer, some are tried.
        cuts: where pieces end besides powers of two: the last float of each.
        central: whether heads live there: all floats in long buffers are tried if that takes no
            longer than a few times the seconds.
    """

    low: float
    high: float
    seconds: float = math.inf
    cuts: tuple[float, ...] = ()
    central: bool = False


@dataclass(slots=True)
class _Judge:
    """What one path did so far, filled chunk by chunk."""

    rising: bool
    slack: float
    pieces: list[Piece] = field(default_factory=list)
    tried: int = 0
    worst: float = 0.0
    worst_at: float = 0.0
    backward_steps: int = 0
    largest_backward: int = 0
    _last: Floats | None = None

    def begin(self, low: float, high: float) -> None:
        half = _CORRECTLY_ROUNDED
        self.pieces.append(Piece(low, high, -half, half))

    def take(self, x: Floats, results: Floats, exact: Array, rounded: Floats) -> None:
        self.tried += len(x)
        # a NaN is unlike anything
        wrong = np.flatnonzero(results != rounded)
        if len(wrong):
            self._judge(x[wrong], results[wrong], exact[wrong])
        self._step(results)

    def _judge(self, x: Floats, results: Floats, exact: Array) -> None:
        with np.errstate(all="ignore"):
            errors = (results.astype(np.float64) - exact) / truth.ulps_of(exact)
        # JSON has no infinity; nobody is off by more
        errors = np.nan_to_num(errors, nan=1e300, posinf=1e300, neginf=-1e300)
        low, high = float(errors.min()), float(errors.max())
        last = self.pieces[-1]
        self.pieces[-1] = Piece(
            last.low,
            last.high,
            min(last.least, _down(low - self.slack)),
            max(last.most, -_down(-high - self.slack)),
        )
        place = int(np.argmax(np.abs(errors)))
        if abs(errors[place]) > self.worst:
            self.worst, self.worst_at = abs(float(errors[place])), float(x[place])

    def _step(self, results: Floats) -> None:
        if self._last is not None:
            results = np.concatenate([self._last, results])
        self._last = results[-1:].copy()
        falls = results[1:] < results[:-1] if self.rising else results[1:] > results[:-1]
        back = np.flatnonzero(falls)
        if len(back):
            here, there = (places_of(results[back + i].astype(np.float32)) for i in (0, 1))
            steps = np.abs(there - here)
            self.backward_steps += len(back)
            self.largest_backward = max(self.largest_backward, int(steps.max()))


@dataclass(slots=True)
class _Pace:
    """Which floats of a range a path tries, so that they take no longer than they may.

    Attributes:
        each: seconds that a float takes, by trials, then by what was tried.
        most: seconds that all may take.
        left: floats of the range that are still to come.
        finest: no step is smaller.
        room: seconds that are left to it where others take what they are planned to.
    """

    each: float
    most: float
    left: int
    finest: int = 1
    room: Callable[[], float] = lambda: math.inf
    _spent: float = 0.0
    _tried: int = 0

    @property
    def step(self) -> int:
        """How many floats to go on by."""
        if self.most == math.inf:
            return 1
        seconds = min(self.most - self._spent, self.room())
        fits = (step for step in _STEPS if self.each * self.left / step <= seconds)
        return max(self.finest, next(fits, _STEPS[-1]))

    @property
    def planned(self) -> float:
        """Seconds that what is left takes in the finest steps."""
        return self.each * self.left / self.finest

    def blocks(self, length: int, finest: int) -> Iterator[slice | Array]:
        """Places in floats that are so far apart, some at a time, the last one among them.

        What is done with a block before the next one is asked for is what its floats take.
        """
        begin = 0
        while begin < length:
            step = self.step // finest | 1
            size = _CHUNK
            if self.most < math.inf and self.each:
                size = int(min(max(_ONE_BLOCK * self.most / self.each, _BLOCK), _CHUNK))
            end = min(begin + size * step, length)
            places: slice | Array = slice(begin, end)
            tried = end - begin
            if step > 1:
                places = np.arange(begin, end, step)
                if end == length and places[-1] != length - 1:
                    places = np.append(places, length - 1)
                tried = len(places)
            start = time.perf_counter()
            yield places
            self._spent += time.perf_counter() - start
            self._tried += tried
            self.each = self._spent / self._tried
            self.left -= (end - begin) * finest
            begin = end


def measure_elementwise(
    evaluator: Evaluator,
    operation: Operation,
    spans: Sequence[Span],
    *,
    paths: Sequence[str] = PATHS,
    judged_as: str | None = None,
    compute: Callable[[Floats, str], Floats] | None = None,
    rising: bool = True,
    allowed: Callable[[], float] = lambda: math.inf,
) -> list[OperationTable]:
    """A table for each span and path.

    Args:
        evaluator: what computes.
        operation: of one operand, in float32.
        spans: ranges of the operand.
        paths: that are tried.
        judged_as: name of the operation in the tables and of its truth; its own unless given.
        compute: the results on a path, where that is not the operation alone.
        rising: whether larger inputs give larger results; else smaller ones.
        allowed: seconds that all may take, whatever the spans say.

    Raises:
        RefusedError: if the evaluator cannot compute it.
    """
    run = compute or (lambda x, path: compute_on(evaluator, operation, x, path))
    name = judged_as or operation.name
    constant = operation.constants[0] if operation.constants else None
    tables = []
    for span, paces in zip(spans, _paces(run, spans, paths, allowed), strict=True):
        finest = min(pace.step for pace in paces.values())
        judges = {path: _Judge(rising, truth.slack(name)) for path in paths}
        for low, high in _pieces(span):
            for judge in judges.values():
                judge.begin(low, high)
            # every path takes what is in its steps of the finest one's chunks, truth is shared
            for x in run_of(low, high, step=finest, size=_CHUNK):
                exact = truth.exact(name, x, constant)
                with np.errstate(all="ignore"):
                    rounded = exact.astype(np.float32)
                for path, judge in judges.items():
                    for places in paces[path].blocks(len(x), finest):
                        part = x[places]
                        judge.take(part, run(part, path), exact[places], rounded[places])
        floats = count(span.low, span.high)
        alike = _ALIKE if span.central else _ALIKE_ELSEWHERE
        tables += [
            _table(judge, path, name, constant, floats, alike=alike)
            for path, judge in judges.items()
        ]
    return tables


def _paces(
    run: Callable[[Floats, str], Floats],
    spans: Sequence[Span],
    paths: Sequence[str],
    allowed: Callable[[], float],
) -> list[dict[str, _Pace]]:
    """The pace of each path in each span; coarser than the spans say if not all have the time."""
    each = {
        (span, path): _each(run, span, path)
        for span in spans
        for path in paths
        if span.seconds < math.inf
    }
    most, share = _PLANNED * allowed(), 1.0
    while True:
        paces = [
            {path: _pace(each.get((span, path), 0.0), span, path, share) for path in paths}
            for span in spans
        ]
        every = [pace for of_span in paces for pace in of_span.values()]
        # where steps are as long as can be nothing is won
        if sum(pace.planned for pace in every) <= most or share < 1.0 / _STEPS[-1]:
            break
        share *= 0.7
    for pace in every:
        others = [other for other in every if other is not pace]
        pace.room = partial(_room, others, allowed)
    return paces


def _room(others: Sequence[_Pace], allowed: Callable[[], float]) -> float:
    return allowed() - sum(other.planned for other in others)


def _pace(each: float, span: Span, path: str, share: float) -> _Pace:
    most = share * span.seconds * _SHARES[path]
    if span.central and path not in _SIZES:
        most = share * _CENTRAL * span.seconds
    pace = _Pace(each, most, count(span.low, span.high))
    # what turns out to be faster is not tried more finely, for truth comes in these steps
    pace.finest = pace.step
    return pace


def compute_on(evaluator: Evaluator, operation: Operation, x: Floats, path: str) -> Floats:
    """The results of an operation for (N,) floats that lie on a path."""
    if path in _SIZES:
        results = evaluator.compute_short(operation, (x,), _SIZES[path])
    else:
        (results,) = evaluator.compute(operation, [(shifted(x, int(path == "offset")),)])
    return np.asarray(results, dtype=x.dtype)


def shifted(x: Array, places: int) -> Array:
    """A copy that begins so many places behind the alignment of vectors."""
    size = x.dtype.itemsize
    buffer = np.empty(x.nbytes + _ALIGNMENT + places * size, np.uint8)
    start = -buffer.ctypes.data % _ALIGNMENT + places * size
    made = buffer[start : start + x.nbytes].view(x.dtype).reshape(x.shape)
    made[...] = x
    return made


def _table(
    judge: _Judge, path: str, name: str, constant: float | None, floats: int, *, alike: float
) -> OperationTable:
    return OperationTable(
        name,
        "float32",
        path,
        tuple(joined(judge.pieces, alike)),
        judge.tried,
        floats,
        judge.worst_at,
        judge.backward_steps,
        judge.largest_backward,
        constant,
    )


def _each(run: Callable[[Floats, str], Floats], span: Span, path: str) -> float:
    """Seconds that a float of a range takes on a path."""
    sizes = _TRIALS[path]
    # what is done once, such as compiling a model that is kept, would hide what each float takes
    _seconds(run, span, path, sizes[0])
    few, many = (_seconds(run, span, path, size) for size in sizes)
    # models are loaded once for each chunk
    return max(many - few, 0.0) / (sizes[1] - sizes[0]) + few / _CHUNK


def _seconds(run: Callable[[Floats, str], Floats], span: Span, path: str, size: int) -> float:
    """That so many floats of the range take."""
    step = max(1, count(span.low, span.high) // size)
    floats = next(run_of(span.low, span.high, step=step, size=size))
    begin = time.perf_counter()
    run(floats, path)
    return time.perf_counter() - begin


def _pieces(span: Span) -> Iterator[tuple[float, float]]:
    """The range in pieces that end where the exponent or the sign changes, or at a cut."""
    ends = {span.high, *(cut for cut in span.cuts if span.low <= cut < span.high)}
    for exponent in range(-149, 128):
        power = math.ldexp(1.0, exponent)
        below = float(np.nextafter(np.float32(power), np.float32(0)))
        # in ascending order a piece ends below a positive power of two, and at a negative one
        ends |= {end for end in (below, -power) if span.low <= end < span.high}
    if span.low < 0.0 <= span.high:
        ends.add(-0.0)
    low = np.float32(span.low)
    for end in sorted(ends):
        # subnormal inputs are few: one piece
        if abs(end) < 2.0**-126 and end not in (span.high, 0.0) and end != -(2.0**-149):
            continue
        if np.float32(end) < low:
            continue
        yield float(low), float(end)
        with np.errstate(over="ignore"):
            low = np.nextafter(np.float32(end), np.float32(np.inf))


def joined(pieces: Iterable[Piece], alike: float) -> Iterator[Piece]:
    """Fewer pieces, by putting together neighbours whose bounds differ by less than `alike`."""
    held: Piece | None = None
    for piece in pieces:
        if held is None:
            held = piece
        elif max(abs(piece.least - held.least), abs(piece.most - held.most)) < alike:
            least, most = min(held.least, piece.least), max(held.most, piece.most)
            held = Piece(held.low, piece.high, least, most)
        else:
            yield held
            held = piece
    if held is not None:
        yield held


def _down(value: float) -> float:
    """The next number below of few decimals."""
    return math.floor(value * _DECIMALS) / _DECIMALS if abs(value) < 1e9 else value * 2.0
