"""The monitor in loops of all sorts: what it records, when, and what it costs the loop."""

import copy
import threading
import types

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import masktopo
from masktopo.errors import ArgumentError, MaskError
from masktopo.monitor import NETWORK, MonitorSettings
from masktopo.monitor.snapshot import Snapshot

METRICS = ["mu_hat", "imsg", "full_spectrum", "valid"]


@pytest.fixture
def model():
    """A convolution and a linear layer, half pruned."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 12, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 9))
    with torch.no_grad():
        for layer in (network[0], network[3]):
            layer.weight *= torch.rand_like(layer.weight) < 0.5
    return network


def change(model):
    """Stand for a step of an optimiser: kept weights move, and one of them is lost."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 1 + 0.1 * torch.rand_like(parameter)
        kept = model[3].weight.flatten().nonzero()
        model[3].weight.flatten()[kept[0]] = 0


def expected_rows(step, source, metrics=METRICS):
    """What `analyze` says of a network, in the shape of a history."""
    report = masktopo.analyze(source, metrics=metrics)
    numbers = dict.fromkeys(report.layers.select_dtypes(["number", "bool"]), float)
    layers = report.layers.astype(numbers).rename_axis("layer").reset_index()
    network = pd.DataFrame([{"layer": NETWORK, **report.network.to_dict()}])
    table = pd.concat([layers, network], ignore_index=True)
    table.insert(0, "step", step)
    return table


def test_history_is_what_analyze_says_of_copies(model):
    copies = {0: copy.deepcopy(model)}
    with masktopo.Monitor(model, METRICS, every=2) as watching:
        watching.record()
        for step in range(1, 8):
            change(model)
            watching.step()
            copies[step] = copy.deepcopy(model)
        watching.record()
    expected = pd.concat(
        [expected_rows(step, copies[step]) for step in (0, 2, 4, 6, 7)], ignore_index=True
    )
    pd.testing.assert_frame_equal(watching.history, expected)
    counts = watching.history.query("layer == '3'")["nnz"]
    assert (np.diff(counts) == [-2, -2, -2, -1]).all()


def test_a_history_without_snapshots_has_no_rows(model):
    with masktopo.Monitor(model) as watching:
        watching.step()
    assert list(watching.history) == ["step", "layer"]
    assert watching.history.empty


def test_given_masks_keep_weights_that_are_zero(model):
    masks = masktopo.load_masks(model)
    with torch.no_grad():
        model[3].weight.zero_()
    with masktopo.Monitor(model, METRICS, masks=masks) as watching:
        watching.record()
    last = watching.history.set_index("layer")
    assert last.loc["3", "nnz"] == masks["3"].nnz
    assert last.loc["3", "mu_hat"] == masktopo.analyze(masks, metrics=METRICS).layers["mu_hat"]["3"]
    assert last.loc["3", "imsg"] == 0 or np.isnan(last.loc["3", "imsg"])


def test_masks_may_change_and_only_their_layers_are_measured(model):
    present = {"3": torch.zeros(9, 48, dtype=torch.bool)}
    with masktopo.Monitor(model, "density", every=1, masks=lambda: present) as watching:
        for row in range(3):
            present["3"][row] = True
            watching.step()
    assert watching.history["nnz"].tolist() == [48, 48, 96, 96, 144, 144]
    assert watching.history["layer"].tolist() == ["3", NETWORK] * 3


def test_masks_of_hooks_and_tied_layers_are_seen():
    first, second = nn.Linear(6, 6), nn.Linear(6, 6)
    second.weight = first.weight
    network = nn.Sequential(first, second, prune.l1_unstructured(nn.Linear(6, 4), "weight", 10))
    with masktopo.Monitor(nn.DataParallel(network), "density") as watching:
        watching.record()
    assert watching.history["layer"].tolist() == ["0", "2", NETWORK]
    assert watching.history["nnz"].tolist() == [36, 14, 50]
    masks = masktopo.load_masks(network)
    with masktopo.Monitor(network, "density", masks=masks) as again:
        again.record()
    assert (again.history["origin"].iloc[:2] == "given").all()
    pd.testing.assert_frame_equal(
        again.history.drop(columns="origin"), watching.history.drop(columns="origin")
    )


class Gate:
    """Lets measurements begin, one for each time that it is opened."""

    def __init__(self, monkeypatch):
        self.opened, self.begun, self.under_way = threading.Semaphore(0), 0, 0
        self.most, original = 0, Snapshot.masks

        def gated(snapshot):
            self.begun += 1
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            assert self.opened.acquire(timeout=20)
            self.under_way -= 1
            return original(snapshot)

        monkeypatch.setattr(Snapshot, "masks", gated)


def test_a_snapshot_is_of_its_step_whatever_happens_meanwhile(model, monkeypatch):
    gate, start = Gate(monkeypatch), copy.deepcopy(model)
    with masktopo.Monitor(model, METRICS) as watching:
        watching.record()
        change(model)
        gate.opened.release()
    pd.testing.assert_frame_equal(watching.history, expected_rows(0, start))


def test_training_waits_so_that_nothing_is_lost(model, monkeypatch):
    gate = Gate(monkeypatch)
    with masktopo.Monitor(model, "density", every=1) as watching:
        watching.step()
        opener = threading.Timer(0.1, gate.opened.release, [3])
        opener.start()
        watching.step()
        assert gate.begun >= 1
        assert len(watching.history) == 3
        watching.step()
    opener.join()
    assert sorted(set(watching.history["step"])) == [1, 2, 3]
    assert (watching.skipped, gate.most) == (0, 1)


def test_training_need_not_wait(model, monkeypatch):
    gate = Gate(monkeypatch)
    with masktopo.Monitor(model, "density", every=1, wait=False) as watching:
        for _ in range(4):
            watching.step()
        gate.opened.release(2)
        watching.flush()
        watching.step()
    assert sorted(set(watching.history["step"])) == [1, 5]
    assert watching.skipped == 3


def test_an_error_of_the_thread_comes_up_at_the_next_step(model):
    watching = masktopo.Monitor(model, "density", every=2)
    watching.step()
    with torch.no_grad():
        model[0].weight[0, 0, 0, 0] = float("nan")
    watching.step()
    while not watching._under_way.done():
        threading.Event().wait(0.01)
    with pytest.raises(MaskError, match=r"after step 2: layer '0': 1 of \d+ .* nan") as caught:
        watching.step()
    assert "measured the network after step 2" in caught.value.__notes__[0]
    assert watching.steps == 3
    with torch.no_grad():
        model[0].weight[0, 0, 0, 0] = 1
    watching.step()
    watching.close()
    assert sorted(set(watching.history["step"])) == [4]


def test_a_snapshot_that_failed_can_be_taken_again(model):
    present = {"0": torch.ones(1, 1, dtype=torch.bool)}
    watching = masktopo.Monitor(model, "density", masks=lambda: present)
    with pytest.raises(MaskError, match="the mask has shape"):
        watching.record()
    present["0"] = torch.ones_like(model[0].weight, dtype=torch.bool)
    watching.record()
    watching.close()
    assert watching.history["step"].unique().tolist() == [0]


def interrupted_within(watching):
    with watching:
        watching.record()
        raise KeyboardInterrupt


def test_close_raises_what_is_left_but_hides_no_other_error(model):
    with torch.no_grad():
        model[0].weight.fill_(float("inf"))
    with pytest.raises(MaskError, match="infinite"), masktopo.Monitor(model) as watching:
        watching.record()
    watching = masktopo.Monitor(model)
    with pytest.raises(KeyboardInterrupt):
        interrupted_within(watching)
    with pytest.raises(ArgumentError, match="this monitor is closed"):
        watching.record()


class CallbackOfLightning:
    """As in docs/training.md, with the start recorded, too."""

    def on_train_start(self, trainer, pl_module):
        self.monitor = masktopo.Monitor(pl_module, "density", every=2)
        self.monitor.record()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.monitor.step(trainer.global_step)

    def on_train_end(self, trainer, pl_module):
        self.monitor.close()


def test_a_callback_of_lightning_counts_the_trainers_steps(model):
    """A stand-in for its trainer, which takes a step for every two batches."""
    callback, trainer = CallbackOfLightning(), types.SimpleNamespace(global_step=0)
    callback.on_train_start(trainer, model)
    for batch in range(13):
        if batch % 2:
            change(model)
            trainer.global_step += 1
        callback.on_train_batch_end(trainer, model, None, None, batch)
    callback.on_train_end(trainer, model)
    history = callback.monitor.history
    assert history["step"].tolist() == [0] * 3 + [2] * 3 + [4] * 3 + [6] * 3


def test_a_hook_of_an_optimiser_is_enough(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with masktopo.Monitor(model, "density", every=3) as watching:
        optimizer.register_step_post_hook(lambda *_: watching.step())
        for _ in range(7):
            model(torch.ones(2, 2, 4, 4)).sum().backward()
            optimizer.step()
    assert sorted(set(watching.history["step"])) == [3, 6]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": "spectrum"}, "metrics='spectrum' is not one of"),
        ({"every": 0}, "every must be at least 1, not 0"),
        ({"encoding": "coiled"}, "encoding='coiled' is not one of 'rolled'"),
        ({"convention": "mine"}, "convention='mine' is not one of 'pags23'"),
    ],
)
def test_unknown_settings_are_refused_at_once(model, options, message):
    with pytest.raises(ArgumentError, match=message):
        masktopo.Monitor(model, **options)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("4", (9, 48), "no layer for the masks of 4"),
        ("3", (9, 47), r"layer '3': the mask has shape \(9, 47\), but the model's weight has \(9"),
    ],
)
def test_masks_that_do_not_fit_are_refused_where_they_are_recorded(model, name, shape, message):
    watching = masktopo.Monitor(model, masks={name: np.eye(*shape, dtype=bool)})
    with pytest.raises(MaskError, match=message):
        watching.record()


def test_a_wiring_gives_end_to_end_metrics(model):
    wiring = masktopo.trace(model, torch.zeros(1, 2, 4, 4))
    with masktopo.Monitor(model, "effective_nodes", wiring=wiring) as watching:
        watching.record()
    report = masktopo.analyze(model, metrics="effective_nodes", wiring=wiring)
    last = watching.history.set_index("layer").loc[NETWORK]
    assert last["effective_nodes"] == report.network["effective_nodes"]
    assert MonitorSettings(wiring=wiring).to_dict()["wiring"] is not None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_copies_from_a_gpu_are_of_their_step(model, order):
    expected = []
    model = model.to("cuda")
    model[0].to(memory_format=order)
    with masktopo.Monitor(model, METRICS, every=1) as watching:
        for step in range(1, 6):
            change(model)
            watching.step()
            expected.append(expected_rows(step, copy.deepcopy(model).cpu()))
            torch.cuda._sleep(10**7)
    pd.testing.assert_frame_equal(watching.history, pd.concat(expected, ignore_index=True))
