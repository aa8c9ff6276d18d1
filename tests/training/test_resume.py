"""A stopped run goes on after its last whole epoch, and ends as one that was not stopped."""

import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch

from masktopo.errors import RunError, TrainingError
from masktopo.training import DynamicSparsity, train
from masktopo.training import epochs as epochs_module
from masktopo.training.checkpoint import load_checkpoint
from masktopo.training.identity import state_digest

OPTIONS = {"epochs": 4, "learning_rate": 0.05}


def timeless(history):
    return history.drop(columns=["seconds", "images_per_second"])


def assert_ends_alike(found, expected):
    assert state_digest(found.state_dict) == state_digest(expected.state_dict)
    assert (found.best_epoch, found.test_accuracy) == (expected.best_epoch, expected.test_accuracy)
    pd.testing.assert_frame_equal(timeless(found.history), timeless(expected.history))


def stop_in_epoch(number, monkeypatch, *arguments, **options):
    """Train until an interrupt within an epoch; the epochs that were begun."""
    begun, original = [], epochs_module.train_epoch_of_all

    def stopping(*given, epoch, **named):
        begun.append(epoch)
        if epoch == number:
            raise KeyboardInterrupt
        return original(*given, epoch=epoch, **named)

    with monkeypatch.context() as patch:
        patch.setattr(epochs_module, "train_epoch_of_all", stopping)
        with pytest.raises(KeyboardInterrupt):
            train(*arguments, **options)
    return begun


@pytest.mark.parametrize("masked", [True, False])
def test_a_stopped_run_goes_on(model, masks, data, tmp_path, monkeypatch, masked):
    given = (model, masks if masked else None, data)
    whole = train(*given, **OPTIONS)
    folder = tmp_path / "run"
    assert stop_in_epoch(3, monkeypatch, *given, out=folder, **OPTIONS) == [1, 2, 3]
    # Stopped again in the next epoch: what was resumed is kept too.
    assert stop_in_epoch(4, monkeypatch, *given, out=folder, **OPTIONS) == [3, 4]
    assert_ends_alike(train(*given, out=folder, **OPTIONS), whole)
    assert not (folder / "last.pt").exists()


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("growth", ["random", "gradient"])
def test_a_dynamic_run_stopped_between_update_and_checkpoint_goes_on(model, data, tmp_path, growth):
    dynamic = DynamicSparsity(growth, every=2)
    options = {**OPTIONS, "dynamic": dynamic, "density": 0.2}
    counted = []

    def interrupt(_, step):
        counted.append(step)
        if step == 8:
            raise KeyboardInterrupt

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    expected = train(model, None, data, out=whole, **options)
    # Epochs of 3 steps: the checkpoint is that of step 6, and step 8 has updated since.
    with pytest.raises(KeyboardInterrupt):
        train(model, None, data, out=stopped, after_step=interrupt, **options)
    assert (stopped / "updates" / "00000008.masks").exists()
    last = load_checkpoint(stopped / "last.pt")
    assert len(last.rows) == 2
    assert last.kept["fc1"].sum() == expected.masks["fc1"].nnz < last.explored["fc1"].sum()
    found = train(
        model, None, data, out=stopped, after_step=lambda _, step: counted.append(step), **options
    )
    assert counted == [*range(1, 9), *range(7, 13)]
    assert_ends_alike(found, expected)
    assert found.masks == expected.masks
    assert files_of(stopped / "updates") == files_of(whole / "updates")


PROGRAM = """
import sys
import torch
from masktopo.networks import build_network
from masktopo import prune, train
from masktopo.training import DynamicSparsity

torch.set_num_threads(1)
model = build_network("smallcnn", input_shape=(1, 4, 4), n_classes=3, rng=0)
masks = prune(model, method="random-erk", density=0.3)
dynamic = DynamicSparsity(every=5)
train(model, masks, "synthetic:1x4x4:3", epochs=60, dynamic=dynamic, out=sys.argv[1])
"""


def test_a_killed_run_ends_as_one_that_was_not(tmp_path):
    program = [sys.executable, "-c", PROGRAM]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    with subprocess.Popen([*program, str(killed)]) as process:
        wait_for(killed / "last.pt", process)
        process.send_signal(signal.SIGKILL)
    assert 0 < len(load_checkpoint(killed / "last.pt").rows) < 60
    for folder in (killed, whole):
        subprocess.run([*program, str(folder)], check=True)
    states = [torch.load(folder / "best.pt", weights_only=True) for folder in (killed, whole)]
    assert state_digest(states[0]) == state_digest(states[1])
    histories = [timeless(pd.read_csv(folder / "history.csv")) for folder in (killed, whole)]
    pd.testing.assert_frame_equal(*histories)
    assert (killed / "net.masks").read_bytes() == (whole / "net.masks").read_bytes()
    assert len(files_of(whole / "updates")) == 36
    assert files_of(killed / "updates") == files_of(whole / "updates")


def wait_for(path, process):
    """Wait until a file is there, as long as the process lives."""
    while not path.exists():
        assert process.poll() is None, "the run ended before it was killed"
        time.sleep(0.005)


def test_a_checkpoint_writes_weights_that_are_shared_once(model, data, tmp_path, monkeypatch):
    given = (model, None, data)
    monkeypatch.setattr(
        epochs_module, "accuracies", lambda *_: [0.5]
    )  # so the first epoch stays the best
    sizes = []
    for number in (2, 3):
        folder = tmp_path / str(number)
        stop_in_epoch(number, monkeypatch, *given, out=folder, **OPTIONS)
        sizes.append((folder / "last.pt").stat().st_size)
    weights = sum(value.nbytes for value in model.state_dict().values())
    assert sizes[1] - sizes[0] == pytest.approx(weights, rel=0.05)


def test_a_damaged_checkpoint_is_named(model, data, tmp_path, monkeypatch):
    stop_in_epoch(2, monkeypatch, model, None, data, out=tmp_path, **OPTIONS)
    path = tmp_path / "last.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(RunError, match=r"last.pt is damaged; without it the run starts from"):
        train(model, None, data, out=tmp_path, **OPTIONS)
    path.unlink()
    assert len(train(model, None, data, out=tmp_path, **OPTIONS).history) == 4


def test_momentum_that_comes_back_is_an_error(model, masks, data, monkeypatch):
    def only_weights(parameter, places, optimizer):
        parameter.masked_fill_(places, 0.0)

    monkeypatch.setattr("masktopo.training.masked._zero_places", only_weights)
    message = r"layer 'conv2': \d+ of \d+ momenta of pruned weights are not 0 after epoch 1"
    with pytest.raises(TrainingError, match=message):
        train(model, masks, data, epochs=1)
