"""What ``report`` shows of the page that it wrote."""

from pathlib import Path

from logitconf_export.cli.results.blocks import Facts, Sentence, failure
from logitconf_export.cli.results.result import Result, headed, size
from logitconf_export.display.page.reporting import Page


def page_result(page: Page, path: Path) -> Result:
    """A page that was written.

    Args:
        page: what stands on it.
        path: of its file.
    """
    first, *others = page.sentences
    failures = page.failures
    return Result(
        first,
        lambda: headed(
            "page",
            {
                "passed": page.passed,
                "sentences": list(page.sentences),
                "failures": list(failures),
                "page": f"{path}",
            },
            verdict=first,
        ),
        style="" if page.passed is None else "good" if page.passed else "bad",
        blocks=(
            *(Sentence(sentence) for sentence in others),
            Facts([("page", f"{path} ({size(path.stat().st_size)})")]),
        ),
        notes=tuple(failure(text) for text in failures),
    )
