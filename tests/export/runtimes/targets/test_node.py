"""onnxruntime-node, with a stand-in for node: what it is started with, and what must be there."""

from pathlib import Path

import pytest
from support.runtime_jobs import job, stand_in

from logitconf.errors import MissingExtraError
from logitconf_export.runtimes.protocol import RunError
from logitconf_export.runtimes.targets.node import NodeRuntime

# gives the arguments back as the version, but for the last: the folder of jobs comes first
NODE = """[ -f "$1" ] && [ -f "$2/jobs.json" ] || exit 9
echo "{\\"version\\": \\"$(basename $1) $3\\"}"
"""


def test_node_starts_the_runner_with_the_folder_of_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{stand_in(tmp_path, 'node', NODE)}:/usr/bin:/bin")
    (tmp_path / "onnxruntime-node").mkdir()
    runtime = NodeRuntime(tmp_path)
    assert runtime.load() == f"node_runner.cjs {tmp_path}"
    # the stand-in runs nothing
    assert runtime.run([job()]) == [RunError("the process ended before it")]


def test_without_node_or_the_package_what_to_install_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(stand_in(tmp_path, "node", NODE)))
    with pytest.raises(MissingExtraError, match=f"onnxruntime-node is not in {tmp_path}; install"):
        NodeRuntime(tmp_path).load()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match="the program node is not installed"):
        NodeRuntime(tmp_path).load()
