"""The page: what a head does on rows, as one file of HTML."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, cast

from logitconf.errors import MissingExtraError
from logitconf.files import write_atomically
from logitconf.notebook.html import unbroken
from logitconf.tasks import ArrayLike
from logitconf_export.display.drawing import load_matplotlib
from logitconf_export.display.page import commands
from logitconf_export.display.page.evidence import Evidence, of_card, of_model, with_data_file
from logitconf_export.display.page.given_rows import GivenRows
from logitconf_export.display.page.sections import head_section, joint_words, parity_of, summary_of
from logitconf_export.heads.sources import HeadSource
from logitconf_export.onnx_files.loading import is_model
from logitconf_export.onnx_files.types import ModelSource
from logitconf_export.verification.report import VerificationReport

_FOLDER = Path(__file__).with_name("templates")
_MOST_FAILURES = 10


class Page:
    """A page of HTML that stands by itself: one file, nothing from the network.

    Attributes:
        html: the page.
        title: what it is about.
        sentences: the verdict, and what else stands below it.
        failures: why verification fails, in words.
        passed: what verification says; None where nothing was verified.
    """

    def __init__(
        self,
        html: str,
        *,
        title: str,
        sentences: Sequence[str],
        failures: Sequence[str] = (),
        passed: bool | None = None,
    ) -> None:
        self.html = html
        self.title = title
        self.sentences = tuple(sentences)
        self.failures = tuple(failures)
        self.passed = passed

    @property
    def verdict(self) -> str:
        """The first sentence."""
        return self.sentences[0]

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Writes the page, whole or not at all.

        Args:
            path: of the file.
            force: whether one that exists is replaced.

        Raises:
            LogitconfError: if the file exists and ``force`` is not given.
        """
        write_atomically(path, self.html.encode(), force=force)

    def __repr__(self) -> str:
        """What it is about and what it says first."""
        return f"<page {self.title!r}: {self.verdict} ({len(self.html) // 1000:,} kB)>"

    def _repr_html_(self) -> str:
        """The page in a frame of its own, so that it and a notebook leave each other alone."""
        style = "width:100%;height:44rem;border:1px solid #8884;border-radius:6px"
        content = escape(self.html, quote=True)
        return (
            f'<iframe title="{escape(self.title)}" sandbox="allow-scripts" style="{style}" '
            f'srcdoc="{content}"></iframe>'
        )


def report(
    model: ModelSource | HeadSource,
    data: Mapping[str, ArrayLike] | str | Path,
    path: str | Path | None = None,
    *,
    names: Sequence[str] | None = None,
    providers: Sequence[str] = ("cpu",),
    runtimes: Sequence[str] = ("onnxruntime",),
    verification: VerificationReport | None = None,
    ignore_labels: Sequence[int] = (),
    kind: str = "logits",
    force: bool = False,
) -> Page:
    """A page that shows what a head does on rows: whom it accepts, and how often it is right.

    Args:
        model: an ONNX file with a head, its bytes or a model; or a fitted score, its card, or the
            path of a card (``.json``).
        data: arrays by name, or an ``.npz`` file of them: the inputs of a host, or ``logits``; and
            ``labels`` where they are known.
        path: where the page is written too.
        names: of the classes or labels, in order; labels may be these.
        providers: of onnxruntime, where a model is verified; its rows run on the first.
        runtimes: where its head is verified besides.
        verification: of the same file and rows, if there is one already.
        ignore_labels: rows with these labels are left out.
        kind: what ``logits`` holds where ``model`` is a score or a card.
        force: whether a file at ``path`` is replaced.

    Returns:
        The page, with ``html`` and ``save``; a notebook shows it.

    Raises:
        LogitconfError: if the rows do not fit the model, or it has no head.
        MissingExtraError: without matplotlib and jinja2, or for a model without onnxruntime.
    """
    check_page()
    rows = GivenRows.of(data, ignore_labels, names)
    file = data if isinstance(data, str | Path) else None
    if is_model(model):
        page = model_page(
            model,
            rows,
            data=file,
            providers=providers,
            runtimes=runtimes,
            verification=verification,
        )
    else:
        evidence = with_data_file(of_card(cast(HeadSource, model), rows, kind=kind), file)
        page = page_of(evidence, _card_lines(evidence, rows, kind))
    if path is not None:
        page.save(path, force=force)
    return page


def model_page(
    model: ModelSource,
    rows: GivenRows,
    *,
    data: str | Path | None = None,
    providers: Sequence[str] = ("cpu",),
    runtimes: Sequence[str] = ("onnxruntime",),
    verification: VerificationReport | None = None,
    lines: Sequence[tuple[str, str]] | None = None,
) -> Page:
    """The page of a model on rows that were read already.

    Args:
        model: as in `report`.
        rows: of it.
        data: the file that they came from.
        providers: as in `report`.
        runtimes: as in `report`.
        verification: as in `report`.
        lines: commands, each with what it is for; those that make the page again unless given.

    Raises:
        LogitconfError: as `report`.
        MissingExtraError: as `report`.
    """
    evidence = with_data_file(
        of_model(model, rows, providers=providers, runtimes=runtimes, verification=verification),
        data,
    )
    if lines is None and evidence.model is not None:
        lines = commands.of_model(
            evidence.model.name,
            None if evidence.data is None else evidence.data.name,
            providers=() if tuple(providers) == ("cpu",) else providers,
            runtimes=() if tuple(runtimes) == ("onnxruntime",) else runtimes,
            ignored=rows.ignored,
            names=rows.names or (),
        )
    return page_of(evidence, lines or ())


def _card_lines(evidence: Evidence, rows: GivenRows, kind: str) -> list[tuple[str, str]]:
    if evidence.model is None:
        return []
    data = None if evidence.data is None else evidence.data.name
    return commands.of_card(
        evidence.model.name, data, kind=kind, ignored=rows.ignored, names=rows.names or ()
    )


def check_page() -> None:
    """Checks that a page can be made.

    Raises:
        MissingExtraError: without matplotlib or jinja2.
    """
    load_matplotlib()
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            'a report page needs jinja2, which is not installed; pip install "logitconf[plot]"'
        ) from error


def page_of(
    evidence: Evidence, lines: Sequence[tuple[str, str]], *, title: str | None = None
) -> Page:
    """The page of a model or a card.

    Args:
        evidence: what it shows.
        lines: commands, each with what it is for.
        title: the model's file or the score unless given.

    Raises:
        MissingExtraError: without matplotlib or jinja2.
    """
    check_page()
    checked = evidence.verification
    heads = [
        head_section(head, place, _retuning(evidence, head.name) if checked else "")
        for place, head in enumerate(evidence.heads, 1)
    ]
    verdict = [] if checked is None else [checked.verdict]
    if len(heads) == 1:
        verdict.append(summary_of(evidence.heads[0].judged))
    elif evidence.joint is not None:
        verdict.append(joint_words(*evidence.joint))
    elif evidence.note:
        verdict.append(evidence.note)
    named = title or (evidence.model.name if evidence.model else _unnamed(evidence))
    return filled(
        "model.html.j2",
        title=named,
        kind="What a confidence head does" if checked else "What a confidence score does",
        passed=None if checked is None else checked.passed,
        verdict=verdict,
        failures=() if checked is None else checked.failures[:_MOST_FAILURES],
        heads=heads,
        parity=None if checked is None else parity_of(checked),
        commands=lines,
        files=[file for file in (evidence.model, evidence.data) if file is not None],
    )


def _retuning(evidence: Evidence, head: str) -> str:
    if evidence.model is None:
        return ""
    return commands.retuning(evidence.model.name, "" if evidence.share_threshold else head)


def _unnamed(evidence: Evidence) -> str:
    return f"The score {evidence.heads[0].card.score}" if evidence.heads else "A model"


def filled(
    template: str,
    *,
    title: str,
    verdict: Sequence[str],
    failures: Sequence[str],
    passed: bool | None,
    **values: Any,
) -> Page:
    """A template with its values; everything that is not markup of ours is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from logitconf import __version__

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (
        (_FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    html = environment.get_template(template).render(
        title=title,
        verdict=verdict,
        failures=failures,
        passed=passed,
        version=__version__,
        style=Markup(style),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        **values,
    )
    return Page(html, title=title, sentences=verdict, failures=failures, passed=passed)
