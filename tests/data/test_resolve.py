"""Every form in which users give data."""

import random

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from masktopo.data import DataSplits, TensorData, resolve_data
from masktopo.data.splits import split_off_test
from masktopo.data.torch_random import fenced_rng, reseed
from masktopo.errors import ArgumentError, DataError

INPUTS = np.arange(40.0).reshape(20, 2)
LABELS = np.arange(20) % 4


class Listed(Dataset):
    """A data set of the given samples."""

    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


class Endless(IterableDataset):
    """A data set without a length."""

    def __iter__(self):
        yield from Listed([])


def expected_splits():
    inputs = torch.from_numpy(INPUTS).float()
    return split_off_test(TensorData(inputs, torch.from_numpy(LABELS), 4, "data"))


@pytest.mark.parametrize(
    "data",
    [
        (INPUTS, LABELS),
        [INPUTS.astype(np.int32), LABELS.astype(np.uint8)],
        (torch.from_numpy(INPUTS), torch.from_numpy(LABELS).int()),
        TensorDataset(torch.from_numpy(INPUTS), torch.from_numpy(LABELS)),
        Listed([(row, int(label)) for row, label in zip(INPUTS, LABELS, strict=True)]),
        TensorData(torch.from_numpy(INPUTS).float(), torch.from_numpy(LABELS), 4, "own"),
    ],
    ids=["arrays", "integers", "tensors", "TensorDataset", "Dataset", "TensorData"],
)
def test_every_form_gives_the_same_splits(data):
    splits, expected = resolve_data(data), expected_splits()
    assert splits.train.digest == expected.train.digest
    assert splits.test.digest == expected.test.digest


def test_splits_pass_through():
    splits = resolve_data("digits")
    assert resolve_data(splits) is splits


def test_a_given_test_set_leaves_the_training_set_whole():
    splits = resolve_data((INPUTS, LABELS), test=(INPUTS[:3], np.array([0, 1, 6])))
    assert (len(splits.train), len(splits.test)) == (20, 3)
    assert splits.train.n_classes == splits.test.n_classes == 7


def test_a_given_test_set_replaces_that_of_a_specification():
    images = np.zeros((2, 1, 8, 8))
    splits = resolve_data("digits", test=(images, np.array([3, 4])))
    assert (len(splits.train), splits.test.labels.tolist()) == (1438, [3, 4])
    assert isinstance(splits, DataSplits)


def test_data_does_not_follow_later_changes_of_the_users_arrays():
    inputs = INPUTS.astype(np.float32)
    splits = resolve_data((inputs, LABELS), test=(torch.from_numpy(inputs), LABELS))
    inputs[:] = -1
    for part in (splits.train, splits.test):
        assert np.array_equal(part.inputs.numpy(), INPUTS)


def test_read_only_arrays_are_taken_without_a_warning():
    inputs, labels = INPUTS.copy(), LABELS.copy()
    inputs.flags.writeable = labels.flags.writeable = False
    assert len(resolve_data((inputs, labels)).train) == 16


@pytest.mark.parametrize(
    "inputs",
    [
        np.ascontiguousarray(INPUTS[:, ::-1])[:, ::-1],
        np.asfortranarray(INPUTS),
        INPUTS.astype(">f4"),
    ],
    ids=["mirrored", "columns-first", "foreign-bytes"],
)
def test_arrays_of_every_layout_are_taken(inputs):
    labels = np.ascontiguousarray(LABELS[::-1].astype(">i4"))[::-1]
    assert resolve_data((inputs, labels)).train.digest == expected_splits().train.digest
    samples = Listed(list(zip(inputs, labels, strict=True)))
    assert resolve_data(samples).train.digest == expected_splits().train.digest


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((INPUTS, LABELS + 0.0), "data: labels must be whole numbers, not torch.float64"),
        ((INPUTS, LABELS - 1), "data: sample 0 has label -1"),
        (
            (INPUTS, LABELS + 10**13),
            "data: sample 3 has label 10000000000003, expected 0 to 999999: classes are numbered",
        ),
        ((INPUTS, LABELS[:5]), "data: 20 inputs, but 5 labels"),
        ((INPUTS.astype(str), LABELS), "data: inputs: cannot read ndarray as an array of numbers"),
        (Listed([]), "data: Listed is empty"),
        (Listed([(INPUTS[0], 0), 7]), r"data: sample 1 is no pair \(input, label\)"),
        (Listed([(INPUTS[0], 0), ("a", 0)]), "the input of sample 1: cannot read str"),
        (Listed([(INPUTS[0], [0, 1])]), "the label of sample 0 is no single class"),
        (
            Listed([(INPUTS[0], 0), (INPUTS[:2], 0)]),
            r"sample 1 has shape \(2, 2\), sample 0 has \(2,\)",
        ),
        (Endless(), "data: Endless must have a length"),
    ],
)
def test_unsound_data_names_the_sample(data, message):
    with pytest.raises(DataError, match=message):
        resolve_data(data)


DRAWS = {
    "torch": lambda: float(torch.rand(())),
    "numpy": lambda: np.random.rand(),  # noqa: NPY002, as transforms draw
    "python": random.random,
}


class Noisy(Listed):
    """A data set whose transform draws from the global state of `source`."""

    def __init__(self, source):
        super().__init__(list(zip(INPUTS, LABELS, strict=True)))
        self.draw = DRAWS[source]

    def __getitem__(self, index):
        value, label = self.samples[index]
        return value + self.draw(), label


@pytest.mark.parametrize("source", DRAWS)
def test_random_transforms_are_drawn_alike_and_leave_no_trace(source):
    first = resolve_data(Noisy(source)).train
    assert len(set((first.inputs[:, 0] % 1).tolist())) == len(first)
    DRAWS[source]()
    assert resolve_data(Noisy(source)).train.digest == first.digest


@pytest.mark.parametrize("source", DRAWS)
def test_reading_a_data_set_moves_no_global_state(source):
    with fenced_rng():
        reseed(3)
        expected = DRAWS[source]()
        reseed(3)
        resolve_data(Noisy(source))
        assert DRAWS[source]() == expected


def test_the_largest_label_is_taken():
    assert resolve_data((INPUTS, LABELS + 999_996)).train.n_classes == 1_000_000


def test_unknown_specifications_list_the_known():
    with pytest.raises(
        ArgumentError, match="data='mnist' is not one of 'cifar10', 'cifar100', 'digits', 'f"
    ) as info:
        resolve_data("mnist:somewhere")
    assert isinstance(info.value, ValueError)


@pytest.mark.parametrize("data", [3, None, (INPUTS,), {"inputs": INPUTS}])
def test_other_kinds_are_refused(data):
    with pytest.raises(ArgumentError, match="data must be a torch Dataset of"):
        resolve_data(data)


def test_a_specification_is_no_test_set():
    with pytest.raises(ArgumentError, match=r"test must be a torch Dataset of .*; not str"):
        resolve_data("digits", test="digits")
