"""What a head costs its host on a GPU: ``PYTHONPATH=.:export:tests python -m benchmarks.gpu``.

Inputs and outputs stay on the device (IO binding), a run ends when the device is done. Each host is
timed alone and with a head, interleaved, with products in whole float32 and in TF32, as onnxruntime
multiplies by default. First it is proved from the profile of a run that the head's nodes ran there.
Exit code 3, with the reason, where the provider is not there: then nothing was measured.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from benchmarks.hosts import Feeds, Host, last_layer
from benchmarks.timing import interleaved_medians
from rich.console import Console
from rich.table import Table

from logitconf.errors import LogitconfError
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export import attach, head_nodes
from logitconf_export.runtimes.profiles import placement_of
from logitconf_export.runtimes.providers import provider_name
from logitconf_export.runtimes.sessions import ProviderError, Session

SCORES = ("softmax", "entropy", "energy", "margin")
PRODUCTS = {"cuda": ("cuda", "cuda-tf32")}
"""The ways of a provider to multiply, by its short name; others have one."""
NOT_MEASURED = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """One head on one host.

    Attributes:
        host: its name.
        score: the head's.
        provider: short name.
        nodes: how many of the head's nodes ran there.
        alone: seconds of the host alone.
        together: seconds of the host with the head.
        changed: rows that the head decides otherwise than with whole float32 products.
        rows: how many there are.
    """

    host: str
    score: str
    provider: str
    nodes: int
    alone: float
    together: float
    changed: int
    rows: int


def hosts(batch: int) -> Iterator[Host]:
    """Last layers: all that a head adds to, and less than any host has."""
    yield last_layer("next token", "MatMul", [batch, 4096], (4096, 32000))
    yield last_layer("1000 classes", "MatMul", [batch, 2048], (2048, 1000))
    yield last_layer("segmentation, 3 x 3, 64 to 21", "Conv", [1, 64, 256, 256], (21, 64, 3, 3))


def small_host() -> Host:
    """A host that tries the script."""
    return last_layer("small", "MatMul", [8, 16], (16, 5))


def costs(host: Host, score: str, provider: str, *, seconds: float) -> Iterator[Cost]:
    """One head on one host, for each way in which the provider multiplies.

    Raises:
        ProviderError: if the provider is not there.
        LogitconfError: if a node of the head ran elsewhere.
    """
    name, model, feeds, tensor, kind, classes = host
    fitted = SCORE_CLASSES[score](temperature=1.5)
    fitted.card = replace(fitted.card, threshold=-0.7)
    axis = 1 if feeds["x"].ndim > 2 else None
    joined = attach(
        model, fitted.compile(n_classes=classes), logits=tensor, kind=kind, class_axis=axis
    )
    first: npt.NDArray[np.float32] | None = None
    for way in PRODUCTS.get(provider, (provider,)):
        found, nodes = proved(joined, feeds, way)
        first = found if first is None else first
        limit = np.median(first)
        options: dict[str, Any] = {"provider": way, "strict": False, "profile": False, "threads": 1}
        with Session(model, **options) as alone, Session(joined, **options) as both:
            runs = {"host": alone.bound(feeds), "both": both.bound(feeds)}
            medians = interleaved_medians(runs, seconds=seconds)
        yield Cost(
            host=name,
            score=score,
            provider=way,
            nodes=nodes,
            alone=medians["host"],
            together=medians["both"],
            changed=int(np.sum((found < limit) != (first < limit))),
            rows=found.size,
        )


def proved(
    model: onnx.ModelProto, feeds: Feeds, provider: str
) -> tuple[npt.NDArray[np.float32], int]:
    """The scores of a run, and how many of the head's nodes its profile shows on the provider.

    Raises:
        LogitconfError: if one ran elsewhere, or none is seen.
    """
    with Session(model, provider=provider, strict=False) as session:
        found = session.run(feeds, ["score"])[0]
        ran = session.ran()
    placement = placement_of(ran, head_nodes(model), provider_name(provider), alone=False)
    if placement.elsewhere or not placement.seen:
        raise LogitconfError(
            f"all of the head's nodes must run on {provider}, but elsewhere ran "
            f"{list(placement.elsewhere)}, and {placement.seen} are seen"
        )
    return found, placement.seen


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; what the exit code means is said above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--provider", default="cuda", help="short name; cpu tries the script")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each row of the table")
    options = parser.parse_args(arguments)
    table = Table(
        "host", "head", "provider", "nodes there", "host ms", "head ms", "time x host", "changed"
    )
    try:
        next(costs(small_host(), "softmax", options.provider, seconds=0.0))
    except ProviderError as error:
        print(f"nothing was measured: {error}")
        return NOT_MEASURED
    for host in hosts(options.batch):
        for score in SCORES:
            for one in costs(host, score, options.provider, seconds=options.seconds):
                table.add_row(
                    one.host, one.score, one.provider, str(one.nodes), f"{one.alone * 1e3:.3f}",
                    f"{(one.together - one.alone) * 1e3:.3f}",
                    f"{one.together / one.alone:.3f}", f"{one.changed} of {one.rows}",
                )  # fmt: skip
    Console(width=120).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
