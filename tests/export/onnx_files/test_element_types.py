import ml_dtypes
import numpy as np
import pytest
from onnx import helper

from logitconf_export.onnx_files.element_types import ELEMENT_TYPES, FLOAT_WORDS, RUNTIME_WORDS


@pytest.mark.parametrize("word", ELEMENT_TYPES)
def test_each_word_is_the_type_that_onnx_calls_so(word: str) -> None:
    dtype = np.dtype(getattr(ml_dtypes, word, word))
    assert helper.np_dtype_to_tensor_dtype(dtype) == ELEMENT_TYPES[word]


def test_every_floating_type_of_logits_has_a_word_and_one_of_the_runtime() -> None:
    assert set(FLOAT_WORDS.values()) == {"float16", "bfloat16", "float32", "float64"}
    # as onnxruntime's NodeArg.type spells them
    assert RUNTIME_WORDS == {
        "tensor(float16)": "float16",
        "tensor(bfloat16)": "bfloat16",
        "tensor(float)": "float32",
        "tensor(double)": "float64",
    }
