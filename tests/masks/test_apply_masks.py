"""Models under masks: pruned weights are exactly 0, and all else is as it was."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from masktopo import LayerMask, MaskSet, load_masks
from masktopo.errors import MaskError
from masktopo.masks.copying import copy_model
from tests.masks import checkpoints as make


def given(tables, **fields) -> MaskSet:
    kinds = {2: "linear", 4: "conv2d"}
    return MaskSet(
        [
            LayerMask(name, np.asarray(mask), kind=kinds[mask.ndim], **fields)
            for name, mask in tables.items()
        ]
    )


def state_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_unchanged(model, before):
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(bits(after[name]) == bits(tensor) for name, tensor in before.items())


def bits(tensor):
    return tensor.detach().numpy().tobytes()


def test_pruned_weights_are_zero_and_others_stay():
    model = make.network()
    with torch.no_grad():
        model.fc.weight.neg_()
        model.fc.weight[0, 0] = float("nan")
    masks = given(make.masks() | {"fc": make.masks()["fc"].index_fill(0, torch.tensor([0]), False)})
    before = state_of(model)
    twin = masks.apply(model)
    assert_unchanged(model, before)
    for name, layer in masks.items():
        weight = getattr(model, name).weight.detach().numpy()
        expected = np.where(layer.mask, weight, np.float32(0))
        assert bits(getattr(twin, name).weight) == expected.tobytes(), "also the signs of zeros"
    for name, tensor in twin.state_dict().items():
        if name not in ("conv.weight", "fc.weight"):
            assert torch.equal(tensor, before[name])
    assert load_masks(twin) == masks


def test_the_copy_trains_alone():
    model = make.network()
    twin = given(make.masks()).apply(model)
    assert twin.fc.weight.requires_grad
    assert twin.fc.weight.is_leaf
    with torch.no_grad():
        twin.fc.weight.add_(1)
    assert torch.equal(model.fc.weight, make.network().fc.weight)


@pytest.mark.parametrize("build", [make.hooked_network, make.parametrized_network])
def test_models_that_are_pruned_already(build):
    model = build()
    inputs = torch.ones(2, 16)
    model.fc(inputs)
    before = state_of(model)
    twin = load_masks(model).apply(model)
    assert_unchanged(model, before)
    assert set(twin.state_dict()) == set(make.network().state_dict())
    assert torch.equal(twin.fc(inputs), model.fc(inputs))
    for name in make.SHAPES:
        effective = getattr(make.pruned_network(), name).weight
        assert torch.equal(getattr(twin, name).weight, effective)


def test_masks_join_those_of_the_model():
    model = make.hooked_network()
    kept = make.masks(seed=9)["fc"]
    twin = given({"fc": kept}).apply(model)
    assert torch.equal(twin.fc.weight != 0, kept & make.masks()["fc"])
    assert prune.is_pruned(twin.conv), "the set does not name it, so it stays as it was"


def test_pruned_models_can_be_copied_where_deepcopy_fails():
    model = make.hooked_network()
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(model)
    twin = copy_model(model)
    assert twin.fc.weight.data_ptr() != model.fc.weight.data_ptr()
    assert torch.equal(twin.fc(torch.ones(1, 16)), model.fc(torch.ones(1, 16)))


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize(
    "normalise",
    [weight_norm, spectral_norm, parametrizations.weight_norm, parametrizations.spectral_norm],
)
def test_normalised_weights_become_plain(normalise):
    torch.manual_seed(0)
    model = nn.Sequential(normalise(nn.Linear(3, 4)))
    kept = torch.rand(4, 3) < 0.5
    before = state_of(model)
    model[0].bias.requires_grad_(False)
    effective = load_masks(model)["0"].weight
    twin = given({"0": kept}).apply(model)
    assert_unchanged(model, before)
    assert sorted(twin.state_dict()) == ["0.bias", "0.weight"]
    np.testing.assert_array_equal(twin[0].weight.detach(), np.where(kept, effective, 0))
    assert twin[0].weight.requires_grad
    twin(torch.ones(1, 3))
    assert torch.equal(twin[0].weight != 0, kept)


def compiled(model):
    return torch.compile(model, backend="eager")


def tied() -> nn.Module:
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5, bias=False))
    model[1].weight = model[0].weight
    return model


def test_tied_parameters_stay_tied():
    model = tied()
    masks = load_masks(model).with_masks(
        {"0": np.arange(20).reshape(5, 4) % 3 == 0}, origin="given"
    )
    twin = masks.apply(model)
    assert twin[0].weight is twin[1].weight
    assert load_masks(twin) == masks


def test_aliases_are_pruned_where_the_model_has_them_untied():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    twin = MaskSet([LayerMask("0", np.eye(2, dtype=bool), aliases=("1",))]).apply(model)
    assert torch.equal(twin[1].weight != 0, torch.eye(2, dtype=torch.bool))


def test_different_masks_of_a_tied_parameter():
    masks = given({"0": torch.eye(5, 4) > 0, "1": torch.eye(5, 4) == 0})
    with pytest.raises(MaskError, match="different masks of one tied parameter in 0 and 1"):
        masks.apply(tied())


@pytest.mark.parametrize("wrap", [nn.DataParallel, compiled])
def test_wrapped_models_stay_wrapped(wrap):
    model = wrap(make.network())
    masks = given(make.masks())
    twin = masks.apply(model)
    assert type(twin) is type(model)
    assert load_masks(twin) == masks
    assert load_masks(model).density == 1


def test_parameters_of_any_name():
    model = nn.LSTM(2, 2)
    twin = given({"weight_hh_l0": torch.ones(8, 2).index_fill(0, torch.tensor(3), 0)}).apply(model)
    assert not twin.weight_hh_l0[3].any()
    assert twin.weight_hh_l0[2].all()


def test_half_precision_and_mode_stay():
    twin = given(make.masks()).apply(make.network().half().eval())
    assert twin.fc.weight.dtype == torch.float16
    assert not twin.training


def test_models_that_do_not_fit():
    masks = given(
        {
            "conv": torch.ones(4, 3, 3, 3),
            "fc": torch.ones(16, 5),
            "norm": torch.ones(2, 2),
            "gone": torch.ones(2, 2),
            "away": torch.ones(2, 2),
        }
    )
    expected = (
        r"memory does not fit the model Sequential: the model lacks gone, away; other shapes in "
        r"fc \(mask \(16, 5\), model \(5, 16\)\), norm \(mask \(2, 2\), model \(4,\)\)"
    )
    with pytest.raises(MaskError, match=expected):
        masks.apply(make.network())
