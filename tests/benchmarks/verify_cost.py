"""What `verify` costs: ``PYTHONPATH=.:export:tests python -m benchmarks.verify_cost``.

The time of `verify` on a user's rows, less that of `verify` on one row (start-up: sessions, hard
rows, neighbouring pairs), against the time of the host alone on the same rows, and how many rows
went through the host, as times the user's.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from rich.console import Console
from rich.table import Table

from logitconf import attach, verify
from logitconf.card.score_card import ScoreCard
from logitconf_export.onnx_files.types import Arrays
from logitconf_export.runtimes.feeds import HostFeeds
from logitconf_export.runtimes.host_runs import run_rows
from logitconf_export.runtimes.sessions import Session


def network(*, shown: bool, width: int = 512, depth: int = 6) -> onnx.ModelProto:
    """A classifier of 10 classes that hands out its logits, or its probabilities alone."""
    random = np.random.default_rng(0)
    sizes = [64, *[width] * depth, 10]
    nodes, numbers, last = [], [], "x"
    for place, (left, right) in enumerate(itertools.pairwise(sizes)):
        weight = random.normal(0, left**-0.5, (left, right)).astype(np.float32)
        numbers.append(numpy_helper.from_array(weight, f"w{place}"))
        nodes.append(helper.make_node("MatMul", [last, f"w{place}"], [f"h{place}"]))
        last = f"h{place}"
        if right != 10:
            nodes.append(helper.make_node("Relu", [last], [f"a{place}"]))
            last = f"a{place}"
    nodes[-1].output[0] = "logits"
    nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
    names = ["logits", "probabilities"] if shown else ["probabilities"]
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 10]) for n in names]
    taken = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 64])]
    graph = helper.make_graph(nodes, "network", taken, ports, numbers)
    imports = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def seconds(run: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    run()
    return clock() - start


def rows_run(run: Callable[[], object], least: int) -> int:
    """How many rows went through sessions of the host while something ran."""
    own, counts = Session.run, []

    def counted(self: Session, feeds: Arrays, *rest: Any) -> list[Any]:
        if "x" in feeds:
            counts.append(len(feeds["x"]))
        return own(self, feeds, *rest)

    with patch.object(Session, "run", counted):
        run()
    assert sum(counts) >= least
    return sum(counts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[4096, 16384])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cpu", action="store_true", help="time of the process, not of the clock")
    options = parser.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    table = Table("host", "rows", "host s", "verify s", "start-up s", "x host", "passes")
    for (width, depth), shown in itertools.product(((512, 6), (128, 2)), (True, False)):
        host = network(shown=shown, width=width, depth=depth)
        model = attach(host, ScoreCard("margin", "multiclass", 1.5, -0.2), logits="logits")
        for rows in options.rows:
            x = np.random.default_rng(1).normal(0, 1, (rows, 64)).astype(np.float32)
            feeds = HostFeeds.of(host, {"x": x})
            taken: dict[str, list[float]] = {"host": [], "all": [], "one": []}
            for _ in range(options.rounds):
                with Session(host, profile=False) as session:
                    names = [value.name for value in host.graph.output]
                    run_rows(session, feeds, names)
                    alone = partial(run_rows, session, feeds, names)
                    taken["host"].append(seconds(alone, clock))
                taken["all"].append(seconds(partial(verify, model, feeds={"x": x}), clock))
                taken["one"].append(seconds(partial(verify, model, feeds={"x": x[:1]}), clock))
            t = {name: statistics.median(values) for name, values in taken.items()}
            passes = rows_run(partial(verify, model, feeds={"x": x}), rows) / rows
            what = "its logits" if shown else "probabilities"
            table.add_row(
                f"{depth} layers of {width}, shows {what}", f"{rows}",
                f"{t['host']:.3f}", f"{t['all']:.3f}", f"{t['one']:.3f}",
                f"{(t['all'] - t['one']) / t['host']:.2f}", f"{passes:.2f}",
            )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
