"""Rows are cut into runs as the host declares: which axis, which types, how many at once."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import parser

from logitconf.errors import LogitconfError
from logitconf_export.runtimes.feeds import HostFeeds, host_input_names, joined

TEXT = '<ir_version: 8, opset_import: ["": 17]> host '


def host(inputs: str) -> onnx.ModelProto:
    """A host that declares inputs; they are not run."""
    return parser.parse_model(
        TEXT + f"({inputs}) => (float[N] y) {{ y = Constant<value = float {{1}}>() }}"
    )


def array(*shape: int, dtype: Any = np.float32) -> Any:
    """Distinct values."""
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


def test_an_input_with_a_default_need_not_be_given() -> None:
    model = host("float[N] x, float[N] b")
    model.graph.initializer.append(onnx.numpy_helper.from_array(array(1), "b"))
    assert host_input_names(model) == ("x",)


@pytest.mark.parametrize(
    ("inputs", "shapes", "axes"),
    [
        ("float[N, 4] x", {"x": (30, 4)}, {"x": 0}),
        # voice activity: samples, the rate, a state whose rows are on its second axis
        (
            "float[batch, 4] x, int64[] rate, float[2, batch, 3] state",
            {"x": (30, 4), "rate": (), "state": (2, 30, 3)},
            {"x": 0, "rate": None, "state": 1},
        ),
        # as many rows as the state has layers: the name of the batch decides
        (
            "float[N, 4] x, float[2, N, 3] state",
            {"x": (2, 4), "state": (2, 2, 3)},
            {"x": 0, "state": 1},
        ),
        (
            "float[N, 4] x, float[2, M, 3] state",
            {"x": (30, 4), "state": (2, 30, 3)},
            {"x": 0, "state": 1},
        ),
        (
            "float[1, 4] x, float[2, 1, 3] state",
            {"x": (30, 4), "state": (2, 30, 3)},
            {"x": 0, "state": 1},
        ),
        # the same for all rows
        ("float[N, 4] x, int64[1] rate", {"x": (30, 4), "rate": (1,)}, {"x": 0, "rate": None}),
        (
            "float[1, 4] x, float[2, 1, 3] state",
            {"x": (30, 4), "state": (2, 1, 3)},
            {"x": 0, "state": None},
        ),
        (
            "float[2, N, 3] state, float[N, 4] x",
            {"state": (2, 30, 3), "x": (30, 4)},
            {"state": 1, "x": 0},
        ),
    ],
)
def test_the_axis_of_the_rows_is_the_one_declared(
    inputs: str, shapes: dict[str, tuple[int, ...]], axes: dict[str, int | None]
) -> None:
    feeds = HostFeeds.of(host(inputs), {name: array(*shape) for name, shape in shapes.items()})
    assert dict(feeds.axes) == axes
    assert feeds.rows == shapes["x"][0]


def test_every_row_is_in_one_run_and_in_order() -> None:
    x, state = array(600, 4), array(2, 600, 3)
    feeds = HostFeeds.of(host("float[N, 4] x, float[2, N, 3] h"), {"x": x, "h": state})
    chunks = [feeds.chunk(start) for start in feeds.starts]
    assert [(chunk.rows, chunk.sent) for chunk in chunks] == [(256, 256), (256, 256), (88, 88)]
    np.testing.assert_array_equal(np.concatenate([c.feeds["x"] for c in chunks]), x)
    np.testing.assert_array_equal(np.concatenate([c.feeds["h"] for c in chunks], axis=1), state)


def test_a_fixed_batch_is_filled_up_and_what_filled_it_is_left_out_again() -> None:
    x = array(7, 3)
    feeds = HostFeeds.of(host("float[4, 3] x"), {"x": x})
    chunks = [feeds.chunk(start) for start in feeds.starts]
    assert [(chunk.rows, chunk.sent) for chunk in chunks] == [(4, 4), (3, 4)]
    np.testing.assert_array_equal(chunks[1].feeds["x"], x[[4, 5, 6, 6]])
    back = joined([(chunk, chunk.feeds["x"].T) for chunk in chunks], "y")
    np.testing.assert_array_equal(back, x.T)


def test_large_rows_run_in_smaller_batches_and_are_not_copied() -> None:
    x = np.zeros((100, 2**20), dtype=np.float32)
    feeds = HostFeeds.of(host("float[N, M] x"), {"x": x})
    assert feeds.batch == 32
    assert np.shares_memory(feeds.chunk(32).feeds["x"], x)


@pytest.mark.parametrize(
    ("declared", "given", "taken"),
    [
        ("float", np.float64, np.float32),
        ("float16", np.float32, np.float16),
        ("double", np.float32, np.float64),
        ("int64", np.int32, np.int64),
        ("int32", np.int64, np.int32),
    ],
)
def test_numbers_of_one_kind_become_what_is_declared(declared: str, given: Any, taken: Any) -> None:
    x = array(3, 2, dtype=given)
    feeds = HostFeeds.of(host(f"{declared}[N, 2] x"), {"x": x})
    typed = feeds.chunk(0).feeds["x"]
    assert typed.dtype == taken
    np.testing.assert_array_equal(typed, x)


@pytest.mark.parametrize(("declared", "given"), [("float", np.int64), ("int64", np.float32)])
def test_numbers_of_another_kind_are_refused(declared: str, given: Any) -> None:
    feeds = HostFeeds.of(host(f"{declared}[N, 2] x"), {"x": array(3, 2, dtype=given)})
    wanted = {"float": "float32"}.get(declared, declared)
    with pytest.raises(LogitconfError, match=f"'x' must be {wanted}, as the model declares"):
        feeds.chunk(0)


def test_sizes_that_an_input_does_not_declare_are_refused() -> None:
    for shape, declared in ((3, 5), r"\(N, 4\)"), ((3, 4, 1), r"\(N, 4\)"), ((4, 3), r"\(N, 4\)"):
        with pytest.raises(LogitconfError, match=rf"'x' must be {declared}, as the model decl"):
            HostFeeds.of(host("float[N, 4] x"), {"x": array(*shape)})
    with pytest.raises(LogitconfError, match=r"'x' must be \(N, 3, M\), .*got \(2, 4, 5\)"):
        HostFeeds.of(host("float[2, 3, M] x"), {"x": array(2, 4, 5)})


@pytest.mark.parametrize(
    ("declared", "value"),
    [("float16", np.float32(1e5)), ("float", np.float64(1e39)), ("int32", np.int64(2**31))],
)
def test_a_number_that_does_not_fit_is_refused(declared: str, value: Any) -> None:
    feeds = HostFeeds.of(host(f"{declared}[N] x"), {"x": np.array([value])})
    with pytest.raises(LogitconfError, match="'x' must hold values that fit the host's"):
        feeds.chunk(0)


def test_what_is_not_finite_stays_so() -> None:
    x = np.array([np.inf, -np.inf, np.nan])
    typed = HostFeeds.of(host("float16[N] x"), {"x": x}).chunk(0).feeds["x"]
    np.testing.assert_array_equal(typed, x.astype(np.float16))


@pytest.mark.parametrize(
    ("inputs", "shapes", "counts"),
    [
        ("float[N, 2] a, float[N, 2] b", {"a": (3, 2), "b": (4, 2)}, r"\{'a': 3, 'b': 4\}"),
        ("float[N, 2] a", {"a": (0, 2)}, r"\{'a': 0\}"),
        ("float[] a", {"a": ()}, r"\{'a': None\}"),
    ],
)
def test_inputs_with_different_rows_or_none_are_refused(
    inputs: str, shapes: dict[str, tuple[int, ...]], counts: str
) -> None:
    with pytest.raises(LogitconfError, match=f"same rows, at least one: {counts}"):
        HostFeeds.of(host(inputs), {name: array(*shape) for name, shape in shapes.items()})


@pytest.mark.parametrize("size", [-1, 0])
def test_a_batch_declared_as_no_size_is_free(size: int) -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g(float[N,3] x) => '
        "(float[N,3] y) { y = Identity(x) }"
    )
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = size
    feeds = HostFeeds.of(model, {"x": np.zeros((7, 3), np.float32)})
    assert (feeds.fixed, feeds.rows, list(feeds.starts)) == (False, 7, [0])


def test_two_fixed_batches_are_refused() -> None:
    with pytest.raises(LogitconfError, match=r"one batch, got \{'a': 2, 'b': 3\}"):
        HostFeeds.of(host("float[2, 1] a, float[3, 1] b"), {"a": array(6, 1), "b": array(6, 1)})


def test_positions_are_put_together_and_sums_are_refused() -> None:
    feeds = HostFeeds.of(host("float[2, 3] x"), {"x": array(3, 3)})
    chunks = [feeds.chunk(start) for start in feeds.starts]
    positions = joined([(chunk, chunk.feeds["x"].reshape(-1, 1)) for chunk in chunks], "y")
    np.testing.assert_array_equal(positions, array(9, 1))
    with pytest.raises(LogitconfError, match="'y' must have one row for each row of input"):
        joined([(chunk, chunk.feeds["x"].sum(axis=(0, 1))) for chunk in chunks], "y")


def test_rows_are_spread_from_the_first_to_the_last_on_the_axis_of_each_input() -> None:
    model = host("float[batch, 4] x, int64[] rate, float[2, batch, 3] state")
    arrays = {"x": array(30, 4), "rate": array(dtype=np.int64), "state": array(2, 30, 3)}
    feeds = HostFeeds.of(model, arrays)
    some = feeds.spread(4)
    assert some.rows == 4
    np.testing.assert_array_equal(some.arrays["x"], arrays["x"][[0, 9, 19, 29]])
    np.testing.assert_array_equal(some.arrays["state"], arrays["state"][:, [0, 9, 19, 29]])
    assert some.arrays["rate"] is arrays["rate"]
    assert feeds.spread(30) is feeds.spread(31) is feeds
