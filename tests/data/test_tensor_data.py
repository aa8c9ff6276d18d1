"""Records of data: what they refuse, and what identifies them."""

import numpy as np
import pytest
import torch

from masktopo.data import TensorData
from masktopo.errors import ArgumentError, DataError


def make_data(**changes):
    parts = {
        "inputs": torch.arange(12.0).reshape(4, 3),
        "labels": torch.tensor([0, 1, 1, 0]),
        "n_classes": 2,
        "name": "tiny",
    }
    return TensorData(**{**parts, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": torch.tensor([0, 1])}, "tiny: 4 inputs, but 2 labels"),
        ({"labels": torch.tensor([0, 1, 2, 0])}, "tiny: sample 2 has label 2, expected 0 to 1"),
        ({"labels": torch.tensor([0, -1, 1, 0])}, "tiny: sample 1 has label -1, expected 0 to 1"),
        ({"n_classes": 10**13}, "tiny: 10000000000000 classes, expected at most 1000000"),
        ({"labels": torch.zeros(4)}, "labels int64, not torch.float32 and torch.float32"),
        ({"inputs": torch.zeros(4, 3, dtype=torch.float64)}, "must be float32"),
        ({"inputs": torch.zeros(4)}, r"expected inputs of shape \(n, ...\)"),
        (
            {"inputs": torch.zeros(0, 3), "labels": torch.zeros(0, dtype=torch.int64)},
            "tiny: there are no samples",
        ),
    ],
)
def test_unsound_data_is_refused_by_name(changes, message):
    with pytest.raises(DataError, match=message):
        make_data(**changes)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_samples_that_are_not_finite_are_counted(value):
    inputs = torch.zeros(4, 3)
    inputs[1, 2] = inputs[3, 0] = inputs[3, 1] = value
    with pytest.raises(DataError, match="tiny: 2 samples are not finite, the first is 1"):
        make_data(inputs=inputs)


def test_no_classes_is_refused():
    with pytest.raises(ArgumentError, match="n_classes must be at least 1"):
        make_data(n_classes=0)


def test_subset_keeps_the_order_that_was_asked_for():
    chosen = make_data().subset(np.array([2, 0]), name="two")
    assert chosen.inputs.tolist() == [[6.0, 7.0, 8.0], [0.0, 1.0, 2.0]]
    assert chosen.labels.tolist() == [1, 0]
    assert (chosen.name, chosen.n_classes) == ("two", 2)


def test_digest_is_that_of_the_content():
    digest = make_data().digest
    assert make_data(name="other").digest == digest
    changed = [
        make_data(inputs=torch.arange(12.0).reshape(4, 3) + 1),
        make_data(inputs=torch.arange(12.0).reshape(4, 1, 3)),
        make_data(labels=torch.tensor([1, 1, 1, 0])),
        make_data(n_classes=3),
    ]
    assert len({digest, *(data.digest for data in changed)}) == 5


def test_digest_does_not_see_how_the_tensor_is_laid_out():
    images = torch.arange(96.0).reshape(2, 3, 4, 4)
    labels = torch.tensor([0, 1])
    plain = make_data(inputs=images, labels=labels)
    channels_last = images.contiguous(memory_format=torch.channels_last)
    assert make_data(inputs=channels_last, labels=labels).digest == plain.digest
