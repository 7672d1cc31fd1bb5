"""onnxruntime's profile of a run: which node ran on which provider."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logitconf.errors import LogitconfError

_SUFFIX = "_kernel_time"


@dataclass(frozen=True, slots=True)
class NodeProviders:
    """Where the nodes of a run were executed.

    Attributes:
        providers: for each provider, how many of the head's nodes ran there.
        elsewhere: head nodes that ran on another provider than the one asked for.
        unseen: head nodes that the profile does not show: folded or fused by the optimiser.
        seen: how many head nodes the profile shows.
    """

    providers: Mapping[str, int]
    elsewhere: tuple[str, ...]
    unseen: tuple[str, ...]
    seen: int


def read_profile(path: str | Path) -> dict[str, str]:
    """Provider of each node that ran, by the node's name.

    Raises:
        LogitconfError: if the file is no profile, or one node ran on two providers.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        return providers_by_node(_events(text))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise LogitconfError(f"{path} must be a profile of onnxruntime: {error}") from error


def _events(text: str) -> Iterator[Mapping[str, Any]]:
    """The events of a profile one at a time: onnxruntime writes one a line, a kilobyte each."""
    lines = text.rstrip().split("\n")
    if lines[0].strip() != "[" or lines[-1].strip() != "]":
        yield from json.loads(text)
        return
    for line in lines[1:-1]:
        # other events than kernels are left out by their looks, to spare the reading
        if _SUFFIX in line:
            yield json.loads(line.rstrip().removesuffix(","))


def read_operators(path: str | Path) -> dict[str, str]:
    """Operator of each node that ran, by the node's name, in a profile that was read before."""
    return {
        str(event["name"]): str(event.get("args", {}).get("op_name", ""))
        for event in _events(Path(path).read_text(encoding="utf-8"))
        if event.get("cat") == "Node" and str(event.get("name", "")).endswith(_SUFFIX)
    }


def providers_by_node(events: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Provider of each node in the events of a profile.

    Raises:
        LogitconfError: if one node ran on two providers.
    """
    providers: dict[str, str] = {}
    for event in events:
        name = str(event.get("name", ""))
        if event.get("cat") != "Node" or not name.endswith(_SUFFIX):
            continue
        provider = str(event.get("args", {}).get("provider", ""))
        node = name.removesuffix(_SUFFIX)
        if providers.setdefault(node, provider) != provider:
            raise LogitconfError(
                f"a node must run on one provider, but '{node}' ran on {providers[node]} and "
                f"{provider}"
            )
    return providers


def placement_of(
    ran: Mapping[str, str], head_nodes: Collection[str], provider: str, *, alone: bool
) -> NodeProviders:
    """Where a head's nodes ran.

    Args:
        ran: provider of each node of the run.
        head_nodes: names of the head's nodes that depend on its input.
        provider: full name of the provider asked for.
        alone: whether the model is the head alone, so that nodes the optimiser made belong to it.
    """
    own = {name: where for name, where in ran.items() if alone or name in head_nodes}
    return NodeProviders(
        providers=dict(Counter(own.values())),
        elsewhere=tuple(sorted(name for name, where in own.items() if where != provider)),
        unseen=tuple(sorted(set(head_nodes) - set(ran))),
        seen=len(own),
    )
