"""Whose a folder is: of the run that has begun there, and of none that has not."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch

from masktopo.errors import ArgumentError, DataError, MasktopoError, RunError, TrainingError
from masktopo.networks import build_network
from masktopo.training import DynamicSparsity, TrainingResult, early_bird, lottery_ticket, train
from masktopo.training.search import Search
from tests.training.test_resume import stop_in_epoch
from tests.training.test_tickets import BIRD

early_bird_module = import_module("masktopo.training.early_bird")

OPTIONS = {"epochs": 3, "learning_rate": 0.05}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ({"step": "graph"}, ArgumentError),
        ({"augment": "crop-flip", "data": "vectors"}, MasktopoError),
        ({"data": "digits"}, DataError),
        ({"dynamic": DynamicSparsity(every=1), "density": 0.2, "step": "graph"}, ArgumentError),
    ],
)
def test_a_call_that_took_no_step_does_not_hold_the_folder(model, data, tmp_path, call, error):
    given = {**OPTIONS, "monitor": "density", **call}
    name = given.pop("data", None)
    flat = replace(data, train=flattened(data.train), test=flattened(data.test))
    network = torch.nn.Linear(16, 3) if name == "vectors" else model
    with pytest.raises(error):
        train(network, None, {"vectors": flat, None: data}.get(name, name), out=tmp_path, **given)
    result = train(model, None, data, out=tmp_path, **OPTIONS)
    assert TrainingResult.load(tmp_path).run == result.run
    assert result.topology is None
    assert not (tmp_path / "updates").exists()


def flattened(part):
    """The samples of a data set as vectors."""
    return replace(part, inputs=part.inputs.flatten(1))


def test_a_run_that_was_stopped_holds_the_folder(model, data, tmp_path, monkeypatch):
    stop_in_epoch(2, monkeypatch, model, None, data, out=tmp_path, **OPTIONS)
    with pytest.raises(RunError, match="holds a run with epochs=3, but this one has epochs=4"):
        train(model, None, data, out=tmp_path, **{**OPTIONS, "epochs": 4})


def test_updates_hold_the_folder(model, data, tmp_path):
    def interrupt(_, step):
        if step == 2:
            raise KeyboardInterrupt

    options = {**OPTIONS, "dynamic": DynamicSparsity(every=1), "density": 0.2}
    with pytest.raises(KeyboardInterrupt):
        train(model, None, data, out=tmp_path, after_step=interrupt, **options)
    with pytest.raises(RunError, match=r"holds a run with seed=0, .*but this one has seed=1"):
        train(model, None, data, out=tmp_path, rng=1, **options)


def test_a_configuration_of_something_else_is_left_alone(model, data, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(RunError, match="this is no training run's configuration"):
        train(model, None, data, out=tmp_path, **OPTIONS)
    assert json.loads((tmp_path / "config.json").read_text()) == {"model_type": "bert"}


@pytest.mark.parametrize("below", ["", "below"])
def test_files_are_no_folders(model, data, tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"/file is a file; expected a folder"):
        train(model, None, data, out=tmp_path / "file" / below, **OPTIONS)


def test_every_start_is_recorded(model, data, tmp_path, monkeypatch):
    starts = []
    for number, version in [(1, "1"), (2, "2"), (3, "3")]:
        monkeypatch.setattr(torch, "__version__", version)
        stop_in_epoch(number, monkeypatch, model, None, data, out=tmp_path, **OPTIONS)
        record = json.loads((tmp_path / "environment.json").read_text())
        starts.append([start["torch"] for start in record["starts"]])
    # The first start had come to nothing.
    assert starts == [["1"], ["2"], ["2", "3"]]
    (tmp_path / "environment.json").write_text("{")
    with pytest.raises(RunError, match=r"environment.json is damaged"):
        train(model, None, data, out=tmp_path, **OPTIONS)


KILLED = """
import os, signal, sys
from masktopo.networks import build_network
from masktopo.training import DynamicSparsity, lottery_ticket, train

fsync = os.fsync

def die(handle):
    name = os.readlink(f"/proc/self/fd/{handle}")
    if os.path.basename(name).startswith("." + sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(handle)

os.fsync = die
model = build_network("smallcnn", input_shape=(1, 4, 4), n_classes=3, rng=0)
if sys.argv[3] == "lottery":
    lottery_ticket(model, "synthetic:1x4x4:3", rounds=1, rewind_steps=1, epochs=2, out=sys.argv[1])
else:
    dynamic = DynamicSparsity(every=2)
    train(model, None, "synthetic:1x4x4:3", epochs=2, dynamic=dynamic, out=sys.argv[1], density=0.2)
"""


def temporaries(folder):
    return sorted(path.name for path in folder.rglob(".*"))


def let_an_hour_pass(folder):
    for path in folder.rglob(".*"):
        then = path.stat().st_mtime - 3600
        os.utime(path, (then, then))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="finds names of open files there")
@pytest.mark.parametrize(
    ("name", "kind"),
    [("last.pt", "train"), ("00000002.masks", "train"), ("initial-00000001.pt", "lottery")],
)
def test_what_kills_left_is_removed(data, tmp_path, name, kind):
    foreign = ["._config.json", ".last.pt.swp", ".notes.pt.abcdefgh"]
    for other in foreign:
        (tmp_path / other).write_text("")
    for _ in range(2):
        program = [sys.executable, "-c", KILLED, str(tmp_path), name, kind]
        assert subprocess.run(program).returncode == -signal.SIGKILL
        assert len(temporaries(tmp_path)) == 1 + len(foreign)
        let_an_hour_pass(tmp_path)
    model = build_network("smallcnn", input_shape=(1, 4, 4), n_classes=3, rng=0)
    if kind == "lottery":
        lottery_ticket(model, data, rounds=1, rewind_steps=1, epochs=2, out=tmp_path)
    else:
        dynamic = DynamicSparsity(every=2)
        train(model, None, data, epochs=2, dynamic=dynamic, out=tmp_path, density=0.2)
    assert temporaries(tmp_path) == sorted(foreign)


def stop_before_the_ticket(monkeypatch, *given, **options):
    """Search until what is found is written, and no further."""

    def stopping(search, name, *arguments, **named):
        if name == "ticket":
            raise KeyboardInterrupt
        return original(search, name, *arguments, **named)

    original = Search.run
    with monkeypatch.context() as patch:
        patch.setattr(Search, "run", stopping)
        with pytest.raises(KeyboardInterrupt):
            early_bird(*given, **options)


EASY = {**BIRD, "threshold": 1.0, "window": 1, "epochs": 3}


def test_a_ticket_of_another_search_is_not_gone_on_with(model, data, tmp_path, monkeypatch):
    stop_before_the_ticket(monkeypatch, model, data, out=tmp_path, **EASY)
    for name in ("abcdefgh", "ijklmnop"):
        (tmp_path / f".initial.pt.{name}").write_text("")
        if name == "abcdefgh":
            let_an_hour_pass(tmp_path)
    assert (tmp_path / "initial.pt").exists()
    with pytest.raises(RunError, match=r"holds a search with learning_rate=0.05 and not 0.5;"):
        early_bird(model, data, out=tmp_path, **{**EASY, "learning_rate": 0.5})
    with pytest.raises(RunError, match=r"holds a search with train_data=\w+ and not \w+, test_d"):
        early_bird(model, "synthetic:1x4x4:2", out=tmp_path, **EASY)
    model[0].weight.requires_grad_(False)
    with pytest.raises(RunError, match=r"holds a search with network=Sequential \w+ and not"):
        early_bird(model, data, out=tmp_path, **EASY)
    model[0].weight.requires_grad_(True)
    ticket = early_bird(model, data, out=tmp_path, **EASY)
    assert ticket.masks["fc1"].origin == "early-bird ticket of epoch 2"
    # Another process may be writing the younger one.
    assert temporaries(tmp_path) == [".initial.pt.ijklmnop"]


def test_a_search_that_did_not_settle_gives_way(model, data, tmp_path):
    with pytest.raises(TrainingError, match="did not settle in 3 epochs"):
        early_bird(model, data, out=tmp_path, **{**EASY, "threshold": 1e-9})
    with pytest.raises(TrainingError, match="did not settle in 3 epochs"):
        early_bird(model, data, out=tmp_path, **{**EASY, "threshold": 1e-9})
    found = early_bird(model, data, out=tmp_path, **EASY)
    assert found.masks == early_bird(model, data, **EASY).masks
    assert len(list((tmp_path / "epochs").iterdir())) == 2


def test_a_search_that_was_stopped_does_not(model, data, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(early_bird_module, "mask_distance", interrupt)
        with pytest.raises(KeyboardInterrupt):
            early_bird(model, data, out=tmp_path, **EASY)
    with pytest.raises(RunError, match=r"holds a search with window=1 and not 2;"):
        early_bird(model, data, out=tmp_path, **{**EASY, "window": 2})


def interrupt(*_):
    raise KeyboardInterrupt
