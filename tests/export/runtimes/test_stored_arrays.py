"""Files of arrays: only what is asked for is read, and what is damaged is said in one sentence."""

import io
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from logitconf.errors import LogitconfError
from logitconf_export.runtimes.stored_arrays import (
    given_feeds,
    host_feeds,
    named_array,
    read_arrays,
    rows_kept,
)

LOGITS = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
LABELS = np.arange(20) % 3


def saved(save: Any = np.savez, **arrays: Any) -> bytes:
    """The bytes of a file."""
    content = io.BytesIO()
    save(content, **arrays)
    return content.getvalue()


def test_arrays_that_are_not_asked_for_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    objects = np.array([{"id": 1}, None])
    path.write_bytes(saved(logits=LOGITS, notes=objects, labels=LABELS))
    arrays = read_arrays(path)
    assert sorted(arrays) == ["labels", "logits", "notes"]
    np.testing.assert_array_equal(named_array(arrays, "logits", path), LOGITS)
    np.testing.assert_array_equal(host_feeds(arrays, ("logits",), path)["logits"], LOGITS)
    with pytest.raises(LogitconfError, match=r"rows.npz must be a readable .npz.*Object arrays"):
        arrays["notes"]


def test_a_common_name_does_not_stand_for_one_of_several_inputs() -> None:
    with pytest.raises(LogitconfError, match=r"inputs \['a', 'b'\]; it holds \['x'\]"):
        host_feeds({"x": LOGITS}, ("a", "b"), "rows.npz")


def test_a_changed_byte_of_an_array_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    content = bytearray(saved(logits=LOGITS))
    content[content.find(LOGITS.tobytes()) + 7] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(LogitconfError, match="Bad CRC-32"):
        read_arrays(path)["logits"]


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The content cut, changed, shortened or lengthened somewhere."""
    changed = bytearray(content)
    place = chance.randrange(len(changed))
    how = chance.randrange(4)
    if how == 0:
        del changed[place:]
    elif how == 1:
        changed[place] = chance.randrange(256)
    elif how == 2:
        del changed[place : place + chance.randrange(1, 30)]
    else:
        # in the text that says type and shape
        place = max(0, content.find(b"'shape'") + chance.randrange(-60, 60))
        changed[min(place, len(changed) - 1)] = chance.randrange(32, 127)
    return bytes(changed)


def test_damaged_files_are_refused_or_read_but_never_break_the_reader(tmp_path: Path) -> None:
    chance, path, refused = random.Random(1), tmp_path / "rows.npz", list[str]()
    contents = [
        saved(logits=LOGITS, labels=LABELS),
        saved(np.savez_compressed, logits=LOGITS, labels=LABELS),
        saved(np.save, arr=LOGITS),
    ]
    for _ in range(600):
        path.write_bytes(damaged(chance.choice(contents), chance))
        try:
            arrays = read_arrays(path, single="inputs")
            for name in arrays:
                arrays[name]
        except LogitconfError as error:
            refused.append(str(error))
    assert all("rows.npz must be a" in message for message in refused)
    assert 300 < len(refused) < 600


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    with zipfile.ZipFile(path, "w") as stored:
        stored.writestr("logits.npy", saved(np.save, arr=LOGITS))
    content = bytearray(path.read_bytes())
    content[content.find(b"PK\x01\x02") + 8] |= 1
    content[6] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(LogitconfError, match="encrypted"):
        read_arrays(path)["logits"]


def test_data_are_a_file_arrays_or_the_only_input(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    path.write_bytes(saved(pixels=LOGITS, labels=LABELS, other=LOGITS))
    arrays: Any = {"pixels": LOGITS, "labels": LABELS}
    for data in (path, str(path), arrays):
        feeds, labels = given_feeds(data, None, ["pixels"])
        assert list(feeds) == ["pixels"]
        np.testing.assert_array_equal(feeds["pixels"], LOGITS)
        np.testing.assert_array_equal(labels, LABELS)
    assert given_feeds(arrays, LOGITS, ["pixels"])[1] is LOGITS
    feeds, labels = given_feeds(LOGITS, None, ["pixels"])
    assert feeds["pixels"] is LOGITS
    assert labels is None
    # an input of that name is none of the labels
    assert given_feeds(arrays, None, ["pixels", "labels"])[1] is None


def test_data_that_lack_an_input_are_refused() -> None:
    with pytest.raises(LogitconfError, match="the data must hold the model's inputs"):
        given_feeds({"other": LOGITS}, None, ["pixels"])
    with pytest.raises(LogitconfError, match="a host of several inputs needs arrays by name"):
        given_feeds(LOGITS, None, ["a", "b"])


def test_rows_with_a_label_to_ignore_are_not_kept() -> None:
    one, several = np.array([3, 255, 0, -1]), np.array([[0, 1], [1, -1], [0, 0], [255, 255]])
    for labels, expected in ((one, [0, 2]), (several, [0, 2])):
        kept = rows_kept(labels, [255, -1], rows=4)
        assert np.flatnonzero(kept).tolist() == expected
    for wrong in (one[:3], np.array(0)):
        with pytest.raises(LogitconfError, match="one for each of 4 rows"):
            rows_kept(wrong, [255], rows=4)


def test_a_large_array_is_mapped_and_its_checksum_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logitconf_export.runtimes.stored_arrays.MAPPED_BYTES", 1000)
    logits = np.random.default_rng(0).normal(size=(300, 7)).astype(np.float32)
    wide = np.asfortranarray(logits)
    np.savez(tmp_path / "rows.npz", few=np.arange(3), logits=logits, wide=wide)
    arrays = read_arrays(tmp_path / "rows.npz")
    for name, expected in (("logits", logits), ("wide", wide)):
        assert isinstance(arrays[name], np.memmap)
        np.testing.assert_array_equal(arrays[name], expected)
    assert not isinstance(arrays["few"], np.memmap)
    np.savez_compressed(tmp_path / "small.npz", logits=logits)
    np.testing.assert_array_equal(read_arrays(tmp_path / "small.npz")["logits"], logits)
    content = bytearray((tmp_path / "rows.npz").read_bytes())
    place = content.index(logits.tobytes())
    content[place + 5] ^= 1
    (tmp_path / "changed.npz").write_bytes(content)
    with pytest.raises(LogitconfError, match="CRC"):
        read_arrays(tmp_path / "changed.npz")["logits"]
