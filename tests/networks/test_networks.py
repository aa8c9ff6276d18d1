"""The networks: their layers, their seeds, and what they refuse."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from masktopo.errors import ArgumentError
from masktopo.networks import NETWORKS, build_network
from masktopo.training.identity import state_digest


def layer_shapes(model):
    return {
        name.removesuffix(".weight"): tuple(value.shape)
        for name, value in model.named_parameters()
        if value.ndim > 1
    }


def users_factory(input_shape, n_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(sum(input_shape), n_classes))


def no_network(input_shape, n_classes):
    return "network"


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_give_a_logit_for_every_class(name):
    model = build_network(name, input_shape=(3, 16, 12), n_classes=7)
    assert model(torch.zeros(2, 3, 16, 12)).shape == (2, 7)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_seed_decides_the_weights_and_the_global_state_does_not(name):
    digests = []
    for seed, global_seed in [(4, 0), (4, 1), (5, 0)]:
        torch.manual_seed(global_seed)
        before = torch.random.get_rng_state()
        model = build_network(name, input_shape=(1, 8, 8), n_classes=10, rng=seed)
        assert torch.equal(torch.random.get_rng_state(), before)
        digests.append(state_digest(model.state_dict()))
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_are_kaiming_normal(name):
    model = build_network(name, input_shape=(1, 8, 8), n_classes=10, rng=0)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            scaled = parameter.detach().flatten() * (parameter[0].numel() / 2) ** 0.5
            # Five standard errors of the mean and of the standard deviation.
            assert abs(float(scaled.mean())) < 5 / scaled.numel() ** 0.5
            assert abs(float(scaled.std()) - 1) < 5 / (2 * scaled.numel()) ** 0.5
    biases = [value for key, value in model.named_parameters() if key.endswith("fc2.bias")]
    assert biases
    assert not any(bias.any() for bias in biases)


def test_layers_of_lenet():
    model = build_network("lenet-300-100", input_shape=(1, 28, 28), n_classes=10)
    assert layer_shapes(model) == {"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}


def test_smallcnn_is_a_chain_that_its_layer_order_wires():
    model = build_network("smallcnn", input_shape=(1, 8, 8), n_classes=10)
    shapes = layer_shapes(model)
    assert list(shapes) == ["conv1", "conv2", "conv3", "fc1", "fc2"]
    convolutions = [shapes[name] for name in ("conv1", "conv2", "conv3")]
    for before, after in pairwise(convolutions):
        assert before[0] == after[1]
    assert all(shape[2:] == (3, 3) for shape in convolutions)
    assert shapes["fc1"][1] % convolutions[-1][0] == 0
    assert shapes["fc1"][0] == shapes["fc2"][1]
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 89_632


@pytest.mark.parametrize("shape", [(64,), (1, 3, 8), (1, 8, 8, 8)])
def test_smallcnn_refuses_what_is_no_image(shape):
    with pytest.raises(ArgumentError, match="smallcnn takes images of shape"):
        build_network("smallcnn", input_shape=shape, n_classes=10)


def test_users_factories_are_seeded_too():
    name = f"{__name__}:users_factory"
    first, second, third = (
        build_network(name, input_shape=(2, 3), n_classes=4, rng=seed).state_dict()
        for seed in (0, 0, 1)
    )
    assert tuple(first["1.weight"].shape) == (4, 5)
    assert state_digest(first) == state_digest(second) != state_digest(third)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet9", "network='resnet9' is not one of 'lenet-300-100', 'mlp', 'smallcnn'"),
        ("no_such_package:net", "there is no network factory 'no_such_package:net'"),
        ("torch.nn:NoSuchNet", "there is no network factory 'torch.nn:NoSuchNet'"),
        ("torch:float32", "'torch:float32' is not callable"),
        (f"{__name__}:no_network", "returned str, expected nn.Module"),
    ],
)
def test_unknown_networks_are_refused(name, message):
    with pytest.raises(ArgumentError, match=message):
        build_network(name, input_shape=(1, 8, 8), n_classes=10)
