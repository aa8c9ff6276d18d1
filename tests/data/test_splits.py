"""Stratified splits: exact counts, nothing lost, and independent of every run's seed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.data import DataSplits, TensorData, hold_out, validation_split
from masktopo.data.splits import split_off_test
from masktopo.errors import ArgumentError, DataError


def numbered(labels, n_classes=None):
    """Data whose samples are their own indices."""
    labels = torch.as_tensor(labels)
    inputs = torch.arange(float(len(labels)))[:, None]
    return TensorData(inputs, labels, n_classes or int(labels.max()) + 1, "numbered")


@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=60),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 5),
)
@settings(deadline=None, max_examples=60)
def test_every_class_gives_its_share_and_no_sample_is_lost(labels, fraction, seed):
    data = numbered(labels)
    kept, held = hold_out(data, fraction, seed=seed)
    n = len(labels)
    assert len(held) == min(max(round(fraction * n), 1), n - 1)
    assert sorted([*kept.inputs.flatten().tolist(), *held.inputs.flatten().tolist()]) == [*range(n)]
    assert np.abs(held.class_counts - len(held) * data.class_counts / n).max() < 1
    for part in (kept, held):
        places = part.inputs.flatten().long()
        assert (places.diff() > 0).all()
        assert torch.equal(part.labels, data.labels[places])


def test_largest_remainders_are_rounded_up_ties_to_the_lower_class():
    _, held = hold_out(numbered([0, 0, 0, 1, 1, 1, 2, 2, 2, 2]), 0.4, seed=0)
    assert held.class_counts.tolist() == [1, 1, 2]  # exact shares 1.2, 1.2, 1.6
    _, held = hold_out(numbered([0, 1, 2, 3]), 0.5, seed=0)
    assert held.class_counts.tolist() == [1, 1, 0, 0]  # exact shares 0.5 each


def test_the_seed_decides_which_samples_are_held():
    data = numbered(np.arange(100) % 2)
    draws = [hold_out(data, 0.2, seed=seed)[1].inputs.flatten().tolist() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_one_class_is_drawn_whatever_the_others_hold():
    few = hold_out(numbered([0] * 20 + [1] * 20), 0.5, seed=3)[1].inputs.flatten()
    many = hold_out(numbered([0] * 20 + [1] * 60), 0.5, seed=3)[1].inputs.flatten()
    assert torch.equal(few[few < 20], many[many < 20])


def test_validation_split_is_a_function_of_the_data_alone():
    data = numbered(np.arange(205) % 10)
    torch.manual_seed(1)
    first = validation_split(data)
    torch.manual_seed(2)
    second = validation_split(data)
    assert [len(part) for part in first] == [185, 20]
    assert [part.digest for part in first] == [part.digest for part in second]
    assert first[1].class_counts.tolist() == [2] * 10


def test_parts_of_the_splits():
    splits = split_off_test(numbered(np.arange(100) % 4))
    assert (len(splits.train), len(splits.test)) == (80, 20)
    training, validation = validation_split(splits.train)
    assert splits.training_part.digest == training.digest
    assert splits.validation_part.digest == validation.digest
    held = set(splits.test.inputs.flatten().tolist())
    assert not held & set(splits.train.inputs.flatten().tolist())
    assert splits.test.name == "numbered (test part)"


def test_what_cannot_be_divided():
    with pytest.raises(DataError, match="numbered: 1 sample cannot be divided"):
        validation_split(numbered([0]))
    with pytest.raises(ArgumentError, match="fraction must lie between 0 and 1, not 1"):
        hold_out(numbered([0, 1]), 1, seed=0)


def test_a_test_set_of_another_form_is_refused():
    data = numbered([0, 1])
    other = TensorData(torch.zeros(2, 3), torch.tensor([0, 1]), 2, "wide")
    message = r"numbered has samples of shape \(1,\) in 2 classes, but its test set wide"
    with pytest.raises(DataError, match=message):
        DataSplits(data, other)
