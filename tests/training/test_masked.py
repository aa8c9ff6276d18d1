"""Pruned weights and their momentum are exactly 0 after every step."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from masktopo.errors import MaskError, TrainingError
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.training.masked import check_pruned_are_zero, hold_pruned_at_zero, pruned_places


def held(model, masks, optimizer):
    parameters = dict(model.named_parameters(remove_duplicate=False))
    pruned = pruned_places(masks, parameters)
    return parameters, pruned, hold_pruned_at_zero(optimizer, parameters, pruned)


def step(model, optimizer, data):
    optimizer.zero_grad()
    cross_entropy(model(data.inputs), data.labels).backward()
    optimizer.step()


OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(
        parameters, 0.1, momentum=0.9, nesterov=True, weight_decay=5e-4
    ),
    "adam": lambda parameters: torch.optim.AdamW(parameters, 0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_and_optimiser_state_are_zero_after_every_step(name, model, masks, data):
    optimizer = OPTIMIZERS[name](model.parameters())
    parameters, pruned, _ = held(model, masks, optimizer)
    check_pruned_are_zero(parameters, pruned, when="before the first step")
    for count in range(1, 4):
        before = {key: value.detach().clone() for key, value in parameters.items()}
        step(model, optimizer, data.train)
        check_pruned_are_zero(parameters, pruned, when=f"after step {count}")
        for key, places in pruned.items():
            assert parameters[key].grad[places].any()  # gradients stay dense
            for state in optimizer.state[parameters[key]].values():
                if state.shape == places.shape:
                    assert not state[places].any()
                    assert state[~places].any()
        assert all(not torch.equal(before[key], value) for key, value in parameters.items())


def test_pruned_weights_come_back_when_the_hook_is_removed(model, masks, data):
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    parameters, pruned, handle = held(model, masks, optimizer)
    handle.remove()
    step(model, optimizer, data.train)
    total = masks["conv2"].size - masks["conv2"].nnz
    message = rf"layer 'conv2': \d+ of {total} pruned weights are not 0 after the step"
    with pytest.raises(TrainingError, match=message):
        check_pruned_are_zero(parameters, pruned, when="after the step")


def test_nan_at_a_pruned_place_is_found_and_filled():
    model = nn.Linear(2, 1, bias=False)
    masks = MaskSet([LayerMask("weight", np.array([[True, False]]))])
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, float("nan")]]))
    parameters = dict(model.named_parameters())
    with pytest.raises(TrainingError, match="layer 'weight': 1 of 1 pruned weights are not 0 now"):
        check_pruned_are_zero(parameters, pruned_places(masks, parameters), when="now")
    held(model, masks, OPTIMIZERS["sgd"](model.parameters()))
    assert model.weight.tolist() == [[1.0, 0.0]]


def test_layers_are_found_by_either_name():
    attention = nn.MultiheadAttention(2, 1)
    parameters = dict(attention.named_parameters())
    layers = [
        LayerMask("in_proj_weight", np.eye(6, 2, dtype=bool), kind="matrix"),
        LayerMask("out_proj", np.eye(2, dtype=bool)),
    ]
    places = pruned_places(MaskSet(layers), parameters)
    assert list(places) == ["in_proj_weight", "out_proj.weight"]
    assert places["out_proj.weight"].tolist() == [[False, True], [True, False]]


def test_tied_parameters_are_found_under_both_names():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    model = nn.Sequential(first, second)
    masks = MaskSet([LayerMask("1", np.eye(2, dtype=bool))])
    held(model, masks, OPTIMIZERS["sgd"](model.parameters()))
    assert first.weight[0, 1] == 0 == first.weight[1, 0]


def test_aliases_are_masked_where_a_model_has_untied_them():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    masks = MaskSet([LayerMask("0", np.eye(2, dtype=bool), aliases=("1",))])
    parameters, pruned, _ = held(model, masks, OPTIMIZERS["sgd"](model.parameters()))
    assert list(pruned) == ["0.weight", "1.weight"]
    check_pruned_are_zero(parameters, pruned, when="now")
    assert model[1].weight[0, 1] == 0 == model[1].weight[1, 0]


def test_masks_that_do_not_fit_are_refused(model):
    parameters = dict(model.named_parameters())
    square = np.eye(3, dtype=bool)
    with pytest.raises(MaskError, match=r"no parameter for the masks of head, tail$"):
        pruned_places(MaskSet([LayerMask("head", square), LayerMask("tail", square)]), parameters)
    message = r"layer 'fc2': the mask has shape \(3, 3\), but the model's weight has .* \(3, 128\)"
    with pytest.raises(MaskError, match=message):
        pruned_places(MaskSet([LayerMask("fc2", square)]), parameters)
