"""Writes fitted_peers.npz: fitted objects of other libraries, their state and what they compute.

Run in an environment that has netcal 1.4.0, torch-uncertainty 0.13.0 and one of seapig 0.1.0,
0.2.0 and 0.3.0; run again for the other two with --add:

    python tests/peers/record_fitted.py [--add]

For each case the file holds `<case>/values`, what the object was given, `<case>/found`, what it
made of it (calibrated probabilities; float64 scores for seapig, whose own float32 ones are
`<case>/scores`), and in `provenance`, a JSON text, the
object's module, class and attributes.
"""

import argparse
import json
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

OUTPUT = Path(__file__).with_name("fitted_peers.npz")
ROWS = 400
KEPT = 60
"""Rows that are recorded, of those that are fitted on; of ensembles a third of them."""
SEED = 20261122
SEAPIG = ("SoftmaxScore", "EntropyScore", "EnergyScore", "MarginScore")
OVER_MEMBERS = ("MutualInformationScore", "PredictiveVarianceScore")
MEMBERS = 3
LAYOUTS = {
    "multiclass": (5,),
    "binary_flat": (),
    "binary_one": (1,),
    "binary_two": (2,),
    "multilabel": (4,),
}


def rows_of(tail: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits (ROWS, *tail) that are twice too sure, and labels drawn from their halves."""
    random = np.random.default_rng(SEED)
    logits = 3.0 * random.standard_normal((ROWS, *tail))
    if tail in ((), (1,), (4,)):
        yes = random.random(logits.shape) < 1.0 / (1.0 + np.exp(-logits / 2.0))
        return logits, yes.astype(np.int64).reshape((ROWS, 4) if tail == (4,) else ROWS)
    p = np.exp(logits / 2.0)
    p /= p.sum(axis=1, keepdims=True)
    return logits, (p.cumsum(axis=1) < random.random((ROWS, 1))).sum(axis=1)


def member_rows(tail: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits (ROWS, *tail, MEMBERS) around those of a single model, and its labels."""
    logits, labels = rows_of(tail)
    noise = np.random.default_rng(SEED + 1).standard_normal((*logits.shape, MEMBERS))
    return logits[..., np.newaxis] + noise, labels


def of_seapig(arrays: dict[str, NDArray[Any]], cases: dict[str, Any]) -> None:
    """The scores, fitted with labels and a threshold, for every layout; of members from 0.3 on."""
    for layout, tail in LAYOUTS.items():
        for name in SEAPIG:
            seapig_case(arrays, cases, name, layout, rows_of(tail))
        if version("seapig") < "0.3":
            continue
        for name in (*SEAPIG, *OVER_MEMBERS):
            seapig_case(arrays, cases, name, f"{layout}_members", member_rows(tail))


def seapig_case(
    arrays: dict[str, NDArray[Any]],
    cases: dict[str, Any],
    name: str,
    layout: str,
    rows: tuple[NDArray[np.float64], NDArray[np.int64]],
) -> None:
    """One score, fitted on the rows."""
    scores, release = import_module("seapig.scores"), version("seapig")
    logits, labels = (torch.from_numpy(part) for part in rows)
    classes = layout.startswith(("multiclass", "binary_two"))
    given = labels if classes else labels.float()
    of_members = layout.endswith("_members")
    options = {"per_member": True} if of_members and name in SEAPIG else {}
    score = getattr(scores, name)(task=layout.split("_", maxsplit=1)[0], **options)
    if release < "0.3":
        score.fit(logits.float(), given)
    else:
        score.fit({"logit": logits.float(), "label": given}, temp_scale=True)
    score.set_threshold(q=0.8)
    case = f"seapig {release} {name} {layout}"
    kept = KEPT // MEMBERS if of_members else KEPT
    arrays[f"{case}/values"] = logits.numpy()[:kept]
    arrays[f"{case}/found"] = score.score(logits[:kept])
    arrays[f"{case}/scores"] = score.scores.numpy()[:kept]
    cases[case] = {
        "module": type(score).__module__,
        "class": name,
        "temperature": score.temperature,
        "threshold": float(score.threshold),
        "task": score.task,
        **({"per_member": True} if of_members else {}),
    }


def of_torch_uncertainty(arrays: dict[str, NDArray[Any]], cases: dict[str, Any]) -> None:
    """The temperature scaler on classes and on one logit."""
    home = import_module("torch_uncertainty.post_processing.calibration")
    for layout in ("multiclass", "binary_one"):
        logits, labels = (torch.from_numpy(part) for part in rows_of(LAYOUTS[layout]))
        scaler = home.TemperatureScaler(model=torch.nn.Identity())
        data = torch.utils.data.TensorDataset(logits.float(), labels)
        scaler.fit(torch.utils.data.DataLoader(data, batch_size=ROWS), progress=False)
        scaled = scaler(logits)
        found = scaled.softmax(1) if layout == "multiclass" else scaled.sigmoid()
        case = f"torch-uncertainty {version('torch-uncertainty')} {layout}"
        arrays[f"{case}/values"] = logits.numpy()[:KEPT]
        arrays[f"{case}/found"] = found.detach().numpy()[:KEPT]
        cases[case] = {
            "module": type(scaler).__module__,
            "class": "TemperatureScaler",
            "trained": scaler.trained,
            "temperature": [float(scaler.temperature[0])],
        }


def of_netcal(arrays: dict[str, NDArray[Any]], cases: dict[str, Any]) -> None:
    """The temperature scaling of class probabilities and of one probability."""
    scaling = import_module("netcal.scaling")
    for layout in ("multiclass", "binary_flat"):
        logits, labels = rows_of(LAYOUTS[layout])
        p = np.exp(logits - (logits.max(axis=-1, keepdims=True) if logits.ndim > 1 else 0.0))
        p = p / p.sum(axis=1, keepdims=True) if logits.ndim > 1 else 1.0 / (1.0 + np.exp(-logits))
        scaler = scaling.TemperatureScaling()
        scaler.fit(p, labels)
        case = f"netcal {version('netcal')} {layout}"
        arrays[f"{case}/values"] = p[:KEPT]
        arrays[f"{case}/found"] = np.asarray(scaler.transform(p[:KEPT]))
        cases[case] = {
            "module": type(scaler).__module__,
            "class": "TemperatureScaling",
            "method": scaler.method,
            "detection": scaler.detection,
            "num_classes": int(scaler.num_classes),
            "independent_probabilities": scaler.independent_probabilities,
            "weights": np.asarray(scaler.weights).reshape(-1).tolist(),
        }


def main() -> None:
    """Writes the file beside this script."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--add", action="store_true", help="add this seapig to the file")
    arrays: dict[str, NDArray[Any]] = {}
    cases: dict[str, Any] = {}
    if parser.parse_args().add:
        with np.load(OUTPUT) as stored:
            arrays = {key: stored[key] for key in stored if key != "provenance"}
            cases = json.loads(str(stored["provenance"]))["cases"]
    else:
        of_torch_uncertainty(arrays, cases)
        of_netcal(arrays, cases)
    of_seapig(arrays, cases)
    provenance = np.array(json.dumps({"seed": SEED, "cases": cases}))
    np.savez_compressed(OUTPUT, provenance=provenance, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
