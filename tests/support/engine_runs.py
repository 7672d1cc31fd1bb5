"""Runs an engine in its own environment, clean or with workers killed, and prints what came of it.

`python -m support.engine_runs ray - 1,3,4 column label type` fits once clean, once with a worker
killed in each of the passes 1, 3 and 4, once asking for a column that is not there, once rows of
which one has a label out of range, and once what is no data of the engine. It prints one line of
JSON: the versions, and for each fit its passes, those in which a worker was killed, and the card or
the error. The rows lie in eight parts; `local` has them in one process.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from support.engine_faults import KillingPlan

from logitconf.distributed.engines.dask_collections import fit_dask
from logitconf.distributed.engines.ray_datasets import fit_ray
from logitconf.distributed.engines.spark_frames import fit_spark
from logitconf.distributed.plan import FitPlan
from logitconf.errors import LogitconfError

PARTS, ROWS, CLASSES = 8, 30_000, 5
PACKAGES = {"local": "numpy", "ray": "ray", "spark": "pyspark", "dask": "dask", "arrays": "dask"}
# of a plan and tables of Arrow
Fit = Callable[..., Any]


def part(number: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Logits float32 (N, K) and labels int64 (N,) of one part."""
    rng = np.random.default_rng(number)
    logits = rng.normal(0.0, 3.0, (ROWS, CLASSES)).astype(np.float32)
    # drawn at a temperature of 2: the largest of Gumbel-shifted logits
    return logits, (logits / 2.0 + rng.gumbel(size=logits.shape)).argmax(axis=1)


def plan() -> FitPlan:
    """What every fit is asked for: so many scores that later passes must tell them apart."""
    return FitPlan("softmax", risk=0.3, confidence=0.95, holdout=0.5)


def table(logits: Any, labels: Any) -> Any:
    """One part as a table of Arrow."""
    import pyarrow

    values = pyarrow.array(logits.reshape(-1))
    ends = np.arange(len(logits) + 1, dtype=np.int32) * logits.shape[1]
    return pyarrow.table({"logits": pyarrow.ListArray.from_arrays(ends, values), "labels": labels})


@contextmanager
def local() -> Iterator[Fit]:
    """One process."""
    from logitconf.distributed.engines.arrow_datasets import fit_arrow

    def fit(asked: FitPlan, parts: Sequence[Any], **more: Any) -> Any:
        import pyarrow

        return fit_arrow(pyarrow.concat_tables(parts), asked, **more)

    yield fit


@contextmanager
def ray() -> Iterator[Fit]:
    """Ray with two workers."""
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    import ray
    import ray.data

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield lambda asked, parts, **more: fit_ray(ray.data.from_arrow([*parts]), asked, **more)
    ray.shutdown()


@contextmanager
def spark() -> Iterator[Fit]:
    """Spark with two workers; each task may fail three times."""
    import pyarrow
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder: Any = SparkSession.builder
    builder = builder.master("local[2,4]").config("spark.log.level", "OFF")
    for name in ("spark.ui.enabled", "spark.ui.showConsoleProgress"):
        builder = builder.config(name, "false")
    session = builder.getOrCreate()

    def fit(asked: FitPlan, parts: Sequence[Any], **more: Any) -> Any:
        frame = session.createDataFrame(pyarrow.concat_tables(parts)).repartition(len(parts))
        return fit_spark(frame, asked, **more)

    yield fit
    session.stop()


@contextmanager
def cluster() -> Iterator[None]:
    """Dask with two processes that a nanny starts again."""
    from dask.distributed import Client, LocalCluster

    made = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50)
    with made, Client(made):
        yield


@contextmanager
def dask() -> Iterator[Fit]:
    """DataFrames of Dask."""
    import dask.dataframe
    import pandas

    def pandas_of(own: Any) -> Any:
        return own.to_pandas(types_mapper=pandas.ArrowDtype)

    with cluster():
        yield lambda asked, parts, **more: fit_dask(
            dask.dataframe.from_map(pandas_of, parts), asked, **more
        )


@contextmanager
def arrays() -> Iterator[Fit]:
    """Arrays of Dask, cut along their classes too, which no block may be."""
    import dask.array

    def fit(asked: FitPlan, parts: Sequence[Any], **more: Any) -> Any:
        pairs = map(part, range(len(parts)))
        logits, labels = map(np.concatenate, zip(*pairs, strict=True))
        cut = dask.array.from_array(logits, chunks=(ROWS, 2))
        return fit_dask((cut, dask.array.from_array(labels, chunks=ROWS // 2)), asked, **more)

    with cluster():
        yield fit


RUNS = {"local": local, "ray": ray, "spark": spark, "dask": dask, "arrays": arrays}


def main() -> None:
    """Fits as the arguments say."""
    name, *wanted = sys.argv[1:]
    with RUNS[name]() as fit:
        fits = [_outcome(fit, each) for each in wanted]
    versions = {
        "Python": platform.python_version(),
        PACKAGES[name]: metadata.version(PACKAGES[name]),
    }
    sys.stdout.write(f"\n{json.dumps({'versions': versions, 'fits': fits})}\n")


def _outcome(fit: Fit, wanted: str) -> dict[str, Any]:
    pairs = [part(number) for number in range(PARTS)]
    if wanted == "type":
        try:
            {"ray": fit_ray, "spark": fit_spark, "dask": fit_dask}[sys.argv[1]](pairs, plan())
        except LogitconfError as error:
            return {"passes": 0, "error": str(error)}
    if wanted == "label":
        pairs[5][1][1234] = CLASSES
    passes = [int(number) for number in wanted.split(",") if number.isdigit()]
    passed: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        asked = KillingPlan(plan(), passes, Path(folder))
        more = {"labels": "label"} if wanted == "column" else {}
        try:
            card = fit(asked, [table(*each) for each in pairs], after_pass=passed.append, **more)
        except LogitconfError as error:
            return {"passes": len(passed), "error": str(error)}
        return {"passes": len(passed), "killed": asked.killed, "card": card.to_json()}


if __name__ == "__main__":
    main()
