"""Commands that are printed can be pasted."""

import shlex
from pathlib import Path

import onnx

from logitconf_export.cli.common.suggestions import next_commands


def test_the_next_commands_can_be_pasted_for_a_path_with_a_blank() -> None:
    commands = next_commands(
        Path("my host.onnx"), onnx.ModelProto(), fit="--score softmax", attach=" --logits z"
    )
    fit, attach, verify = (shlex.split(line.partition(": ")[2]) for line in commands)
    rest = ["--data", "val.npz", "--score", "softmax", "-o", "card.json"]
    assert fit == ["logitconf", "fit", "--model", "my host.onnx", *rest]
    rest = ["card.json", "--logits", "z", "-o", "out.onnx"]
    assert attach == ["logitconf", "attach", "my host.onnx", *rest]
    assert verify == ["logitconf", "verify", "out.onnx", "--data", "val.npz"]
