"""What a file is, by its content, and what to say where it should be something else."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser

from logitconf.card.score_card import ScoreCard
from logitconf.errors import LogitconfError
from logitconf.telling.file_words import HEAD_BYTES, kind_of_content, misfit, start_of, unreadable


def zipped(name: str) -> bytes:
    """A zip archive whose first file has this name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"content")
    return buffer.getvalue()


def npz() -> bytes:
    """What NumPy writes."""
    buffer = io.BytesIO()
    np.savez(buffer, logits=np.zeros((2, 3)))
    return buffer.getvalue()


MODEL = parser.parse_model(
    '<ir_version: 8, opset_import: ["": 17]> m (float[N, 2] x) => (float[N, 2] y) { y = Relu(x) }'
)
CONTENTS = {
    "an .npz file of arrays": npz(),
    "a checkpoint of torch": zipped("net/data.pkl"),
    "a model of Keras": zipped("metadata.json"),
    "a zip archive, as torch.save and Keras write it": zipped("anything"),
    "a Python pickle, as older versions of torch.save write it": pickle.dumps({}, protocol=2),
    "an ONNX model": MODEL.SerializeToString(),
    "a JSON text": b'{"answer": 42}',
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "an empty file": b"",
    "a text with columns": b"a,b,c\n1,2,3\n",
    "a text": b"Dear reader\n",
    "gzip-compressed": b"\x1f\x8b\x08\x00",
}


@pytest.mark.parametrize("words", CONTENTS)
def test_a_file_is_known_by_its_content(words: str) -> None:
    kind = kind_of_content(CONTENTS[words][:HEAD_BYTES])
    assert kind is not None
    assert kind.words == words


def test_a_card_and_a_checkpoint_are_known_as_their_libraries_write_them(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    ScoreCard("softmax", "multiclass", threshold=-0.5).save(tmp_path / "card.json")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "net.pt")
    torch.save({}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    words = {
        name: getattr(kind_of_content(start_of(tmp_path / name)), "words", None)
        for name in ("card.json", "net.pt", "old.pt")
    }
    assert words == {
        "card.json": "a score card",
        "net.pt": "a checkpoint of torch",
        "old.pt": "a Python pickle, as older versions of torch.save write it",
    }


def test_a_text_cut_within_a_letter_is_a_text_and_noise_is_nothing() -> None:
    kind = kind_of_content("déjà vu; ".encode() * 9 + "é".encode()[:1])
    assert kind is not None
    assert kind.words == "a text with columns"
    assert kind_of_content(b"\xff\xfe\xfd\x00\x01") is None


def test_what_it_is_is_said_with_what_to_do() -> None:
    said = misfit("a.json", "an ONNX model", "model", b'{"score": 1, "task": 2}', "no")
    assert str(said).startswith("a.json must be an ONNX model, but it is a score card; a card")
    # of the kind that was wanted, or unknown: the reader's own reason
    for content in (MODEL.SerializeToString(), b"\xff\xfe\xfd\x00\x01"):
        said = misfit("a", "an ONNX model", "model", content, "it is cut")
        assert str(said) == "a must be an ONNX model, but it is cut"


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "logits.npz").touch()

    def said(path: Path) -> str:
        try:
            path.read_bytes()
        except OSError as error:
            return str(unreadable(path, "rows", error))
        raise AssertionError("it can be read")

    near = tmp_path / "logit.npz"
    assert said(near) == (
        f"{near} must be rows, but there is no such file; did you mean {tmp_path / 'logits.npz'}?"
    )
    assert said(tmp_path / "zzz").endswith("but there is no such file")
    assert said(tmp_path / "no" / "x").endswith(f"there is no folder {tmp_path / 'no'}")
    assert said(tmp_path).endswith("it is a folder; name a file in it")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    path.touch(mode=0o000)
    with pytest.raises(PermissionError) as refused:
        path.read_bytes()
    assert "you may not read it" in str(unreadable(path, "rows", refused.value))


def test_the_words_for_permission_do_not_need_a_file_without() -> None:
    said = unreadable("rows.npz", "rows", PermissionError(13, "Permission denied"))
    assert isinstance(said, LogitconfError)
    assert str(said) == "rows.npz must be rows, but you may not read it; change its permissions"


def test_a_model_that_onnx_reads_is_never_taken_for_something_else() -> None:
    odd = onnx.ModelProto()
    odd.CopyFrom(MODEL)
    odd.producer_name = '{"'
    kind = kind_of_content(odd.SerializeToString()[:HEAD_BYTES])
    assert kind is None or kind.words == "an ONNX model"
