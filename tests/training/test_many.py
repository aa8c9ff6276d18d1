"""Many masks at once: a stack trains each of its members as it would train alone."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import masktopo
from masktopo.data import TensorData, resolve_data
from masktopo.errors import ArgumentError, TrainingError
from masktopo.networks import build_network
from masktopo.training import TrainConfig, TrainingResult, fit_stack, loop, train, train_many
from masktopo.training import epochs as epochs_module
from masktopo.training.checkpoint import load_checkpoint
from masktopo.training.masked import hold_pruned_at_zero, pruned_places
from masktopo.training.optimizer import make_optimizer
from masktopo.training.stack import split_state, stack_networks
from tests.training.test_train import assert_same_result

OPTIONS = {"epochs": 3, "learning_rate": 0.05, "rng": 5}


def random_mask(network, density, seed):
    return masktopo.prune(network, method="random-erk", density=density, rng=seed)


@pytest.fixture
def several(model):
    """Four masks of different densities."""
    return [random_mask(model, density, seed) for seed, density in enumerate((0.1, 0.3, 0.5, 0.9))]


def network_of_all_kinds():
    """Every kind of module that stacks, with a tie."""
    tied = nn.Linear(12, 12)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, groups=3, padding=1, padding_mode="reflect"),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.ConvTranspose2d(6, 4, 2, stride=2, groups=2),
        nn.GroupNorm(2, 4),
        nn.Conv2d(4, 8, 3, dilation=2),
        nn.InstanceNorm2d(8, affine=True, track_running_stats=True),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(1),
        nn.Linear(8, 12, bias=False),
        nn.BatchNorm1d(12, affine=False),
        tied,
        nn.Tanh(),
        tied,
        nn.Linear(12, 5),
    )


NETWORKS = {
    "all kinds": (network_of_all_kinds, (3, 8, 8)),
    "resnet20": (lambda: build_network("resnet20", input_shape=(3, 8, 8), n_classes=5), (3, 8, 8)),
    "mlp": (lambda: build_network("mlp", input_shape=(3, 4, 4), n_classes=5), (3, 4, 4)),
    "linear": (lambda: nn.Linear(7, 5), (7,)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_first_steps_are_those_of_networks_alone(name, monkeypatch):
    """In float64, so that rounding is far below what one wrong gradient would do."""
    make, shape = NETWORKS[name]
    torch.manual_seed(0)
    networks = [make().double() for _ in range(3)]
    for network in networks:
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.4)
    masks = [random_mask(network, 0.5, seed) for seed, network in enumerate(networks)]
    networks = [chosen.apply(network) for chosen, network in zip(masks, networks, strict=True)]
    inputs, labels = torch.rand(20, *shape).double(), torch.arange(20) % 5
    data = resolve_data((inputs.float(), labels)).train
    monkeypatch.setattr(TensorData, "normalised", lambda _, chosen: chosen.double())
    stack = stack_networks(networks, inputs[:4])
    config = TrainConfig(batch_size=5, epochs=1)
    pruned = [
        pruned_places(chosen, dict(network.named_parameters(remove_duplicate=False)))
        for chosen, network in zip(masks, networks, strict=True)
    ]
    joined = {key: torch.cat([places[key] for places in pruned]) for key in pruned[0]}
    parameters = dict(stack.network.named_parameters(remove_duplicate=False))
    optimizer = make_optimizer(stack, config)
    hold_pruned_at_zero(optimizer, parameters, joined)
    found = loop.train_epoch_of_all(stack, optimizer, data, config, seed=1, epoch=1)
    states = split_state(stack.network.state_dict(), 3)
    momenta = split_state(optimizer.state_dict(), 3)
    for member, network in enumerate(networks):
        alone = make_optimizer(network, config)
        own = dict(network.named_parameters(remove_duplicate=False))
        hold_pruned_at_zero(alone, own, pruned[member])
        expected = loop.train_epoch(network, alone, data, config, seed=1, epoch=1)
        assert found[member].loss == pytest.approx(expected.loss, rel=1e-9)
        assert found[member].accuracy == expected.accuracy
        assert list(states[member]) == list(network.state_dict())
        for key, value in network.state_dict().items():
            torch.testing.assert_close(states[member][key], value, rtol=1e-8, atol=1e-10)
        for place, state in alone.state_dict()["state"].items():
            momentum = momenta[member]["state"][place]["momentum_buffer"]
            torch.testing.assert_close(momentum, state["momentum_buffer"], rtol=1e-8, atol=1e-10)


def test_results_are_those_of_one_by_one(model, several, data):
    sources = [*several, None]
    found = train_many(model, sources, data, stack=3, **OPTIONS)
    for result, source in zip(found, sources, strict=True):
        expected = train(model, source, data, **OPTIONS)
        assert result.run == expected.run
        assert result.masks == expected.masks
        assert result.best_epoch == expected.best_epoch
        assert abs(result.test_accuracy - expected.test_accuracy) <= 2 / 75
        columns = ["epoch", "loss", "train_accuracy", "validation_accuracy", "learning_rate"]
        pd.testing.assert_frame_equal(
            result.history[columns], expected.history[columns], rtol=0, atol=0.05
        )
        assert list(result.state_dict) == list(expected.state_dict)
        for name, value in expected.state_dict.items():
            torch.testing.assert_close(result.state_dict[name], value, rtol=0.02, atol=0.02)
        for name, layer in (source or {}).items():
            assert not result.state_dict[f"{name}.weight"].numpy()[~layer.mask].any()
    accuracies = {result.test_accuracy for result in found}
    assert len(accuracies) > 1


def test_every_member_has_its_own_best_epoch(model, several, data, monkeypatch):
    validated = iter([[0.5, 0.2, 0.1], [0.5, 0.4, 0.3], [0.1, 0.1, 0.9]])
    monkeypatch.setattr(epochs_module, "accuracies", lambda *_: next(validated))
    found = train_many(model, several[:3], data, stack=3, **OPTIONS)
    assert [result.best_epoch for result in found] == [1, 2, 3]
    assert [result.validation_accuracy for result in found] == [0.5, 0.4, 0.9]


def test_a_stack_of_one_is_one_by_one(model, masks, data):
    found = train_many(model, [masks, None], data, stack=1, **OPTIONS)
    assert_same_result(found[0], train(model, masks, data, **OPTIONS))
    assert_same_result(found[1], train(model, None, data, **OPTIONS))


def stop_after(epoch, monkeypatch, *given, **options):
    """Train a stack until an interrupt within an epoch."""
    original = epochs_module.train_epoch_of_all

    def stopping(*arguments, **named):
        if named["epoch"] > epoch:
            raise KeyboardInterrupt
        return original(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(epochs_module, "train_epoch_of_all", stopping)
        with pytest.raises(KeyboardInterrupt):
            train_many(*given, **options)


def assert_same_but_for_run(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert_same_result(one, other)


def test_a_stopped_stack_goes_on_and_a_finished_run_is_read(
    model, several, data, tmp_path, monkeypatch
):
    given = (model, several[:3], data)
    whole = train_many(*given, stack=3, **OPTIONS)
    stop_after(2, monkeypatch, *given, stack=3, out=tmp_path, **OPTIONS)
    assert [len(load_checkpoint(path).rows) for path in sorted(tmp_path.glob("*/last.pt"))] == [
        *(2, 2, 2)
    ]
    size = (tmp_path / "0000" / "last.pt").stat().st_size
    alone = sum(value.nbytes for value in model.state_dict().values())
    assert size < 4 * alone + 50_000
    assert_same_but_for_run(train_many(*given, stack=3, out=tmp_path, **OPTIONS), whole)
    assert not list(tmp_path.glob("*/last.pt"))
    monkeypatch.setattr("masktopo.training.many.fit_stack", None)
    assert_same_but_for_run(train_many(*given, stack=3, out=tmp_path, **OPTIONS), whole)
    assert_same_result(TrainingResult.load(tmp_path / "0002"), whole[2])


def test_runs_that_were_stopped_apart_go_on_apart(model, several, data, tmp_path, monkeypatch):
    sizes, original = [], fit_stack.fit_stack
    given = (model, several, data)
    stop_after(2, monkeypatch, model, several[:2], data, stack=2, out=tmp_path, **OPTIONS)
    # As if it had been killed between the two checkpoints of an epoch.
    for path in (tmp_path / "0001").iterdir():
        path.unlink()

    def counted(networks, *more, **named):
        sizes.append((len(networks), len(named["lasts"][0].rows)))
        return original(networks, *more, **named)

    monkeypatch.setattr("masktopo.training.many.fit_stack", counted)
    found = train_many(*given, stack=3, out=tmp_path, **OPTIONS)
    assert sorted(sizes) == [(1, 2), (3, 0)]
    assert [result.masks.digest for result in found] == [chosen.digest for chosen in several]


def test_a_run_of_a_stack_goes_on_alone(model, several, data, tmp_path, monkeypatch):
    stop_after(2, monkeypatch, model, several[:2], data, stack=2, out=tmp_path, **OPTIONS)
    alone = train(model, several[1], data, out=tmp_path / "0001", **OPTIONS)
    whole = train_many(model, several[:2], data, stack=2, **OPTIONS)
    for name, value in whole[1].state_dict.items():
        torch.testing.assert_close(alone.state_dict[name], value, rtol=1e-3, atol=1e-4)


def test_a_loss_that_is_not_finite_is_an_error(model, several, data):
    with pytest.raises(TrainingError, match="the loss is nan in epoch 1"):
        train_many(model, several[:2], data, stack=2, epochs=1, learning_rate=1e25)


def test_a_momentum_that_comes_back_is_noticed(model, several, data, monkeypatch):
    monkeypatch.setattr(fit_stack.HeldWeights, "hold", lambda held: fit_stack.fenced_rng())
    with pytest.raises(TrainingError, match="pruned weights are not 0 after epoch 1"):
        train_many(model, several[:2], data, stack=2, **OPTIONS)


class Joined(nn.Module):
    """Its channels come from two layers; a head of zeros hides which."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 1)
        self.both, self.head = nn.Conv2d(8, 8, 1), nn.Linear(32, 3)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, inputs):
        one = self.one(inputs).relu()
        both = torch.cat([one, self.two(one).relu()], dim=1)
        return self.head(self.both(both).relu().flatten(1))


class Centred(nn.Module):
    """Mixes channels in training alone."""

    def __init__(self):
        super().__init__()
        self.fc, self.head = nn.Linear(16, 8), nn.Linear(8, 3)

    def forward(self, inputs):
        hidden = self.fc(inputs.flatten(1))
        return self.head(hidden - hidden.mean() if self.training else hidden)


class Normalised(nn.Module):
    """Channels of one member are next to those of another; it is little that they mix."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 1), nn.Linear(64, 3)
        self.norm = nn.LocalResponseNorm(5)

    def forward(self, inputs):
        return self.head(self.norm(self.conv(inputs)).flatten(1))


class Mixing(nn.Module):
    """Its forward pass does to channels what `how` says."""

    def __init__(self, how):
        super().__init__()
        self.how, self.fc = how, nn.Linear(16, 3)

    def forward(self, inputs):
        return self.fc(self.how(inputs.flatten(1)))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.Flatten(), nn.LayerNorm(16), nn.Linear(16, 3)), r"of 1 \(LayerNorm\)"),
        (Joined(), "its logits in a stack are not its own"),
        (Centred(), "in training, its logits depend on the other members"),
        (Normalised(), "in training, its logits depend on the other members"),
        (Mixing(lambda values: values.softmax(dim=1)), "its logits in a stack are not its own"),
        (Mixing(lambda values: values.view(-1, 16)), "mixes or counts channels"),
        (Mixing(lambda values: values[:, :16]), "mixes or counts channels"),
    ],
)
def test_models_that_do_not_stack_are_refused(network, message, data):
    masks = [random_mask(network, 0.5, seed) for seed in range(2)]
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ArgumentError, match=message) as caught:
        train_many(network, masks, data, epochs=1, stack=2)
    assert "stack=None trains one network after another" in str(caught.value)
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in before.items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dynamic": "itop"}, "a stack does not take dynamic"),
        ({"monitor": "imdb", "after_step": print}, "a stack does not take monitor, after_step"),
        ({"stack": 0}, "stack must be at least 1, not 0"),
        ({"lr": 1}, "training has no option lr"),
    ],
)
def test_what_does_not_go_with_a_stack_is_refused(model, masks, data, options, message):
    with pytest.raises(ArgumentError, match=message):
        train_many(model, [masks, masks], data, **{"stack": 2, **options})


@pytest.mark.parametrize("dropout", [nn.Dropout(0.5), nn.Dropout1d(0.5), nn.AlphaDropout(0.5)])
def test_dropout_stacks_and_global_states_are_left_alone(dropout, data):
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), dropout, nn.Linear(8, 3))
    masks = [random_mask(network, 0.5, seed) for seed in range(2)]
    before = torch.get_rng_state()
    train_many(network, masks, data, epochs=1, stack=2)
    assert torch.equal(before, torch.get_rng_state())


def test_initial_weights_are_those_of_every_member(model, several, data):
    initial = {name: value * 0.5 for name, value in model.state_dict().items()}
    options = {**OPTIONS, "epochs": 1, "initial": initial}
    found = train_many(model, several[:2], data, stack=2, **options)
    expected = train(model, several[1], data, **options)
    assert found[1].run == expected.run
    assert np.isclose(found[1].history["loss"], expected.history["loss"], rtol=1e-3).all()
