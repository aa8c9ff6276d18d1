"""Damage to the files of a run is noticed, be it a single bit; what is read is what was written."""

import shutil

import numpy as np
import pytest

from masktopo.errors import RunError
from masktopo.sampling import opening
from masktopo.sampling.result import PagsResult
from masktopo.sampling.sampler import pags
from masktopo.sampling.work import Work
from tests.sampling.test_pags import assert_same
from tests.training.test_damage import damaged

SETTINGS = {"density": 0.3, "samples": 3, "batches": 2, "batch_size": 8, "pool": 4}
OPTIONS = {**SETTINGS, "rng": 7, "pretrain_steps": 2}

RESULT = (
    *("chosen.masks", "ticket.masks", "unrepaired.masks", "history.csv", "layers.csv"),
    *("initial.pt", "settings.json", "result.json"),
)
STATE = (
    *("settings.json", "initial.pt", "pool.npy", "ticket.npz", "candidates.jsonl"),
    *("explored.npy", "masks/000001.npz", "masks/000003.npz"),
)


@pytest.fixture(scope="module")
def whole(model, data, tmp_path_factory):
    """The folder of a finished run with every kind of file, and its result."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        as_on_gpu(patch)
        result = pags(model, data, **OPTIONS, out=folder)
    assert set(result.winners) >= {1, 3}
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names - {"masks/000000.npz", "masks/000002.npz"} == {*RESULT, *STATE}
    return folder, result


def as_on_gpu(patch):
    """Let the pool be a file, and masks be stored."""
    patch.setattr(opening, "MOST_BYTES", 0)
    patch.setattr(Work, "stores_masks", property(lambda _: True))


def errors(whole, tmp_path, name, read, times):
    """Read folders of which a file is damaged; return the messages of those that are refused."""
    source, expected = whole
    rng, messages = np.random.default_rng(len(name)), []
    for attempt in range(times):
        folder = tmp_path / str(attempt)
        shutil.copytree(source, folder)
        (folder / name).write_bytes(damaged((folder / name).read_bytes(), rng))
        try:
            assert_same(read(folder), expected)
        except RunError as error:
            messages.append(str(error))
        shutil.rmtree(folder)
    assert all(str(tmp_path) in message for message in messages)
    return messages


@pytest.mark.parametrize("name", RESULT)
def test_a_damaged_result_is_an_error_or_what_was_written(whole, tmp_path, name):
    messages = errors(whole, tmp_path, name, PagsResult.load, 80)
    assert len(messages) > 40
    assert all(name in message for message in messages)


@pytest.mark.parametrize("name", STATE)
def test_a_damaged_run_is_an_error_or_goes_on_to_the_same_result(
    whole, tmp_path, monkeypatch, model, data, name
):
    as_on_gpu(monkeypatch)
    messages = errors(
        whole, tmp_path, name, lambda folder: pags(model, data, **OPTIONS, out=folder), 40
    )
    assert len(messages) > (0 if name.startswith("masks") else 12)


def test_a_result_that_lacks_an_entry_is_named(whole, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(whole[0], folder)
    (folder / "result.json").write_text('{"digest": "' + whole[1].masks.digest + '"}')
    with pytest.raises(RunError, match=r"result\.json lacks 'explored'"):
        PagsResult.load(folder)
