"""A stopped run goes on after its last whole epoch, and ends as one that was not stopped."""

import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch

from masktopo.errors import RunError, TrainingError
from masktopo.training import fit, train
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
    begun, original = [], fit.train_epoch

    def stopping(*given, epoch, **named):
        begun.append(epoch)
        if epoch == number:
            raise KeyboardInterrupt
        return original(*given, epoch=epoch, **named)

    with monkeypatch.context() as patch:
        patch.setattr(fit, "train_epoch", stopping)
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


PROGRAM = """
import sys
import torch
from masktopo.networks import build_network
from masktopo import prune, train

torch.set_num_threads(1)
model = build_network("smallcnn", input_shape=(1, 4, 4), n_classes=3, rng=0)
masks = prune(model, method="random-erk", density=0.3)
out = None if sys.argv[1] == "none" else sys.argv[1]
result = train(model, masks, "synthetic:1x4x4:3", epochs=int(sys.argv[2]), out=out)
"""


def test_a_killed_run_ends_as_one_that_was_not(tmp_path):
    program = [sys.executable, "-c", PROGRAM]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    with subprocess.Popen([*program, str(killed), "60"]) as process:
        wait_for(killed / "last.pt", process)
        process.send_signal(signal.SIGKILL)
    assert 0 < len(load_checkpoint(killed / "last.pt").rows) < 60
    for folder in (killed, whole):
        subprocess.run([*program, str(folder), "60"], check=True)
    states = [torch.load(folder / "best.pt", weights_only=True) for folder in (killed, whole)]
    assert state_digest(states[0]) == state_digest(states[1])
    histories = [timeless(pd.read_csv(folder / "history.csv")) for folder in (killed, whole)]
    pd.testing.assert_frame_equal(*histories)


def wait_for(path, process):
    """Wait until a file is there, as long as the process lives."""
    while not path.exists():
        assert process.poll() is None, "the run ended before it was killed"
        time.sleep(0.005)


def test_a_checkpoint_writes_weights_that_are_shared_once(model, data, tmp_path, monkeypatch):
    given = (model, None, data)
    monkeypatch.setattr(fit, "accuracy", lambda *_: 0.5)  # so the first epoch stays the best
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
