"""Whole runs: what is trained, chosen, tested, repeated and left alone."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import masktopo
from masktopo.errors import ArgumentError, DataError, MaskError, TrainingError
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.training import TrainConfig, TrainingResult, loop, train, train_many
from masktopo.training import epochs as epochs_module
from masktopo.training.identity import state_digest


def timeless(history):
    return history.drop(columns=["seconds", "images_per_second"])


def assert_same_result(first, second):
    assert first.run == second.run
    assert state_digest(first.state_dict) == state_digest(second.state_dict)
    pd.testing.assert_frame_equal(timeless(first.history), timeless(second.history))
    assert (first.test_accuracy, first.best_epoch) == (second.test_accuracy, second.best_epoch)


def test_only_kept_weights_and_unmasked_parameters_train(model, masks, data):
    result = train(model, masks, data, epochs=2)
    start = model.state_dict()
    assert list(result.state_dict) == list(start)
    for name, layer in masks.items():
        trained = result.state_dict[f"{name}.weight"].numpy()
        assert not trained[~layer.mask].any()
        moved = trained[layer.mask] != start[f"{name}.weight"].numpy()[layer.mask]
        assert moved.mean() > 0.9
    for name in ("conv1.weight", "norm2.weight", "norm2.bias", "fc2.bias", "norm1.running_mean"):
        assert not torch.equal(result.state_dict[name], start[name])
    assert result.masks == masks
    assert not result.masks.has_weights


def test_masked_training_learns(model, masks, data):
    result = train(model, masks, data, epochs=6, learning_rate=0.05)
    assert result.test_accuracy > 0.9
    assert result.history["loss"].iloc[-1] < 0.5 * result.history["loss"].iloc[0]


def test_history_has_a_row_an_epoch(model, data):
    history = train(model, None, data, epochs=3, learning_rate=0.2).history
    assert list(history) == [
        "epoch",
        "loss",
        "train_accuracy",
        "validation_accuracy",
        "learning_rate",
        "seconds",
        "images_per_second",
    ]
    assert (history["images_per_second"] > 270 / history["seconds"]).all()
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["learning_rate"].tolist() == pytest.approx([0.2, 0.2, 0.02])


def test_models_and_global_states_are_left_alone(model, masks, data, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    dropout = nn.Sequential(model, nn.Dropout(0.2))
    renamed = MaskSet(LayerMask(f"0.{name}", m.mask, kind=m.kind) for name, m in masks.items())
    before = state_digest(dropout.state_dict())
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    train(dropout, renamed, data, epochs=1)
    assert state_digest(dropout.state_dict()) == before
    assert dropout.training
    assert all(parameter.grad is None for parameter in dropout.parameters())
    assert torch.equal(torch.random.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert not torch.backends.cudnn.deterministic
    assert torch.backends.cudnn.benchmark


def test_equal_seeds_give_equal_bits_whatever_the_global_state(model, masks, data):
    dropout = nn.Sequential(model, nn.Dropout(0.2))
    renamed = MaskSet(LayerMask(f"0.{name}", m.mask, kind=m.kind) for name, m in masks.items())
    results = []
    for seed, global_seed in [(3, 0), (3, 1), (4, 0)]:
        torch.manual_seed(global_seed)
        results.append(train(dropout, renamed, data, epochs=2, rng=seed))
    assert_same_result(results[0], results[1])
    assert state_digest(results[0].state_dict) != state_digest(results[2].state_dict)


def test_a_generator_gives_a_fresh_recorded_seed(model, data):
    generator = np.random.default_rng(0)
    first = train(model, None, data, epochs=1, rng=generator)
    second = train(model, None, data, epochs=1, rng=generator)
    assert first.run.seed != second.run.seed
    assert_same_result(train(model, None, data, epochs=1, rng=first.run.seed), first)


@pytest.mark.parametrize(
    ("accuracies", "best"), [([0.2, 0.5, 0.5, 0.1], 2), ([0.0, 0.0, 0.0, 0.0], 1)]
)
def test_the_earliest_best_validation_epoch_is_tested(model, data, monkeypatch, accuracies, best):
    scripted, states = iter(accuracies), []

    def scripted_accuracies(trained, part):
        assert part.digest == data.validation_part.digest
        states.append(state_digest(trained.state_dict()))
        return [next(scripted)]

    monkeypatch.setattr(epochs_module, "accuracies", scripted_accuracies)
    result = train(model, None, data, epochs=4)
    assert (result.best_epoch, result.validation_accuracy) == (best, accuracies[best - 1])
    assert state_digest(result.state_dict) == states[best - 1]
    tested = copy.deepcopy(model)
    tested.load_state_dict(result.state_dict)
    assert result.test_accuracy == loop.accuracy(tested, data.test)


def test_only_the_training_part_is_trained_on(model, data, monkeypatch):
    seen = []
    monkeypatch.setattr(
        epochs_module,
        "train_epoch_of_all",
        lambda network, optimizer, part, *rest, **named: (
            seen.append(part.digest)
            or loop.train_epoch_of_all(network, optimizer, part, *rest, **named)
        ),
    )
    train(model, None, data, epochs=1, rng=9)
    assert seen == [data.training_part.digest]


def test_initial_weights_replace_those_of_the_model(model, masks, data):
    other = masktopo.networks.build_network("smallcnn", input_shape=(1, 4, 4), n_classes=3, rng=7)
    given = train(model, masks, data, epochs=1, initial=other.state_dict())
    assert_same_result(given, train(other, masks, data, epochs=1))
    assert given.run.initial != train(model, masks, data, epochs=1).run.initial


def test_initial_weights_of_another_network_are_refused(model, data):
    with pytest.raises(ArgumentError, match="initial does not fit the model"):
        train(model, None, data, epochs=1, initial={"fc9.weight": torch.zeros(2, 2)})


def test_models_pruned_by_torch_train_under_their_own_masks(model, masks, data):
    pruned = copy.deepcopy(model)
    for name, layer in masks.items():
        kept = torch.from_numpy(layer.mask.copy())
        prune.custom_from_mask(pruned.get_submodule(name), "weight", kept)
    result = train(pruned, pruned, data, epochs=1)
    assert result.state_dict.keys() == model.state_dict().keys()
    # Their masks include conv1, which is dense.
    assert result.masks["conv1"].is_dense
    under_masks = train(model, masks, data, epochs=1)
    assert state_digest(result.state_dict) == state_digest(under_masks.state_dict)
    again = train(pruned, pruned, data, epochs=1, initial=model.state_dict())
    assert_same_result(again, result)


def test_wrapped_models_keep_their_plain_names(model, masks, data):
    wrapped = train(nn.DataParallel(model), masks, data, epochs=1)
    assert_same_result(wrapped, train(model, masks, data, epochs=1))


class Wrapper(nn.Module):
    """A module of the user's own that looks as DataParallel does, and computes something else."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, inputs):
        return self.module(0 * inputs)


def test_a_wrapper_of_another_forward_pass_is_not_looked_through(model, masks, data):
    message = "Wrapper has a single child named 'module', .* give the network itself"
    for wrapped in (Wrapper(model), nn.DataParallel(Wrapper(model))):
        with pytest.raises(ArgumentError, match=message):
            train(wrapped, masks, data, epochs=1)
        with pytest.raises(ArgumentError, match=message):
            masktopo.prune(wrapped, method="random-erk", density=0.1)
        with pytest.raises(ArgumentError, match=message):
            masktopo.trace(wrapped, torch.rand(1, 1, 4, 4))


def test_a_model_with_masks_of_its_own_is_not_taken_for_a_dense_one(model, masks, data):
    prune.random_unstructured(model.conv1, "weight", 0.9)
    for given in (None, masks):  # the masks leave conv1 out
        with pytest.raises(ArgumentError, match=r"itself has masks for conv1, .*load_masks\(model"):
            train(model, given, data, epochs=1)
    result = train(model, model, data, epochs=1)
    assert result.masks["conv1"].density == pytest.approx(0.1, abs=0.02)


def test_the_test_set_draws_from_the_seed_too(data):
    class Always(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(16, 3)

        def forward(self, inputs):
            return self.fc(nn.functional.dropout(inputs.flatten(1), 0.5))

    model, results = Always(), []
    for seed in range(3):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        results.append(train(model, None, data, epochs=1))
        assert torch.equal(before, torch.get_rng_state())
        assert_same_result(results[0], results[-1])


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cuda:x"])
def test_devices_that_are_not_there_are_named(model, data, device):
    with pytest.raises(ArgumentError, match=f"device='{device}' is not to be had"):
        train(model, None, data, epochs=1, device=device)


def test_a_weight_that_comes_back_is_an_error(model, masks, data, monkeypatch):
    monkeypatch.setattr("masktopo.training.masked._zero_places", lambda *_: None)
    with pytest.raises(TrainingError, match=r"layer 'conv2': .* are not 0 after epoch 1"):
        train(model, masks, data, epochs=1)


def test_a_diverging_run_names_its_epoch(model, data):
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) in epoch \d of 5"):
        train(model, None, data, epochs=5, learning_rate=1e12)


def test_masks_of_another_network_are_refused(model, data):
    masks = MaskSet([LayerMask("fc9", np.eye(2, dtype=bool))])
    with pytest.raises(MaskError, match="fc9"):
        train(model, masks, data, epochs=1)


def test_data_of_another_shape_is_refused(model):
    with pytest.raises(DataError, match=r"cannot take samples of shape \(1, 8, 8\) from digits"):
        train(model, None, "digits", epochs=1)


def test_options_come_from_the_configuration_and_the_keywords(model, data):
    config = TrainConfig(epochs=2, batch_size=100)
    result = train(model, None, data, config=config, learning_rate=0.05)
    assert result.config == TrainConfig(epochs=2, batch_size=100, learning_rate=0.05)
    assert train(model, None, data, config=config, epochs=1).config.epochs == 1
    with pytest.raises(ArgumentError, match="training has no option lr"):
        train(model, None, data, lr=0.05)


def test_progress_is_shown_on_request(model, data, capsys):
    train(model, None, data, epochs=1)
    assert capsys.readouterr().err == ""
    train(model, None, data, epochs=1, progress=True)
    assert "validation=" in capsys.readouterr().err


def test_many_masks_train_as_one_by_one(model, masks, data, tmp_path):
    results = train_many(model, [masks, None], data, epochs=1, rng=5, out=tmp_path)
    assert_same_result(results[0], train(model, masks, data, epochs=1, rng=5))
    assert_same_result(results[1], train(model, None, data, epochs=1, rng=5))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0000", "0001"]
    assert_same_result(TrainingResult.load(tmp_path / "0001"), results[1])


def test_many_masks_share_the_seed_of_a_generator(model, data):
    results = train_many(model, [None, None], data, epochs=1, rng=np.random.default_rng(0))
    assert_same_result(*results)
