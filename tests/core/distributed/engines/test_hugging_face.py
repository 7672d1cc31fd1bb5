"""Datasets of Hugging Face, in the environment of Ray: whole ones, shuffled ones and streams."""

import json

import pytest
from support.engines import called, python_of

from logitconf.distributed.engines.hugging_face import fit_hugging_face
from logitconf.distributed.plan import FitPlan
from logitconf.errors import LogitconfError

CODE = """
import json
import numpy as np
from datasets import Dataset
from logitconf.distributed.engines.hugging_face import fit_hugging_face
from logitconf.distributed.engines.local import fit_blocks
from logitconf.distributed.plan import FitPlan

rng = np.random.default_rng(3)
logits = rng.normal(0, 2, (3000, 6)).astype(np.float32)
labels = (logits / 2 + rng.gumbel(size=logits.shape)).argmax(axis=1)
rows = Dataset.from_dict({"logits": logits, "labels": labels})
kinds = {
    "dataset": rows,
    "shuffled": rows.shuffle(seed=1),
    "stream": rows.to_iterable_dataset(num_shards=3),
}
cards = {
    name: fit_hugging_face(each, FitPlan(coverage=0.9)).to_json() for name, each in kinds.items()
}
# lists of a dictionary are kept in the type of their numbers
cards["arrays"] = fit_blocks(lambda: [(logits, labels)], FitPlan(coverage=0.9)).to_json()
print(json.dumps(cards))
"""


def test_every_kind_of_dataset_is_fitted_as_the_arrays_in_it() -> None:
    ran = called(python_of("ray"), "-c", CODE)
    assert ran.returncode == 0, ran.stderr
    cards = json.loads(ran.stdout)
    assert set(cards) == {"dataset", "shuffled", "stream", "arrays"}
    assert len(set(cards.values())) == 1


def test_all_splits_together_are_refused() -> None:
    splits = {"train": None, "validation": None}
    with pytest.raises(LogitconfError, match=r"one split, got all of \['train', 'validation'\]"):
        fit_hugging_face(splits, FitPlan())
