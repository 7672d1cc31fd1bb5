"""What people write today: the textbook formula of each score, exported by torch itself."""

import contextlib
import io
import tempfile
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Textbook(nn.Module):
    """Score and mask as the formula stands in the paper, without any guard."""

    temperature: Tensor
    threshold: Tensor

    def __init__(self, score: str, task: str, axis: int, top: int = 0) -> None:
        super().__init__()
        self.score, self.task, self.axis, self.top = score, task, axis, top
        self.register_buffer("temperature", torch.tensor(1.5))
        self.register_buffer("threshold", torch.tensor(-0.7))

    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        score = getattr(self, f"{self.score}_{self.task}")(logits / self.temperature)
        return score, score < self.threshold

    def softmax_multiclass(self, z: Tensor) -> Tensor:
        return -torch.softmax(z, self.axis).amax(self.axis)

    def entropy_multiclass(self, z: Tensor) -> Tensor:
        log_p = torch.log_softmax(z, self.axis)
        return -(log_p.exp() * log_p).sum(self.axis)

    def energy_multiclass(self, z: Tensor) -> Tensor:
        return -self.temperature * torch.logsumexp(z, self.axis)

    def margin_multiclass(self, z: Tensor) -> Tensor:
        top = torch.topk(z, 2, dim=self.axis).values
        return top.select(self.axis, 1) - top.select(self.axis, 0)

    def max_logit_multiclass(self, z: Tensor) -> Tensor:
        return -z.amax(self.axis)

    def max_logit_norm_multiclass(self, z: Tensor) -> Tensor:
        centred = z - z.mean(self.axis, keepdim=True)
        norm: Tensor = torch.linalg.vector_norm(centred, 4, self.axis)
        return -centred.amax(self.axis) / norm

    def softmax_margin_multiclass(self, z: Tensor) -> Tensor:
        top = torch.topk(torch.softmax(z, self.axis), 2, dim=self.axis).values
        return top.select(self.axis, 1) - top.select(self.axis, 0)

    def gen_multiclass(self, z: Tensor) -> Tensor:
        p = torch.softmax(z, self.axis)
        if self.top:
            p = torch.topk(p, self.top, dim=self.axis).values
        return (p**0.1 * (1 - p) ** 0.1).sum(self.axis)

    def gini_multiclass(self, z: Tensor) -> Tensor:
        return 1 - torch.softmax(z, self.axis).square().sum(self.axis)

    def doctor_multiclass(self, z: Tensor) -> Tensor:
        squares = torch.softmax(z, self.axis).square().sum(self.axis)
        return (1 - squares) / squares

    def doctor_beta_multiclass(self, z: Tensor) -> Tensor:
        largest = torch.softmax(z, self.axis).amax(self.axis)
        return (1 - largest) / largest

    def mutual_information_multiclass(self, z: Tensor) -> Tensor:
        p = torch.softmax(z, self.axis).clamp_min(1e-12)
        mean = p.mean(-1)
        inner = -(p * p.log()).sum(self.axis).mean(-1)
        return -(mean * mean.log()).sum(self.axis) - inner

    def predictive_variance_multiclass(self, z: Tensor) -> Tensor:
        return torch.softmax(z, self.axis).var(-1, unbiased=False).sum(self.axis)

    def learned_multilabel(self, z: Tensor) -> Tensor:
        return -torch.sigmoid(z).amin(self.axis)

    def max_logit_multilabel(self, z: Tensor) -> Tensor:
        return -z.amax(self.axis)

    def softmax_margin_multilabel(self, z: Tensor) -> Tensor:
        return -(2 * torch.sigmoid(z) - 1).abs().amin(self.axis)

    def gen_multilabel(self, z: Tensor) -> Tensor:
        p = torch.sigmoid(z)
        return (2 * (p * (1 - p)) ** 0.1).amax(self.axis)

    def gini_multilabel(self, z: Tensor) -> Tensor:
        p = torch.sigmoid(z)
        return (2 * p * (1 - p)).amax(self.axis)

    def doctor_multilabel(self, z: Tensor) -> Tensor:
        p = torch.sigmoid(z)
        squares = p * p + (1 - p) * (1 - p)
        return ((1 - squares) / squares).amax(self.axis)

    def doctor_beta_multilabel(self, z: Tensor) -> Tensor:
        p = torch.sigmoid(z)
        largest = torch.maximum(p, 1 - p)
        return ((1 - largest) / largest).amax(self.axis)

    def softmax_multilabel(self, z: Tensor) -> Tensor:
        p = torch.sigmoid(z)
        return -torch.maximum(p, 1 - p).amin(self.axis)

    def entropy_multilabel(self, z: Tensor) -> Tensor:
        p = torch.sigmoid(z).clamp(1e-7, 1 - 1e-7)
        return -(p * p.log() + (1 - p) * (1 - p).log()).amax(self.axis)

    def energy_multilabel(self, z: Tensor) -> Tensor:
        return -self.temperature * F.softplus(z).sum(self.axis)

    def margin_multilabel(self, z: Tensor) -> Tensor:
        return -z.abs().amin(self.axis)

    def learned_binary(self, z: Tensor) -> Tensor:
        return -torch.sigmoid(z)

    def softmax_binary(self, z: Tensor) -> Tensor:
        return -torch.sigmoid(z.abs())

    def entropy_binary(self, z: Tensor) -> Tensor:
        p = torch.sigmoid(z).clamp(1e-7, 1 - 1e-7)
        return -(p * p.log() + (1 - p) * (1 - p).log())

    def energy_binary(self, z: Tensor) -> Tensor:
        return -self.temperature * F.softplus(z.abs())

    def margin_binary(self, z: Tensor) -> Tensor:
        return -z.abs()


def export(module: Textbook, rank: int) -> bytes:
    """The module as torch's own exporter writes it, every dim free."""
    # no size is smaller than what TopK takes
    example = torch.randn([size + module.top for size in (3, 4, 5, 6)][:rank])
    dims = dict.fromkeys(range(rank), torch.export.Dim.DYNAMIC)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        tempfile.TemporaryDirectory() as folder,
    ):
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            module.eval(),
            (example,),
            str(path),
            dynamo=True,
            dynamic_shapes=(dims,),
            input_names=["logits"],
            output_names=["score", "mask"],
            external_data=False,
        )
        return path.read_bytes()
