"""Fitted objects of other libraries as they were recorded, without the libraries."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

_RECORDED = Path(__file__).parents[1] / "peers" / "fitted_peers.npz"


def cases() -> dict[str, dict[str, Any]]:
    """Every recorded object: module, class and attributes."""
    with np.load(_RECORDED, allow_pickle=False) as stored:
        found: dict[str, dict[str, Any]] = json.loads(str(stored["provenance"]))["cases"]
    return found


def recorded(case: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What an object was given, and what it made of that."""
    with np.load(_RECORDED, allow_pickle=False) as stored:
        return stored[f"{case}/values"], stored[f"{case}/found"]


def stand_in(case: str, **changes: Any) -> SimpleNamespace:
    """An object with the module, the class and the attributes of the recorded one."""
    state = {**cases()[case], **changes}
    kind = type(state.pop("class"), (SimpleNamespace,), {"__module__": state.pop("module")})
    if "trained" in state:
        state["temperature"] = [torch.tensor([value]) for value in state["temperature"]]
    if "threshold" in state:
        with np.load(_RECORDED, allow_pickle=False) as stored:
            state.setdefault("logits", torch.from_numpy(stored[f"{case}/values"]).float())
            state.setdefault("scores", torch.from_numpy(stored[f"{case}/scores"]))
        if state["threshold"] is not None:
            state["threshold"] = torch.tensor(state["threshold"])
    if "weights" in state:
        state["weights"] = np.array(state["weights"])
    made: SimpleNamespace = kind(**state)
    return made
