"""A pytest plugin: the fixture ``assert_parity`` and the option ``--parity-report``.

Loads nothing heavy until a test asks for the fixture.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

_RESULTS = pytest.StashKey[list[dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option."""
    parser.getgroup("logitconf").addoption(
        "--parity-report",
        metavar="PATH",
        help="write what every assert_parity of this run found to a JSON file",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Starts an empty list of results."""
    config.stash[_RESULTS] = []


@pytest.fixture
def assert_parity(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """:func:`logitconf_export.testing.assert_parity`, its result kept for the report."""
    from logitconf_export.testing import assertion as testing

    def checked(*arguments: Any, **options: Any) -> Any:
        entry: dict[str, Any] = {"test": request.node.nodeid, "passed": False}
        request.config.stash[_RESULTS].append(entry)
        try:
            result = testing.assert_parity(*arguments, **options)
        except AssertionError as error:
            entry["failure"] = str(error)
            raise
        entry["passed"] = True
        if isinstance(result, tuple):
            entry["outputs"] = [asdict(output) for output in result]
        else:
            entry["report"] = result.to_dict()
        return result

    return checked


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Writes the report, if it was asked for."""
    path = session.config.getoption("--parity-report")
    if path:
        from logitconf.files import write_atomically
        from logitconf_export.verification.report import as_json, headed

        values = headed("parity", {"tests": session.config.stash[_RESULTS]})
        write_atomically(path, as_json(values).encode(), force=True)
