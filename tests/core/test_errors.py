"""What users may catch: one error for bad input, children where they would act otherwise."""

import pickle

import pytest

from logitconf.errors import (
    LogitconfError,
    LogitconfWarning,
    MissingExtraError,
    UncertifiableError,
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
