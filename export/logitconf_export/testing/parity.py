"""Any ONNX model against any callable: every output, compared by what kind of values it holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.loading import load_model
from logitconf_export.onnx_files.types import Array, ModelSource
from logitconf_export.runtimes.sessions import Session

Reference: TypeAlias = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class OutputParity:
    """How one output agrees with the reference.

    Attributes:
        name: of the output.
        provider: short name of the provider that ran the model.
        elements: how many values were compared.
        different: how many are not equal within the tolerance; two NaN are equal.
        largest_absolute: largest difference where both are finite.
        reason: why the output cannot be compared at all, empty if it can.
    """

    name: str
    provider: str
    elements: int
    different: int
    largest_absolute: float
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether something was compared and nothing differs."""
        return not self.reason and self.elements > 0 and self.different == 0

    def __str__(self) -> str:
        if self.reason:
            return f"output '{self.name}' on {self.provider}: {self.reason}"
        if not self.elements:
            return f"output '{self.name}' on {self.provider}: nothing was compared"
        return (
            f"output '{self.name}' on {self.provider}: {self.different} of {self.elements} values "
            f"differ, by up to {self.largest_absolute:.3g}"
        )


def compare_outputs(
    model: ModelSource,
    reference: Reference,
    *,
    feeds: Mapping[str, Array],
    outputs: Sequence[str] | None = None,
    providers: Sequence[str] = ("cpu",),
    absolute: float = 0.0,
    relative: float = 0.0,
) -> tuple[OutputParity, ...]:
    """Each output of the model on each provider against what the callable returns.

    Args:
        model: the model, as a file, its bytes or a model.
        reference: takes the feeds in the order of the model's inputs, as NumPy arrays, and returns
            one value, a sequence of them, or a mapping by output name. Tensors are welcome.
        feeds: the model's inputs by name.
        outputs: which outputs; all unless given.
        providers: short names of onnxruntime's providers.
        absolute: allowed difference of floats, in units of the output.
        relative: allowed difference of floats, over the size of the reference.

    Raises:
        LogitconfError: if the feeds, the outputs or the reference do not fit the model.
    """
    loaded = load_model(model)
    folder = None if isinstance(model, bytes | onnx.ModelProto) else Path(model).resolve().parent
    known = [value.name for value in loaded.graph.output]
    wanted = known if outputs is None else list(outputs)
    if not wanted or not set(wanted) <= set(known):
        raise LogitconfError(f"outputs must be some of {known}, got {wanted}")
    inputs = [value.name for value in loaded.graph.input if value.name in feeds]
    if set(inputs) != set(feeds):
        raise LogitconfError(f"feeds must name inputs of the model, got {list(feeds)}")
    expected = _by_name(reference(*(feeds[name] for name in inputs)), wanted)
    parities = []
    for provider in providers:
        with Session(loaded, provider=provider, strict=False, folder=folder) as session:
            values = session.run(feeds, wanted)
        parities += [
            _parity(name, provider, np.asarray(value), expected[name], (absolute, relative))
            for name, value in zip(wanted, values, strict=True)
        ]
    return tuple(parities)


def _by_name(returned: Any, wanted: Sequence[str]) -> dict[str, Array]:
    if isinstance(returned, Mapping):
        missing = [name for name in wanted if name not in returned]
        if missing:
            raise LogitconfError(f"the reference must return {list(wanted)}, {missing} are missing")
        return {name: _array(returned[name]) for name in wanted}
    values = list(returned) if isinstance(returned, (tuple, list)) else [returned]
    if len(values) != len(wanted):
        raise LogitconfError(
            f"the reference must return {len(wanted)} values, for {list(wanted)}, got {len(values)}"
        )
    return {name: _array(value) for name, value in zip(wanted, values, strict=True)}


def _array(value: Any) -> Array:
    """A NumPy array; tensors come off their graph and device first."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


def _parity(
    name: str, provider: str, actual: Array, expected: Array, tolerance: tuple[float, float]
) -> OutputParity:
    if actual.shape != expected.shape:
        reason = f"shape {actual.shape}, expected {expected.shape}"
        return OutputParity(name, provider, 0, 0, 0.0, reason)
    if (actual.dtype.kind == "f") != (expected.dtype.kind == "f"):
        reason = f"dtype {actual.dtype}, expected {expected.dtype}"
        return OutputParity(name, provider, 0, 0, 0.0, reason)
    if actual.dtype.kind != "f":
        different = int(np.sum(actual != expected))
        return OutputParity(name, provider, int(actual.size), different, float(different > 0))
    left, right = actual.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(left) & np.isfinite(right)
    with np.errstate(invalid="ignore"):
        off = np.where(finite, np.abs(left - right), 0.0)
        close = finite & (off <= tolerance[0] + tolerance[1] * np.abs(right))
    same = close | (left == right) | (np.isnan(left) & np.isnan(right))
    largest = float(off.max(initial=0.0))
    return OutputParity(name, provider, int(actual.size), int((~same).sum()), largest)
