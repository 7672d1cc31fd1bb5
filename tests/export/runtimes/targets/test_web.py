"""onnxruntime-web, with a stand-in for node: what it is started with, and what must be there."""

from pathlib import Path

import pytest
from support.runtime_jobs import job, stand_in

from logitconf.errors import MissingExtraError
from logitconf_export.runtimes.protocol import RunError
from logitconf_export.runtimes.targets.web import WebRuntime

# gives its arguments back as the version; the folder of jobs comes first
NODE = """[ -f "$1" ] && [ -f "$2/jobs.json" ] || exit 9
echo "{\\"version\\": \\"$(basename $1) $3 $(basename $4)\\"}"
"""


def test_node_starts_the_runner_with_the_folder_of_packages_and_the_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, "browser", "exit 0")
    monkeypatch.setenv("PATH", f"{stand_in(tmp_path, 'node', NODE)}:/usr/bin:/bin")
    for name in ("onnxruntime-web", "playwright-core"):
        (tmp_path / name).mkdir()
    runtime = WebRuntime(tmp_path, "browser")
    assert runtime.load() == f"web_runner.cjs {tmp_path} browser"
    # the stand-in runs nothing
    assert runtime.run([job()]) == [RunError("the process ended before it")]


def test_each_thing_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(stand_in(tmp_path, "node", NODE)))
    for name in ("onnxruntime-web", "playwright-core"):
        with pytest.raises(MissingExtraError, match=f"npm package {name} is not in {tmp_path}"):
            WebRuntime(tmp_path, "browser").load()
        (tmp_path / name).mkdir()
    with pytest.raises(MissingExtraError, match="the program browser is not installed"):
        WebRuntime(tmp_path, "browser").load()
