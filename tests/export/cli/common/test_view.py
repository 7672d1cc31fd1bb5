"""Where a result may be written, refused before any work is done."""

from pathlib import Path

import pytest

from logitconf.errors import LogitconfError
from logitconf_export.cli.common.view import STDOUT, View


def test_verbose_and_quiet_exclude_each_other() -> None:
    with pytest.raises(LogitconfError, match="one of -v and -q, got both"):
        View(verbose=True, quiet=True).check(force=False)


@pytest.mark.parametrize("place", [STDOUT, Path("one.json")])
def test_output_and_json_do_not_go_to_one_place(place: Path) -> None:
    with pytest.raises(LogitconfError, match="must not go to one place"):
        View(json=place).check(force=True, output=place)
    View(json=place).check(force=True, output=Path("other"))


def test_a_json_that_exists_needs_force_and_is_never_an_input(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("{}")
    with pytest.raises(LogitconfError, match="exists"):
        View(json=path).check(force=False)
    View(json=path).check(force=True)
    with pytest.raises(LogitconfError, match="the output must not be the input"):
        View(json=path).check(path, force=True)
