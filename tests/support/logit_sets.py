"""Logits of many classifiers, each in rows to fit on and rows to test on.

Those of the folder that LOGITCONF_DATA names are other people's: image classifiers, language models
on questions with options, detectors of labels, streams of binary decisions, cut by prompt, subset
and number of rows. The others are trained here, on data that scikit-learn brings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from logitconf.tasks import Family

Array = NDArray[Any]
# so that a share of no votes has a logit
_LEAST = 1e-6


@dataclass(frozen=True)
class LogitSet:
    """One classifier's logits and labels.

    Attributes:
        name: of the classifier and its rows.
        family: whether the columns compete.
        fit: logits and labels to fit on.
        test: logits and labels to test on.
    """

    name: str
    family: Family
    fit: tuple[Array, Array]
    test: tuple[Array, Array]


def all_sets(folder: Path) -> Iterator[LogitSet]:
    """Every set, real ones first."""
    yield from images(folder)
    yield from options(folder)
    yield from streams(folder)
    yield from several_labels(folder)
    yield from trained()


def cut(
    name: str, family: Family, logits: Array, labels: Array, rows: int, *, seed: int = 0
) -> LogitSet:
    """So many random rows to fit on, and all others to test on."""
    order = np.random.default_rng(seed).permutation(len(logits))
    own, others = order[:rows], order[rows:]
    return LogitSet(name, family, (logits[own], labels[own]), (logits[others], labels[others]))


def densenet(folder: Path) -> LogitSet:
    """CIFAR-10 by a DenseNet-40, its validation and test rows (Kull et al. 2019)."""
    held = np.load(folder / "nncal_densenet40_c10.npz")
    parts = [
        (held[f"{part}_logits"], held[f"{part}_labels"].astype(np.int64))
        for part in ("val", "test")
    ]
    return LogitSet("DenseNet-40, CIFAR-10", "categorical", parts[0], parts[1])


def eurosat(folder: Path, rows: int, seed: int = 0) -> LogitSet:
    """Land use by satellite, ten classes."""
    held = np.load(folder / "eurosat_ms.npz")
    labels = held["labels"].astype(np.int64)
    name = f"EuroSAT, {rows} rows, draw {seed}"
    return cut(name, "categorical", held["logits"], labels, rows, seed=seed)


def mmlu(folder: Path, model: str, prompt: str, rows: int | None = None) -> LogitSet:
    """Six options of questions, by a language model (Ye et al. 2024)."""
    held = np.load(folder / "llmuq_mmlu_labels.npz")
    logits = np.load(folder / f"llmuq_mmlu_{model}.npz")[f"logits_{prompt}"]
    labels = held["labels"].astype(np.int64)
    own, others = held["cal_idx"], held["test_idx"]
    if rows is not None:
        own = np.random.default_rng(0).permutation(own)[:rows]
    name = f"{model.partition('-')[0]}, MMLU, {prompt}" + (f", {rows} rows" if rows else "")
    return LogitSet(
        name, "categorical", (logits[own], labels[own]), (logits[others], labels[others])
    )


MODELS = ("Llama-2-13b-hf", "Mistral-7B-v0.1")


def images(folder: Path) -> Iterator[LogitSet]:
    """Image classifiers."""
    whole = densenet(folder)
    yield whole
    logits, labels = whole.test
    for rows in (100, 300, 1000):
        yield cut(f"DenseNet-40, CIFAR-10, {rows} rows", "categorical", logits, labels, rows)
    animals = np.isin(labels, [2, 3, 4, 5, 6, 7])
    yield cut(
        "DenseNet-40, animals alone", "categorical", logits[animals][:, 2:8],
        labels[animals] - 2, 1000,
    )  # fmt: skip
    for rows, seed in ((100, 0), (500, 0), (500, 1), (3000, 0)):
        yield eurosat(folder, rows, seed)


def options(folder: Path) -> Iterator[LogitSet]:
    """Language models."""
    for model in MODELS:
        for prompt in ("base", "shared", "task"):
            yield mmlu(folder, model, prompt)
        yield mmlu(folder, model, "base", 200)


def streams(folder: Path) -> Iterator[LogitSet]:
    """Binary decisions and three classes, of which probabilities are known."""
    held = np.load(folder / "nannyml_employment_ma_binary.npz")
    years = held["analysis_year"]
    for year in sorted(set(years.tolist())):
        own = years == year
        yield LogitSet(
            f"employment, fitted on 2015, tested on {year}", "bernoulli",
            (_logit(held["reference_prob"][:5000]), held["reference_label"][:5000, None]),
            (_logit(held["analysis_prob"][own]), held["analysis_label"][own][:, None]),
        )  # fmt: skip
    held = np.load(folder / "nannyml_mc_synthetic.npz")
    logits = np.log(np.clip(held["reference_probs"].astype(np.float64), 0.005, None))
    labels = held["reference_labels"].astype(np.int64)
    for rows in (300, 5000):
        yield cut(f"cards, three classes, {rows} rows", "categorical", logits, labels, rows)
    held = np.load(folder / "pycalib_kitti.npz")
    for name in ("1layer_NN", "AdaBoost", "XGBoost", "mondrian_forest", "random_forest"):
        shares = np.clip(held[f"probs_{name}"].astype(np.float64), _LEAST, None)
        own = "labels_mondrian_forest" if name == "mondrian_forest" else "labels"
        labels = held[own].astype(np.int64)
        yield cut(f"KITTI, {name}", "categorical", np.log(shares), labels, 1000)


def several_labels(folder: Path) -> Iterator[LogitSet]:
    """COCO by a TResNet-XL, eighty labels, and some of them."""
    held = np.load(folder / "ltt_coco_tresnetxl_multilabel.npz")
    shares, labels = np.clip(held["probs"].astype(np.float64), _LEAST, 1 - _LEAST), held["labels"]
    logits = np.log(shares) - np.log1p(-shares)
    for name, columns, rows in (
        ("COCO, 80 labels", slice(0, 80), 2000),
        ("COCO, 80 labels, 300 rows", slice(0, 80), 300),
        ("COCO, the first 10 labels", slice(0, 10), 1000),
    ):
        yield cut(name, "bernoulli", logits[:, columns], labels[:, columns].astype(float), rows)


CLASSIFIERS: dict[str, Any] = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
    "Bayes": GaussianNB(),
    "forest": RandomForestClassifier(100, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=40, random_state=0),
    "neighbours": KNeighborsClassifier(7),
    "network": make_pipeline(
        StandardScaler(), MLPClassifier((32,), max_iter=600, early_stopping=False, random_state=0)
    ),
}


def trained() -> Iterator[LogitSet]:
    """Classifiers of scikit-learn on its own data: half to train, a quarter to fit and to test."""
    for name in ("iris", "wine", "breast_cancer", "digits"):
        data = getattr(datasets, f"load_{name}")()
        order = np.random.default_rng(1).permutation(len(data.target))
        half, quarter = len(order) // 2, len(order) // 4
        train, own, others = np.split(order, [half, half + quarter])
        for kind, classifier in CLASSIFIERS.items():
            model = clone(classifier).fit(data.data[train], data.target[train])
            parts = [
                (np.log(np.clip(model.predict_proba(data.data[p]), _LEAST, None)), data.target[p])
                for p in (own, others)
            ]
            yield LogitSet(f"{name}, {kind}", "categorical", parts[0], parts[1])


def _logit(shares: Array) -> Array:
    values = np.clip(shares.astype(np.float64), _LEAST, 1 - _LEAST)
    return (np.log(values) - np.log1p(-values))[:, None]
