"""The networks: their layers, their seeds, and what they refuse."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from masktopo.errors import ArgumentError
from masktopo.masks.model import masks_of_module
from masktopo.networks import NETWORKS, build_network
from masktopo.networks.init import INITS
from masktopo.training.identity import state_digest


def small_image(name):
    return (1, 32, 32) if name == "vgg16" else (1, 8, 8)


def layer_shapes(model):
    return {
        name.removesuffix(".weight"): tuple(value.shape)
        for name, value in model.named_parameters()
        if value.ndim > 1
    }


def users_factory(input_shape, n_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(sum(input_shape), n_classes))


def one_argument(input_shape):
    return nn.Linear(input_shape[0], 10)


def broken_factory(input_shape, n_classes):
    return n_classes[0]


def no_network(input_shape, n_classes):
    return "network"


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_give_a_logit_for_every_class(name):
    shape = (3, 48, 32) if name == "vgg16" else (3, 16, 12)
    model = build_network(name, input_shape=shape, n_classes=7)
    assert model(torch.zeros(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_seed_decides_the_weights_and_the_global_state_does_not(name):
    digests = []
    for seed, global_seed in [(4, 0), (4, 1), (5, 0)]:
        torch.manual_seed(global_seed)
        before = torch.random.get_rng_state()
        model = build_network(name, input_shape=small_image(name), n_classes=10, rng=seed)
        assert torch.equal(torch.random.get_rng_state(), before)
        digests.append(state_digest(model.state_dict()))
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("name", NETWORKS)
def test_weights_have_the_spread_of_their_initialisation(name, init):
    model = build_network(name, input_shape=small_image(name), n_classes=10, init=init)
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            scaled = module.weight.detach().double().flatten() / SPREADS[init](module)
            # Five standard errors of the mean and of the standard deviation.
            assert abs(float(scaled.mean())) < 5 / scaled.numel() ** 0.5
            assert abs(float(scaled.std()) - 1) < 5 / (2 * scaled.numel()) ** 0.5
            assert module.bias is None or not module.bias.any()
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert (module.weight == (0.5 if init == "pags23" else 1.0)).all()
            assert not module.bias.any()


SPREADS = {
    "kaiming": lambda module: (2 / module.weight[0].numel()) ** 0.5,
    "pags23": lambda module: (
        0.01 if isinstance(module, nn.Linear) else (2 / module.weight[:, 0].numel()) ** 0.5
    ),
}


def test_unknown_initialisations_are_refused():
    with pytest.raises(ArgumentError, match="init='xavier' is not one of 'kaiming', 'pags23'"):
        build_network("mlp", input_shape=(4,), n_classes=2, init="xavier")


@pytest.mark.parametrize(
    ("name", "shape", "count"),
    [
        # Counts that are published for the CIFAR networks of kuangliu/pytorch-cifar.
        ("resnet18", (3, 32, 32), 11_173_962),
        ("resnet34", (3, 32, 32), 21_282_122),
        # There the 13 convolutions have biases as well.
        ("vgg16", (3, 32, 32), 14_728_266 - (2 * 64 + 2 * 128 + 3 * 256 + 6 * 512)),
        # Option A, 0.27 and 0.46 million in He et al., and two 1x1 convolutions normalised.
        ("resnet20", (3, 32, 32), 269_722 + 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64),
        ("resnet32", (3, 32, 32), 464_154 + 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64),
        # 1.5 million in Zagoruyko and Komodakis; 1.47 million where more digits are given.
        ("wrn-28-2", (3, 32, 32), 1_467_610),
        # One block less in each stage: two convolutions and two normalisations.
        ("wrn-22-2", (3, 32, 32), 1_467_610 - sum(18 * w * w + 4 * w for w in (32, 64, 128))),
        ("lenet-300-100", (1, 28, 28), 266_610),
        ("conv6", (3, 32, 32), 2_261_184 + 2 * (64 + 128 + 256 + 256) + 10),
        ("vit-small", (3, 32, 32), 1_806_154),
    ],
)
def test_counts_of_parameters(name, shape, count):
    model = build_network(name, input_shape=shape, n_classes=10)
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_conv6_has_the_published_share_in_its_convolutions():
    shapes = layer_shapes(build_network("conv6", input_shape=(3, 32, 32), n_classes=10))
    sizes = {name: torch.Size(shape).numel() for name, shape in shapes.items()}
    assert sum(sizes.values()) == 2_261_184
    # 1.1 million in Frankle and Carbin.
    assert sum(size for name, size in sizes.items() if name.startswith("conv")) == 1_144_512


@pytest.mark.parametrize(
    ("name", "convolutions", "linear"),
    [
        ("resnet18", 20, 1),
        ("resnet34", 36, 1),
        ("resnet20", 21, 1),
        ("resnet32", 33, 1),
        ("vgg16", 13, 1),
        ("wrn-28-2", 28, 1),
        ("wrn-22-2", 22, 1),
        ("vit-small", 1, 6 * 6 + 1),
    ],
)
def test_layers_are_all_found_as_layers(name, convolutions, linear):
    masks = masks_of_module(build_network(name, input_shape=(3, 32, 32), n_classes=10))
    kinds = [layer.kind for layer in masks.values()]
    assert kinds.count("conv2d") == convolutions
    assert kinds.count("linear") == linear


def test_shortcuts_are_projections_only_where_shapes_change():
    shapes = layer_shapes(build_network("resnet18", input_shape=(3, 32, 32), n_classes=10))
    shortcuts = {name: shape for name, shape in shapes.items() if "downsample" in name}
    assert shortcuts == {
        f"layer{stage}.0.downsample.0": (width, width // 2, 1, 1)
        for stage, width in [(2, 128), (3, 256), (4, 512)]
    }


def test_shortcuts_of_wide_networks_read_what_the_first_convolution_reads():
    model = build_network("wrn-22-2", input_shape=(1, 8, 8), n_classes=10)
    block, read = model.layer2[0], []
    for layer in (block.conv1, block.shortcut):
        layer.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    model(torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(*read)
    assert (read[0] >= 0).all()
    assert not hasattr(model.layer2[1], "shortcut")


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_exported_whole(name):
    model = build_network(name, input_shape=small_image(name), n_classes=10).eval()
    sample = torch.randn(1, *small_image(name), generator=torch.Generator().manual_seed(0))
    traced = torch.export.export(model, (sample,)).module()
    assert torch.equal(traced(sample), model(sample))


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("resnet20", (64,), "resnet20 takes images of shape"),
        ("wrn-28-2", (3, 8), "wrn-28-2 takes images of shape"),
        ("vgg16", (3, 31, 32), "vgg16 takes images .* at least 32x32 pixels, not .*31"),
        ("conv6", (3, 8, 7), "conv6 takes images .* at least 8x8"),
        ("vit-small", (3, 8, 9), "multiples of 4 pixels, not 8x9"),
    ],
)
def test_samples_that_do_not_suit_a_network_are_refused(name, shape, message):
    with pytest.raises(ArgumentError, match=message):
        build_network(name, input_shape=shape, n_classes=10)


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
        ("resnet9", "network='resnet9' is not one of 'conv6', 'lenet-300-100', 'mlp', 'resnet18'"),
        ("no_such_package:net", "there is no network factory 'no_such_package:net'"),
        ("torch.nn:NoSuchNet", "there is no network factory 'torch.nn:NoSuchNet'"),
        ("torch:float32", "'torch:float32' is not callable"),
        ("..x:f", r"'\.\.x:f' names no network factory as package\.module:factory"),
        (":f", "':f' names no network factory"),
        (
            f"{__name__}:one_argument",
            r"one_argument must take the input shape and the number of classes, but cannot be "
            r"called with \(\(1, 8, 8\), 10\): too many positional arguments",
        ),
        (f"{__name__}:no_network", "returned str, expected nn.Module"),
        ("builtins:slice", "returned slice, expected nn.Module"),  # it has no signature
    ],
)
def test_unknown_networks_are_refused(name, message):
    with pytest.raises(ArgumentError, match=message):
        build_network(name, input_shape=(1, 8, 8), n_classes=10)


def test_errors_within_users_factories_stay():
    with pytest.raises(TypeError, match="not subscriptable"):
        build_network(f"{__name__}:broken_factory", input_shape=(2, 3), n_classes=4)
