"""One line in a test suite that guards an exported model."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.types import Array, ModelSource
from logitconf_export.testing.parity import OutputParity, Reference, compare_outputs
from logitconf_export.verification.report import VerificationReport
from logitconf_export.verification.verifying import verify

ParityResult: TypeAlias = "VerificationReport | tuple[OutputParity, ...]"


def assert_parity(
    model: ModelSource,
    reference: Reference | None = None,
    *,
    feeds: Mapping[str, Array] | None = None,
    rows: Array | None = None,
    outputs: Sequence[str] | None = None,
    providers: Sequence[str] = ("cpu",),
    absolute: float = 0.0,
    relative: float = 0.0,
) -> ParityResult:
    """The report, if the model does what it should.

    Without a reference the model must have a head, and is verified as
    :func:`~logitconf_export.verify` does. With one, any model will do: every output
    must be what the callable returns.

    Args:
        model: the model, as a file, its bytes or a model.
        reference: a callable that takes the model's inputs as arrays and returns its outputs.
        feeds: the model's inputs by name.
        rows: logits, for a model with a head and without a reference.
        outputs: which outputs to compare with the reference; all unless given.
        providers: short names of onnxruntime's providers.
        absolute: allowed difference of floats from the reference.
        relative: the same, over the size of the reference.

    Raises:
        AssertionError: if it does not, with the report as its message.
        LogitconfError: if the arguments do not fit together.
    """
    if reference is None:
        report = verify(model, rows, feeds=feeds, providers=providers)
        if not report.passed:
            raise AssertionError(report.to_text())
        return report
    if feeds is None or rows is not None:
        raise LogitconfError("with a reference, the inputs must be given as feeds")
    parities = compare_outputs(
        model,
        reference,
        feeds=feeds,
        outputs=outputs,
        providers=providers,
        absolute=absolute,
        relative=relative,
    )
    failed = [str(output) for output in parities if not output.passed]
    if failed:
        raise AssertionError("; ".join(failed))
    return parities
