"""Masks read from living models."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.ao.pruning import WeightNormSparsifier
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from masktopo import load_masks
from masktopo.errors import MaskError, MasktopoWarning, NoMaskError
from masktopo.masks.model import masks_of_module
from tests.masks import checkpoints as make


def summary(masks):
    return {layer.name: (layer.kind, layer.groups, layer.origin) for layer in masks.values()}


def test_a_dense_model_is_no_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = load_masks(make.network())
    assert found.density == 1
    assert found.source == "Sequential"
    assert summary(found) == {"conv": ("conv2d", 1, "dense"), "fc": ("linear", 1, "dense")}


@pytest.mark.parametrize(
    ("build", "origin"),
    [
        (make.pruned_network, "zeros"),
        (make.hooked_network, "weight_mask"),
        (make.parametrized_network, "parametrization mask"),
    ],
)
def test_pruned_models_read_as_their_state_dicts(build, origin):
    model = build()
    found, stored = load_masks(model), load_masks(model.state_dict())
    make.assert_masks(found, make.masks())
    assert found == stored
    for name, layer in found.items():
        assert layer.origin == stored[name].origin == origin
        np.testing.assert_array_equal(layer.weight, stored[name].weight)


class EveryKind(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 6)
        self.conv1d = nn.Conv1d(4, 6, 3, groups=2)
        self.conv2d = nn.Conv2d(4, 6, 3, groups=2)
        self.conv3d = nn.Conv3d(4, 6, 3)
        self.up1d = nn.ConvTranspose1d(4, 6, 3, groups=2)
        self.up2d = nn.ConvTranspose2d(4, 6, 3)
        self.up3d = nn.ConvTranspose3d(4, 6, 3, groups=2)
        self.words = nn.Embedding(5, 4)
        self.bag = nn.EmbeddingBag(5, 4)
        self.attn = nn.MultiheadAttention(4, 2)
        self.split = nn.MultiheadAttention(4, 2, kdim=3, vdim=5)
        self.norm = nn.LayerNorm((4, 4))
        self.plain_norm = nn.LayerNorm((4, 4), bias=False)
        self.batch = nn.BatchNorm2d(4)
        self.bilinear = nn.Bilinear(3, 3, 3)
        self.lstm = nn.LSTM(3, 3)
        self.position = nn.Parameter(torch.ones(1, 4, 4))


def test_kinds_and_groups():
    torch.manual_seed(0)
    found = masks_of_module(EveryKind())
    assert {name: (kind, groups) for name, (kind, groups, _) in summary(found).items()} == {
        "linear": ("linear", 1),
        "conv1d": ("conv1d", 2),
        "conv2d": ("conv2d", 2),
        "conv3d": ("conv3d", 1),
        "up1d": ("conv_transpose1d", 2),
        "up2d": ("conv_transpose2d", 1),
        "up3d": ("conv_transpose3d", 2),
        "words": ("embedding", 1),
        "bag": ("embedding", 1),
        "attn.in_proj_weight": ("matrix", 1),
        "attn.out_proj": ("linear", 1),
        "split.q_proj_weight": ("matrix", 1),
        "split.k_proj_weight": ("matrix", 1),
        "split.v_proj_weight": ("matrix", 1),
        "split.out_proj": ("linear", 1),
    }


class OwnLinear(nn.Module):
    """A layer of a class that nobody knows, with a mask in a buffer."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 2))
        self.register_buffer("weight_mask", torch.tensor([[1.0, 0.0]] * 3))
        self.scale = nn.Parameter(torch.ones(3, 2))


def test_layers_of_unknown_classes():
    assert summary(masks_of_module(nn.Sequential(OwnLinear()))) == {
        "0": ("linear", 1, "weight_mask")
    }


def test_attention_under_prune():
    attention = nn.MultiheadAttention(4, 2)
    prune.random_unstructured(attention, "in_proj_weight", 10)
    prune.random_unstructured(attention, "in_proj_bias", 3)
    found = masks_of_module(attention)
    assert summary(found)["in_proj_weight"] == ("matrix", 1, "in_proj_weight_mask")
    assert found["in_proj_weight"].size - found["in_proj_weight"].nnz == 10


def test_repeated_pruning_under_hooks():
    layer = nn.Linear(4, 4)
    prune.random_unstructured(layer, "weight", 3)
    prune.random_unstructured(layer, "weight", 3)
    assert masks_of_module(layer)["weight"].nnz == 10


def test_a_single_layer_as_model():
    assert list(masks_of_module(nn.Linear(2, 2))) == ["weight"]


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.hidden = nn.Linear(4, 4)
        self.again = self.hidden
        self.head = nn.Linear(4, 5)
        self.head.weight = self.embed.weight


def test_tied_parameters_are_one_layer():
    model = Tied()
    found = masks_of_module(model)
    assert {layer.name: layer.aliases for layer in found.values()} == {
        "embed": ("head",),
        "hidden": ("again",),
    }
    assert found["embed"].kind == "embedding"
    stored = load_masks(model.state_dict(), allow_dense=True)
    assert [layer.aliases for layer in stored.values()] == [("head",), ("again",)]


def test_tied_parameters_under_different_masks_stay_apart():
    model = Tied()
    prune.random_unstructured(model.head, "weight", 7)
    found = masks_of_module(model)
    assert {name: found[name].nnz for name in ("embed", "head")} == {"embed": 20, "head": 13}


def test_structured_sparsifier_gives_zeros_of_the_effective_weight():
    class KeepRows(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mask", torch.tensor([True, False]))

        def forward(self, weight):
            return weight * self.mask[:, None]

    layer = nn.Linear(3, 2)
    nn.utils.parametrize.register_parametrization(layer, "weight", KeepRows())
    found = masks_of_module(nn.Sequential(layer))
    assert summary(found) == {"0": ("linear", 1, "zeros of the effective weight")}
    assert found["0"].mask.tolist() == [[True] * 3, [False] * 3]


def test_sparsifier_of_torch():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 4))
    sparsifier = WeightNormSparsifier(sparsity_level=0.5)
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight"}])
    sparsifier.step()
    found = load_masks(model)
    assert summary(found)["0"] == ("linear", 1, "parametrization mask")
    expected = sparsifier.state["0.weight"]["mask"].bool().numpy()
    np.testing.assert_array_equal(found["0"].mask, expected)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize(
    "normalise",
    [weight_norm, spectral_norm, parametrizations.weight_norm, parametrizations.spectral_norm],
)
def test_normalised_weights_are_effective_and_the_model_is_not_changed(normalise):
    torch.manual_seed(0)
    layer = nn.Linear(3, 4)
    with torch.no_grad():
        layer.weight[1] = 0.0
        layer.weight[1, 1] = 0.5
    model = nn.Sequential(normalise(layer)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = masks_of_module(model)
    assert found["0"].origin == "zeros of the effective weight"
    assert found["0"].mask.tolist() == [[True] * 3, [False, True, False], [True] * 3, [True] * 3]
    assert model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
    with torch.no_grad():
        np.testing.assert_array_equal(found["0"].weight, effective(model.eval()[0]))


def effective(layer):
    layer(torch.ones(1, 3))
    return layer.weight.numpy()


def test_hooked_weights_out_of_date():
    layer = nn.Linear(2, 2)
    with pytest.warns(FutureWarning, match="weight_norm"):
        weight_norm(layer)
    with torch.no_grad():
        layer.weight_v[0, 0] = 0
    assert not masks_of_module(layer)["weight"].mask[0, 0]


def test_wrapped_models_keep_their_names():
    expected = load_masks(make.pruned_network())
    averaged = torch.optim.swa_utils.AveragedModel(make.pruned_network())
    wrapped = [
        nn.DataParallel(make.pruned_network()),
        torch.compile(make.pruned_network(), backend="eager"),
        torch.compile(nn.DataParallel(make.pruned_network()), backend="eager"),
        averaged,
    ]
    for model in wrapped:
        found = load_masks(model)
        assert found == expected
        assert found.source == "Sequential"
        assert load_masks(model.state_dict()) == expected


class Scaled(nn.Module):
    """No wrapper, although its only child is called as a wrapper's is."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))
        self.module = nn.Linear(2, 2)


def test_networks_with_a_child_called_module():
    model = Scaled()
    stored = load_masks(model.state_dict(), allow_dense=True)
    assert list(masks_of_module(model)) == list(stored) == ["module"]


def test_weights_are_copies():
    model = make.network()
    found = masks_of_module(model)
    before = found["fc"].weight.copy()
    with torch.no_grad():
        model.fc.weight.zero_()
    np.testing.assert_array_equal(found["fc"].weight, before)


def test_half_precision_models():
    found = masks_of_module(make.pruned_network().to(torch.bfloat16))
    make.assert_masks(found, make.masks())
    assert found["fc"].weight.dtype == np.float32


def test_models_that_load_masks_refuses():
    with pytest.raises(NoMaskError, match="ReLU: no layer found"):
        load_masks(nn.ReLU())
    with pytest.raises(
        MaskError, match=r"Sequential: '0\.weight' has no shape yet; pass one batch"
    ):
        load_masks(nn.Sequential(nn.LazyLinear(3)))
    with pytest.raises(MaskError, match="Linear: 'weight' is a meta tensor"):
        load_masks(nn.Linear(2, 2, device="meta"))


def test_nan_weights_name_model_and_layer():
    model = make.network()
    with torch.no_grad():
        model.fc.weight[0, 0] = float("nan")
    with pytest.raises(MaskError, match="Sequential: layer 'fc': 1 of 80 kept weights are nan"):
        load_masks(model)


def test_doubtful_models_warn():
    layer = nn.Linear(2, 2)
    prune.identity(layer, "weight")
    with pytest.warns(MasktopoWarning, match="Linear: all 1 masks keep every weight"):
        load_masks(layer)
