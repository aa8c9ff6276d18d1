"""Files that carry code are refused by name, and their code does not run."""

import argparse
import os
import pickle
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from masktopo import load_masks
from masktopo.errors import CheckpointError, UnsafeCheckpointError
from masktopo.masks.formats.numpy_objects import NUMPY_STAND_INS
from tests.masks import checkpoints as make


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def zip_of_protocol(content, path, protocol):
    torch.save(content, path, pickle_protocol=protocol)


def legacy_of_protocol(content, path, protocol):
    torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=False)


def plain_pickle(content, path, protocol):
    path.write_bytes(pickle.dumps(content, protocol=protocol))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("save", [zip_of_protocol, legacy_of_protocol, plain_pickle])
def test_code_is_named_and_does_not_run(save, protocol, tmp_path):
    path, trace = tmp_path / "net.pt", tmp_path / "trace"
    content = {"fc.weight": [0, 1], "name": "posix", "x": Hostile(f"touch {trace}")}
    save(content, path, protocol)
    expected = r"net\.pt is refused: opening it would call (.*, )?posix\.system.* save tensors only"
    with pytest.raises(UnsafeCheckpointError, match=expected):
        load_masks(path)
    assert not trace.exists()
    if save is plain_pickle:
        pickle.loads(path.read_bytes())
        assert trace.exists(), "the file must be one that does run code elsewhere"


def test_arguments_of_a_script(tmp_path):
    path = make.save_zip({"args": argparse.Namespace(lr=0.1), "fc": torch.eye(2)}, tmp_path / "a")
    with pytest.raises(UnsafeCheckpointError, match=r"argparse\.Namespace.*torch\.save\(model\.st"):
        load_masks(path)


def test_whole_models(tmp_path):
    path = make.save_zip({"net": nn.Linear(2, 2)}, tmp_path / "net.pth.tar")
    with pytest.raises(UnsafeCheckpointError, match=r"torch\.nn\.modules\.linear\.Linear"):
        load_masks(path)


def test_later_protocol_without_code(tmp_path):
    torch.save(make.pruned_network().state_dict(), tmp_path / "net.pt", pickle_protocol=4)
    with pytest.raises(CheckpointError, match=r"cannot be opened safely; save its tensors again"):
        load_masks(tmp_path / "net.pt")


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_script_archives(tmp_path):
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "net.pt")
    with pytest.raises(UnsafeCheckpointError, match=r"net\.pt is a TorchScript archive, which is"):
        load_masks(tmp_path / "net.pt")


class ForgedDtype:
    """An object dtype that denies holding objects, so that NumPy takes bytes for addresses."""

    def __reduce__(self):
        return np.dtype, ("O8", False, True), (3, "|", None, None, None, -1, -1, 0)


class ForgedArray:
    """An array of such a dtype, with bytes of the file in the place of objects."""

    def __reduce__(self):
        rebuild = np.array(0).__reduce__()[0]
        state = (1, (1,), ForgedDtype(), False, b"\x01" * 8)
        return rebuild, (np.ndarray, (0,), b"b"), state


def test_forged_numpy_arrays(tmp_path):
    path = make.save_zip({"fc": ForgedArray()}, tmp_path / "net.pt")
    with pytest.raises(CheckpointError, match=r"NumPy arrays of type 'O8' are not read"):
        load_masks(path)


def edited(content, path: Path, old: bytes, new: bytes) -> Path:
    """Save, and then change the pickle within the archive."""
    make.save_zip(content, path)
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    pickled = next(name for name in records if name.endswith("data.pkl"))
    assert old in records[pickled]
    records[pickled] = records[pickled].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    return path


def test_numpy_arrays_of_another_size(tmp_path):
    content = {"fc": np.eye(3, dtype=np.float32)}
    path = edited(content, tmp_path / "net.pt", b"K\x03K\x03\x86", b"K\x03K\x7f\x86")
    with pytest.raises(CheckpointError, match=r"truncated, damaged .*cannot reshape array of size"):
        load_masks(path)


def test_files_read_at_the_same_time(tmp_path):
    content = {"masks": make.masks(), "best": np.float32(1)}
    paths = [make.save_zip(content, tmp_path / str(place)) for place in range(40)]
    filters = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(load_masks, paths):
            make.assert_masks(found, make.masks())
    assert warnings.filters == filters


def test_stand_ins_are_allowed_only_while_a_file_is_read(tmp_path):
    before = set(torch.serialization.get_safe_globals())
    make.assert_masks(
        load_masks(make.save_zip({"masks": make.masks(), "best": np.float32(1)}, tmp_path / "a")),
        make.masks(),
    )
    assert set(torch.serialization.get_safe_globals()) == before
    assert not set(NUMPY_STAND_INS) & set(before)
