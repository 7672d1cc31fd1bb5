"""What only looks loads little: counted in modules, in a fresh interpreter."""

from pathlib import Path

import pytest
from support import head_models
from support.import_costs import CALLS, Call, loaded_by

from logitconf import ScoreCard, attach


def make_looked_at(folder: Path) -> None:
    """Writes a card, a host, and the host with a head."""
    host = head_models.make_host()
    head_models.save(host, folder / "host.onnx")
    card = ScoreCard("margin", "multiclass", threshold=-1.0)
    card.save(folder / "card.json")
    attach(host, card, folder / "head.onnx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("looked-at")
    make_looked_at(made)
    return made


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_call_loads_no_more_modules_than_it_may(call: Call, folder: Path) -> None:
    loaded = loaded_by(call, folder)
    assert loaded.heavy - {"pydantic"} == call.heavy
    assert loaded.own <= call.own
    assert 50 < loaded.modules <= call.most


def test_modules_are_counted(tmp_path: Path) -> None:
    nothing = loaded_by(Call("nothing", "", 0, 0), tmp_path)
    more = loaded_by(Call("more", "import json.tool, logitconf.errors, numpy", 0, 0), tmp_path)
    assert nothing.own == 0
    assert more.own >= 2
    assert more.modules > nothing.modules + 50
    assert (nothing.heavy, more.heavy) == (frozenset(), frozenset({"numpy"}))
    with pytest.raises(AssertionError, match="no_such"):
        loaded_by(Call("fails", "import no_such", 0, 0), tmp_path)
