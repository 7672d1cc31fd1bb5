"""What a head costs its host on a GPU: ``PYTHONPATH=.:export:tests python -m benchmarks.gpu``.

Inputs and outputs stay on the device (IO binding), a run ends when the device is done. Each host is
timed alone and with a head of each form, interleaved: with products in whole float32, in TF32 as
onnxruntime multiplies by default, and replayed as one CUDA graph. Hosts are last layers (all that a
head adds to, and less than any host has), and with ``--networks`` a ViT-small, and a ResNet-50
where torchvision is there, at batch 1 and 64. First it is proved from the profile of a run that the
head's nodes ran there. Exit code 3, with the reason, where the provider is not there: then nothing
was measured.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from benchmarks.hosts import Feeds, Host, exported, last_layer, vision_transformer
from benchmarks.timing import interleaved_medians

from logitconf.errors import LogitconfError
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export import attach, head_nodes
from logitconf_export.runtimes.profiles import placement_of
from logitconf_export.runtimes.providers import provider_name
from logitconf_export.runtimes.sessions import ProviderError, Session

SCORES = ("softmax", "entropy", "energy", "margin")
FORMS = ("any", "onnxruntime", "cuda")
BATCHES = (1, 64)
GRAPH = {"enable_cuda_graph": "1"}
WAYS: Mapping[str, Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "cuda": {"cuda": ("cuda", {}), "cuda-tf32": ("cuda-tf32", {}), "CUDA graph": ("cuda", GRAPH)}
}
"""The ways of a provider to compute, each a provider and its options; others have one."""
COLUMNS = [f"{form}: nodes, adds µs, adds %" for form in FORMS]
NOT_MEASURED = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """Heads of one score on one host, computed in one way.

    Attributes:
        host: its name.
        score: the heads'.
        way: how the provider computes.
        alone: seconds of the host alone.
        together: seconds of the host with the head, by the head's form.
        nodes: how many of the head's nodes ran on the provider, by form.
        moved: largest difference of a score from the first form's with whole float32 products.
        refused: why nothing was timed, if so.
    """

    host: str
    score: str
    way: str
    alone: float
    together: Mapping[str, float]
    nodes: Mapping[str, int]
    moved: float
    refused: str = ""


def layers(batch: int) -> Iterator[Host]:
    """Last layers of a language model, a classifier and a segmentation network."""
    yield last_layer("next token", "MatMul", [batch, 4096], (4096, 32000))
    yield last_layer("1000 classes", "MatMul", [batch, 2048], (2048, 1000))
    yield last_layer("segmentation, 3 x 3, 64 to 21", "Conv", [1, 64, 256, 256], (21, 64, 3, 3))


def networks(batch: int) -> Iterator[Host]:
    """Whole networks of a fixed batch: without shapes to compute they can be a CUDA graph."""
    yield vision_transformer("ViT-small", width=384, heads=6, batch=batch)
    try:
        from torchvision.models import resnet50  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        print(f"no ResNet-50: {error}")
        return
    yield exported("ResNet-50, random weights", resnet50(weights=None).eval(), batch)


def small_host() -> Host:
    """A host that tries the script."""
    return last_layer("small", "MatMul", [8, 16], (16, 5))


def costs(
    host: Host, score: str, provider: str, *, seconds: float, forms: tuple[str, ...] = FORMS
) -> Iterator[Cost]:
    """Heads of one score on one host, for each way in which the provider computes.

    Raises:
        ProviderError: if the provider is not there.
        LogitconfError: if a node of a head ran elsewhere.
    """
    name, model, feeds, tensor, kind, classes = host
    axis = 1 if _rank(model, tensor) > 2 else None
    fitted = SCORE_CLASSES[score](temperature=1.5)
    fitted.card = replace(fitted.card, threshold=-0.7)
    joined = {
        form: attach(
            model, fitted.card, logits=tensor, kind=kind, class_axis=axis, n_classes=classes,
            runtime=form,
        )
        for form in forms
    }  # fmt: skip
    first = proved(joined[forms[0]], feeds, provider)[0]
    for way, (product, options) in WAYS.get(provider, {provider: (provider, {})}).items():
        scores, nodes = {}, {}
        for form, whole in joined.items():
            scores[form], nodes[form] = proved(whole, feeds, product)
        moved = max(float(np.max(np.abs(s - first))) for s in scores.values())
        cost = Cost(name, score, way, 0.0, {}, nodes, moved)
        try:
            with ExitStack() as stack:
                runs = {
                    form: _bound(stack, whole, feeds, product, options)
                    for form, whole in {"": model, **joined}.items()
                }
                medians = interleaved_medians(runs, seconds=seconds)
        except LogitconfError as error:
            yield replace(cost, refused=str(error))
            continue
        alone = medians.pop("")
        yield replace(cost, alone=alone, together=medians)


def _rank(model: onnx.ModelProto, tensor: str) -> int:
    values = [*model.graph.output, *model.graph.value_info]
    return next(len(v.type.tensor_type.shape.dim) for v in values if v.name == tensor)


def _bound(
    stack: ExitStack, model: onnx.ModelProto, feeds: Feeds, way: str, options: Mapping[str, str]
) -> Callable[[], object]:
    """A run on the device; one with a CUDA graph has been captured and replayed."""
    settings: dict[str, Any] = {"provider": way, "strict": False, "profile": False, "threads": 1}
    room: dict[str, Any] | None = None
    if options:
        with Session(model, **settings) as plain:
            names = list(plain.output_types)
            room = dict(zip(names, plain.run(feeds, names), strict=True))
    session = stack.enter_context(Session(model, options=options, **settings))
    run = session.bound(feeds, room)
    if room is not None:
        run()
        for (name, plain_value), value in zip(room.items(), run(), strict=True):
            if not np.allclose(value.numpy(), plain_value, rtol=1e-3, atol=1e-5):
                raise LogitconfError(f"{name} is another in a CUDA graph")
    return run


def proved(
    model: onnx.ModelProto, feeds: Feeds, provider: str
) -> tuple[npt.NDArray[np.float32], int]:
    """The scores of a run, and how many of the head's nodes its profile shows on the provider.

    Raises:
        LogitconfError: if one ran elsewhere, or none is seen.
    """
    with Session(model, provider=provider, strict=False) as session:
        scores = session.run(feeds, ["score"])[0]
        ran = session.ran()
    placement = placement_of(ran, head_nodes(model), provider_name(provider), alone=False)
    if placement.elsewhere or not placement.seen:
        raise LogitconfError(
            f"all of the head's nodes must run on {provider}, but elsewhere ran "
            f"{list(placement.elsewhere)}, and {placement.seen} are seen"
        )
    return scores, placement.seen


def main(arguments: list[str] | None = None) -> int:
    """Prints a line for each cost; what the exit code means is said above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--provider", default="cuda", help="short name; cpu tries the script")
    parser.add_argument("--batches", type=int, nargs="*", default=BATCHES)
    parser.add_argument("--scores", nargs="*", default=SCORES)
    parser.add_argument("--networks", action="store_true", help="whole networks, not last layers")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each row of the table")
    options = parser.parse_args(arguments)
    try:
        next(costs(small_host(), "softmax", options.provider, seconds=0.0))
    except ProviderError as error:
        print(f"nothing was measured: {error}")
        return NOT_MEASURED
    print(" | ".join(["batch", "host", "head", "way", "host µs", *COLUMNS, "score moved"]))
    for batch in options.batches:
        for host in networks(batch) if options.networks else layers(batch):
            for score in options.scores:
                for one in costs(host, score, options.provider, seconds=options.seconds):
                    # as it comes: what was measured stays when the next host fails
                    print(batch, " | ", *_cells(one), sep="", flush=True)
    return 0


def _cells(one: Cost) -> Iterator[str]:
    yield f"{one.host} | {one.score} | {one.way} | {one.alone * 1e6:.0f} | "
    for form in FORMS:
        if one.refused:
            yield f"{one.refused} | "
            continue
        added = one.together[form] - one.alone
        yield f"{one.nodes[form]}, {added * 1e6:.0f}, {100 * added / one.alone:.1f} | "
    yield f"{one.moved:.1e}"


if __name__ == "__main__":
    sys.exit(main())
