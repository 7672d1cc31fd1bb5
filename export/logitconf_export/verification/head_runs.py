"""Runs a head, alone and in its host, on generated and given rows, and compares what comes out."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx

from logitconf.errors import LogitconfError
from logitconf.head_spec import Head
from logitconf.scores.bands import Sums
from logitconf_export.decisions.batch import Batch
from logitconf_export.decisions.comparison import Decisions
from logitconf_export.decisions.hard_rows import (
    arranged,
    as_kind,
    boundary_pairs,
    columns_of,
    flattened,
    hard_batches,
    random_rows,
)
from logitconf_export.decisions.reference import LIBRARY, Reference
from logitconf_export.heads.in_file import EmbeddedHead, head_model
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.profiles import placement_of
from logitconf_export.runtimes.providers import provider_name, sums_on
from logitconf_export.runtimes.sessions import ProviderError, Session
from logitconf_export.verification.batches import OTHER_BATCHES, HeadRunner
from logitconf_export.verification.host_runs import HostOnTrial, host_logits_dtype, identical
from logitconf_export.verification.refutation import contradiction_of
from logitconf_export.verification.report import Check, PlacementRecord, Run

_ROWS_FOR_THRESHOLDS = 200


class Trials:
    """Collects runs, placements, checks and notes of one file."""

    def __init__(
        self,
        model: onnx.ModelProto,
        embedded: EmbeddedHead,
        *,
        head: Head,
        folder: Path | None,
        pairs: int,
        seed: int,
    ) -> None:
        self._model, self._embedded = model, embedded
        self._folder, self._pairs, self._seed = folder, pairs, seed
        self.runs: list[Run] = []
        self.placements: list[PlacementRecord] = []
        self.checks: list[Check] = []
        self.notes: list[str] = []
        if LIBRARY == "NumPy":
            self.notes.append("the reference is NumPy, by the same formula: torch is not installed")
        self.fed_logits: Array | None = None
        self.logits_dtype = embedded.logits_dtype or host_logits_dtype(model, embedded, folder)
        self._reference = Reference(_in_layout(head, embedded))
        self._batches: list[Batch] | None = None
        self._host: HostOnTrial | None = None
        self._host_ran = False
        self._hosts_batch: Batch | None = None

    @property
    def band(self) -> float:
        """The rounding band at the threshold, the largest for a vector."""
        thresholds = self._reference.head.threshold.reshape(-1)
        return float(self._reference.allowed(thresholds).max())

    def head(self, provider: str, optimisation: str, rows: Array | None) -> None:
        """Runs the head on hard rows, boundary rows and the rows given."""
        where = (provider, optimisation)
        try:
            with Session(self.alone, provider=provider, optimisation=optimisation) as session:
                runner = HeadRunner(session, self._embedded)
                for batch in self.batches(rows, sums_on(provider)):
                    self._run_head(runner, batch, where)
                self._place("head", session.ran(), provider, optimisation)
        except ProviderError as error:
            self._fail(f"the head runs on {provider}", error)
        except LogitconfError as error:
            self._fail(f"the head alone runs on {provider}, optimisation {optimisation}", error)

    def _run_head(self, runner: HeadRunner, batch: Batch, where: tuple[str, str]) -> None:
        try:
            decided = runner.decide(batch.logits)
            self.runs.append(self._run("head", runner.runtime, where, batch, decided))
        except LogitconfError as error:
            self._fail(f"the head runs on {where[0]} with {batch.name}", error)

    @property
    def alone(self) -> onnx.ModelProto:
        """The head: a file that holds nothing else as it is, one in a host cut out of it."""
        if not self._embedded.attached:
            return self._model
        return head_model(self._model, self._embedded, self.logits_dtype)

    def regroup(self, provider: str, optimisation: str, rows: Array | None) -> None:
        """The same rows alone and in small batches: kernels differ, decisions must not."""
        name = f"rows decide alike in other batches on {provider}, optimisation {optimisation}"
        options: dict[str, Any] = {"provider": provider, "optimisation": optimisation}
        count, moved, wrong = 0, 0, []
        try:
            with Session(self.alone, profile=False, **options) as session:
                runner = HeadRunner(session, self._embedded)
                for batch in self.batches(rows, sums_on(provider)):
                    for size in OTHER_BATCHES:
                        decided = runner.decide(batch.logits, size)
                        where = (provider, optimisation)
                        run = self._run("head", runner.runtime, where, batch, decided)
                        wrong += [f"{failure} (batches of {size})" for failure in run.failures()]
                        moved = max(moved, run.eager.largest_ulps)
                    count += len(batch.eager.score)
        except LogitconfError as error:
            self._fail(name, error)
            return
        sizes = " and ".join(map(str, OTHER_BATCHES))
        detail = f"{count} rows in batches of {sizes}, at most {moved} ulps from {LIBRARY}"
        self.checks.append(Check(name, not wrong, wrong[0] if wrong else detail))

    def tuned(self, provider: str, optimisation: str, rows: Array | None) -> None:
        """A tunable head at other temperatures and thresholds, given as its optional inputs."""
        if not self._embedded.metadata.form.tunable:
            return
        name = f"it decides by other numbers that it is given on {provider}, {optimisation}"
        reference, wrong, count = self._reference, [], 0
        try:
            with Session(
                self.alone, profile=False, provider=provider, optimisation=optimisation
            ) as session:
                for head in other_numbers(reference.head):
                    numbers = {
                        f"{self._embedded.prefix}{buffer}": getattr(head, buffer)
                        for buffer in ("temperature", "threshold")
                    }
                    runner = HeadRunner(session, self._embedded, numbers)
                    self._reference = Reference(head)
                    for one in self.batches(rows):
                        batch = self._batch(one.name, one.logits, calibration=one.calibration)
                        batch = self._judged(batch, sums_on(provider))
                        decided = runner.decide(batch.logits)
                        where = (provider, optimisation)
                        run = self._run("head", runner.runtime, where, batch, decided)
                        wrong += [f"{failure} (other numbers)" for failure in run.failures()]
                        count += len(batch.eager.score)
        except LogitconfError as error:
            self._fail(name, error)
            return
        finally:
            self._reference = reference
        self.checks.append(Check(name, not wrong, wrong[0] if wrong else f"{count} rows"))

    def host(
        self,
        provider: str,
        optimisation: str,
        feeds: Mapping[str, Array] | None,
        *,
        whole: bool = True,
    ) -> None:
        """Runs the host on the feeds, or a part of them, and compares on the logits that come."""
        if self._host is None:
            self._host = HostOnTrial(self._model, self._embedded, self._folder, feeds, self._seed)
            if self._host.note:
                self.notes.append(self._host.note)
        host = self._host
        where_run = (provider, optimisation)
        where = f"on {provider}, optimisation {optimisation}"
        try:
            if host.feeds is None:
                host.load(provider, optimisation)
                self.checks.append(Check(f"the host runs {where}", None, "it loads; pass feeds"))
                return
            result = host.run(provider, optimisation, whole=whole)
            self._host_ran = True
        except LogitconfError as error:
            advice = "" if feeds is not None else "; pass feeds (--data) that it takes"
            self._fail(f"the host runs {where}", error, advice)
            return
        own = result.changed_outputs
        detail = f"changed: {', '.join(own)}" if own else f"{result.own_outputs} outputs"
        self.checks.append(
            Check(f"the host's own outputs are the same without the head {where}", not own, detail)
        )
        self.notes.extend(result.notes)
        name = "the feeds" if feeds is not None else "generated inputs"
        if feeds is not None and whole:
            self.fed_logits = result.logits
        contradiction = contradiction_of(self._embedded.metadata, result.logits)
        self.checks.append(
            Check(
                f"what the head reads is what the card says {where}",
                not contradiction,
                contradiction,
            )
        )
        try:
            batch = self._hosts_batch
            if batch is None or not identical(batch.logits, result.logits):
                batch = self._batch(name, result.logits, calibration=feeds is not None)
            self._hosts_batch = batch
            batch = self._judged(batch, sums_on(provider))
            decided = Decisions.of(result.score, result.mask, result.further)
            self.runs.append(self._run("host", result.runtime, where_run, batch, decided))
        except LogitconfError as error:
            self._fail(f"the host's head can be compared {where}", error)
            return
        if not decided.score.size:
            self.checks.append(Check(f"rows of the host were compared {where}", False, "got none"))
        self._place("host", result.ran, provider, optimisation)

    def own_form(self, rows: Array | None) -> None:
        """Compares the fast form of onnxruntime with the checkpoint's own, both in eager torch.

        A fast form that divides first rounds by the size of the logits. What it decides otherwise
        is said; on the user's own rows it fails.
        """
        head = self._reference.head
        if head.form.runtime == "any":
            return
        reference = Reference(head.with_form(replace(head.form, runtime="any")))
        for batch in self.batches(rows):
            expected = reference.decisions(batch.logits)
            fast = batch.against(expected, batch.eager, same_not_finite=False)
            flips = fast.flips_inside + fast.flips_outside
            words = (
                f"{flips} of {fast.rows} rows decide otherwise than in the form of the checkpoint,"
                f" {fast.beyond_rounding + fast.not_finite} scores differ by more than rounding"
            )
            if batch.calibration:
                self.checks.append(Check("your rows decide as in the checkpoint", not flips, words))
            elif flips or fast.beyond_rounding or fast.not_finite:
                self.notes.append(f"{batch.name}: {words}; runtime='any' has that form")

    def apart(self, provider: str, optimisation: str) -> None:
        """Notes what other rows of its batch do to a row of the host, if it ran."""
        if self._host is None or not self._host_ran:
            return
        try:
            self.notes.extend(self._host.apart(provider, optimisation))
        except LogitconfError as error:
            self._fail(f"the host runs on {provider}, optimisation {optimisation}", error)

    def batches(self, rows: Array | None, sums: Sums = "pinned") -> list[Batch]:
        """Hard rows, boundary rows and the rows given, with what should come of them.

        Args:
            rows: the user's own.
            sums: how the runtime adds up that is judged.
        """
        if self._batches is None:
            self._batches = self._make_batches(rows)
        return [self._judged(batch, sums) for batch in self._batches]

    def _make_batches(self, rows: Array | None) -> list[Batch]:
        form, family = self._reference.head.form, self._reference.head.layout.family
        dtype = self.logits_dtype if self.logits_dtype != "bfloat16" else "float32"
        made = hard_batches(form, family=family, dtype=dtype, seed=self._seed)
        batches = [self._batch(name, self._typed(logits)) for name, logits in made.items()]
        own = None if rows is None else flattened(rows, form)
        accepted, rejected = boundary_pairs(
            self._reference.accepts,
            columns_of(form) if own is None else own.shape[1],
            pairs=self._pairs,
            candidates=own,
            dtype=dtype,
            kind=form.kind,
            family=family,
            seed=self._seed,
        )
        if len(accepted):
            neighbours = np.concatenate([accepted, rejected])
            logits = self._typed(arranged(neighbours, form))
            batches.append(self._batch(f"{len(accepted)} neighbouring pairs", logits))
        else:
            self.notes.append("no row lies near the threshold: all generated rows decide alike")
        if rows is not None:
            batches.append(self._batch("your rows", self._typed(rows), calibration=True))
        return batches

    def _typed(self, logits: Array) -> Array:
        """The logits in the dtype that the file reads."""
        if self.logits_dtype == "bfloat16":
            import ml_dtypes

            return logits.astype(ml_dtypes.bfloat16)
        return logits.astype(self.logits_dtype, copy=False)

    def _batch(self, name: str, logits: Array, *, calibration: bool = False) -> Batch:
        reference = self._reference
        n_classes = flattened(logits, reference.head.form).shape[1]
        sizes = reference.sizes(logits)
        eager = reference.decisions(logits)
        return Batch(
            name=name,
            logits=logits,
            calibration=calibration,
            eager=eager,
            truth=reference.truth(logits),
            threshold=reference.thresholds(logits),
            allowed=lambda values: reference.allowed(values, n_classes, sizes),
            right=reference.right(logits, eager),
        )

    def _judged(self, batch: Batch, sums: Sums) -> Batch:
        """The same rows, for a runtime that adds up otherwise."""
        if sums == "pinned":
            return batch
        reference = self._reference
        n_classes = flattened(batch.logits, reference.head.form).shape[1]
        sizes = reference.sizes(batch.logits)
        return replace(
            batch,
            allowed=lambda values: reference.allowed(values, n_classes, sizes, sums),
            right=reference.right(batch.logits, batch.eager, sums),
        )

    def _run(
        self,
        part: Literal["head", "host"],
        runtime: str,
        where: tuple[str, str],
        batch: Batch,
        decided: Decisions,
    ) -> Run:
        """The run compared. Only the CPU must have the very NaN or infinity of eager torch."""
        compared = batch.compared(decided, same_not_finite=where[0] == "cpu")
        eager, truth, eager_truth, further = compared
        return Run(
            part=part,
            runtime=runtime,
            provider=where[0],
            optimisation=where[1],
            name=batch.name,
            shape=tuple(batch.logits.shape),
            calibration=batch.calibration,
            eager=eager,
            truth=truth,
            eager_truth=eager_truth,
            further=further,
        )

    def _place(
        self,
        part: Literal["head", "host"],
        ran: Mapping[str, str],
        provider: str,
        optimisation: str,
    ) -> None:
        names = self._embedded.reading_nodes()
        placement = placement_of(ran, names, provider_name(provider), alone=part == "head")
        self.placements.append(PlacementRecord(part, provider, optimisation, placement))

    def _fail(self, name: str, error: LogitconfError, advice: str = "") -> None:
        """Records a failure; a provider's reason once, not for each level and the host again."""
        reason = f"{error}{advice}" if not isinstance(error, ProviderError) else str(error)
        if isinstance(error, ProviderError) and reason in {check.detail for check in self.checks}:
            return
        self.checks.append(Check(name, False, reason))


def other_numbers(head: Head) -> Iterator[Head]:
    """The head at half and twice its temperature, with thresholds in the middle of its scores."""
    columns = columns_of(head.form)
    rows = random_rows(_ROWS_FOR_THRESHOLDS, columns, seed=7)
    kind, family = head.form.kind, head.layout.family
    logits = arranged(as_kind(rows, kind, family), head.form)
    for factor, share in ((0.5, 0.3), (2.0, 0.7)):
        temperature = np.asarray(head.temperature * np.float32(factor), dtype=np.float32)
        changed = replace(head, temperature=temperature)
        scores = changed(logits)[0]
        middle = np.quantile(scores[np.isfinite(scores)], share).astype(np.float32)
        yield replace(changed, threshold=np.full_like(head.threshold, middle))


def _in_layout(head: Head, embedded: EmbeddedHead) -> Head:
    """The head in the layout of the file, with its own numbers."""
    form = embedded.metadata.form
    return head if head.form == form else head.with_form(form)
