"""The digits and the synthetic data: always the same, and learnable."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from masktopo.data import resolve_data
from masktopo.errors import ArgumentError


def test_digits_are_those_of_scikit_learn():
    splits = resolve_data("digits")
    assert splits.train.inputs.shape == (1438, 1, 8, 8)
    assert splits.test.inputs.shape == (359, 1, 8, 8)
    assert splits.train.n_classes == 10
    ours = torch.cat([splits.train.inputs, splits.test.inputs]).flatten(1).numpy() * 16
    labels = torch.cat([splits.train.labels, splits.test.labels]).numpy()
    raw = load_digits()
    found = {(*pixels, label) for pixels, label in zip(ours.tolist(), labels, strict=True)}
    assert found == {(*pixels, label) for pixels, label in zip(raw.data, raw.target, strict=True)}


def test_test_digits_are_a_fifth_of_every_class():
    splits = resolve_data("digits")
    counts = splits.train.class_counts + splits.test.class_counts
    assert np.abs(splits.test.class_counts - 359 * counts / 1797).max() < 1
    assert resolve_data("digits").test.digest == splits.test.digest


@pytest.mark.parametrize("shape", ["5", "3x8x8", "1x6x3", "2x4x4x4"])
def test_synthetic_data_has_the_shape_asked_for(shape):
    splits = resolve_data(f"synthetic:{shape}:3")
    assert splits.train.sample_shape == tuple(map(int, shape.split("x")))
    assert splits.train.class_counts.tolist() == [100, 100, 100]
    assert splits.test.class_counts.tolist() == [25, 25, 25]


def test_synthetic_data_is_always_the_same():
    state = torch.random.get_rng_state()
    first, second = (resolve_data("synthetic:3x8x8:4") for _ in range(2))
    assert first.train.digest == second.train.digest
    assert torch.equal(torch.random.get_rng_state(), state)


def test_synthetic_classes_are_told_apart_by_their_means():
    splits = resolve_data("synthetic:3x8x8:10")
    train, test = splits.train, splits.test
    means = torch.stack([train.inputs[train.labels == k].mean(dim=0) for k in range(10)])
    nearest = torch.cdist(test.inputs.flatten(1), means.flatten(1)).argmin(dim=1)
    assert (nearest == test.labels).float().mean() > 0.95
    assert abs(float((train.inputs - means[train.labels]).std()) - 1) < 0.02


@pytest.mark.parametrize("details", ["", "3x8x8", "3x0x8:10", "3x8x8:0", "x:1", "3x8x8:10:2"])
def test_malformed_synthetic_shapes_are_refused(details):
    with pytest.raises(ArgumentError, match=rf"'synthetic:{details}' is not of the form"):
        resolve_data(f"synthetic:{details}")


def test_digits_take_no_details():
    with pytest.raises(ArgumentError, match="'digits' takes no details, but has 'big'"):
        resolve_data("digits:big")
