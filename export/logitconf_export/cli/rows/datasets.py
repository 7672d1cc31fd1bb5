"""Fits on datasets that need not fit into memory, by the engine that is asked for."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from logitconf.distributed.engines.arrow_blocks import missing_engine
from logitconf.errors import LogitconfError, not_among
from logitconf.files import write_atomically

if TYPE_CHECKING:
    from logitconf.card.score_card import ScoreCard
    from logitconf.distributed.plan import FitPlan

Fit: TypeAlias = Callable[..., "ScoreCard"]
"""Fits a plan, with the columns and what is to be told after each pass."""


def fit_dataset(
    dataset: str, plan: "FitPlan", engine: str, columns: Mapping[str, str], state: Path | None
) -> "ScoreCard":
    """The card of the rows of a dataset.

    Args:
        dataset: a Parquet file, a folder of such, a pattern, or an address that the engine reads.
        plan: what is asked for.
        engine: its name.
        columns: of ``logits`` and ``labels``.
        state: file that the plan's state is written to after each pass, and read from if it is
            there.

    Raises:
        LogitconfError: for no such files or engine, for a state of another plan, and as the engine.
        MissingExtraError: for an engine that is not installed.
    """
    if engine not in _FITS:
        raise not_among("--engine", engine, [*_FITS])
    files = _files(dataset)
    if state is not None and state.exists():
        plan = _resumed(plan, state)

    def after_pass(done: "FitPlan") -> None:
        if state is not None:
            write_atomically(state, done.state().encode(), force=True)

    with _FITS[engine](files) as fit:
        card: ScoreCard = fit(plan, **columns, after_pass=after_pass)
    return card


def _files(dataset: str) -> list[str]:
    """The files that are meant, sorted; an address is passed on as it is."""
    if "://" in dataset:
        return [dataset]
    place = Path(dataset)
    files = sorted(map(str, place.rglob("*.parquet"))) if place.is_dir() else sorted(glob(dataset))
    if not files:
        raise LogitconfError(
            f"--dataset must name Parquet files, got none at {dataset}; name a file, a folder, or "
            "a pattern in quotes such as 'folder/*.parquet'"
        )
    return files


def _resumed(plan: "FitPlan", state: Path) -> "FitPlan":
    """The plan of the state, if it asks for the same."""
    from logitconf.distributed.plan import FitPlan

    earlier = FitPlan.from_state(state.read_text(encoding="utf-8"))
    asked, before = (json.loads(each.state())["arguments"] for each in (plan, earlier))
    if asked != before:
        raise LogitconfError(
            f"{state} must be the state of a fit with the same options, got another; name a file "
            "that does not exist yet"
        )
    return earlier


@contextmanager
def _local(files: list[str]) -> Iterator[Fit]:
    from logitconf.distributed.engines.arrow_datasets import fit_arrow

    source: Any = files if "://" not in files[0] else files[0]
    yield lambda plan, **more: fit_arrow(source, plan, **more)


@contextmanager
def _ray(files: list[str]) -> Iterator[Fit]:
    """On the cluster that RAY_ADDRESS names, or on one that is started here."""
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise missing_engine("--engine ray", "Ray Data", "ray") from error
    import logging

    from logitconf.distributed.engines.ray_datasets import fit_ray

    own = not ray.is_initialized()
    if own:
        # its own way of setting accelerators is announced with a warning
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(log_to_driver=False, logging_level="ERROR")
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        yield lambda plan, **more: fit_ray(ray.data.read_parquet(files), plan, **more)
    finally:
        if own:
            ray.shutdown()


@contextmanager
def _spark(files: list[str]) -> Iterator[Fit]:
    """On the master that spark-submit or SPARK_REMOTE names, or on one that is started here."""
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise missing_engine("--engine spark", "PySpark", "spark") from error
    from logitconf.distributed.engines.spark_frames import fit_spark

    # workers would be whatever python3 comes first in PATH
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder: Any = SparkSession.builder
    session = builder.appName("logitconf fit").config("spark.log.level", "ERROR").getOrCreate()
    try:
        yield lambda plan, **more: fit_spark(session.read.parquet(*files), plan, **more)
    finally:
        session.stop()


@contextmanager
def _dask(files: list[str]) -> Iterator[Fit]:
    """On the scheduler that DASK_SCHEDULER_ADDRESS names, or on processes that are started here."""
    try:
        import dask.dataframe
        from dask.distributed import Client
    except ModuleNotFoundError as error:
        raise missing_engine("--engine dask", "Dask, distributed", "dask") from error
    from logitconf.distributed.engines.dask_collections import fit_dask

    with Client():
        # lists in columns stay as they are in the file
        rows = dask.dataframe.read_parquet(files, dtype_backend="pyarrow")
        yield lambda plan, **more: fit_dask(rows, plan, **more)


_FITS: Mapping[str, Callable[[list[str]], Any]] = MappingProxyType(
    {"local": _local, "ray": _ray, "spark": _spark, "dask": _dask}
)
