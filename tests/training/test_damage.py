"""Damage to the files of a run is noticed, be it a single bit; what is read is what was written."""

import contextlib
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from masktopo import MonitorSettings
from masktopo.errors import RunError
from masktopo.training import DynamicSparsity, TrainingResult, results, train
from masktopo.training.checkpoint import load_checkpoint
from masktopo.training.identity import state_digest
from masktopo.training.result import read_weights
from masktopo.training.tensor_file import write_tensors
from tests.training.test_resume import stop_in_epoch

READ = ("best.pt", "config.json", "history.csv", "net.masks", "result.json", "topology.csv")
"""The files that a result is made of."""

OPTIONS = {"epochs": 2, "learning_rate": 0.05}


@pytest.fixture(scope="module")
def whole(small, data, tmp_path_factory):
    """The folder of a finished run of every kind of file, and its result."""
    folder = tmp_path_factory.mktemp("whole")
    options = {"dynamic": DynamicSparsity(every=2), "density": 0.2, **OPTIONS}
    monitor = MonitorSettings(["density", "nm_pattern"], every=3)
    train(small, None, data, monitor=monitor, out=folder, **options)
    return folder, TrainingResult.load(folder)


@pytest.fixture(scope="module")
def small():
    """A model whose files are a few kilobytes."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))


def damaged(content, rng):
    """Flip a bit of `content`, or cut it off."""
    place = int(rng.integers(len(content)))
    if rng.random() < 0.2:
        return content[:place]
    flipped = bytearray(content)
    flipped[place] ^= 1 << int(rng.integers(8))
    return bytes(flipped)


def assert_same(found, expected):
    assert found.run == expected.run
    assert found.masks == expected.masks
    assert state_digest(found.state_dict) == state_digest(expected.state_dict)
    for name in ("history", "topology"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(expected, name))
    for name in ("test_accuracy", "validation_accuracy", "best_epoch"):
        assert getattr(found, name) == getattr(expected, name)


@pytest.mark.parametrize("name", READ)
def test_a_damaged_result_is_an_error_or_what_was_written(whole, tmp_path, name):
    source, expected = whole
    folder = tmp_path / "run"
    shutil.copytree(source, folder)
    content, rng = (folder / name).read_bytes(), np.random.default_rng(len(name))
    messages = []
    for _ in range(150):
        (folder / name).write_bytes(damaged(content, rng))
        try:
            assert_same(TrainingResult.load(folder), expected)
        except RunError as error:
            messages.append(str(error))
    assert len(messages) > 75
    assert all(str(folder) in message for message in messages)


def test_a_damaged_checkpoint_is_an_error_or_what_was_written(small, data, tmp_path, monkeypatch):
    stop_in_epoch(2, monkeypatch, small, None, data, out=tmp_path, **OPTIONS)
    path, rng = tmp_path / "last.pt", np.random.default_rng(0)
    content, expected = path.read_bytes(), load_checkpoint(path)
    refused = 0
    for _ in range(300):
        path.write_bytes(damaged(content, rng))
        try:
            found = load_checkpoint(path)
        except RunError:
            refused += 1
            continue
        for name in ("state_dict", "best_state_dict"):
            assert state_digest(getattr(found, name)) == state_digest(getattr(expected, name))
        assert (found.rows, found.best_epoch) == (expected.rows, expected.best_epoch)
        assert str(found.optimizer) == str(expected.optimizer)
    assert refused > 150


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], "best.pt holds a list; expected tensors by name"),
        ({"fc.weight": 1.0, "x": torch.ones(1)}, "best.pt holds no tensor as 'fc.weight'"),
    ],
)
def test_files_of_something_else_are_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "best.pt")
    with pytest.raises(RunError, match=message):
        read_weights(tmp_path / "best.pt")


def strip_checksums(folder):
    """Make a result of before there were checksums."""
    text = (folder / "result.json").read_text()
    (folder / "result.json").write_text(text[: text.index(',\n  "files"')] + "\n}\n")


def test_a_history_that_lacks_epochs_is_refused(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole[0], folder)
    strip_checksums(folder)
    assert_same(TrainingResult.load(folder), whole[1])
    lines = (folder / "history.csv").read_text().splitlines(keepends=True)
    (folder / "history.csv").write_text("".join(lines[:-1]))
    message = r"history.csv is damaged: it has rows of the epochs 1; expected one .* from 1 to 2"
    with pytest.raises(RunError, match=message):
        TrainingResult.load(folder)
    assert "rows of the epochs 1;" in results([folder])["missing"][0]


def test_the_table_does_not_show_figures_that_were_changed(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole[0], folder)
    text = (folder / "result.json").read_text()
    (folder / "result.json").write_text(text.replace('"best_epoch": ', '"best_epoch": 1'))
    table = results([folder])
    assert "result.json is damaged: its entries do not have their checksum" in table["missing"][0]
    assert table["best_epoch"].isna().all()


def test_no_byte_of_an_archives_directory_hides_a_tensor(tmp_path):
    path, state = tmp_path / "best.pt", {"w": torch.randn(3, 4), "b": torch.randn(3)}
    write_tensors(state, path)
    content = path.read_bytes()
    for place in range(content.index(b"PK\1\2"), len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 0x10  # for a member's attributes, this makes it a folder
        path.write_bytes(flipped)
        with contextlib.suppress(RunError):
            assert state_digest(read_weights(path)) == state_digest(state)
