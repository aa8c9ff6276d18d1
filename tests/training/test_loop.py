"""Epochs: batches, figures, and what is refused."""

import pytest
import torch
from torch import nn

from masktopo.data import TensorData
from masktopo.data.torch_random import fenced_rng, torch_stream
from masktopo.errors import ArgumentError, DataError, TrainingError
from masktopo.training import TrainConfig
from masktopo.training.loop import _batches, accuracy, check_model_fits, train_epoch
from masktopo.training.optimizer import make_optimizer


class Recorder(nn.Module):
    """Keeps the batches that it is given; its logits are the inputs, scaled."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.batches = []

    def forward(self, inputs):
        self.batches.append(inputs[:, 0].tolist())
        return inputs * self.scale


def numbered(count):
    inputs = torch.arange(float(count))[:, None] * torch.tensor([1.0, -1.0])
    return TensorData(inputs, torch.zeros(count, dtype=torch.int64), 2, "numbered")


def one_epoch(model, data, *, seed=0, epoch=1, **options):
    config = TrainConfig(epochs=10, **options)
    optimizer = torch.optim.SGD(model.parameters(), 1.0)
    with fenced_rng():
        figures = train_epoch(model, optimizer, data, config, seed=seed, epoch=epoch)
    return optimizer, figures


@pytest.mark.parametrize(
    ("count", "size", "lengths"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 5]), (4, 4, [4]), (1, 4, [1]), (3, 1, [1, 1, 1]), (3, 8, [3])],
)
def test_a_single_sample_left_over_joins_the_last_batch(count, size, lengths):
    batches = _batches(count, size, torch_stream(0))
    assert [len(batch) for batch in batches] == lengths
    assert torch.cat(batches).sort().values.tolist() == list(range(count))


def test_order_is_a_function_of_seed_and_epoch():
    orders = []
    for seed, epoch in [(0, 1), (0, 1), (0, 2), (1, 1)]:
        model = Recorder()
        one_epoch(model, numbered(20), seed=seed, epoch=epoch, batch_size=8)
        orders.append(tuple(map(tuple, model.batches)))
    assert orders[0] == orders[1]
    assert len(set(orders)) == 3


def test_figures_are_means_over_samples_of_unequal_batches():
    data = TensorData(
        torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]]),
        torch.zeros(3, dtype=torch.int64),
        2,
        "x",
    )
    model = Recorder()
    model.scale.requires_grad_(False)
    anchor = nn.Parameter(torch.zeros(1))
    model.register_parameter("anchor", anchor)
    plain = model.forward
    model.forward = lambda inputs: plain(inputs) + anchor
    _, figures = one_epoch(model, data, batch_size=2)
    losses = torch.nn.functional.cross_entropy(data.inputs.double(), data.labels, reduction="sum")
    # The losses are summed in single precision.
    assert figures.loss == pytest.approx(float(losses) / 3, rel=1e-6)
    assert figures.accuracy == 2 / 3


def test_learning_rate_is_that_of_the_epoch():
    optimizer, _ = one_epoch(Recorder(), numbered(4), epoch=6, learning_rate=0.2)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.02)


def test_augmentation_is_applied_to_the_batches_and_drawn_anew_every_epoch():
    # Equal images, so that only the augmentation's own draws can differ.
    images = torch.rand(1, 2, 5, 5, generator=torch_stream(0)).expand(6, -1, -1, -1)
    data = TensorData(images, torch.zeros(6, dtype=torch.int64), 2, "images")

    class Summed(Recorder):
        def forward(self, inputs):
            self.batches.append(inputs.detach().clone())
            return inputs.mean(dim=(2, 3)) * self.scale

    seen = []
    for epoch, augment in [(1, "crop-flip"), (1, "crop-flip"), (2, "crop-flip"), (1, None)]:
        model = Summed()
        one_epoch(model, data, epoch=epoch, augment=augment)
        seen.append(sorted(image.sum().item() for image in model.batches[0]))
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]
    assert seen[3] == sorted(image.sum().item() for image in images)


def test_accuracy_counts_in_evaluation_mode():
    inputs = torch.eye(3).repeat(700, 1)  # more than one evaluation batch
    data = TensorData(inputs, torch.tensor([0, 1, 0]).repeat(700), 3, "eye")
    model = nn.Sequential(nn.Dropout(0.9))
    assert accuracy(model, data) == 2 / 3
    assert not model.training


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_an_accuracy_of_logits_that_are_not_finite_is_an_error(number):
    data = TensorData(torch.eye(3), torch.tensor([0, 1, 2]), 3, "eye")
    with pytest.raises(TrainingError, match="logits for eye are not finite"):
        accuracy(AddsToTheFirst(float(number)), data)
    # A class that a model rules out is no answer, and nothing is wrong with the others.
    assert accuracy(AddsToTheFirst(-float("inf")), data) == 2 / 3


def test_loss_that_is_not_finite_names_the_epoch():
    with pytest.raises(TrainingError, match="the loss is nan in epoch 7 of 10, at learning rate"):
        one_epoch(BrokenLogits(), numbered(5), epoch=7)


class AddsToTheFirst(nn.Module):
    def __init__(self, number):
        super().__init__()
        self.number = torch.tensor([number, 0.0, 0.0])

    def forward(self, inputs):
        return inputs + self.number


class BrokenLogits(Recorder):
    def forward(self, inputs):
        return inputs * self.scale * float("nan")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Linear(5, 2), r"the model cannot take samples of shape \(2,\) from numbered"),
        (nn.BatchNorm2d(2), r"cannot take samples of shape \(2,\) from numbered: expected 4D"),
        (nn.Bilinear(2, 2, 2), r"cannot take samples .* missing 1 required"),
        (nn.Linear(2, 1), r"logits of shape \(1, 2\) for one sample of numbered, not \(1, 1\)"),
        (nn.GRU(2, 2), "for one sample of numbered, not tuple"),
        (nn.Unflatten(1, (2, 1)), r"not \(1, 2, 1\)"),
    ],
)
def test_models_that_do_not_fit_the_data_are_refused(model, message):
    with pytest.raises(DataError, match=message):
        check_model_fits(model, numbered(3))


def test_a_batch_that_normalisation_cannot_train_on_is_refused():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2))
    config = TrainConfig(batch_size=1)
    with pytest.raises(DataError, match="no step can be taken with a batch of 1: Expected more"):
        train_epoch(model, make_optimizer(model, config), numbered(3), config, seed=0, epoch=1)


@pytest.mark.parametrize("model", [nn.Flatten(), nn.Linear(2, 2).requires_grad_(False)])
def test_nothing_to_train_is_an_error(model):
    with pytest.raises(ArgumentError, match="has no parameter that can be trained"):
        make_optimizer(model, TrainConfig())
