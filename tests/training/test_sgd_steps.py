"""Masked steps of SGD against explicit NumPy, in double precision."""

import numpy as np
import pytest
import torch
from torch import nn

from masktopo.data import TensorData
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.training import TrainConfig
from masktopo.training.loop import train_epoch
from masktopo.training.masked import hold_pruned_at_zero, pruned_places
from masktopo.training.optimizer import make_optimizer
from tests.naive.sgd import train_masked_regression


class DoubleRegression(nn.Module):
    """Softmax regression in double precision."""

    def __init__(self, weight, bias):
        super().__init__()
        self.fc = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        with torch.no_grad():
            self.fc.weight.copy_(torch.from_numpy(weight))
            self.fc.bias.copy_(torch.from_numpy(bias))

    def forward(self, inputs):
        return self.fc(inputs.double())


@pytest.mark.parametrize(("nesterov", "momentum"), [(True, 0.9), (False, 0.9), (False, 0.0)])
def test_steps_equal_the_naive_reference(nesterov, momentum):
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(3, 4)), rng.normal(size=3)
    keep = rng.random((3, 4)) < 0.5
    inputs = rng.normal(size=(6, 4)).astype(np.float32)
    labels = np.array([0, 1, 2, 2, 1, 0])
    options = {"momentum": momentum, "nesterov": nesterov, "weight_decay": 0.05}
    # Rates 0.5, 0.5, 0.05, 0.005: the milestones are part of what is compared.
    config = TrainConfig(epochs=4, batch_size=6, learning_rate=0.5, **options)
    expected = train_masked_regression(
        weight,
        bias,
        keep,
        inputs.astype(np.float64),
        labels,
        rates=[0.5, 0.5, 0.05, 0.005],
        **options,
    )

    model = DoubleRegression(weight, bias)
    optimizer = make_optimizer(model, config)
    parameters = dict(model.named_parameters())
    masks = MaskSet([LayerMask("fc", keep)])
    hold_pruned_at_zero(optimizer, parameters, pruned_places(masks, parameters))
    data = TensorData(torch.from_numpy(inputs), torch.from_numpy(labels), 3, "six samples")
    for epoch, (next_weight, next_bias) in enumerate(expected, start=1):
        train_epoch(model, optimizer, data, config, seed=0, epoch=epoch)
        found = model.fc.weight.detach().numpy()
        np.testing.assert_allclose(found, next_weight, rtol=1e-10)
        np.testing.assert_allclose(model.fc.bias.detach().numpy(), next_bias, rtol=1e-10)
        assert not found[~keep].any()


def test_two_steps_by_hand():
    # One sample of class 0, x = 1, weights (0, 0): the softmax gives a half each, so the first
    # gradient is (-1/2, 1/2). With rate 1 and Nesterov momentum 1/2 the first step is 1.5 times
    # that. Weight 1 is pruned, so the logits are then (3/4, 0).
    model = DoubleRegression(np.zeros((2, 1)), np.zeros(2))
    model.fc.bias.requires_grad_(False)
    config = TrainConfig(epochs=2, learning_rate=1.0, momentum=0.5, weight_decay=0.0, milestones=())
    optimizer = make_optimizer(model, config)
    parameters = dict(model.named_parameters())
    masks = MaskSet([LayerMask("fc", np.array([[True], [False]]))])
    hold_pruned_at_zero(optimizer, parameters, pruned_places(masks, parameters))
    data = TensorData(torch.ones(1, 1), torch.tensor([0]), 2, "one sample")
    figures = train_epoch(model, optimizer, data, config, seed=0, epoch=1)
    assert figures.loss == pytest.approx(np.log(2), rel=1e-12)
    assert model.fc.weight.flatten().tolist() == [0.75, 0.0]
    train_epoch(model, optimizer, data, config, seed=0, epoch=2)
    gradient = 1 / (1 + np.exp(-0.75)) - 1
    speed = 0.5 * -0.5 + gradient
    assert model.fc.weight[0, 0].item() == pytest.approx(0.75 - (gradient + 0.5 * speed), rel=1e-12)
    assert model.fc.weight[1, 0].item() == 0.0
