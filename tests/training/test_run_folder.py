"""A run's folder: complete, read back without loss, skipped when finished, never mixed up."""

import json
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import torch

from masktopo import MonitorSettings
from masktopo.errors import RunError, TrainingError
from masktopo.training import DynamicSparsity, TrainingResult, train
from masktopo.training import epochs as epochs_module
from masktopo.training.identity import RunIdentity, state_digest


@pytest.fixture
def finished(model, masks, data, tmp_path):
    """The result of a finished run, and its folder."""
    folder = tmp_path / "runs" / "first"
    return train(model, masks, data, epochs=2, out=folder), folder


def test_every_file_is_there_and_readable(finished):
    result, folder = finished
    assert sorted(path.name for path in folder.iterdir()) == [
        "best.pt",
        "config.json",
        "environment.json",
        "history.csv",
        "net.masks",
        "result.json",
    ]
    figures = json.loads((folder / "result.json").read_text())
    assert figures["test_accuracy"] == result.test_accuracy
    assert figures["nnz"] == result.masks.nnz
    assert json.loads((folder / "config.json").read_text())["config"]["epochs"] == 2
    (start,) = json.loads((folder / "environment.json").read_text())["starts"]
    assert start["torch"] == torch.__version__
    state = torch.load(folder / "best.pt", weights_only=True)
    assert state_digest(state) == state_digest(result.state_dict)


def test_results_are_read_back_without_loss(finished):
    result, folder = finished
    loaded = TrainingResult.load(folder)
    pd.testing.assert_frame_equal(loaded.history, result.history, check_exact=True)
    assert state_digest(loaded.state_dict) == state_digest(result.state_dict)
    assert (loaded.masks, loaded.run) == (result.masks, result.run)
    assert loaded.test_accuracy == result.test_accuracy
    assert loaded.validation_accuracy == result.validation_accuracy
    assert loaded.best_epoch == result.best_epoch
    assert loaded.run.digest == result.run.digest


def test_dense_results_have_no_masks(model, data, tmp_path):
    train(model, None, data, epochs=1, out=tmp_path)
    assert TrainingResult.load(tmp_path).masks is None
    assert not (tmp_path / "net.masks").exists()


def test_a_finished_run_is_read_instead_of_trained(finished, model, masks, data, monkeypatch):
    result, folder = finished
    monkeypatch.setattr(import_module("masktopo.training.train"), "fit", None)
    again = train(model, masks, data, epochs=2, out=folder)
    pd.testing.assert_frame_equal(again.history, result.history)


def test_a_stopped_run_is_trained_again(finished, model, masks, data, monkeypatch):
    result, folder = finished
    stopped = folder.parent / "stopped"
    epochs = []

    def stop_at_the_second(*given, epoch, **named):
        epochs.append(epoch)
        if epoch == 2:
            raise KeyboardInterrupt
        return original(*given, epoch=epoch, **named)

    original = epochs_module.train_epoch_of_all
    with monkeypatch.context() as patch:
        patch.setattr(epochs_module, "train_epoch_of_all", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            train(model, masks, data, epochs=2, out=stopped)
    with pytest.raises(RunError, match=r"result.json is missing"):
        TrainingResult.load(stopped)
    again = train(model, masks, data, epochs=2, out=stopped)
    assert epochs == [1, 2]
    assert state_digest(again.state_dict) == state_digest(result.state_dict)
    assert (stopped / "best.pt").exists()


@pytest.mark.parametrize(
    ("change", "found", "wanted"),
    [
        ({"learning_rate": 0.01}, "learning_rate=0.1", "learning_rate=0.01"),
        ({"rng": 1, "batch_size": 64}, "batch_size=128, seed=0", "batch_size=64, seed=1"),
        ({"masks": None}, "masks=[0-9a-f]{24}", "masks=dense"),
        ({"data": "synthetic:1x4x4:2"}, "train_data=[0-9a-f]{24}, test_data=", "train_data="),
    ],
)
def test_a_folder_of_another_run_is_refused(finished, model, masks, data, change, found, wanted):
    _, folder = finished
    given = {"masks": masks, "data": data, "epochs": 2, **change}
    before = state_digest(torch.load(folder / "best.pt", weights_only=True))
    message = rf"first holds a run with {found}.* but this one has {wanted}"
    with pytest.raises(RunError, match=message):
        train(model, given.pop("masks"), given.pop("data"), out=folder, **given)
    assert state_digest(torch.load(folder / "best.pt", weights_only=True)) == before


def test_another_start_is_another_run(finished, model, masks, data):
    _, folder = finished
    initial = model.state_dict()
    initial["fc2.bias"] = initial["fc2.bias"] + 1
    with pytest.raises(RunError, match="initial="):
        train(model, masks, data, epochs=2, initial=initial, out=folder)


def test_another_activation_is_another_run(finished, model, masks, data):
    _, folder = finished
    model.relu1 = torch.nn.GELU()
    with pytest.raises(RunError, match="network=Sequential"):
        train(model, masks, data, epochs=2, out=folder)


def test_weights_at_pruned_places_do_not_make_another_run(finished, model, masks, data):
    result, folder = finished
    with torch.no_grad():
        model.fc1.weight[torch.from_numpy(~masks["fc1"].mask)] = 5.0
    again = train(model, masks, data, epochs=2, out=folder)
    assert again.run == result.run


@pytest.mark.parametrize(
    "name", ["config.json", "result.json", "best.pt", "net.masks", "history.csv"]
)
def test_damaged_files_are_named(finished, name):
    _, folder = finished
    (folder / name).write_bytes((folder / name).read_bytes()[:20])
    with pytest.raises(RunError, match=rf"{name}"):
        TrainingResult.load(folder)
    (folder / name).unlink()
    with pytest.raises(RunError, match=rf"{name}"):
        TrainingResult.load(folder)


def test_masks_that_prune_nothing_are_read_back_without_a_warning(model, masks, data, tmp_path):
    ones = masks.with_masks({name: layer.mask | True for name, layer in masks.items()}, origin="x")
    train(model, ones, data, epochs=1, out=tmp_path)
    assert TrainingResult.load(tmp_path).masks == ones


def test_figures_that_are_missing_are_named(finished):
    _, folder = finished
    (folder / "result.json").write_text('{"test_accuracy": 1.0}')
    with pytest.raises(RunError, match=r"result.json lacks 'validation_accuracy'"):
        TrainingResult.load(folder)


def test_a_record_of_something_else_is_refused():
    with pytest.raises(RunError, match="this is no training run's configuration"):
        RunIdentity.from_dict({"config": {"epochs": 1}})


def test_masks_of_another_run_are_refused(finished):
    result, folder = finished
    other = {"fc2": ~result.masks["fc2"].mask}
    result.masks.with_masks(other, origin="other").save(folder / "net.masks")
    with pytest.raises(RunError, match=r"net.masks holds the masks [0-9a-f]{16}, but the run had"):
        TrainingResult.load(folder)


def revive(result):
    """Give the pruned weights of ``fc1`` a value that no sum would show."""
    result.state_dict["fc1.weight"][torch.from_numpy(~result.masks["fc1"].mask)] = 1e-30


REVIVED = r"layer 'fc1': \d+ of \d+ pruned weights are not 0"


def test_weights_that_came_back_are_not_saved(finished, tmp_path):
    result, _ = finished
    revive(result)
    with pytest.raises(TrainingError, match=REVIVED):
        result.save(tmp_path / "second")
    assert not (tmp_path / "second").exists()


def test_weights_that_came_back_are_not_loaded(finished):
    result, folder = finished
    revive(result)
    torch.save(result.state_dict, folder / "best.pt")
    with pytest.raises(TrainingError, match=REVIVED + r" in .*best.pt"):
        TrainingResult.load(folder)


def test_folders_without_a_run_are_refused(tmp_path):
    with pytest.raises(RunError, match=r"result.json is missing, so this is no folder of a fin"):
        TrainingResult.load(tmp_path)


def test_a_saved_result_leaves_nothing_of_the_one_before(finished, model, data, tmp_path):
    monitored = train(model, None, data, epochs=1, monitor="density", out=tmp_path)
    assert monitored.topology is not None
    finished[0].save(tmp_path)
    assert TrainingResult.load(tmp_path).topology is None
    monitored.save(tmp_path)
    assert not (tmp_path / "net.masks").exists()
    pd.testing.assert_frame_equal(TrainingResult.load(tmp_path).topology, monitored.topology)


def test_numpy_numbers_are_written(model, data, tmp_path):
    given = {
        "epochs": np.int64(1),
        "learning_rate": np.float32(0.1),
        "dynamic": DynamicSparsity(every=np.int64(2), fraction=np.float32(0.25)),
        "density": 0.2,
        "monitor": MonitorSettings("density", every=np.int64(2)),
        "rng": np.int64(3),
    }
    first = train(model, None, data, out=tmp_path, **given)
    loaded = TrainingResult.load(tmp_path)
    assert (loaded.run, loaded.run.digest) == (first.run, first.run.digest)
    assert train(model, None, data, out=tmp_path, **given).run == first.run
