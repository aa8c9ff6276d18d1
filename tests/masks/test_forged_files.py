"""Files that were made to exhaust the machine, and not by chance."""

import io
import json
import pickle
import sys
import zipfile

import numpy as np
import pytest
import torch

from masktopo import load_masks
from masktopo.errors import CheckpointError, MaskError
from masktopo.masks.formats import torchfile
from masktopo.masks.survey import survey
from tests.masks import checkpoints as make
from tests.masks.fuzz import Reader, allowed_bytes

EYE = np.eye(2, dtype=np.float32)


def safetensors(path, header):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + EYE.tobytes())
    return path


def entry(**change):
    return {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]} | change


def test_the_forger_can_write_a_right_file(tmp_path):
    path = safetensors(tmp_path / "net", {"fc.weight": entry(), "__metadata__": {"a": "b"}})
    assert load_masks(path)["fc"].nnz == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [2, 3]}, r"of type F32 and shape \(2, 3\) takes 24 bytes, but 16 are given"),
        ({"shape": [2**40, 2**40]}, "takes 4835703278458516698824704 bytes, but 16"),
        ({"shape": [10**4000, 10**4000]}, "must be integers, few and not negative"),
        ({"shape": [1] * 65}, "must be integers, few and not negative"),
        ({"shape": [-2, -2]}, "must be integers, few and not negative"),
        ({"shape": [True, 4]}, "must be integers, few and not negative"),
        ({"shape": 4}, "cannot be read"),
        ({"data_offsets": [0, 16, 32]}, "cannot be read"),
        ({"data_offsets": [16, 0]}, "but -16 are given"),
        ({"data_offsets": [8, 24]}, "overlap or leave gaps at byte"),
        ({"dtype": "F64"}, "takes 32 bytes, but 16 are given"),
        ({"dtype": "F4"}, "'fc.weight' holds numbers of type F4; expected one of BOOL"),
        ({"dtype": 3}, "must be integers"),
    ],
)
def test_entries_of_safetensors(change, message, tmp_path):
    with pytest.raises(CheckpointError, match=f"net.*{message}"):
        load_masks(safetensors(tmp_path / "net", {"fc.weight": entry(**change)}))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b'{"a": {"dtype": "F32"}, "a": {}}', "it has a more than once"),
        (b'{"a": 1}', "the entry of 'a' cannot be read"),
        (b"{" * 99_999, "little else than brackets"),
        (b'{"a": ' + b"9" * 5000 + b"}", "cannot be read: Exceeds the limit"),
        (b'{"a\xff": 1}', "cannot be read: 'utf-8' codec"),
    ],
)
def test_headers_of_safetensors(header, message, tmp_path):
    with pytest.raises(CheckpointError, match=f"net.*{message}"):
        load_masks(safetensors(tmp_path / "net", header))


@pytest.mark.parametrize("length", [123, 379, 9 * 256 + 123])
def test_headers_whose_length_is_a_brace(length, tmp_path):
    text = json.dumps({"fc.weight": entry()}).encode().ljust(length)
    assert list(load_masks(safetensors(tmp_path / "net", text))) == ["fc"]


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        (3, "its metadata 'masktopo' states no order of names"),
        ("{}", "states no order of names"),
        ('{"order": "fc.weight"}', "states no order of names"),
        ('{"order": [3]}', "states no order of names"),
        ("order", "cannot be read: Expecting value"),
        ("[" * 99_999, "little else than brackets"),
        ("\ud800", "cannot be read: Expecting value"),
    ],
)
def test_orders_that_cannot_be_read(stated, message, tmp_path):
    header = {"fc.weight": entry(), "__metadata__": {"masktopo": stated}}
    with pytest.raises(CheckpointError, match=f"net.*{message}"):
        load_masks(safetensors(tmp_path / "net", header))


@pytest.mark.parametrize("names", [[], ["fc"], ["fc.weight"] * 2, ["fc.weight", "__metadata__"]])
def test_orders_of_other_names(names, tmp_path):
    header = {
        "fc.weight": entry(),
        "__metadata__": {"masktopo": json.dumps({"order": names})},
    }
    assert list(load_masks(safetensors(tmp_path / "net", header))) == ["fc"]


@pytest.mark.parametrize("metadata", [None, 3, [], ["masktopo"]])
def test_metadata_of_no_kind(metadata, tmp_path):
    header = {"fc.weight": entry(), "__metadata__": metadata}
    assert list(load_masks(safetensors(tmp_path / "net", header))) == ["fc"]


def test_overlapping_tensors(tmp_path):
    with pytest.raises(CheckpointError, match="overlap or leave gaps"):
        load_masks(safetensors(tmp_path / "net", {"a.weight": entry(), "b.weight": entry()}))


def test_headers_that_end_after_the_file(tmp_path):
    (tmp_path / "net").write_bytes((10**7).to_bytes(8, "little") + b"{" + bytes(30))
    with pytest.raises(CheckpointError, match="a header of 10000000 bytes does not fit"):
        load_masks(tmp_path / "net")


@pytest.mark.parametrize("load", [load_masks, survey])
def test_names_of_half_characters(load, tmp_path):
    path = safetensors(
        tmp_path / "net", b'{"fc\\ud800.weight": ' + json.dumps(entry()).encode() + b"}"
    )
    with pytest.raises(MaskError, match="its name holds half of a character"):
        load(path)


def npy_header(text: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", "it has .* describes"),
        (b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3)}", "truncated or damaged"),
        (b"{'descr': '<f4', 'fortran_order': 1, 'shape': (2, 2)}", "truncated or damaged"),
        (b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"9" * 4000 + b",)}", "damaged"),
        (b"{'descr': 'nonsense', 'fortran_order': False, 'shape': (2, 2)}", "damaged"),
        (b"[" * 3000, "damaged"),
        (b"x" * 20_000, "a header of 20000 bytes"),
        (b"__import__('os').abort()", "damaged"),
    ],
)
def test_headers_of_arrays(text, message, tmp_path):
    (tmp_path / "net.npy").write_bytes(npy_header(text) + EYE.tobytes())
    with pytest.raises(CheckpointError, match=rf"net\.npy .*{message}"):
        load_masks(tmp_path / "net.npy")


def archive_of(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def test_archives_that_unfold_without_bounds(tmp_path):
    header = npy_header(b"{'descr': '|b1', 'fortran_order': False, 'shape': (200000000,)}")
    members = [("fc.npy", header + bytes(200_000_000))]
    path = archive_of(tmp_path / "net.npz", members, zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match=r"net\.npz of \d+ bytes would unfold to 2000000"):
        load_masks(path)


def test_compressed_archives_of_torch(tmp_path):
    whole = make.save_zip(make.pruned_network().state_dict(), tmp_path / "net.pt")
    with zipfile.ZipFile(whole) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    archive_of(whole, members, zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match=r"net\.pt compresses .*data\.pkl, .* never does"):
        load_masks(whole)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_with_two_members_of_one_name(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, EYE)
    path = archive_of(tmp_path / "net.npz", [("fc.npy", buffer.getvalue())] * 2)
    with pytest.raises(CheckpointError, match=r"net\.npz has fc\.npy more than once"):
        load_masks(path)


def storage_of_another_size(path):
    """A file of torch whose pickle claims more numbers than its record holds."""
    make.save_zip({"fc.weight": torch.from_numpy(EYE)}, path)
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    forged = [(name, data.replace(b"K\x04t", b"J\xff\xff\xff\x7ft")) for name, data in members]
    assert forged != members
    return archive_of(path, forged)


@pytest.mark.parametrize("mapped_from", [0, 10**9])
def test_storages_of_another_size(mapped_from, tmp_path, monkeypatch):
    monkeypatch.setattr(torchfile, "_MAPPED_FROM", mapped_from)
    path = storage_of_another_size(tmp_path / "net.pt")
    try:
        found = load_masks(path)
    except CheckpointError:
        return
    np.testing.assert_array_equal(found["fc"].mask, EYE > 0)


def test_large_files_of_torch_are_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(torchfile, "_MAPPED_FROM", 0)
    path = make.save_zip(make.hooked_network().state_dict(), tmp_path / "net.pt")
    make.assert_masks(load_masks(path), make.masks())


def legacy_bomb(path):
    path.write_bytes(b"\x80\x02" + b"]" * 3_000_000 + b".")
    return path


def zip_bomb(path):
    content = b"\x80\x02" + b"]" * 3_000_000 + b"."
    return archive_of(path, [("net/data.pkl", content), ("net/version", b"3\n")])


@pytest.mark.parametrize("make_bomb", [legacy_bomb, zip_bomb])
@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_pickles_of_nothing_but_lists(make_bomb, tmp_path):
    path = make_bomb(tmp_path / "net.pt")
    with pytest.raises(
        CheckpointError, match=r"net\.pt is damaged: its pickle would make far more"
    ):
        load_masks(path)
    reader = Reader()
    outcome, peak = reader.read(path)
    reader.close()
    assert outcome == "CheckpointError"
    assert peak < allowed_bytes(path.stat().st_size)


def test_long_pickles_of_tensors_are_read(tmp_path):
    mask = np.random.default_rng(0).random((1000, 1000)) < 0.5
    content = {"masks": {"fc": mask}, "log": list(range(60_000))}
    path = make.save_zip(content, tmp_path / "net.pt")
    assert len(pickle.dumps(content)) > 2**20
    np.testing.assert_array_equal(load_masks(path)["fc"].mask, mask)
