"""onnxruntime sessions that run where they were told to, or not at all."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import onnx

from logitconf.errors import LogitconfError, MissingExtraError
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.profiles import read_operators, read_profile
from logitconf_export.runtimes.providers import PROVIDERS, provider_name

OPTIMISATIONS: Mapping[str, str] = {
    "off": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
"""Optimisation levels, as onnxruntime names them."""

# Parity wants whole float32 products; onnxruntime's default rounds their factors to ten bits.
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "cuda": {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"},
    "cuda-tf32": {"use_tf32": "1", "cudnn_conv_algo_search": "DEFAULT"},
}


class ProviderError(LogitconfError):
    """A provider that was asked for cannot run the model; the message says why."""


def load_onnxruntime() -> ModuleType:
    """The installed onnxruntime.

    Raises:
        MissingExtraError: if there is none.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            "running a model needs onnxruntime; install it with pip install "
            '"logitconf[cpu]" or, for NVIDIA GPUs, pip install "logitconf[gpu]"'
        ) from error
    module: ModuleType = onnxruntime
    return module


class Session:
    """One model on one provider, profiled; a context manager.

    The provider is the one asked for: onnxruntime's fallback is off, and a session that comes
    without the provider is an error.
    """

    name = "onnxruntime"

    def __init__(
        self,
        model: onnx.ModelProto,
        *,
        provider: str = "cpu",
        optimisation: str = "all",
        strict: bool = True,
        folder: Path | None = None,
        threads: int | None = None,
        options: Mapping[str, str] | None = None,
        profile: bool = True,
    ) -> None:
        """Opens a session.

        Args:
            model: the model; weights in other files are looked for in ``folder``.
            provider: short name of the provider.
            optimisation: ``"off"``, ``"basic"``, ``"extended"`` or ``"all"``.
            strict: whether nodes may run on no other provider at all.
            folder: where the model's file lies.
            threads: onnxruntime's own choice unless given.
            options: further options of the provider.
            profile: whether :meth:`ran` will be asked where the nodes ran.

        Raises:
            ProviderError: if the provider is not there or cannot be made.
            LogitconfError: if onnxruntime refuses the model.
        """
        self._runtime = load_onnxruntime()
        self._profile = ""
        self.provider = provider_name(provider)
        self.version = str(self._runtime.__version__)
        available = self._runtime.get_available_providers()
        if self.provider not in available:
            raise ProviderError(
                f"{provider} was asked for, but this onnxruntime {self.version} has {available}; "
                "install a build that has it"
            )
        self._stack = ExitStack()
        scratch = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="logitconf"))
        settings = self._runtime.SessionOptions()
        settings.log_severity_level = 3
        settings.enable_profiling = profile
        settings.profile_file_prefix = str(Path(scratch) / "profile")
        level = getattr(self._runtime.GraphOptimizationLevel, OPTIMISATIONS[optimisation])
        settings.graph_optimization_level = level
        # Threads that wait by spinning take the cores from other sessions that are open: two that
        # take turns cost three times as much, and one alone gains nothing (onnxruntime 1.31).
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if threads is not None:
            settings.intra_op_num_threads = threads
        if folder is not None:
            settings.add_session_config_entry(
                "session.model_external_initializers_file_folder_path", str(folder)
            )
        providers: list[Any] = [(self.provider, {**_OPTIONS.get(provider, {}), **(options or {})})]
        if self.provider != PROVIDERS["cpu"]:
            if strict:
                settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
            else:
                providers.append(PROVIDERS["cpu"])
        try:
            self._session = self._runtime.InferenceSession(
                model.SerializeToString(),
                settings,
                providers=providers,
                enable_fallback=0,
            )
        except session_errors() as error:
            self._stack.close()
            wanted = ProviderError if self.provider != PROVIDERS["cpu"] else LogitconfError
            raise wanted(f"onnxruntime {self.version} refuses the model: {error}") from error
        self._session.disable_fallback()
        if self.provider not in self._session.get_providers():
            actual = self._session.get_providers()
            self._stack.close()
            raise ProviderError(
                f"{provider} was asked for, but the session has {actual}: the provider's library "
                "or one that it needs (CUDA, cuDNN) is missing or of the wrong version"
            )

    @property
    def inputs(self) -> dict[str, tuple[str, tuple[object, ...]]]:
        """Type, as onnxruntime spells it, and dims of every input."""
        return {i.name: (i.type, tuple(i.shape)) for i in self._session.get_inputs()}

    @property
    def output_types(self) -> dict[str, str]:
        """Type of every output, as onnxruntime spells it, such as ``"tensor(float)"``."""
        return {o.name: o.type for o in self._session.get_outputs()}

    def run(self, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None) -> list[Any]:
        """The outputs, in order.

        Raises:
            LogitconfError: if the run fails.
        """
        try:
            values: list[Any] = self._session.run(outputs, dict(feeds))
        except session_errors() as error:
            raise LogitconfError(f"onnxruntime {self.version} cannot run it: {error}") from error
        return values

    def bound(
        self, feeds: Mapping[str, Array], room: Mapping[str, Array] | None = None
    ) -> Callable[[], list[Any]]:
        """A run whose inputs lie on the provider's device and whose outputs stay there.

        Args:
            feeds: copied to the device now, once.
            room: outputs of the shapes and types that will come: every run writes to the same
                place then, as a CUDA graph needs it.

        Returns:
            What runs the model, waits until the device is done, and gives the outputs in order as
            onnxruntime's values, whose ``numpy()`` copies them back.
        """
        device = "cuda" if self.provider == "CUDAExecutionProvider" else "cpu"
        binding = self._session.io_binding()
        for name, array in feeds.items():
            value = self._runtime.OrtValue.ortvalue_from_numpy(array, device, 0)
            binding.bind_ortvalue_input(name, value)
        for name in self.output_types:
            if room is None:
                binding.bind_output(name, device)
            else:
                value = self._runtime.OrtValue.ortvalue_from_numpy(room[name], device, 0)
                binding.bind_ortvalue_output(name, value)

        def run() -> list[Any]:
            self._session.run_with_iobinding(binding)
            binding.synchronize_outputs()
            outputs: list[Any] = binding.get_outputs()
            return outputs

        return run

    def ran(self) -> dict[str, str]:
        """Provider of every node that ran so far; ends the profile, not the session."""
        self._profile = self._session.end_profiling()
        return read_profile(self._profile)

    def operators(self) -> dict[str, str]:
        """Operator of every node in the profile that :meth:`ran` ended."""
        return read_operators(self._profile)

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Drops the session and its profile."""
        self._stack.close()


def session_errors() -> tuple[type[Exception], ...]:
    """The exceptions by which onnxruntime refuses a model or a run."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = (
        "EPFail",
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NotImplemented",
        "RuntimeException",
    )
    known = tuple(getattr(state, name) for name in names if hasattr(state, name))
    # wrong names and dtypes of feeds come as ValueError
    return (*known, ValueError)
