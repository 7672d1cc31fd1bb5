"""A model on any runtime, run as a session of onnxruntime is."""

from collections.abc import Mapping, Sequence
from typing import Any

import onnx

from logitconf.errors import LogitconfError
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.protocol import Job, RunError, Runtime, as_mask


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
        """The score, the mask as bool, and what else is asked for behind them.

        Raises:
            LogitconfError: if the runtime refuses the model or the rows.
        """
        (answer,) = self._runtime.run([Job(self._model, feeds, tuple(outputs))])
        if isinstance(answer, RunError):
            raise LogitconfError(f"{self.name} {self.version} cannot run it: {answer.reason}")
        score, mask, *further = answer
        return [score, as_mask(mask), *further]
