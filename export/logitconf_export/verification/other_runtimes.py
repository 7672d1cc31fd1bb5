"""A head on a runtime other than the onnxruntime of this process."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf_export.decisions.comparison import Decisions
from logitconf_export.heads.in_file import EmbeddedHead
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Job, RunError, Runtime, as_mask
from logitconf_export.runtimes.targets.table import RuntimeRequest
from logitconf_export.verification.batches import HeadRunner
from logitconf_export.verification.head_runs import Batch
from logitconf_export.verification.report import Check, Run

# some runtimes flush subnormals to zero
_SMALLEST = float(np.finfo(np.float32).smallest_normal)


class RuntimeSession:
    """A model on a runtime, run as a session of onnxruntime is.

    Attributes:
        name: of the runtime.
        version: of the runtime.
        inputs: declared types and dims.
    """

    def __init__(self, runtime: Runtime, version: str, model: onnx.ModelProto) -> None:
        self.name, self.version = runtime.name, version
        self.inputs: Mapping[str, tuple[str, tuple[object, ...]]] = {
            value.name: (
                "",
                tuple(
                    dim.dim_value if dim.HasField("dim_value") else dim.dim_param
                    for dim in value.type.tensor_type.shape.dim
                ),
            )
            for value in model.graph.input
        }
        self._runtime, self._model = runtime, model.SerializeToString()

    def run(self, feeds: Mapping[str, Array], outputs: Sequence[str]) -> list[Any]:
        """The score and the mask, as bool.

        Raises:
            LogitconfError: if the runtime refuses the model or the rows.
        """
        (answer,) = self._runtime.run([Job(self._model, feeds, tuple(outputs))])
        if isinstance(answer, RunError):
            raise LogitconfError(f"{self.name} {self.version} cannot run it: {answer.reason}")
        score, mask = answer
        return [score, as_mask(mask)]


def run_elsewhere(
    request: RuntimeRequest, alone: onnx.ModelProto, head: EmbeddedHead, batches: Sequence[Batch]
) -> tuple[list[Run], list[Check]]:
    """The head on another runtime: a run for each batch, a check for each that does not run.

    Args:
        request: the runtime, and its version if that matters.
        alone: the head as a model of its own.
        head: as it is in the file.
        batches: rows with what should come of them.
    """
    try:
        runtime, version = request.load()
    except MissingExtraError as error:
        return [], [Check(f"the head runs on {request.name}", False, str(error))]
    session = RuntimeSession(runtime, version, alone)
    runner = HeadRunner(session, head)
    gaps = {gap.kind: gap.detail for gap in runtime.gaps}
    runs, checks = [], []
    for batch in batches:
        name = f"the head runs on {request.name} with {batch.name}"
        try:
            decided = runner.decide(batch.logits)
            judged = _without_gap(batch, decided) if "finite score" in gaps else decided
            runs.append(_run(batch, runner.runtime, judged))
        except LogitconfError as error:
            known = not batch.logits.size and "empty batch" in gaps
            detail = gaps["empty batch"] if known else str(error)
            checks.append(Check(name, None if known else False, detail))
    return runs, checks


def _run(batch: Batch, runtime: str, decided: Decisions) -> Run:
    """The run compared; a score that is not finite may be any other such value."""
    allowed = batch.allowed
    batch = replace(batch, allowed=lambda values: np.maximum(allowed(values), _SMALLEST))
    return Run(
        part="head",
        runtime=runtime,
        provider="",
        optimisation="",
        name=batch.name,
        shape=tuple(batch.logits.shape),
        calibration=batch.calibration,
        eager=batch.against(batch.eager, decided, same_not_finite=False),
        truth=batch.against(batch.truth, decided, same_not_finite=False),
        eager_truth=batch.against(batch.truth, batch.eager),
    )


def _without_gap(batch: Batch, decided: Decisions) -> Decisions:
    """The decisions with the declared gap left out: a score where there is none, but rejected."""
    if len(decided.score) != len(batch.eager.score):
        return decided
    none = ~np.isfinite(batch.eager.score) & ~decided.mask
    return replace(decided, score=np.where(none, np.float32(np.nan), decided.score))
