"""Joining exported members: their stacked logits, their own outputs, and what is refused."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper, parser
from support import reference
from torch import nn

import logitconf
from logitconf import ConfidenceHead, LogitconfError, MutualInformationScore
from logitconf.fitting.score_classes import SCORE_CLASSES
from logitconf_export import attach, detach, ensemble, verify
from logitconf_export.heads.metadata import read_metadata
from logitconf_export.onnx_files.weights import weight_files

MEMBERS = 3
ROWS = np.random.default_rng(5).normal(0, 1, (64, 6)).astype(np.float32)
CLOSE = 1e-5
"""Products and exponentials of two libraries in float32."""
NESTED = """
<ir_version: {ir}, opset_import: ["{domain}" : {opset}]>
member (float[N, 6] x, bool flag) => (float[N, {columns}] probabilities, float[N, 6] kept) {{
  raw = MatMul (x, w)
  z = If (flag) <
    then_branch = scaled () => (float[N, {columns}] chosen) {{ chosen = Mul (raw, two) }},
    else_branch = plain () => (float[N, {columns}] same) {{ same = Identity (raw) }}
  >
  kept = Relu (x)
  probabilities = Softmax <axis = 1> (z)
}}
"""


def run(model: onnx.ModelProto, feeds: dict[str, Any]) -> dict[str, NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def nested(
    seed: int, *, columns: int = 4, opset: int = 17, ir: int = 8, domain: str = ""
) -> onnx.ModelProto:
    """A classifier whose subgraphs read names of the graph around them."""
    text = NESTED.format(columns=columns, opset=opset, ir=ir, domain=domain)
    model = parser.parse_model(text)
    weight = np.random.default_rng(seed).normal(0, 1, (6, columns)).astype(np.float32)
    for name, array in (("w", weight), ("two", np.array([2.0], np.float32))):
        tensor = numpy_helper.from_array(array, name)
        model.graph.initializer.append(tensor)
        if ir < 4:
            value = onnx.helper.make_tensor_value_info(name, 1, list(array.shape))
            model.graph.input.append(value)
    return model


def fitted(score: str, logits: NDArray[np.float32]) -> ConfidenceHead:
    """A head of the score, whose threshold accepts some of these rows (N, K, M)."""
    kind = SCORE_CLASSES[score]
    over_members = score in reference.MEMBER_SCORE_NAMES
    made = (kind(1.5) if over_members else kind(1.5, per_member=True)).fit(logits)
    made.set_threshold(q=0.6)
    return made.compile()


@pytest.fixture(scope="module")
def networks() -> list[nn.Module]:
    torch.manual_seed(1)
    return [
        nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4)).eval() for _ in range(MEMBERS)
    ]


@pytest.fixture(scope="module")
def files(networks: list[nn.Module], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every network exported by torch."""
    folder = tmp_path_factory.mktemp("members")
    paths = []
    for count, network in enumerate(networks):
        shown = nn.Sequential(network, nn.Softmax(dim=1))
        paths.append(folder / f"{count}.onnx")
        with warnings.catch_warnings():
            # torch 2.13 warns of its own older exporter
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.onnx.export(
                shown,
                (torch.zeros(2, 6),),
                paths[-1],
                dynamo=False,
                input_names=["x"],
                output_names=["p"],
                dynamic_axes={"x": {0: "N"}, "p": {0: "N"}},
                opset_version=17,
            )
    return paths


@pytest.mark.parametrize("score", ["softmax", "energy", "mutual_information"])
def test_exported_members_joined_decide_as_torch_does(
    score: str, networks: list[nn.Module], files: list[Path], tmp_path: Path
) -> None:
    with torch.no_grad():
        logits = torch.stack([one(torch.from_numpy(ROWS)) for one in networks], dim=-1)
    head = fitted(score, logits.numpy())
    found = run(ensemble(files, head, tmp_path / "joined.onnx"), {"x": ROWS})
    assert onnx.load(tmp_path / "joined.onnx") == ensemble(files, head)
    np.testing.assert_allclose(found["member_logits"], logits, rtol=CLOSE, atol=CLOSE)
    expected = reference.member_score(score, logits.numpy(), 1.5, "multiclass")
    np.testing.assert_allclose(found["score"], expected, rtol=CLOSE, atol=CLOSE)
    limit = float(head.threshold)
    clear = np.abs(expected - limit) > CLOSE * (1 + abs(limit))
    assert clear.sum() > 50
    np.testing.assert_array_equal(found["mask"][clear], (expected < limit)[clear])
    assert 0 < found["mask"].sum() < len(ROWS)
    for count, path in enumerate(files, 1):
        alone = run(onnx.load(path), {"x": ROWS})["p"]
        np.testing.assert_array_equal(found[f"member{count}/p"], alone)


@pytest.mark.parametrize(
    ("opset", "ir", "domain"), [(11, 3, ""), (11, 6, ""), (13, 7, "ai.onnx"), (21, 10, "")]
)
def test_members_with_subgraphs_keep_their_outputs(opset: int, ir: int, domain: str) -> None:
    members = [nested(seed, opset=opset, ir=ir, domain=domain) for seed in range(MEMBERS)]
    copies = [member.SerializeToString() for member in members]
    weights = [numpy_helper.to_array(member.graph.initializer[0]) for member in members]
    logits = np.stack([2 * ROWS @ weight for weight in weights], axis=-1)
    joined = ensemble(members, fitted("margin", logits))
    if not domain:
        # onnx 1.23's checker knows the short spelling alone
        onnx.checker.check_model(joined, full_check=True)
    assert [member.SerializeToString() for member in members] == copies
    assert (joined.ir_version, joined.opset_import) == (ir, members[0].opset_import)
    for flag, scale in ((True, 1.0), (False, 0.5)):
        feeds = {"x": ROWS, "flag": np.array(flag)}
        found = run(joined, feeds)
        expected = reference.member_score("margin", logits * scale, 1.5, "multiclass")
        np.testing.assert_allclose(found["score"], expected, rtol=CLOSE, atol=CLOSE)
        for count, member in enumerate(members, 1):
            for name, values in run(member, feeds).items():
                np.testing.assert_array_equal(found[f"member{count}/{name}"], values)


def test_the_head_comes_off_and_heads_of_the_members_are_left_behind(files: list[Path]) -> None:
    logits = np.random.default_rng(2).normal(0, 1, (99, 4, MEMBERS)).astype(np.float32)
    bare, head = ensemble(files), fitted("entropy", logits)
    joined = ensemble(files, head)
    assert detach(joined) == bare
    assert attach(bare, head, logits="member_logits", kind="logits", class_axis=1) == joined
    assert read_metadata(joined).form.members == MEMBERS
    card = logitconf.SoftmaxScore(1.0).fit(logits[..., 0])
    card.set_threshold(q=0.5)
    assert ensemble([attach(path, card.compile()) for path in files], head) == joined


def test_a_joined_ensemble_verifies(files: list[Path]) -> None:
    logits = np.random.default_rng(3).normal(0, 1, (99, 4, MEMBERS)).astype(np.float32)
    head = fitted("softmax", logits)
    assert verify(ensemble(files, head), ROWS, head=head, pairs=100).passed


def outside(folder: Path, seed: int) -> Path:
    """A member whose weights lie in a file of one name in a folder of its own."""
    folder.mkdir()
    path = folder / "member.onnx"
    onnx.save_model(
        nested(seed), path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    return path


def test_weights_in_other_files_go_into_the_joined_model(tmp_path: Path) -> None:
    paths = [outside(tmp_path / f"{seed}", seed) for seed in range(MEMBERS)]
    before = [path.read_bytes() for path in paths]
    target = tmp_path / "joined.onnx"
    joined = ensemble(paths, path=target)
    within = ensemble([nested(seed) for seed in range(MEMBERS)])
    feeds = {"x": ROWS, "flag": np.array(True)}
    expected = run(within, feeds)
    for model in (joined, onnx.load(target)):
        for name, values in run(model, feeds).items():
            np.testing.assert_array_equal(values, expected[name], strict=True)
    assert [path.read_bytes() for path in paths] == before
    assert weight_files(joined) == ()


def changed_weights(path: Path, key: str, value: str) -> None:
    model = onnx.load(path, load_external_data=False)
    entries = {entry.key: entry for entry in model.graph.initializer[0].external_data}
    entries[key].value = value
    path.write_bytes(model.SerializeToString())


def test_weights_that_cannot_be_taken_in_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "joined.onnx"
    paths = [outside(tmp_path / f"{seed}", seed) for seed in range(2)]
    with pytest.raises(LogitconfError, match=r"weights in \['weights.bin'\]; give it as a path"):
        ensemble([path.read_bytes() for path in paths], path=target)
    # more than 1 GiB each is too much for one file; files that small show that none is read
    for path in paths:
        changed_weights(path, "length", str(2**30 + 1))
    with pytest.raises(LogitconfError, match="less than 2 GiB, but the members with their weights"):
        ensemble(paths, path=target)
    changed_weights(paths[0], "location", "../0/weights.bin")
    with pytest.raises(LogitconfError, match="must lie in the model's own folder"):
        ensemble(paths, path=target)
    (tmp_path / "1" / "weights.bin").unlink()
    with pytest.raises(LogitconfError, match="external data must be readable"):
        ensemble([nested(0), paths[1]], path=target)
    assert not target.exists()


FOURTH = nested(3)
RENAMED = parser.parse_model(
    """<ir_version: 8, opset_import: ["" : 17]>
    member (float[N, 6] y) => (float[N, 6] p) { p = Softmax <axis = 1> (y) }"""
)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (RENAMED, r"equal inputs .* member 1 and 2 differ in \['flag', 'x', 'y'\]"),
        (nested(3, opset=18), r"same opsets, got \{'': 17\} in member 1 and \{'': 18\}"),
        (nested(3, ir=9), "one IR version, got 8 in member 1 and 9 in member 2"),
        (nested(3, columns=5), "logits of one form"),
    ],
)
def test_members_that_do_not_fit_are_refused(other: onnx.ModelProto, words: str) -> None:
    with pytest.raises(LogitconfError, match=words):
        ensemble([FOURTH, other])


def test_lists_and_heads_that_do_not_fit_are_refused(files: list[Path]) -> None:
    logits = np.random.default_rng(4).normal(0, 1, (99, 4, MEMBERS)).astype(np.float32)
    head = fitted("softmax", logits)
    with pytest.raises(LogitconfError, match="at least 2 members"):
        ensemble(files[:1])
    with pytest.raises(LogitconfError, match="at least 2 members"):
        ensemble(files[0])  # type: ignore[arg-type]
    with pytest.raises(LogitconfError, match="must be for 2 members, got one for 3"):
        ensemble(files[:2], head)
    through = parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17]>
        member (float[N, 6] x) => (float[N, 6] p, float[N, 6] x) { p = Softmax <axis = 1> (x) }"""
    )
    with pytest.raises(LogitconfError, match=r"an input too, got \['x'\] in member 1"):
        ensemble([through, through])


@pytest.mark.parametrize("shape", ["", ", 1"], ids=["(N,)", "(N, 1)"])
def test_members_with_one_logit_a_row_are_stacked_as_pairs(shape: str) -> None:
    members = []
    for seed in range(MEMBERS):
        model = parser.parse_model(
            f"""<ir_version: 8, opset_import: ["" : 17]>
            member (float[N{shape}] x) => (float[N{shape}] p)
            {{ z = Mul (x, w)
               p = Sigmoid (z) }}"""
        )
        factor = np.array([seed + 0.5], np.float32)
        model.graph.initializer.append(numpy_helper.from_array(factor, "w"))
        members.append(model)
    rows = ROWS[:, 0].reshape((-1, 1) if shape else -1)
    logits = np.stack([rows.reshape(-1) * (seed + 0.5) for seed in range(MEMBERS)], axis=1)
    made = MutualInformationScore(1.5, "binary").fit(logits)
    made.set_threshold(q=0.6)
    joined = ensemble(members, made.compile(rank=3), logits="z", kind="logits")
    found = run(joined, {"x": rows})
    np.testing.assert_array_equal(found["member_logits"], logits[:, np.newaxis])
    expected = reference.member_score("mutual_information", logits, 1.5, "binary")
    np.testing.assert_allclose(found["score"], expected, rtol=CLOSE, atol=CLOSE)


FUNCTIONS = """
<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
member (float[N, 6] x) => (float[N, 6] p) {{
  z = own.scaled (x)
  p = Softmax <axis = 1> (z)
}}
<domain: "own", opset_import: ["" : 17]>
scaled (x) => (z) {{
  z = {operator} (x)
}}
"""


def test_functions_are_shared_where_they_are_equal_and_refused_elsewhere() -> None:
    first, other = (
        parser.parse_model(FUNCTIONS.format(operator=name)) for name in ("Tanh", "Sigmoid")
    )
    joined = ensemble([first, first], logits="z", kind="logits", class_axis=1)
    assert [function.name for function in joined.functions] == ["scaled"]
    found = run(joined, {"x": ROWS})
    expected = np.tanh(ROWS.astype(np.float64))[..., np.newaxis].repeat(2, axis=-1)
    np.testing.assert_allclose(found["member_logits"], expected, atol=CLOSE)
    with pytest.raises(LogitconfError, match=r"\['scaled'\] of member 2 differ"):
        ensemble([first, other], logits="z", kind="logits", class_axis=1)
