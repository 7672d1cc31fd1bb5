"""Printed commands alone lead from a file of an exporter to a head that is verified, and back."""

from pathlib import Path

import pytest
from support.flow_hosts import made_hosts, make_host
from support.flows import STAGES, flows

HOSTS = [
    ("torch mlp", "onnxscript", ["multiclass, 4 on axis 1"]),
    (
        "torch cnn, batch of one",
        "onnxscript",
        ["multiclass, 4 on axis 1", "multilabel, 4 on axis 1"],
    ),
    ("LogisticRegression of two", "skl2onnx", ["binary, 2 on axis 1"]),
]
"""Name, the package that it needs, and what is fitted; the first keeps its weights beside it."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "package", "tasks"), HOSTS)
def test_the_printed_commands_lead_there_and_back(
    name: str, package: str, tasks: list[str], tmp_path: Path
) -> None:
    pytest.importorskip(package)
    _, make = made_hosts()[name]
    path = tmp_path / "a host.onnx"
    make_host(make, path)
    if name == "torch mlp":
        assert len(list(tmp_path.iterdir())) == 2
    ways = list(flows(path, {}))
    assert [way.task for way in ways] == tasks
    done = dict.fromkeys(STAGES[:3], "done")
    for way in ways:
        assert (way.stages, way.reason) == ({**done, "detach": "same bytes"}, "")
