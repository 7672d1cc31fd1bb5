"""Real classifiers' outputs for tests; a test that asks for an absent file is skipped.

The files lie in the folder named by LOGITCONF_DATA, else in `../shared/data` beside the project.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Labels = NDArray[np.int64]

PROJECT = Path(__file__).resolve().parents[2]
SPLIT_SEED = 20240229


@dataclass(frozen=True, slots=True)
class LogitSplit:
    """Logits (N, C) and labels (N,) of one classifier, to fit on and to test on."""

    fit_logits: Float32
    fit_labels: Labels
    test_logits: Float32
    test_labels: Labels


@dataclass(frozen=True, slots=True)
class LabelledProbabilities:
    """Probabilities (N, K) or (N, L) and their labels, (N,) or (N, L)."""

    probabilities: Float32
    labels: Labels


@dataclass(frozen=True, slots=True)
class TopOne:
    """Confidence, predicted class and label, each (N,)."""

    confidence: Float32
    predicted: Labels
    labels: Labels


def folder() -> Path:
    """Where the files should be."""
    named = os.environ.get("LOGITCONF_DATA")
    return Path(named) if named else PROJECT.parent / "shared" / "data"


def arrays(name: str) -> dict[str, NDArray[Any]]:
    """All arrays of one file; skips the test, naming the file, when it is not there."""
    path = folder() / name
    if not path.is_file():
        pytest.skip(f"real data {name} is absent; LOGITCONF_DATA names its folder")
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored.items())


def nncal() -> LogitSplit:
    """CIFAR-10 DenseNet-40, 5000 rows to fit and 10000 to test, 10 classes."""
    stored = arrays("nncal_densenet40_c10.npz")
    return LogitSplit(
        stored["val_logits"],
        stored["val_labels"].astype(np.int64),
        stored["test_logits"],
        stored["test_labels"].astype(np.int64),
    )


def eurosat() -> LogitSplit:
    """EuroSAT, 7589 rows of 10 classes, split in halves by a fixed shuffle."""
    stored = arrays("eurosat_ms.npz")
    order = np.random.default_rng(SPLIT_SEED).permutation(len(stored["labels"]))
    logits, labels = stored["logits"][order], stored["labels"][order].astype(np.int64)
    half = len(labels) // 2
    return LogitSplit(logits[:half], labels[:half], logits[half:], labels[half:])


def _llmuq(model: str, prompt: str) -> LogitSplit:
    logits = arrays(f"llmuq_mmlu_{model}.npz")[f"logits_{prompt}"]
    shared = arrays("llmuq_mmlu_labels.npz")
    labels = shared["labels"].astype(np.int64)
    fit, test = shared["cal_idx"].astype(np.int64), shared["test_idx"].astype(np.int64)
    return LogitSplit(logits[fit], labels[fit], logits[test], labels[test])


def llmuq_llama(prompt: str = "base") -> LogitSplit:
    """Llama-2-13b's option logits on MMLU, 6 options; prompt is base, shared or task."""
    return _llmuq("Llama-2-13b-hf", prompt)


def llmuq_mistral(prompt: str = "base") -> LogitSplit:
    """Mistral-7B's option logits on MMLU, 6 options; prompt is base, shared or task."""
    return _llmuq("Mistral-7B-v0.1", prompt)


def kitti(classifier: str) -> LabelledProbabilities:
    """Binary probabilities (N, 2) of one classical classifier, such as AdaBoost."""
    stored = arrays("pycalib_kitti.npz")
    labels = stored.get(f"labels_{classifier}", stored["labels"])
    return LabelledProbabilities(stored[f"probs_{classifier}"], labels.astype(np.int64))


def coco() -> LabelledProbabilities:
    """Multilabel sigmoid probabilities (4952, 80) of TResNet-XL and their labels."""
    stored = arrays("ltt_coco_tresnetxl_multilabel.npz")
    return LabelledProbabilities(stored["probs"], stored["labels"].astype(np.int64))


def imagenet() -> TopOne:
    """ResNet-101's top class on 50000 ImageNet rows, sorted by class: shuffle before a split."""
    stored = arrays("top1_imagenet_resnet101.npz")
    return TopOne(
        stored["conf"], stored["pred"].astype(np.int64), stored["labels"].astype(np.int64)
    )


LOGIT_SPLITS: dict[str, Callable[[], LogitSplit]] = {
    "nncal": nncal,
    "eurosat": eurosat,
    "llmuq_llama_base": lambda: llmuq_llama("base"),
    "llmuq_llama_shared": lambda: llmuq_llama("shared"),
    "llmuq_llama_task": lambda: llmuq_llama("task"),
    "llmuq_mistral_base": lambda: llmuq_mistral("base"),
    "llmuq_mistral_shared": lambda: llmuq_mistral("shared"),
    "llmuq_mistral_task": lambda: llmuq_mistral("task"),
}
"""Every set of real files that holds logits; the others hold probabilities."""
