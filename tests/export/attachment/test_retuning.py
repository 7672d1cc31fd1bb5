import pytest
from export.attachment.test_recognition import THRESHOLDS, make_host, make_score, run
from support.other_tools import TOOLS

from logitconf import LogitconfError
from logitconf_export import attach, reattach, retune


@pytest.mark.parametrize("name", THRESHOLDS)
@pytest.mark.parametrize("temperature", [1.0, 2.0, 1.7])
def test_a_head_whose_temperature_was_folded_is_not_retuned_until_it_is_put_back(
    name: str, temperature: float
) -> None:
    model = attach(make_host(), make_score(name, temperature).compile(n_classes=5))
    optimised = TOOLS["optimised"](model)
    assert run(optimised).keys() == run(model).keys()
    with pytest.raises(LogitconfError, match="reattach"):
        retune(optimised, temperature=3.0)
    wanted = run(retune(model, temperature=3.0))
    for now, then in zip(
        run(retune(reattach(optimised), temperature=3.0)).values(), wanted.values(), strict=True
    ):
        assert abs(now.astype(float) - then).max() < 1e-5
