"""Fitting on a model and a loader: the same as on its logits, and saved without surprises."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from logitconf import LogitconfError, SoftmaxScore

ROWS, FEATURES, CLASSES, BATCH = 96, 5, 3, 12


class Classifier(nn.Module):
    """A linear classifier with dropout that notes how it was called."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(FEATURES, CLASSES, generator=generator))
        self.dropout = nn.Dropout(0.5)
        self.frozen = nn.BatchNorm1d(FEATURES).eval()
        self.calls = 0
        self.modes: set[bool] = set()
        self.gradients: set[bool] = set()

    def logits(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.modes |= {self.training, self.dropout.training, self.frozen.training}
        z: Tensor = self.dropout(x) @ self.weight
        self.gradients.add(z.requires_grad)
        return z


class Rows(Dataset[Any]):
    """A map-style dataset of whatever `item` makes of an index."""

    def __init__(self, item: Callable[[int], Any], rows: int = ROWS) -> None:
        self.item, self.rows = item, rows

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> Any:
        if index >= self.rows:
            raise IndexError(index)
        return self.item(index)


def inputs(seed: int = 1) -> Tensor:
    return torch.randn(ROWS, FEATURES, generator=torch.Generator().manual_seed(seed))


def labels(seed: int = 2) -> Tensor:
    """Classes drawn as a classifier half as sure would have them."""
    shares = torch.softmax(true_logits(Classifier(), inputs()) / 2.0, dim=1)
    return shares.multinomial(1, generator=torch.Generator().manual_seed(seed))[:, 0]


def loader(x: Tensor, y: Tensor | None = None, form: str = "pair") -> "DataLoader[Any]":
    def item(index: int) -> Any:
        if y is None:
            return {"image": x[index]} if form == "dict" else x[index]
        return {"image": x[index], "label": y[index]} if form == "dict" else (x[index], y[index])

    return DataLoader(Rows(item, len(x)), batch_size=BATCH)


def true_logits(model: Classifier, x: Tensor) -> Tensor:
    return (x @ model.weight).detach()


@pytest.mark.parametrize("form", ["pair", "dict"])
def test_a_model_with_its_loader_fits_like_its_logits(form: str) -> None:
    model, x = Classifier(), inputs()
    y = labels()
    by_model = SoftmaxScore().fit(model=model, loader=loader(x, y, form))
    by_logits = SoftmaxScore().fit(true_logits(model, x), y)
    # batches of 12 rows multiply in another order than 96 rows at once
    assert by_model.temperature == pytest.approx(by_logits.temperature, rel=1e-5)
    by_model.set_threshold(q=0.9)
    by_logits.set_threshold(q=0.9)
    assert by_model.threshold == pytest.approx(by_logits.threshold, rel=1e-5)
    assert model.calls == ROWS // BATCH


@pytest.mark.parametrize("form", ["tensor", "dict"])
def test_a_loader_without_labels_leaves_the_temperature(form: str) -> None:
    score = SoftmaxScore(temperature=2.5).fit(
        model=Classifier(), loader=loader(inputs(), None, form)
    )
    assert score.temperature == 2.5
    score.set_threshold(coverage=0.5)
    assert score.threshold is not None


@pytest.mark.parametrize("training", [True, False])
def test_the_model_runs_in_eval_mode_without_gradients_and_gets_its_modes_back(
    training: bool,
) -> None:
    model = Classifier().train(training)
    model.frozen.eval()
    SoftmaxScore().fit(model=model, loader=loader(inputs(), labels()))
    assert model.modes == {False}
    assert model.gradients == {False}
    assert model.training is training
    assert model.dropout.training is training
    assert model.frozen.training is False


def test_a_model_that_fails_gets_its_modes_back_too() -> None:
    class Failing(Classifier):
        def logits(self, x: Tensor) -> Tensor:
            raise RuntimeError(f"no logits for {len(x)} rows")

    model = Failing().train()
    with pytest.raises(RuntimeError, match="no logits for 12 rows"):
        SoftmaxScore().fit(model=model, loader=loader(inputs()))
    assert model.training
    assert model.dropout.training


def test_one_logit_and_multilabel_models_fit_too() -> None:
    class OneLogit(Classifier):
        def logits(self, x: Tensor) -> Tensor:
            return super().logits(x)[:, 0]

    x = inputs()
    generator = torch.Generator().manual_seed(3)
    y = torch.bernoulli(torch.sigmoid(true_logits(OneLogit(), x)[:, 0]), generator=generator)
    one = SoftmaxScore(task="binary").fit(model=OneLogit(), loader=loader(x, y))
    expected = SoftmaxScore(task="binary").fit(true_logits(OneLogit(), x)[:, 0], y)
    assert one.temperature == pytest.approx(expected.temperature, rel=1e-5)
    many = torch.bernoulli(torch.sigmoid(true_logits(Classifier(), x)), generator=generator)
    label = SoftmaxScore(task="multilabel").fit(model=Classifier(), loader=loader(x, many))
    expected = SoftmaxScore(task="multilabel").fit(true_logits(Classifier(), x), many)
    assert label.temperature == pytest.approx(expected.temperature, rel=1e-5)


def test_extraction_writes_nothing_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    SoftmaxScore().fit(model=Classifier(), loader=loader(inputs(), labels()))
    assert capsys.readouterr().out == ""


def test_saved_logits_are_found_again_without_running_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "if needed"
    model, x, y = Classifier(), inputs(), labels()
    first = SoftmaxScore().fit(model=model, loader=loader(x, y), outdir=folder, prefix="val")
    calls = model.calls
    saved = list(folder.iterdir())
    assert [path.name.startswith("val") for path in saved] == [True]
    second = SoftmaxScore().fit(model=model, loader=loader(x, y), outdir=folder, prefix="val")
    assert model.calls == calls
    assert second.temperature == first.temperature
    first.set_threshold(q=0.9)
    second.set_threshold(q=0.9)
    assert second.threshold == first.threshold
    assert list(folder.iterdir()) == saved


def test_the_same_weights_in_another_object_find_the_saved_logits(tmp_path: Path) -> None:
    SoftmaxScore().fit(model=Classifier(), loader=loader(inputs()), outdir=tmp_path)
    again = Classifier()
    SoftmaxScore().fit(model=again, loader=loader(inputs()), outdir=str(tmp_path))
    assert again.calls == 0


def test_each_prefix_has_its_own_file(tmp_path: Path) -> None:
    for prefix in ("val", "test", None):
        model = Classifier()
        SoftmaxScore().fit(model=model, loader=loader(inputs()), outdir=tmp_path, prefix=prefix)
        assert model.calls == ROWS // BATCH
    assert len(list(tmp_path.iterdir())) == 3


def changed(tensor: Tensor, row: int) -> Tensor:
    other = tensor.clone()
    other[row] = (other[row] + 1) % CLASSES
    return other


OTHERS: dict[str, tuple[Callable[[], Classifier], Callable[[], "DataLoader[Any]"]]] = {
    "other weights": (lambda: Classifier(seed=5), lambda: loader(inputs(), labels())),
    "other inputs": (Classifier, lambda: loader(inputs(seed=9), labels())),
    "other labels": (Classifier, lambda: loader(inputs(), labels(seed=9))),
    "no labels": (Classifier, lambda: loader(inputs())),
    "fewer rows": (Classifier, lambda: loader(inputs()[:48], labels()[:48])),
    "the first row": (Classifier, lambda: loader(changed(inputs(), 0), labels())),
    "the last row": (Classifier, lambda: loader(changed(inputs(), -1), labels())),
    "the last label": (Classifier, lambda: loader(inputs(), changed(labels(), -1))),
    "one row inside": (Classifier, lambda: loader(changed(inputs(), 37), labels())),
    "one label inside": (Classifier, lambda: loader(inputs(), changed(labels(), 37))),
}


@pytest.mark.parametrize("other", OTHERS)
def test_saved_logits_of_another_model_or_other_data_are_refused_and_kept(
    other: str, tmp_path: Path
) -> None:
    score = SoftmaxScore()
    score.fit(model=Classifier(), loader=loader(inputs(), labels()), outdir=tmp_path)
    (path,) = tmp_path.iterdir()
    before = path.read_bytes()
    make_model, make_loader = OTHERS[other]
    with pytest.raises(LogitconfError, match=r"belong to this model and this data|model|data"):
        SoftmaxScore().fit(model=make_model(), loader=make_loader(), outdir=tmp_path)
    assert path.read_bytes() == before


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.marker,)


def test_a_saved_file_is_never_unpickled(tmp_path: Path) -> None:
    folder, marker = tmp_path / "saved", tmp_path / "unpickled"
    SoftmaxScore().fit(model=Classifier(), loader=loader(inputs()), outdir=folder)
    (path,) = folder.iterdir()
    bombs = np.array([Bomb(marker)], dtype=object)
    path.write_bytes(pickle.dumps(Bomb(marker)))
    with pytest.raises(LogitconfError, match=path.name):
        SoftmaxScore().fit(model=Classifier(), loader=loader(inputs()), outdir=folder)
    with path.open("wb") as file:
        np.savez(file, logits=bombs, origin=bombs)
    with pytest.raises(LogitconfError, match=path.name):
        SoftmaxScore().fit(model=Classifier(), loader=loader(inputs()), outdir=folder)
    assert not marker.exists()
    # the bomb works, so its silence above proves something
    pickle.loads(pickle.dumps(Bomb(marker)))
    assert marker.exists()


@pytest.mark.parametrize("kept", [0, 10, 400])
def test_a_truncated_saved_file_is_refused_by_name(kept: int, tmp_path: Path) -> None:
    SoftmaxScore().fit(model=Classifier(), loader=loader(inputs()), outdir=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(LogitconfError, match=path.name):
        SoftmaxScore().fit(model=Classifier(), loader=loader(inputs()), outdir=tmp_path)


def test_what_is_no_model_or_yields_no_batches_is_refused() -> None:
    x = inputs()
    with pytest.raises(LogitconfError, match=r"\.logits"):
        SoftmaxScore().fit(model=nn.Linear(FEATURES, CLASSES), loader=loader(x))
    with pytest.raises(LogitconfError, match="at least one"):
        SoftmaxScore().fit(model=Classifier(), loader=loader(x[:0]))
    wrong = DataLoader(Rows(lambda index: {"picture": x[index]}), batch_size=BATCH)
    with pytest.raises(LogitconfError, match="batch"):
        SoftmaxScore().fit(model=Classifier(), loader=wrong)
    with pytest.raises(LogitconfError, match="labels"):
        SoftmaxScore().fit(model=Classifier(), loader=loader(x, torch.full((ROWS,), CLASSES)))
    with pytest.raises(LogitconfError, match="model and loader"):
        SoftmaxScore().fit(true_logits(Classifier(), x), outdir="never made")
    assert not Path("never made").exists()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_logits_are_extracted_on_the_models_device() -> None:
    model, x, y = Classifier().to("cuda"), inputs(), labels()
    score = SoftmaxScore().fit(model=model, loader=loader(x, y))
    expected = SoftmaxScore().fit(true_logits(Classifier(), x), y)
    assert score.temperature == pytest.approx(expected.temperature, rel=1e-3)
    assert score.score(x.to("cuda")[:, :CLASSES]).device.type == "cuda"
