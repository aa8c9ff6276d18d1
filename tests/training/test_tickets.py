"""Tickets: which weights are kept, what they start from, and folders that go on."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import masktopo
from masktopo.errors import ArgumentError, PruningError, RunError, TrainingError
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.training import early_bird, lottery_ticket, prune_after_training, train
from masktopo.training import epochs as epochs_module
from masktopo.training.checkpoint import load_checkpoint
from masktopo.training.early_bird import mask_distance
from masktopo.training.identity import state_digest
from masktopo.training.largest import largest_weights
from masktopo.training.lottery import round_densities
from tests.training.test_resume import stop_in_epoch

OPTIONS = {"epochs": 2, "learning_rate": 0.05}
LOTTERY = {"density": 0.25, "rounds": 2, **OPTIONS}


def naive_masks(state, kept, count):
    """Keep the largest of the weights that are kept, one after the other in order of rank."""
    ranked = sorted(
        (-abs(float(weight)), place, name, index)
        for place, (name, mask) in enumerate(kept.items())
        for index, weight in enumerate(state[f"{name}.weight"].flatten())
        if mask.flat[index]
    )
    masks = {name: np.zeros(mask.size, dtype=bool) for name, mask in kept.items()}
    for _, _, name, index in ranked[:count]:
        masks[name][index] = True
    return {name: masks[name].reshape(mask.shape) for name, mask in kept.items()}


def assert_masks(found, expected):
    assert list(found) == list(expected)
    for name, mask in expected.items():
        np.testing.assert_array_equal(found[name].mask, mask)


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_weights_equal_the_naive_reference(seed):
    rng = np.random.default_rng(seed)
    shapes = {"conv": (3, 2, 2, 2), "fc": (4, 5)}
    kept = {name: rng.random(shape) < 0.6 for name, shape in shapes.items()}
    kinds = {"conv": "conv2d", "fc": "linear"}
    masks = MaskSet(LayerMask(name, mask, kind=kinds[name]) for name, mask in kept.items())
    # Few values, so that there are ties and kept weights of 0; pruned ones are large.
    state = {
        f"{name}.weight": torch.from_numpy(np.where(mask, rng.integers(-2, 3, mask.shape), 9.0))
        for name, mask in kept.items()
    }
    for count in (masks.nnz, masks.nnz - 1, masks.nnz // 2 + 5):
        found = largest_weights(masks, state, count, origin="x")
        assert_masks(found, naive_masks(state, kept, count))
        assert found.nnz == count


def test_layers_that_are_not_pruned_stay_dense_and_empty_ones_are_named():
    masks = MaskSet(
        [
            LayerMask("words", np.ones((9, 2), dtype=bool), kind="embedding"),
            LayerMask("fc", np.ones((2, 2), dtype=bool)),
            LayerMask("head", np.ones((1, 2), dtype=bool)),
        ]
    )
    state = {"fc.weight": torch.ones(2, 2), "head.weight": torch.zeros(1, 2)}
    with pytest.warns(masktopo.MasktopoWarning, match="round 3 leaves no weight in 1 of 3 layers"):
        found = largest_weights(masks, state, 3, origin="round 3")
    assert found["words"].is_dense
    assert found["fc"].mask.tolist() == [[True, True], [True, False]]


def test_round_densities_come_from_a_rate_or_from_the_number_of_rounds():
    assert round_densities(None, 2, 0.5) == [0.5, 0.25]
    assert round_densities(0.04, 2) == pytest.approx([0.2, 0.04])
    assert round_densities(0.512, None) == pytest.approx([0.8, 0.64, 0.512])
    assert round_densities(0.5, None)[-1] == 0.5
    assert len(round_densities(0.5, None)) == 4  # 0.8 ** 4 < 0.5 < 0.8 ** 3
    assert round_densities(1.0, None) == [1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"density": None, "rounds": None}, "needs a density or a number of rounds"),
        ({"density": 1.5}, r"density must lie in \(0, 1\], not 1.5"),
        ({"rounds": 0}, "rounds must be at least 1, not 0"),
        ({"rate": 1.0}, r"rate must lie between 0 and 1, not 1.0 \(0.2 prunes 20 %\)"),
        ({"rewind_steps": -1}, "rewind_steps must be at least 0"),
        ({"rewind_steps": 7}, "rewind_steps=7, but 2 epochs of batches of 128 have only 6 steps"),
        ({"initial": {}}, "training has no option initial"),
        ({"density": 1e-9}, "keeps none"),
    ],
)
def test_lotteries_out_of_range_are_refused(model, data, options, message):
    with pytest.raises((ArgumentError, PruningError), match=message):
        lottery_ticket(model, data, **{**LOTTERY, **options})


def test_every_round_keeps_the_largest_and_starts_anew(model, data):
    before = state_digest(model.state_dict())
    ticket = lottery_ticket(model, data, rng=5, **LOTTERY)
    assert state_digest(model.state_dict()) == before == state_digest(ticket.initial)
    kept = {
        layer: np.ones(tuple(model.state_dict()[f"{layer}.weight"].shape), dtype=bool)
        for layer in ticket.masks
    }
    size = sum(mask.size for mask in kept.values())
    assert ticket.results[0].masks is None
    for last, run, density in zip(ticket.results, ticket.results[1:], (0.5, 0.25), strict=False):
        kept = naive_masks(last.state_dict, kept, round(density * size))
        assert_masks(run.masks, kept)
        alone = train(model, run.masks, data, rng=5, **OPTIONS)
        assert state_digest(run.state_dict) == state_digest(alone.state_dict)
        assert run.run == alone.run
    assert_masks(ticket.masks, kept)
    for name, layer in ticket.masks.items():
        np.testing.assert_array_equal(layer.weight, model.state_dict()[f"{name}.weight"])
    assert ticket.table["nnz"].tolist() == [size, round(size / 2), round(size / 4)]
    assert ticket.table["test_accuracy"].tolist() == [run.test_accuracy for run in ticket.results]
    assert repr(ticket).startswith(f"<Ticket: {round(size / 4)} of {size} weights, <TrainingRes")


@pytest.mark.parametrize("with_folder", [True, False])
def test_weights_are_those_of_the_step_that_is_rewound_to(
    model, data, tmp_path, monkeypatch, with_folder
):
    stop_in_epoch(2, monkeypatch, model, None, data, out=tmp_path / "stopped", **OPTIONS)
    after_epoch = load_checkpoint(tmp_path / "stopped" / "last.pt").state_dict  # of three steps
    out = tmp_path / "lottery" if with_folder else None
    ticket = lottery_ticket(model, data, rewind_steps=3, out=out, **LOTTERY)
    assert state_digest(ticket.initial) == state_digest(after_epoch)
    alone = train(model, ticket.masks, data, initial=after_epoch, **OPTIONS)
    assert state_digest(alone.state_dict) == state_digest(ticket.result.state_dict)


def counting(monkeypatch):
    """Count the epochs that are trained."""
    epochs, original = [], epochs_module.train_epoch_of_all

    def counted(*given, epoch, **named):
        epochs.append(epoch)
        return original(*given, epoch=epoch, **named)

    monkeypatch.setattr(epochs_module, "train_epoch_of_all", counted)
    return epochs


def test_a_stopped_lottery_goes_on(model, data, tmp_path, monkeypatch):
    options = {**LOTTERY, "rewind_steps": 2}
    whole = lottery_ticket(model, data, **options)
    original, begun = epochs_module.train_epoch_of_all, []

    def stopping(*given, epoch, **named):
        begun.append(epoch)
        if len(begun) == 4:  # the second epoch of the first round of pruning
            raise KeyboardInterrupt
        return original(*given, epoch=epoch, **named)

    with monkeypatch.context() as patch:
        patch.setattr(epochs_module, "train_epoch_of_all", stopping)
        with pytest.raises(KeyboardInterrupt):
            lottery_ticket(model, data, out=tmp_path, **options)
    epochs = counting(monkeypatch)
    found = lottery_ticket(model, data, out=tmp_path, **options)
    assert epochs == [2, 1, 2]
    again = lottery_ticket(model, data, out=tmp_path, **options)
    assert epochs == [2, 1, 2]
    for ticket in (found, again):
        pd.testing.assert_frame_equal(ticket.table, whole.table)
        assert ticket.masks == whole.masks
        assert state_digest(ticket.initial) == state_digest(whole.initial)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "dense",
        "initial-00000002.pt",
        "round-01",
        "round-02",
        "rounds.csv",
        "ticket.masks",
    ]
    stored = masktopo.load_masks(tmp_path / "ticket.masks")
    assert stored == whole.masks
    assert stored.has_weights
    assert pd.read_csv(tmp_path / "rounds.csv")["nnz"].tolist() == whole.table["nnz"].tolist()


def test_folders_of_another_lottery_are_refused(model, data, tmp_path):
    lottery_ticket(model, data, out=tmp_path, **LOTTERY)
    with pytest.raises(RunError, match="round-01 holds a run with masks="):
        lottery_ticket(model, data, out=tmp_path, **{**LOTTERY, "rounds": 3})
    message = r"initial-00000002.pt is missing, and .*dense has passed step 2 already"
    with pytest.raises(RunError, match=message):
        lottery_ticket(model, data, out=tmp_path, rewind_steps=2, **LOTTERY)


def test_progress_names_rounds_and_weights_on_request(model, data, capsys):
    options = {"rounds": 1, "epochs": 1}
    lottery_ticket(model, data, **options)
    assert capsys.readouterr().err == ""
    ticket = lottery_ticket(model, data, progress=True, **options)
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert f"nnz={ticket.masks.nnz:,}, test={ticket.result.test_accuracy:.3f}" in shown
    assert f"validation={ticket.result.validation_accuracy:.3f}, nnz=" in shown


def test_hooks_between_masks_and_weights_are_refused(model, data):
    nn.utils.prune.identity(model.fc1, "weight")
    with pytest.raises(PruningError, match="the weight of layer fc1 is no parameter of the model"):
        lottery_ticket(model, data, **LOTTERY)


def test_after_training_the_largest_weights_train_on(model, data, tmp_path, monkeypatch):
    epochs = counting(monkeypatch)
    again = {"epochs": 1, "learning_rate": 0.01}
    shared = {"again": again, "out": tmp_path, **OPTIONS}
    ticket = prune_after_training(model, data, density=0.1, **shared)
    dense, second = ticket.results
    trained = masktopo.networks.build_network("smallcnn", input_shape=(1, 4, 4), n_classes=3)
    trained.load_state_dict(dense.state_dict)
    assert ticket.masks == masktopo.prune(trained, method="magnitude", density=0.1)
    alone = train(trained, ticket.masks, data, **again)
    assert state_digest(second.state_dict) == state_digest(alone.state_dict)
    assert state_digest(ticket.initial) == state_digest(dense.state_dict)
    epochs.clear()
    prune_after_training(model, data, density=0.2, **shared)
    assert epochs == [1]  # the dense network is there
    lottery_ticket(model, data, rounds=1, out=tmp_path, **OPTIONS)
    assert epochs == [1, 1, 2]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "dense",
        "density-0.1",
        "density-0.2",
        "initial-00000000.pt",
        "round-01",
        "rounds.csv",
        "ticket.masks",
    ]


def test_retraining_from_the_start_is_a_lottery_of_one_round(model, data):
    retrained = prune_after_training(model, data, density=0.25, start="initial", **OPTIONS)
    lottery = lottery_ticket(model, data, **{**LOTTERY, "rounds": 1})
    pd.testing.assert_frame_equal(retrained.table, lottery.table)
    assert retrained.masks == lottery.masks
    with pytest.raises(ArgumentError, match="start='rewound' is not one of 'trained', 'initial'"):
        prune_after_training(model, data, density=0.25, start="rewound")


BIRD = {"density": 0.5, "window": 2, "threshold": 0.04, "epochs": 8, "learning_rate": 0.05}


@pytest.fixture(scope="module")
def dense_epochs(data):
    """The state after each epoch of the dense training, and the distances between their masks."""
    model = masktopo.networks.build_network("smallcnn", input_shape=(1, 4, 4), n_classes=3, rng=0)
    states = []

    def keep(network, step):
        if step % 3 == 0:
            states.append({key: value.clone() for key, value in network.state_dict().items()})

    train(model, None, data, epochs=8, learning_rate=0.05, after_step=keep)
    whole = {
        name.removesuffix(".weight"): np.ones(tuple(value.shape), dtype=bool)
        for name, value in model.state_dict().items()
        if value.ndim > 1
    }
    size = sum(mask.size for mask in whole.values())
    masks = [naive_masks(state, whole, round(size / 2)) for state in states]
    distances = [
        sum((one[name] != other[name]).sum() for name in whole) / (2 * round(size / 2))
        for one, other in itertools.pairwise(masks)
    ]
    return states, masks, distances


def test_the_early_bird_is_caught_when_masks_settle(model, data, dense_epochs):
    states, masks, distances = dense_epochs
    # Just above two in a row, so that the search ends neither at once nor at the end.
    threshold = max(distances[2:4]) * 1.0001
    pairs = [max(pair) < threshold for pair in itertools.pairwise(distances)]
    epoch = pairs.index(True) + 3
    assert 3 < epoch < 8
    ticket = early_bird(model, data, **{**BIRD, "threshold": threshold})
    assert_masks(ticket.masks, masks[epoch - 1])
    assert ticket.masks["fc1"].origin == f"early-bird ticket of epoch {epoch}"
    assert state_digest(ticket.initial) == state_digest(states[epoch - 1])
    options = {"epochs": 8, "learning_rate": 0.05}
    alone = train(model, ticket.masks, data, initial=states[epoch - 1], **options)
    assert state_digest(ticket.result.state_dict) == state_digest(alone.state_dict)


def test_a_whole_window_of_masks_is_waited_for(model, data):
    ticket = early_bird(model, data, **{**BIRD, "threshold": 1.0, "window": 3, "epochs": 4})
    assert ticket.masks["fc1"].origin == "early-bird ticket of epoch 4"


def test_a_bird_that_never_settles_is_an_error(model, data, dense_epochs, tmp_path):
    last = [round(value, 3) for value in dense_epochs[2][-2:]]
    message = rf"not settle in 8 epochs: the last distances are \[{last[0]}, {last[1]}\], not 2 und"
    with pytest.raises(TrainingError, match=message):
        early_bird(model, data, **{**BIRD, "threshold": 1e-9})


def test_a_stopped_search_goes_on_and_a_finished_one_is_read(
    model, data, dense_epochs, tmp_path, monkeypatch
):
    threshold = max(dense_epochs[2][2:4]) * 1.0001
    options = {**BIRD, "threshold": threshold}
    whole = early_bird(model, data, **options)
    ended = int(whole.masks["fc1"].origin.split()[-1])
    original, begun = epochs_module.train_epoch_of_all, []

    def stopping(*given, epoch, **named):
        begun.append(epoch)
        if len(begun) == ended - 1:  # the next epoch alone would not settle it
            raise KeyboardInterrupt
        return original(*given, epoch=epoch, **named)

    with monkeypatch.context() as patch:
        patch.setattr(epochs_module, "train_epoch_of_all", stopping)
        with pytest.raises(KeyboardInterrupt):
            early_bird(model, data, out=tmp_path, **options)
    epochs = counting(monkeypatch)
    found = early_bird(model, data, out=tmp_path, **options)
    assert epochs == [ended - 1, ended, *range(1, 9)]
    again = early_bird(model, data, out=tmp_path, **options)
    assert epochs == [ended - 1, ended, *range(1, 9)]
    for ticket in (found, again):
        assert ticket.masks == whole.masks
        assert state_digest(ticket.initial) == state_digest(whole.initial)
        pd.testing.assert_frame_equal(ticket.table, whole.table)
    assert json.loads((tmp_path / "search.json").read_text())["window"] == 2
    with pytest.raises(RunError, match=r"holds a search with window=2 and not 3, seed=0 and not 4"):
        early_bird(model, data, out=tmp_path, **{**options, "window": 3, "rng": 4})


def test_distances_count_what_was_replaced():
    words = LayerMask("words", np.ones((90, 2), dtype=bool), kind="embedding")
    first, second = (
        MaskSet([words, LayerMask("fc", np.array([kept], dtype=bool))])
        for kept in ([1, 1, 1, 0], [1, 0, 0, 0])
    )
    assert mask_distance(first, second) == 0.5
    assert mask_distance(first, first) == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.0}, r"threshold must lie in \(0, 1\], not 0.0"),
        ({"window": 0}, "window must be at least 1, not 0"),
        ({"density": 0.0}, "density must lie in"),
    ],
)
def test_birds_out_of_range_are_refused(model, data, options, message):
    with pytest.raises(ArgumentError, match=message):
        early_bird(model, data, **{**BIRD, **options})
