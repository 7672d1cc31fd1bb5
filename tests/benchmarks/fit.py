"""Fits side by side, ratios alone: ``.venv-peers/bin/python -m benchmarks.fit`` (see below).

Whole fits where a peer has one (temperature, scores of all rows), and temperatures alone. Every fit
that can be imported runs in turns; each cell is the median time of a peer over ours, so more is
better for us. T is named too: where a peer's is not the minimiser, its NLL says by how much.
``tests/support/install_peers`` makes an environment that has them all, beside this one;
``PYTHONPATH=.:export:tests`` in front. Takes less than three minutes.
"""

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from benchmarks.temperature import drawn, mean_nll
from benchmarks.temperature import netcal as netcal_temperature
from benchmarks.temperature import scikit_learn as scikit_learn_temperature

CASES = {"50000x1000": 1, "10000x10": 9, "20000x1000": 3}
"""Rounds of each; a peer that is slow runs once."""
_SLOW = 6.0
Fit = Callable[[Any, Any], float]


def whole(logits: Any, labels: Any) -> float:
    """Ours with everything: kinds checked, digest, T, scores, confidence."""
    from logitconf.fitting.score_classes import SoftmaxScore

    return float(SoftmaxScore().fit(logits.numpy(), labels.numpy()).temperature)


def temperature_alone(logits: Any, labels: Any) -> float:
    """Our temperature."""
    from logitconf.calibration.temperature.fit import fit_temperature

    return fit_temperature(logits.numpy(), labels.numpy(), family="categorical").temperature


def seapig() -> Fit:
    score_class = importlib.import_module("seapig.scores.logits").SoftmaxScore

    def fit(logits: Any, labels: Any) -> float:
        score = score_class(task="multiclass")
        score.temperature = score._fit_temperature(logits, labels)
        score.score(logits)
        return float(score.temperature)

    return fit


def torch_lbfgs() -> Fit:
    """What a careful user writes: LBFGS with strong Wolfe conditions on log T, from T = 1.5."""
    import torch

    def fit(logits: Any, labels: Any) -> float:
        logarithm = torch.full((), 0.4, requires_grad=True)
        optimiser = torch.optim.LBFGS([logarithm], max_iter=50, line_search_fn="strong_wolfe")

        def closure() -> Any:
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(logits / logarithm.exp(), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        optimiser.step(closure)  # type: ignore[no-untyped-call]
        return float(logarithm.detach().exp())

    return fit


def probmetrics() -> Fit:
    made = importlib.import_module("probmetrics.calibrators").get_calibrator
    distributions = importlib.import_module("probmetrics.distributions")

    def fit(logits: Any, labels: Any) -> float:
        calibrator = made("temp-scaling")
        calibrator.fit_torch(distributions.CategoricalLogits(logits), labels)
        return float(getattr(calibrator, "invtemp_", float("nan"))) ** -1

    return fit


PEERS: dict[str, Callable[[], Fit]] = {
    "logitconf fit": lambda: whole,
    "logitconf T": lambda: temperature_alone,
    "seapig fit": seapig,
    "scikit-learn": scikit_learn_temperature,
    "torch LBFGS": torch_lbfgs,
    "netcal": netcal_temperature,
    "probmetrics": probmetrics,
}


def available() -> dict[str, Fit]:
    """The fits that can be imported and run."""
    logits, labels = drawn("10000x10")
    fits = {}
    for name, make in PEERS.items():
        try:
            fit = make()
            fit(logits[:500], labels[:500])
        except Exception as error:
            print(f"without {name}: {type(error).__name__} {str(error)[:90]}")
        else:
            fits[name] = fit
    return fits


def measure(case: str, fits: dict[str, Fit], rounds: int) -> None:
    """One line for each fit: how many times ours it takes, and its T."""
    logits, labels = drawn(case)
    seconds: dict[str, list[float]] = {name: [] for name in fits}
    found: dict[str, float] = {}
    for turn in range(rounds):
        for name, fit in fits.items():
            ours = name.startswith("logitconf")
            if turn and not ours and seconds[name][0] > _SLOW:
                continue
            for _ in range(3 if ours else 1):
                start = time.perf_counter()
                found[name] = fit(logits, labels)
                seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    least = mean_nll(logits, labels, found["logitconf T"])
    for name, median in medians.items():
        nll = mean_nll(logits, labels, found[name]) - least if found[name] > 0.0 else float("nan")
        print(
            f"{case:>11} {name:>14}: {median / medians['logitconf fit']:7.2f} of our fit, "
            f"{median / medians['logitconf T']:7.2f} of our T;  "
            f"T {found[name]:.7f}, NLL {nll:+.1e}",
            flush=True,
        )


def comparing(case: str) -> None:
    """`compare` of all scores, bootstrap included, over one whole fit on the same rows."""
    from logitconf.fitting.comparison import compare_scores

    logits, labels = (each.numpy() for each in drawn(case))
    times: dict[str, list[float]] = {"fit": [], "compare": []}
    for _ in range(3):
        start = time.perf_counter()
        whole(*drawn_tensors(logits, labels))
        middle = time.perf_counter()
        compare_scores(logits, labels)
        times["fit"].append(middle - start)
        times["compare"].append(time.perf_counter() - middle)
    ratio = statistics.median(times["compare"]) / statistics.median(times["fit"])
    print(f"{case:>11} {'compare':>14}: {ratio:7.2f} of our fit", flush=True)


def drawn_tensors(*arrays: np.ndarray[Any, Any]) -> tuple[Any, ...]:
    """Arrays as tensors over the same memory."""
    import torch

    return tuple(map(torch.from_numpy, arrays))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    parser.add_argument("--cores", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--in-process", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if not options.in_process:
        for cores in options.cores:
            print(f"{cores} core(s)", flush=True)
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks.fit"]
            command += ["--in-process", str(cores), "--cases", *options.cases]
            threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(cores))
            subprocess.run(command, check=True, env={**os.environ, **threads})
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {*sorted(os.sched_getaffinity(0))[: options.in_process]})
    import torch

    torch.set_num_threads(options.in_process)
    fits = available()
    for case in options.cases:
        measure(case, fits, CASES.get(case, 1))
    comparing("20000x1000")


if __name__ == "__main__":
    main()
