"""What a monitored run leaves: the history of its masks, whole even where it was stopped."""

import copy
import time

import pandas as pd
import pytest
import torch

import masktopo
from masktopo import MonitorSettings
from masktopo.errors import RunError
from masktopo.monitor import NETWORK
from masktopo.monitor.snapshot import Snapshot
from masktopo.training import DynamicSparsity, TrainingResult, train
from masktopo.training.identity import state_digest
from masktopo.training.topology import read_topology
from tests.training.test_resume import assert_ends_alike, stop_in_epoch

# Epochs of 3 steps, so that snapshots and checkpoints fall together and apart.
OPTIONS = {"epochs": 4, "learning_rate": 0.05, "monitor": MonitorSettings("spectral", every=2)}


def assert_same(first, second):
    pd.testing.assert_frame_equal(first, second)


def test_the_topology_is_that_of_masks_and_weights_of_each_step(model, masks, data):
    copies = {}

    def keep(network, step):
        copies[step] = copy.deepcopy(network)

    result = train(model, masks, data, after_step=keep, **OPTIONS)
    table = result.topology
    assert table["step"].unique().tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert table["layer"].unique().tolist() == [*masks, NETWORK]
    start = masktopo.analyze(masks, metrics="spectral").layers
    at = {step: rows.set_index("layer") for step, rows in table.groupby("step")}
    assert (at[0].loc[list(masks), "imsg"] == start["imsg"]).all()
    for step in (2, 8):
        weights = {name: copies[step].get_parameter(f"{name}.weight") for name in masks}
        given = masks.with_weights({n: w.detach().numpy() for n, w in weights.items()})
        report = masktopo.analyze(given, metrics="spectral")
        assert (at[step].loc[list(masks), "imsg"] == report.layers["imsg"]).all()
        assert at[step].loc[NETWORK, "full_spectrum"] == report.network["full_spectrum"]


def test_what_is_recorded_after_an_update_is_the_masks_that_it_left(model, data, tmp_path):
    dynamic = DynamicSparsity(every=2)
    table = train(model, None, data, dynamic=dynamic, density=0.3, out=tmp_path, **OPTIONS).topology
    updates = sorted((tmp_path / "updates").iterdir())
    assert [int(path.stem) for path in updates] == table["step"].unique().tolist()[:-1]
    for path in updates:
        report = masktopo.analyze(path, metrics="spectral")
        rows = table[table["step"] == int(path.stem)].set_index("layer")
        assert rows.loc[NETWORK, "full_spectrum"] == report.network["full_spectrum"]
        assert (rows["nnz"][report.layers.index] == report.layers["nnz"]).all()


def test_a_monitor_does_not_change_the_training(model, masks, data):
    plain = {**OPTIONS, "monitor": None}
    assert train(model, masks, data, **plain).topology is None
    assert_ends_alike(train(model, masks, data, **OPTIONS), train(model, masks, data, **plain))


def test_dense_layers_of_a_dense_run_are_monitored(model, data):
    table = train(model, None, data, **{**OPTIONS, "monitor": ["density"]}).topology
    assert table["layer"].tolist() == ["conv1", "conv2", "conv3", "fc1", "fc2", NETWORK]
    assert set(table["density"]) == {1.0}


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_resumed_runs_topology_is_that_of_an_uninterrupted_one(
    model, data, tmp_path, monkeypatch, epoch
):
    given = (model, None, data)
    options = {**OPTIONS, "dynamic": DynamicSparsity(every=2), "density": 0.3}
    whole = train(*given, out=tmp_path / "whole", **options)
    assert_same(whole.topology, train(*given, **options).topology)
    stop_in_epoch(epoch, monkeypatch, *given, out=tmp_path / "stopped", **options)

    def interrupt(_, step):
        if step == 3 * epoch - 1:
            raise KeyboardInterrupt

    # Stopped again, two steps later: what was measured since the checkpoint is measured anew.
    with pytest.raises(KeyboardInterrupt):
        train(*given, out=tmp_path / "stopped", after_step=interrupt, **options)
    found = train(*given, out=tmp_path / "stopped", **options)
    assert_ends_alike(found, whole)
    assert_same(found.topology, whole.topology)
    files = [tmp_path / run / "topology.csv" for run in ("whole", "stopped")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert_same(TrainingResult.load(tmp_path / "stopped").topology, whole.topology)


def test_lines_after_the_checkpoint_are_cut_and_none_before_it_lost(
    model, masks, data, tmp_path, monkeypatch
):
    whole = train(model, masks, data, **OPTIONS)
    measured = Snapshot.masks

    def slowly(snapshot):
        time.sleep(0.2)
        return measured(snapshot)

    monkeypatch.setattr(Snapshot, "masks", slowly)
    stop_in_epoch(3, monkeypatch, model, masks, data, out=tmp_path, **OPTIONS)
    with (tmp_path / "topology.csv").open("a") as file:
        file.write('8,"fc1","linear"\n8,"fc2","lin')
    assert_same(train(model, masks, data, out=tmp_path, **OPTIONS).topology, whole.topology)


def test_an_error_of_the_monitor_stops_the_training_and_its_thread(model, data):
    def spoil(network, step):
        if step == 4:
            with torch.no_grad():
                network.fc1.weight[0, 0] = float("nan")

    with pytest.raises(masktopo.MasktopoError, match=r"layer 'fc1': 1 of .*nan|the loss is nan"):
        train(model, None, data, after_step=spoil, **OPTIONS)


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        ("imdb", "imsg", r"monitored with metrics=\['imdb'\], .* is monitored .*\['imsg'\]"),
        (None, "imsg", r"a run without a monitor, but this one is monitored"),
        ("imdb", None, r"monitored with .*, but this one is without a monitor"),
    ],
)
def test_a_run_has_one_monitor(model, data, tmp_path, monkeypatch, first, then, message):
    options = {"epochs": 3}
    stop_in_epoch(2, monkeypatch, model, None, data, out=tmp_path, monitor=first, **options)
    with pytest.raises(RunError, match=message):
        train(model, None, data, out=tmp_path, monitor=then, **options)


def test_a_finished_run_is_read_without_its_monitor(model, data, tmp_path):
    given = (model, None, data)
    first = train(*given, epochs=1, out=tmp_path, monitor="density")
    again = train(*given, epochs=1, out=tmp_path)
    assert state_digest(again.state_dict) == state_digest(first.state_dict)
    assert_same(again.topology, first.topology)
    with pytest.raises(RunError, match="but this one is monitored with"):
        train(*given, epochs=1, out=tmp_path, monitor="imdb")


@pytest.mark.parametrize("content", [None, "", '"step","layer"\n"four","fc1"\n'])
def test_a_damaged_file_is_named(model, data, tmp_path, monkeypatch, content):
    options = {"epochs": 3, "monitor": "density", "out": tmp_path}
    stop_in_epoch(2, monkeypatch, model, None, data, **options)
    path = tmp_path / "topology.csv"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(RunError, match=r"topology.csv is missing or damaged"):
        train(model, None, data, **options)
    with pytest.raises(RunError, match=r"topology.csv is missing or damaged"):
        read_topology(path)


@pytest.mark.parametrize("name", ["NA", "1", "inf"])
def test_a_layers_name_stays_a_name(tmp_path, name):
    network = torch.nn.Sequential()
    network.add_module(name, torch.nn.Linear(3, 3))
    data = (torch.rand(40, 3), torch.arange(40) % 3)
    options = {"epochs": 1, "monitor": ["density", "log10_paths", "min_cut_layer"]}
    result = train(network, None, data, out=tmp_path, **options)
    assert result.topology["layer"].tolist() == [name, NETWORK]
    assert_same(result.topology, train(network, None, data, **options).topology)


def test_texts_that_are_empty_everywhere_are_read_back_as_texts(model, data, tmp_path):
    options = {"epochs": 1, "monitor": MonitorSettings("nm_pattern", every=2)}
    in_memory = train(model, None, data, **options).topology
    assert set(in_memory["nm_pattern"].dropna()) == {""}
    assert_same(train(model, None, data, out=tmp_path, **options).topology, in_memory)
    assert_same(TrainingResult.load(tmp_path).topology, in_memory)
