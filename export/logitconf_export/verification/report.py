"""What a verification found: values that print, serialise and say in words why they fail."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, Literal

from logitconf.notebook.brief import MOST_CHARACTERS, brief
from logitconf.notebook.html import cut, table
from logitconf_export.decisions.comparison import Comparison, Flip
from logitconf_export.decisions.further import OutputAgreement
from logitconf_export.runtimes.profiles import NodeProviders

REPORT_SCHEMA = 1
"""Version of the JSON of all reports, which ``report.schema.json`` beside this file describes."""

TABLE_HEADER = (
    "part",
    "provider",
    "optimisation",
    "input",
    "rows",
    "largest difference",
    "ulps",
    "in band",
    "flips in",
    "flips out",
    "verdict",
)
"""Column names of :meth:`VerificationReport.table`."""


class Reassurance(str):
    """A note that all is as it should be: only who asks for details is shown it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that holds or does not.

    Attributes:
        name: what was checked.
        passed: whether it holds; None where it could not be checked.
        detail: what was found, in words.
    """

    name: str
    passed: bool | None
    detail: str = ""

    __repr__ = brief


@dataclass(frozen=True, slots=True)
class Run:
    """One batch through one session, compared.

    Attributes:
        part: ``"head"`` alone, or ``"host"`` with it.
        runtime: name and version.
        provider: short name of the execution provider, empty where the runtime has none.
        optimisation: the runtime's optimisation level.
        name: which rows these are.
        shape: shape of the logits.
        calibration: whether no flip at all is allowed: the user's own rows.
        eager: this run against eager torch.
        truth: this run against the head computed in double.
        eager_truth: eager torch against the head computed in double.
        further: how far what else the head gives is right.
    """

    part: Literal["head", "host"]
    runtime: str
    provider: str
    optimisation: str
    name: str
    shape: tuple[int, ...]
    calibration: bool
    eager: Comparison
    truth: Comparison
    eager_truth: Comparison
    further: tuple[OutputAgreement, ...] = ()

    __repr__ = brief

    def failures(self) -> Iterator[str]:
        """In words, why this run does not pass."""
        eager = self.eager
        where = f"{self.part} on {self.provider or self.runtime}, {self.name}"
        if eager.flips_outside:
            yield (
                f"{where}: {eager.flips_outside} of {eager.rows} masks flipped outside the "
                f"rounding band{_worst(eager.flips)}; against float64 this run has "
                f"{self.truth.flips_outside}, eager torch {self.eager_truth.flips_outside}"
            )
        if self.calibration and eager.flips_inside:
            yield (
                f"{where}: {eager.flips_inside} masks of your own rows flipped; choose a "
                "threshold in a gap between scores, or precision='float64'"
            )
        if eager.contradicting:
            yield (
                f"{where}: {eager.contradicting} masks are not what their own score and threshold "
                "say: accepted if and only if finite and strictly below"
            )
        if eager.not_finite:
            yield f"{where}: {eager.not_finite} scores are not finite where they should be, or not"
        if eager.beyond_rounding:
            yield (
                f"{where}: {eager.beyond_rounding} scores differ by more than rounding explains "
                f"(largest difference {eager.largest_absolute:.3g})"
            )
        for output in self.further:
            if output.wrong:
                yield (
                    f"{where}: {output.wrong} of {output.judged} values of {output.name} are wrong "
                    f"(largest difference {output.largest_difference:.3g})"
                )


def _worst(flips: tuple[Flip, ...]) -> str:
    if not flips:
        return ""
    flip = flips[0]
    return (
        f"; row {flip.row}: {flip.found!r} instead of {flip.reference!r}, "
        f"threshold {flip.threshold!r}, {flip.ulps} ulps away"
    )


@dataclass(frozen=True, slots=True)
class PlacementRecord:
    """Where a session ran the head's nodes, read from its profile.

    Attributes:
        part: ``"head"`` or ``"host"``.
        provider: short name of the provider asked for.
        optimisation: the optimisation level.
        placement: what the profile shows.
    """

    part: Literal["head", "host"]
    provider: str
    optimisation: str
    placement: NodeProviders

    __repr__ = brief

    def failures(self) -> Iterator[str]:
        """In words, why the provider is not proved."""
        where = f"{self.part} on {self.provider}, optimisation {self.optimisation}"
        nodes = self.placement
        if nodes.elsewhere:
            yield (
                f"{where}: {len(nodes.elsewhere)} head nodes ran on another provider "
                f"({dict(nodes.providers)}): {', '.join(nodes.elsewhere[:5])}"
            )
        if not nodes.seen:
            yield f"{where}: the profile shows no node of the head"
        if self.optimisation == "off" and nodes.unseen:
            yield f"{where}: head nodes did not run: {', '.join(nodes.unseen[:5])}"


@dataclass(frozen=True, slots=True)
class RuntimeVerdict:
    """What one runtime, or one provider of onnxruntime, makes of the rows.

    Attributes:
        place: short name of the provider; name and version of a runtime that has none.
        runtime: name and version.
        rows: the user's rows, N; of generated ones where none were given. Every optimisation level
            and every head has the same, so they are not added up.
        own: whether these are the user's rows.
        differently: how many are decided differently, in the run where most are; of generated rows
            those that rounding does not explain, since many of them lie within the band on purpose.
        largest_ulps: largest difference of scores in float32 steps, over all runs.
        largest_absolute: the same in score units.
        passed: whether no run and no proof of the provider failed.
    """

    place: str
    runtime: str
    rows: int
    own: bool
    differently: int
    largest_ulps: int
    largest_absolute: float
    passed: bool

    @property
    def counted(self) -> str:
        """``"0 of 500 rows"``; of generated rows it says so."""
        made_up = "" if self.own else "generated "
        return f"{self.differently:,} of {self.rows:,} {made_up}rows"


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """Whether a file decides as its card says.

    Attributes:
        head: what the file says of its head: score, task, temperature, threshold, form.
        band: the rounding band at the threshold, in score units; the largest for a vector.
        seed: of the generated rows.
        checks: what holds and what does not.
        runs: every batch that was compared.
        placements: which provider ran the head's nodes, by session.
        notes: what was not checked, and why.
    """

    head: Mapping[str, Any]
    band: float
    seed: int
    checks: tuple[Check, ...]
    runs: tuple[Run, ...]
    placements: tuple[PlacementRecord, ...]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        counts = f"checks={len(self.checks)}, runs={len(self.runs)}, rows={self.rows}"
        return cut(f"VerificationReport({self.verdict!r}, {counts})", MOST_CHARACTERS)

    def _repr_html_(self) -> str:
        """The verdict, what each runtime makes of the rows, and what does not hold."""
        rows = [
            (one.place, one.runtime, one.counted, one.largest_ulps, _outcome(one.passed))
            for one in self.by_runtime
        ]
        columns = ("on", "runtime", "decided differently", "largest difference, ulps", "")
        broken = [(f"{place}", text) for place, text in enumerate(self.failures, start=1)]
        failures = table(broken, "what failed", most=10) if broken else ""
        notes = table([(note,) for note in self.notes], "notes", most=10) if self.notes else ""
        return table(rows, self.verdict, columns) + failures + notes

    @property
    def rows(self) -> int:
        """How many rows were compared in all runs together."""
        return sum(run.eager.rows for run in self.runs)

    @property
    def failures(self) -> tuple[str, ...]:
        """In words, everything that failed; empty if the file passes."""
        reasons = [f"{c.name}: {c.detail}" for c in self.checks if c.passed is False]
        reasons += [failure for run in self.runs for failure in run.failures()]
        reasons += [failure for record in self.placements for failure in record.failures()]
        if not self.rows:
            reasons.append("no rows were compared")
        return tuple(dict.fromkeys(reasons))

    @property
    def passed(self) -> bool:
        """Whether nothing failed and something was compared."""
        return not self.failures

    @property
    def by_runtime(self) -> tuple[RuntimeVerdict, ...]:
        """One verdict for each provider and each other runtime that ran."""
        places = dict.fromkeys(run.provider or run.runtime for run in self.runs)
        return tuple(self._at(place) for place in places)

    def _at(self, place: str) -> RuntimeVerdict:
        here = [run for run in self.runs if (run.provider or run.runtime) == place]
        own = [run.eager for run in here if run.calibration]
        level = here[0].optimisation, here[0].part
        made_up = [run.eager for run in here if (run.optimisation, run.part) == level]
        return RuntimeVerdict(
            place=place,
            runtime=here[0].runtime,
            rows=max((c.rows for c in own), default=sum(c.rows for c in made_up)),
            own=bool(own),
            differently=max(c.flips_inside + c.flips_outside for c in own)
            if own
            else sum(c.flips_outside for c in made_up),
            largest_ulps=max(run.eager.largest_ulps for run in here),
            largest_absolute=max(run.eager.largest_absolute for run in here),
            passed=not any(any(run.failures()) for run in here)
            and not any(any(p.failures()) for p in self.placements if p.provider == place),
        )

    @property
    def verdict(self) -> str:
        """The outcome in one sentence: ``"PASSED: 0 of 500 rows decided differently on cpu"``."""
        ran = self.by_runtime
        if self.passed:
            worst = max(ran, key=lambda one: one.differently)
            # what the band explains is no fault of generated rows
            beyond = "" if worst.own else " beyond rounding"
            return f"PASSED: {worst.counted} decided differently{beyond} on {_listed(ran)}"
        differing = [one for one in ran if one.differently]
        if differing:
            worst = max(differing, key=lambda one: one.differently / max(1, one.rows))
            return f"FAILED: {worst.counted} decided differently on {_listed(differing)}"
        broken = [check.name for check in self.checks if check.passed is False]
        if broken:
            checks = "1 check" if len(broken) == 1 else f"{len(broken)} checks"
            does = "does" if len(broken) == 1 else "do"
            return f"FAILED: {checks} of {len(self.checks)} {does} not hold, first: {broken[0]}"
        more = f" (and {len(self.failures) - 1} more)" if len(self.failures) > 1 else ""
        return f"FAILED: {self.failures[0]}{more}"

    def to_dict(self) -> dict[str, Any]:
        """JSON values, schema number first; infinities and NaN are the strings inf, -inf, nan."""
        summary = {
            "passed": self.passed,
            "verdict": self.verdict,
            "failures": list(self.failures),
            "rows": self.rows,
        }
        return headed("verification", {**summary, **asdict(self)})

    def to_json(self) -> str:
        """The report as readable JSON."""
        return as_json(self.to_dict())

    def table(self) -> list[tuple[str, ...]]:
        """One row of text a run, in the columns of `TABLE_HEADER`."""
        return [
            (
                run.part,
                run.provider or run.runtime,
                run.optimisation,
                run.name,
                str(run.eager.rows),
                f"{run.eager.largest_absolute:.2g}",
                str(run.eager.largest_ulps),
                str(run.eager.in_band),
                str(run.eager.flips_inside),
                str(run.eager.flips_outside),
                "failed" if any(run.failures()) else "passed",
            )
            for run in self.runs
        ]

    def to_text(self) -> str:
        """The report for a terminal without colours."""
        rows = [TABLE_HEADER, *self.table()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(TABLE_HEADER))]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        for record in self.placements:
            ran = ", ".join(f"{n} on {p}" for p, n in record.placement.providers.items())
            lines.append(
                f"{record.part} asked for {record.provider}, optimisation {record.optimisation}: "
                f"head nodes ran: {ran or 'none'}"
            )
        marks = {True: "passed", False: "FAILED", None: "not checked"}
        for check in self.checks:
            lines.append(f"{check.name}: {marks[check.passed]}{_after(check.detail)}")
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"failure: {failure}" for failure in self.failures]
        lines.append(f"{self.rows} rows compared, rounding band {self.band:.3g}")
        return "\n".join([self.verdict, *lines]) + "\n"


def _outcome(passed: bool) -> str:
    return "passed" if passed else "FAILED"


def _listed(verdicts: Sequence[RuntimeVerdict]) -> str:
    *others, last = (one.place for one in verdicts)
    return f"{', '.join(others)} and {last}" if others else last


def _after(detail: str) -> str:
    return f" ({detail})" if detail else ""


def headed(report: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a report, led by the version of the format and by which report it is."""
    return {"schema": REPORT_SCHEMA, "report": report, **_plain(values)}


def as_json(values: Mapping[str, Any]) -> str:
    """A headed report as readable JSON."""
    return json.dumps(values, indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """The value as JSON allows it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
