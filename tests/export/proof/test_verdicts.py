"""One refutation refutes all, and a gap says whether rows can flip."""

from logitconf_export.proof.verdicts import EXIT_CODES, Bound, joined


def test_the_worst_verdict_is_that_of_all() -> None:
    assert joined(["PROVED", "CANNOT PROVE", "REFUTED"]) == "REFUTED"
    assert joined(["PROVED", "CANNOT PROVE"]) == "CANNOT PROVE"
    assert joined(["PROVED"]) == "PROVED"
    assert EXIT_CODES == {"PROVED": 0, "REFUTED": 1, "CANNOT PROVE": 2}


def test_no_row_can_flip_if_none_is_so_near() -> None:
    assert Bound(1e-6, 1e-7, 1e-6, half_gap=2e-7).cannot_flip is True
    assert Bound(1e-6, 1e-7, 1e-6, half_gap=1e-7).cannot_flip is False
    assert Bound(1e-6, 1e-7, 1e-6).cannot_flip is None
