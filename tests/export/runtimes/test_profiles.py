"""NodeProviders is read from a run's profile."""

import json
from pathlib import Path

import pytest

from logitconf.errors import LogitconfError
from logitconf_export.runtimes.profiles import placement_of, providers_by_node, read_profile

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def _event(name: str, provider: str, category: str = "Node") -> dict[str, object]:
    return {"cat": category, "name": f"{name}_kernel_time", "args": {"provider": provider}}


def test_only_kernels_of_nodes_count() -> None:
    session: dict[str, object] = _event("run", CPU, category="Session")
    events = [_event("a", CPU), session, dict[str, object](cat="Node")]
    assert providers_by_node(events) == {"a": CPU}


def test_a_node_on_two_providers_is_an_error() -> None:
    with pytest.raises(LogitconfError, match="'a' ran on CUDAExecutionProvider"):
        providers_by_node([_event("a", CUDA), _event("a", CPU)])


def test_a_head_node_on_another_provider_is_named() -> None:
    found = placement_of({"head/a": CPU, "host": CPU}, ["head/a", "head/b"], CUDA, alone=False)
    assert found.elsewhere == ("head/a",)
    assert found.unseen == ("head/b",)
    assert found.seen == 1


def test_nodes_that_the_optimiser_made_belong_to_a_head_alone() -> None:
    ran = {"fused": CPU, "head/a": CUDA}
    assert placement_of(ran, ["head/a"], CUDA, alone=True).elsewhere == ("fused",)
    assert placement_of(ran, ["head/a"], CUDA, alone=False).elsewhere == ()


def test_a_file_that_is_no_profile_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LogitconfError, match="must be a profile"):
        read_profile(tmp_path / "missing.json")
    path = tmp_path / "profile.json"
    path.write_text(json.dumps([_event("a", CPU)]))
    assert read_profile(path) == {"a": CPU}
