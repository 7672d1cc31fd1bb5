"""What users may catch: one error for bad input, children where they would act otherwise."""

import pickle

import pytest

from logitconf.errors import (
    LogitconfError,
    LogitconfWarning,
    MissingExtraError,
    UncertifiableError,
    closest,
    not_among,
)


def test_bad_input_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="must hold"):
        raise LogitconfError("this must hold")


def test_a_missing_extra_is_caught_as_an_import_error_too() -> None:
    with pytest.raises(ImportError, match="needs an extra"):
        raise MissingExtraError("this needs an extra")
    assert issubclass(MissingExtraError, LogitconfError)


def test_what_cannot_be_certified_says_how_many_rows_could() -> None:
    error = UncertifiableError("too few rows", needed_rows=299)
    assert isinstance(error, LogitconfError)
    assert (error.needed_rows, UncertifiableError("never").needed_rows) == (299, None)


def test_an_error_survives_the_way_out_of_a_worker_process() -> None:
    again = pickle.loads(pickle.dumps(UncertifiableError("too few rows", needed_rows=299)))
    assert (str(again), again.needed_rows) == ("too few rows", 299)


def test_a_warning_can_be_turned_into_an_error_alone() -> None:
    assert issubclass(LogitconfWarning, UserWarning)
    assert not issubclass(LogitconfWarning, LogitconfError)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("Softmax", "softmax"),
        ("MAX-LOGIT", "max_logit"),
        ("max logit", "max_logit"),
        ("sofmax", "softmax"),
        ("msp", "softmax"),
        ("entropie", "entropy"),
        ("maximum", None),
        ("", None),
        (None, None),
        (3, None),
    ],
)
def test_a_word_that_is_none_is_told_what_it_was_likely_meant_to_be(
    word: object, meant: str | None
) -> None:
    words = ["softmax", "entropy", "max_logit"]
    assert closest(word, words, {"msp": "softmax", "gpu": "cuda"}) == meant
    hint = "" if meant is None else f"; did you mean {meant!r}?"
    assert str(not_among("score", word, words, {"msp": "softmax"})) == (
        f"score must be one of {words}, got {word!r}{hint}"
    )


def test_a_synonym_of_a_word_that_is_not_allowed_here_is_not_named() -> None:
    assert closest("gpu", ["cpu", "openvino"], {"gpu": "cuda"}) is None
