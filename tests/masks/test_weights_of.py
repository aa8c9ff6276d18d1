"""Weights read for masks that came without them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from masktopo import LayerMask, MaskSet, load_masks
from masktopo.errors import ArgumentError, MaskError
from masktopo.masks.weights import weights_of
from tests.masks import checkpoints as make
from tests.masks.producers import PRODUCERS


def assert_original(found):
    model = make.network()
    assert list(found) == ["conv", "fc"]
    for name, weight in found.items():
        np.testing.assert_array_equal(weight, getattr(model, name).weight.detach())


def test_models_and_their_state_dicts(tmp_path):
    for build in (make.network, make.hooked_network, make.parametrized_network):
        model = build()
        assert_original(weights_of(model))
        assert_original(weights_of(model.state_dict()))
        assert_original(weights_of(make.save_zip({"model": model.state_dict()}, tmp_path / "a")))


def test_mask_sets_and_their_files(tmp_path):
    masks = load_masks(make.hooked_network())
    masks.save(tmp_path / "net.masks")
    assert_original(weights_of(masks))
    assert_original(weights_of(tmp_path / "net.masks"))


def test_names_of_layers_and_of_unusual_parameters():
    lstm = nn.LSTM(2, 3)
    expected = {"weight_ih_l0", "weight_hh_l0"}
    assert set(weights_of(lstm)) == set(weights_of(lstm.state_dict())) == expected
    assert list(weights_of({"fc": np.ones((2, 2), dtype=np.float16)})) == ["fc"]


def test_tied_parameters_are_there_under_each_name():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5, bias=False))
    model[1].weight = model[0].weight
    for source in (model, model.state_dict(), load_masks(model)):
        assert list(weights_of(source)) == ["0", "1"]


def test_they_fit_masks():
    masks = load_masks(make.masks())
    weights = weights_of(make.network())
    assert masks.with_weights(weights).has_weights


def test_states_of_open_lth(tmp_path):
    path = PRODUCERS["open_lth PrunedModel"].write(tmp_path)
    assert_original(weights_of(path))
    found = load_masks(path)
    assert found.with_weights(weights_of(path)).has_weights


def test_parameters_of_other_names_under_a_hook():
    model = nn.Module()
    model.register_parameter("place", nn.Parameter(torch.ones(2, 3)))
    prune.identity(model, "place")
    assert list(weights_of(model.state_dict())) == list(weights_of(model)) == ["place"]


def test_memory_is_shared_with_nobody():
    model = make.network()
    found, stored = weights_of(model), weights_of(model.state_dict())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert_original(found)
    assert_original(stored)


def test_sources_without_weights():
    masks = MaskSet([LayerMask("fc", np.eye(2, dtype=bool))])
    for source in (masks, {"fc": np.eye(2, dtype=bool)}, {"fc.bias": np.ones(2)}, nn.ReLU()):
        with pytest.raises(MaskError, match="no weights"):
            weights_of(source)


def test_sources_of_no_kind():
    with pytest.raises(ArgumentError, match=r"weights are read from a path, .* not from list"):
        weights_of([np.eye(2)])
