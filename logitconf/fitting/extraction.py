"""Running a model over a loader to collect its logits, and keeping them for the next time."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from logitconf.errors import LogitconfError
from logitconf.files import write_atomically

_INPUT_KEYS = ("image", "input", "inputs", "x")
_LABEL_KEYS = ("label", "labels", "target", "y")
_SAMPLES = 1000


def extract_logits(
    model: nn.Module,
    loader: "DataLoader[Any]",
    *,
    outdir: str | Path | None = None,
    prefix: str | None = None,
) -> tuple[Tensor, Tensor | None]:
    """The logits of every row that the loader yields, and the labels if it yields them.

    With ``outdir`` they are saved as ``<outdir>/<prefix or "logits">.npz`` and read from there the
    next time, after a check that weights and data are the same.

    Args:
        model: has ``.logits(x)``; runs in eval mode on its own device, and gets its modes back.
        loader: batches are x, (x, y), or dicts with "image" (input, inputs, x) and "label"
            (labels, target, y).
        outdir: folder, made if needed.
        prefix: name of the file in it.

    Returns:
        Logits (N, ...) and labels (N, ...) or None, on the CPU.

    Raises:
        LogitconfError: if the model has no ``.logits``, the loader yields nothing usable, or a
            saved file belongs to another model or other data.
    """
    if not callable(getattr(model, "logits", None)):
        raise LogitconfError(
            f"the model must have a method .logits(x), got {type(model).__name__} without one"
        )
    if outdir is None:
        return _run(model, loader)
    folder = Path(outdir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{(prefix or '').strip() or 'logits'}.npz"
    origin = json.dumps({"model": _model_digest(model), "data": _data_digest(loader)})
    if path.exists():
        return _load(path, origin)
    logits, labels = _run(model, loader)
    arrays = {"logits": _to_numpy(logits), "origin": np.array(origin)}
    if labels is not None:
        arrays["labels"] = _to_numpy(labels)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())
    return logits, labels


class JoinedLogits(nn.Module):
    """A model whose logits are the class logits with the confidence logits behind them."""

    def __init__(self, model: nn.Module) -> None:
        """Takes a model with ``.logits(x)`` and ``.confidence_logits(x)``.

        Raises:
            LogitconfError: if it lacks one of them.
        """
        super().__init__()
        for name in ("logits", "confidence_logits"):
            if not callable(getattr(model, name, None)):
                raise LogitconfError(
                    f"the model must have a method .{name}(x), got {type(model).__name__} "
                    "without one"
                )
        self.model: Any = model

    def logits(self, x: Tensor) -> Tensor:
        """(N, K + 1) or (N, 2 L)."""
        parts = (self.model.logits(x), self.model.confidence_logits(x))
        return torch.cat([part.reshape(len(part), -1) for part in parts], dim=1)


def _run(model: nn.Module, loader: "DataLoader[Any]") -> tuple[Tensor, Tensor | None]:
    device = next((p.device for p in (*model.parameters(), *model.buffers())), torch.device("cpu"))
    logits, labels = [], []
    console = Console(stderr=True)
    with _eval_mode(model), torch.inference_mode():
        batches = track(
            loader,
            "Extracting logits",
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        for batch in batches:
            x, y = _split(batch)
            z = model.logits(x.to(device))  # type: ignore[operator]
            if not isinstance(z, Tensor):
                raise LogitconfError(f".logits(x) must return a tensor, got {type(z).__name__}")
            if y is not None and len(y) != len(z):
                raise LogitconfError(
                    f"a batch must have a label for each row, got {len(y)} labels for {len(z)} rows"
                )
            logits.append(z.cpu())
            if y is not None:
                labels.append(y.cpu())
    if not logits:
        raise LogitconfError("the loader must yield at least one batch, got none")
    if labels and len(labels) != len(logits):
        raise LogitconfError(
            f"every batch must have labels or none, got {len(labels)} of {len(logits)} with labels"
        )
    return torch.cat(logits).clone(), torch.cat(labels).clone() if labels else None


def _split(batch: object) -> tuple[Tensor, Tensor | None]:
    x: object = batch
    y: object = None
    if isinstance(batch, Mapping):
        x = next((batch[key] for key in _INPUT_KEYS if key in batch), None)
        y = next((batch[key] for key in _LABEL_KEYS if key in batch), None)
    elif isinstance(batch, (tuple, list)) and 1 <= len(batch) <= 2:
        x, y = batch[0], batch[1] if len(batch) == 2 else None
    if not isinstance(x, Tensor) or not (y is None or isinstance(y, Tensor)):
        held = sorted(batch) if isinstance(batch, Mapping) else type(batch).__name__
        raise LogitconfError(
            f"a batch must be a tensor, a pair (x, y) of tensors, or a dict with one of "
            f"{list(_INPUT_KEYS)} and {list(_LABEL_KEYS)}, got {held}"
        )
    return x, y


@contextmanager
def _eval_mode(model: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _to_numpy(tensor: Tensor) -> "np.ndarray[Any, Any]":
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _load(path: Path, origin: str) -> tuple[Tensor, Tensor | None]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise LogitconfError(f"{path} must be logits saved by fit: {error}") from error
    if "logits" not in arrays or str(arrays.get("origin")) != origin:
        raise LogitconfError(
            f"{path} must belong to this model and this data, but was made from others; "
            "delete it or choose another prefix"
        )
    labels = arrays.get("labels")
    logits = torch.from_numpy(arrays["logits"])
    return logits, None if labels is None else torch.from_numpy(labels)


def _model_digest(model: nn.Module) -> str:
    digest = hashlib.sha256(type(model).__qualname__.encode())
    for name, value in sorted(model.state_dict().items()):
        if isinstance(value, Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(tensor_buffer(value))
    return digest.hexdigest()


def tensor_buffer(value: Tensor) -> memoryview:
    """The tensor's content, row by row, as bytes of this machine; not copied where it can be."""
    content = value.detach().cpu().contiguous().flatten().view(torch.uint8)
    return content.numpy().data


def _data_digest(loader: "DataLoader[Any]") -> str:
    """Digest of the rows, where they can be looked up.

    Tensors in memory and small data sets count whole; of large ones, the number of rows and a
    thousand of them. Rows that differ between two looks (random augmentation) count by their number
    alone.
    """
    dataset: Any = getattr(loader, "dataset", None)
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        return "unknown"
    if isinstance(dataset, TensorDataset):
        return hashlib.sha256(_item_bytes(dataset.tensors)).hexdigest()
    rows = len(dataset)
    picks = sorted({int(i) for i in np.linspace(0, rows - 1, _SAMPLES)}) if rows else []
    first, second = ([_item_bytes(dataset[i]) for i in picks] for _ in range(2))
    digest = hashlib.sha256(str(rows).encode())
    if first == second:
        for content in first:
            digest.update(content)
    return digest.hexdigest()


def _item_bytes(item: object) -> bytes:
    if isinstance(item, Tensor):
        return tensor_buffer(item).tobytes()
    if isinstance(item, Mapping):
        return b"".join(str(k).encode() + _item_bytes(item[k]) for k in sorted(item, key=str))
    if isinstance(item, (tuple, list)):
        return b"".join(_item_bytes(part) for part in item)
    return repr(item).encode() if isinstance(item, (int, float, str, bytes)) else b""
