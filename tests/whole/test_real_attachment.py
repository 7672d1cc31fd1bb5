"""Heads attached to real third-party models: scores of their own values, outputs untouched."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from support import reference
from support.real_hosts import REAL_HOSTS, NotAvailableError, RealHost, fetch
from whole.test_real_hosts import RUN_HOSTS, TOLERANCES, fed

from logitconf import ConfidenceHead, LogitconfError
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export import attach, detach
from logitconf_export.hosts.candidates import Candidate
from logitconf_export.hosts.reading import read_host
from logitconf_export.onnx_files.loading import load_model

# declared (1, seqlen), but really (time, 1, 8210)
MISDECLARED = "ddddocr/common.onnx"


def task_of(candidate: Candidate) -> str:
    if candidate.task is not None:
        return candidate.task
    if candidate.n_classes == 1 or candidate.class_axis == candidate.rank:
        return "binary"
    return "multilabel" if candidate.family == "bernoulli" else "multiclass"


def truth(score: str, values: NDArray[Any], candidate: Candidate) -> NDArray[np.float64]:
    """The score of the tapped values, in float64, flat."""
    tapped = values.astype(np.float64)
    task = task_of(candidate)
    one = candidate.class_axis == candidate.rank or tapped.shape[candidate.class_axis] == 1
    if one and task == "binary":
        rows: NDArray[np.float64] = tapped.reshape(-1)
    else:
        moved = np.moveaxis(tapped, candidate.class_axis, -1)
        rows = moved.reshape(-1, moved.shape[-1])
    with np.errstate(divide="ignore"):
        if candidate.kind == "probabilities":
            alone = task == "multilabel" or (task == "binary" and one)
            rows = np.log(rows) - (np.log1p(-rows) if alone else 0.0)
    return reference.score(score, rows, 1.5, task)


def outputs(model: onnx.ModelProto, feeds: dict[str, Any], names: list[str]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found: list[Any] = session.run(names, feeds)
    return found


def softmax_head(task: str, n_classes: int | None) -> ConfidenceHead:
    score = SCORE_CLASSES["softmax"](temperature=1.5, task=task)
    score.set_threshold(value=-0.7)
    return score.compile(n_classes=n_classes)


@pytest.mark.parametrize("host", RUN_HOSTS, ids=str)
def test_the_score_on_a_real_host_is_that_of_its_own_values(host: RealHost) -> None:
    try:
        path = fetch(host)
    except NotAvailableError as reason:
        pytest.skip(str(reason))
    model = load_model(path)
    feeds = fed(model, host.feeds)
    names = [value.name for value in model.graph.output]
    plain = outputs(model, feeds, names)
    clear = [c for c in read_host(model).candidates if c.certain or c.family is not None]
    if not clear:
        head = softmax_head("multiclass", None)
        with pytest.raises(LogitconfError, match=r"no place|must be named|not certain|candidates"):
            attach(model, head)
    for candidate in clear:
        head = softmax_head(task_of(candidate), candidate.n_classes)
        if host.member.endswith(MISDECLARED):
            with pytest.raises(LogitconfError, match="has 3 axes but is declared with 2"):
                attach(model, head, logits=candidate.tensor, kind=candidate.kind)
            continue
        attached = attach(model, head, logits=candidate.tensor, kind=candidate.kind)
        assert detach(attached) == model
        shown = {value.name for value in attached.graph.output}
        if candidate.tensor not in shown:
            attached.graph.output.add(name=candidate.tensor)
        after = outputs(attached, feeds, [*names, "score", candidate.tensor])
        for name, before, now in zip(names, plain, after, strict=False):
            if isinstance(before, np.ndarray):
                np.testing.assert_array_equal(now, before, err_msg=name, strict=True)
        close = TOLERANCES[candidate.dtype]
        expected = truth("softmax", after[-1], candidate)
        np.testing.assert_allclose(after[-2].ravel(), expected, rtol=close, atol=close)


@pytest.mark.parametrize("several", ["joint", "each"])
def test_the_five_digits_of_a_captcha_have_five_heads(several: str) -> None:
    host = next(h for h in REAL_HOSTS if "captcha.onnx" in h.member)
    try:
        model = load_model(fetch(host))
    except NotAvailableError as reason:
        pytest.skip(str(reason))
    places = read_host(model).candidates
    assert len(places) == 5
    attached = attach(model, softmax_head("multiclass", None), several=several)
    assert detach(attached) == model
    feeds = fed(model, host.feeds)
    own = [value.name for value in model.graph.output]
    for place in places:
        attached.graph.output.add(name=place.tensor)
    scores = ["score"] if several == "joint" else [f"score_{place.output}" for place in places]
    masks = [name.replace("score", "mask") for name in scores]
    found = outputs(attached, feeds, [*own, *(p.tensor for p in places), *scores, *masks])
    for before, now in zip(outputs(model, feeds, own), found, strict=False):
        np.testing.assert_array_equal(now, before, strict=True)
    truths = [truth("softmax", tapped, p) for tapped, p in zip(found[5:10], places, strict=True)]
    expected = [np.max(truths, axis=0)] if several == "joint" else truths
    for score, mask, wanted in zip(
        found[10 : 10 + len(scores)], found[10 + len(scores) :], expected, strict=True
    ):
        np.testing.assert_allclose(score, wanted, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(mask, wanted < -0.7)
