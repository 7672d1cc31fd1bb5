"""Which array of a file was likely meant."""

import numpy as np
import pytest

from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.likeliest import input_hint, missing_array

FLOATS, WHOLE = np.zeros((4, 3), np.float32), np.zeros(4, np.int64)


@pytest.mark.parametrize(
    ("arrays", "name", "hint"),
    [
        ({"preds": FLOATS, "y": WHOLE}, "logits", "if 'preds', float32 (4, 3), is that, save it"),
        ({"preds": FLOATS, "y": WHOLE}, "labels", "if 'y', int64 (4,), is that, save it"),
        ({"Logit": FLOATS}, "logits", "if 'Logit', float32 (4, 3), is that"),
        ({"logits": FLOATS, "label": WHOLE}, "labels", "if 'label', int64 (4,), is that"),
        # of another type than the one that is needed
        ({"preds": WHOLE, "labels": WHOLE}, "logits", "if these are inputs of a model, name it"),
        ({"labels": WHOLE}, "logits", "add it to the file"),
        ({"logits": FLOATS}, "labels", "add it to the file"),
    ],
)
def test_the_array_that_was_likely_meant_is_named(
    arrays: dict[str, Array], name: str, hint: str
) -> None:
    said = str(missing_array(arrays, name, "rows.npz"))
    assert said.startswith(f"rows.npz must hold '{name}'; it holds {sorted(arrays)}; {hint}")


def test_what_to_do_about_inputs_depends_on_what_the_file_holds() -> None:
    assert "leave out --model" in input_hint({"logits": FLOATS, "labels": WHOLE}, ["pixels"])
    images = input_hint({"images": FLOATS, "labels": WHOLE}, ["pixels"])
    assert images == "; if 'images' is its input, save it as 'pixels' with numpy.savez"
    assert "under these names" in input_hint({"a": FLOATS, "b": FLOATS}, ["c", "d"])
