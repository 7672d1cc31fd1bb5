"""Temperature fits side by side: ``PYTHONPATH=.:tests python -m benchmarks.temperature``.

Every fit that can be imported runs in turns, on one thread; NLL is computed in float64 at the
temperature that each of them gives. Peak memory is that of a process of its own.
"""

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import statistics
import subprocess
import sys
import time
import types
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from logitconf.calibration.temperature.fit import fit_temperature

CASES = {
    "50000x1000": (50_000, 1000),
    "10000x10": (10_000, 10),
    "20000x1000": (20_000, 1000),
    "multilabel 20000x80": (20_000, 80),
}
Fit = Callable[[torch.Tensor, torch.Tensor], float]


def drawn(case: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and labels that a temperature of 1.5 calibrates."""
    rows, columns = CASES[case]
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, columns, generator=generator) * 3.0
    if case.startswith("multilabel"):
        return logits, torch.bernoulli(torch.sigmoid(logits / 1.5), generator=generator)
    chances = torch.softmax(logits / 1.5, dim=1)
    return logits, torch.multinomial(chances, 1, generator=generator)[:, 0]


def ours(logits: torch.Tensor, labels: torch.Tensor) -> float:
    family: Any = "bernoulli" if labels.ndim == 2 else "categorical"
    return fit_temperature(logits, labels, family=family).temperature


def seapig() -> Fit:
    score_class = importlib.import_module("seapig.scores.logits").SoftmaxScore

    def fit(logits: torch.Tensor, labels: torch.Tensor) -> float:
        score = score_class(task="multilabel" if labels.ndim == 2 else "multiclass")
        score._fit_temperature(logits, labels)
        return float(score.temperature)

    return fit


def torch_uncertainty() -> Fit:
    """Its package needs torchvision on import, its temperature scaler does not."""
    if importlib.util.find_spec("torchvision") is None:
        sys.meta_path.append(_Absent())
    scaler = importlib.import_module("torch_uncertainty.post_processing").TemperatureScaler

    def fit(logits: torch.Tensor, labels: torch.Tensor) -> float:
        if labels.ndim == 2:
            raise NotImplementedError
        made = scaler()
        made.fit(DataLoader(TensorDataset(logits, labels), batch_size=len(logits)), progress=False)
        return float(made.temperature[0])

    return fit


class _Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives empty modules in place of torchvision's."""

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        if name.split(".", maxsplit=1)[0] != "torchvision":
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def exec_module(self, module: types.ModuleType) -> None:
        name = module.__name__

        def absent(attribute: str) -> object:
            if attribute.startswith("__"):
                raise AttributeError(attribute)
            if attribute[0].islower():
                return importlib.import_module(f"{name}.{attribute}")
            return type(attribute, (), {})

        module.__getattr__ = absent  # type: ignore[method-assign]


def netcal() -> Fit:
    scaling = importlib.import_module("netcal.scaling").TemperatureScaling

    def fit(logits: torch.Tensor, labels: torch.Tensor) -> float:
        if labels.ndim == 2:
            raise NotImplementedError
        made = scaling(method="mle")
        made.fit(torch.softmax(logits.double(), dim=1).numpy(), labels.numpy())
        return 1.0 / float(np.ravel(made.temperature)[0])

    return fit


def scikit_learn() -> Fit:
    calibration = importlib.import_module("sklearn.calibration")
    frozen = importlib.import_module("sklearn.frozen").FrozenEstimator
    base = importlib.import_module("sklearn.base")

    class Given(base.ClassifierMixin, base.BaseEstimator):  # type: ignore[misc, name-defined]
        def fit(self, logits: Any, labels: Any) -> "Given":  # noqa: ARG002
            self.classes_ = np.arange(logits.shape[1])
            return self

        def decision_function(self, logits: Any) -> Any:
            return logits

        def predict(self, logits: Any) -> Any:
            return logits.argmax(axis=1)

    def fit(logits: torch.Tensor, labels: torch.Tensor) -> float:
        if labels.ndim == 2:
            raise NotImplementedError
        rows, classes = logits.numpy(), labels.numpy()
        made = calibration.CalibratedClassifierCV(
            frozen(Given().fit(rows, classes)), method="temperature"
        ).fit(rows, classes)
        return 1.0 / float(made.calibrated_classifiers_[0].calibrators[0].beta_)

    return fit


PEERS: Mapping[str, Callable[[], Fit]] = {
    "logitconf": lambda: ours,
    "seapig": seapig,
    "torch-uncertainty": torch_uncertainty,
    "netcal": netcal,
    "scikit-learn": scikit_learn,
}


def mean_nll(logits: torch.Tensor, labels: torch.Tensor, temperature: float) -> float:
    """In nats, in float64; for labels the mean over rows and labels."""
    total = 0.0
    for start in range(0, len(logits), 5000):
        x, y = logits[start : start + 5000], labels[start : start + 5000]
        z = x.double() / temperature
        if labels.ndim == 2:
            nll = torch.nn.functional.binary_cross_entropy_with_logits(z, y.double())
        else:
            nll = torch.nn.functional.cross_entropy(z, y)
        total += float(nll) * len(x)
    return total / len(logits)


def peak_memory(name: str, case: str) -> float:
    """MiB that one fit adds to a process that holds the rows."""
    logits, labels = drawn(case)
    fit = available(case)[name]
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    fit(logits, labels)
    return (status("VmHWM") - before) / 1024.0


def status(field: str) -> int:
    """A number of KiB from the process' status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def available(case: str) -> dict[str, Fit]:
    """The fits that can be imported and know the case."""
    found = {}
    # few classes, for a peer that needs some rows of each
    small = "multilabel 20000x80" if case.startswith("multilabel") else "10000x10"
    logits, labels = drawn(small)
    for name, make in PEERS.items():
        try:
            fit = make()
            fit(logits[:500], labels[:500])
        except (ImportError, NotImplementedError) as error:
            print(f"{case}: without {name}: {type(error).__name__} {str(error)[:100]}")
        else:
            found[name] = fit
    return found


def measure(case: str, rounds: int, *, memory: bool) -> None:
    logits, labels = drawn(case)
    fits = available(case)
    seconds: dict[str, list[float]] = {name: [] for name in fits}
    temperatures = {}
    for turn in range(rounds):
        names = list(fits)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = time.perf_counter()
            temperatures[name] = fits[name](logits, labels)
            seconds[name].append(time.perf_counter() - start)
    own = statistics.median(seconds["logitconf"])
    losses = {name: mean_nll(logits, labels, t) for name, t in temperatures.items()}
    least = min(losses.values())
    for name, times in seconds.items():
        median = statistics.median(times)
        line = (
            f"{case}: {name:18} {median:9.4f} s  {median / own:7.1f} x  T {temperatures[name]:.7f}"
            f"  NLL {losses[name]:.9f} (+{losses[name] - least:.1e})"
        )
        if memory:
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks.temperature"]
            asked = [*command, "--memory-of", name, "--cases", case]
            out = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
            line += f"  +{float(out.split()[-1]):.0f} MiB"
        print(line, flush=True)


def growth(counts: list[int]) -> None:
    """Time against the number of rows of 10 classes."""
    for rows in counts:
        CASES["growth"] = (rows, 10)
        logits, labels = drawn("growth")
        times = []
        for _ in range(3):
            start = time.perf_counter()
            ours(logits, labels)
            times.append(time.perf_counter() - start)
        median = statistics.median(times)
        print(f"{rows:>10} x 10: {median:8.4f} s, {median / rows * 1e9:8.1f} ns a row", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--memory-of", default="")
    parser.add_argument("--growth", type=int, nargs="*", default=[])
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if options.memory_of:
        print(peak_memory(options.memory_of, options.cases[0]))
        return
    for case in options.cases:
        measure(case, options.rounds, memory=options.memory)
    growth(options.growth)


if __name__ == "__main__":
    main()
