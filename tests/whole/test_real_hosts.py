"""Readings of real third-party models, checked against what onnxruntime computes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from support.real_hosts import REAL_HOSTS, Feed, NotAvailableError, RealHost, fetch
from support.refuted_readings import refute

from logitconf_export.hosts.candidates import Candidate
from logitconf_export.hosts.reading import read_host
from logitconf_export.onnx_files.loading import load_model

RUN_HOSTS = [
    host for host in REAL_HOSTS
    if host.feeds and any(place.relation != "none" for place in host.places)
]  # fmt: skip
TOLERANCES = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-12}
"""Half, single and double precision of probabilities; single leaves room for 6625 classes."""


@pytest.fixture
def path(request: pytest.FixtureRequest) -> Path:
    try:
        return fetch(request.param)
    except NotAvailableError as reason:
        pytest.skip(str(reason))


def fed(model: onnx.ModelProto, feeds: dict[str, Feed]) -> dict[str, NDArray[Any]]:
    """Plausible rows of the dtype that each input declares."""
    rng = np.random.default_rng(11)
    dtypes = {
        value.name: onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        for value in model.graph.input
    }
    return {name: _rows(rng, *feed).astype(dtypes[name]) for name, feed in feeds.items()}


def _rows(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
    if kind == "normal":
        return np.asarray(rng.normal(size=shape))
    if kind == "unit":
        return np.asarray(rng.uniform(size=shape))
    if kind in ("byte", "index"):
        return np.asarray(rng.integers(1, 256 if kind == "byte" else 20, size=shape))
    return np.full(shape, 1 if kind == "true" else 16000)


def computed(
    model: onnx.ModelProto, names: list[str], feeds: dict[str, NDArray[Any]]
) -> list[NDArray[Any]]:
    """The values of that name, from one run without fusions."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {value.name for value in copy.graph.output}
    for name in dict.fromkeys(names):
        if name not in known and name not in feeds:
            copy.graph.output.add(name=name)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        copy.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    wanted = [name for name in dict.fromkeys(names) if name not in feeds]
    values = dict(zip(wanted, session.run(wanted, feeds), strict=True))
    return [np.asarray(values.get(name, feeds.get(name))) for name in names]


def follows(relation: str, tapped: NDArray[Any], axis: int) -> NDArray[np.float64]:
    """The output that the tapped values must give, in float64."""
    values = tapped.astype(np.float64)
    if relation == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-values)))
    if relation == "same":
        return values
    powers = np.exp(values - values.max(axis=axis, keepdims=True))
    shares = powers / powers.sum(axis=axis, keepdims=True)
    return np.asarray(shares if relation == "softmax" else np.log(shares))


def as_laid_out(
    expected: NDArray[np.float64], output: NDArray[Any], candidate: Candidate
) -> NDArray[np.float64]:
    """The expected output with its class axis where the host's output has it."""
    if candidate.output_axis is not None and expected.ndim == output.ndim >= 3:
        expected = np.moveaxis(expected, candidate.class_axis, candidate.output_axis)
    return expected.reshape(output.shape)


def test_the_comparison_with_the_output_can_fail() -> None:
    values = np.asarray([[1.0, 2.0], [3.0, 5.0]])
    right = follows("softmax", values, 1)
    for relation, axis in (("softmax", 0), ("sigmoid", 1), ("same", 1), ("log-softmax", 1)):
        assert not np.allclose(right, follows(relation, values, axis))


@pytest.mark.network
@pytest.mark.parametrize(
    ("path", "host"), [(h, h) for h in REAL_HOSTS], indirect=["path"], ids=map(str, REAL_HOSTS)
)
def test_a_real_host_is_read_right(path: Path, host: RealHost) -> None:
    reading = read_host(load_model(path))
    found = [
        (c.output, c.task, c.n_classes, c.class_axis, c.rank, c.kind, c.certain, c.per_position,
         c.dtype)
        for c in reading.candidates
    ]  # fmt: skip
    assert found == [
        (p.output, p.task, p.n_classes, p.class_axis, p.rank, p.kind, p.certain, p.per_position,
         p.dtype)
        for p in host.places
    ]  # fmt: skip
    if host.refused is not None:
        output, words = host.refused
        assert words in next(r.reason for r in reading.refused if r.output == output)


@pytest.mark.network
@pytest.mark.parametrize(
    ("path", "host"), [(h, h) for h in RUN_HOSTS], indirect=["path"], ids=map(str, RUN_HOSTS)
)
def test_the_outputs_of_a_real_host_follow_from_the_tapped_values(
    path: Path, host: RealHost
) -> None:
    model = load_model(path)
    reading = read_host(model)
    feeds = fed(model, host.feeds)
    names = [n for c in reading.candidates for n in (c.tensor, c.output)]
    values = computed(model, names, feeds)
    for number, (candidate, place) in enumerate(zip(reading.candidates, host.places, strict=True)):
        tapped, output = values[2 * number], values[2 * number + 1]
        expected = as_laid_out(
            follows(place.relation, tapped, candidate.class_axis), output, candidate
        )
        assert output.size > 0
        tolerance = TOLERANCES[candidate.dtype] * max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(output.astype(np.float64), expected, atol=tolerance, rtol=0)


@pytest.mark.network
@pytest.mark.parametrize(
    ("path", "host"),
    [(h, h) for h in REAL_HOSTS if h.feeds],
    indirect=["path"],
    ids=[str(h) for h in REAL_HOSTS if h.feeds],
)
def test_rows_do_not_contradict_the_reading_of_a_real_host(path: Path, host: RealHost) -> None:
    model = load_model(path)
    reading = read_host(model)
    assert refute(model, reading, fed(model, host.feeds)).candidates == reading.candidates
