"""The record of one layer."""

import numpy as np
import pytest

from masktopo import LayerMask
from masktopo.errors import ArgumentError, MaskError

EYE = np.eye(3, dtype=bool)


def test_counts():
    layer = LayerMask("fc", np.array([[1, 0, 0], [0, 1, 1]]))
    assert (layer.shape, layer.size, layer.nnz, layer.density) == ((2, 3), 6, 3, 0.5)
    assert not layer.is_dense
    assert not layer.is_empty
    assert LayerMask("fc", np.ones((2, 2))).is_dense
    assert LayerMask("fc", np.zeros((2, 2))).is_empty
    assert np.isnan(LayerMask("fc", np.zeros((0, 2))).density)


def test_arrays_are_read_only_views():
    mask, weight = EYE.copy(), np.ones((3, 3))
    layer = LayerMask("fc", mask, weight)
    assert np.shares_memory(layer.mask, mask)
    assert np.shares_memory(layer.weight, weight)
    for array in (layer.mask, layer.weight):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 0
    mask[0, 0] = False


@pytest.mark.parametrize(
    ("dtype", "wide"),
    [
        ("f2", "f4"),
        (">f4", "f4"),
        ("f4", "f4"),
        ("f8", "f8"),
        ("i1", "f4"),
        ("u2", "f4"),
        ("i4", "f8"),
        ("i8", "f8"),
    ],
)
def test_weights_are_widened_without_loss(dtype, wide):
    weight = np.arange(9).reshape(3, 3).astype(dtype)
    layer = LayerMask("fc", EYE, weight)
    assert layer.weight.dtype == np.dtype(wide)
    np.testing.assert_array_equal(layer.weight, weight)


def test_arrays_of_any_layout_become_contiguous():
    weight = np.asfortranarray(np.arange(9.0).reshape(3, 3))
    layer = LayerMask("fc", EYE.T, weight)
    assert layer.weight.flags.c_contiguous
    np.testing.assert_array_equal(layer.weight, weight)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"kind": "lstm"}, ArgumentError, "kind='lstm' is not one of 'linear'"),
        ({"kind": "conv2d"}, MaskError, r"layer 'fc': a conv2d weight has 4 dim.*shape \(3, 3\)"),
        ({"groups": 0}, ArgumentError, "groups must be at least 1, not 0"),
        (
            {"groups": 2, "mask": np.ones((3, 3, 1)), "kind": "conv1d"},
            MaskError,
            r"layer 'fc': 3 channels of shape \(3, 3, 1\) do not divide into 2",
        ),
        ({"groups": 3}, MaskError, "layer 'fc': only convolutions .* this linear layer has 3"),
        ({"groups": 3, "kind": "embedding"}, MaskError, "this embedding layer has 3"),
        ({"mask": EYE * 0.5}, MaskError, "layer 'fc': .* 3 other values, such as 0.5"),
        ({"mask": EYE * -1}, MaskError, "layer 'fc': .* 3 other values, such as -1"),
        (
            {"mask": np.array([[0, 2], [1, 255]], np.uint8).view(np.bool_)},
            MaskError,
            "layer 'fc': the mask has the byte 255 for a truth value; expected 0 or 1",
        ),
        ({"weight": np.ones((3, 2))}, MaskError, r"mask has shape \(3, 3\), .* shape \(3, 2\)"),
        ({"weight": EYE * 1j}, MaskError, "layer 'fc': weights must be real .* complex128"),
        ({"weight": EYE / np.inf + np.nan}, MaskError, "layer 'fc': 3 of 3 kept weights are nan"),
    ],
)
def test_what_does_not_fit(fields, error, message):
    with pytest.raises(error, match=message):
        LayerMask(**{"name": "fc", "mask": EYE} | fields)


def test_other_masks_and_weights():
    layer = LayerMask("fc", EYE, np.ones((3, 3)), aliases=("head",), origin="zeros")
    other = layer.with_mask(~EYE, origin="shuffle")
    assert (other.nnz, other.origin, other.aliases) == (6, "shuffle", ("head",))
    assert other.weight is not None
    assert layer.with_weight(None).weight is None
    assert layer.with_weight(np.eye(3)).weight.tolist() == np.eye(3).tolist()
    with pytest.raises(
        MaskError, match=r"layer 'fc': the mask has shape \(2, 2\), expected \(3, 3"
    ):
        layer.with_mask(np.ones((2, 2), dtype=bool), origin="given")
    with pytest.raises(MaskError, match="layer 'fc': 6 of 6 kept weights are nan or infinite"):
        layer.with_weight(np.where(EYE, 1.0, np.inf)).with_mask(~EYE, origin="given")
