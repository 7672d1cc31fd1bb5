"""A small model with two outputs, and jobs for it, to try runtimes on."""

import stat
from pathlib import Path

import numpy as np
from onnx import parser

from logitconf_export.runtimes.protocol import Job

MODEL = parser.parse_model(
    '<ir_version: 8, opset_import: ["": 17]> '
    "g (float[N, 2] logits) => (float[N] lowest, float[N] highest) "
    "{ lowest = ReduceMin<axes = [1], keepdims = 0>(logits) "
    "highest = ReduceMax<axes = [1], keepdims = 0>(logits) }"
).SerializeToString()
ROWS = np.array([[1, 3], [5, 2], [-4, -8]], dtype=np.float32)
HIGHEST, LOWEST = [3, 5, -4], [1, 2, -8]


def job(model: bytes = MODEL, outputs: tuple[str, ...] = ("highest", "lowest")) -> Job:
    """The rows for the model, outputs in another order than its own."""
    return Job(model, {"logits": ROWS}, outputs)


def stand_in(folder: Path, name: str, lines: str) -> Path:
    """A folder for PATH with a program of that name: a shell script of these lines."""
    program = folder / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program.parent
