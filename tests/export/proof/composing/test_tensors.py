"""Keys are the same for the same operation on the same operands alone."""

import numpy as np

from logitconf_export.proof.composing.tensors import Tensor, key_of
from logitconf_export.proof.exact.expressions import number


def test_keys_tell_operations_operands_and_details_apart() -> None:
    keys = {
        key_of("Sub", ["a", "b"]),
        key_of("Sub", ["b", "a"]),
        key_of("Add", ["a", "b"]),
        key_of("Sub", ["a", "b"], 1),
    }
    assert len(keys) == 4
    assert key_of("Sub", ["a", "b"]) in keys


def test_a_changed_tensor_keeps_the_rest() -> None:
    one = Tensor(number(1), np.zeros((1, 1)), ("N",), "float32", "x")
    assert one.having(key="y").expression == number(1)
