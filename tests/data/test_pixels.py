"""Bytes of images: their mean and deviation, and what does not go with them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from masktopo.data import TensorData, pixels
from masktopo.data.pixels import Pixels, pixels_of
from masktopo.errors import DataError

SHAPES = st.tuples(st.integers(1, 7), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))


@given(arrays(np.uint8, SHAPES), st.integers(1, 3))
def test_statistics_are_those_of_numpy(images, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixels, "_CHUNK", chunk)
        found = pixels_of(images)
    assert found == pixels_of(images[::-1])
    np.testing.assert_allclose(found.mean, images.mean(axis=(0, 2, 3)), rtol=1e-12, atol=1e-12)
    deviations = images.std(axis=(0, 2, 3), dtype=np.float64)
    expected = np.where(deviations == 0, 1.0, deviations)
    np.testing.assert_allclose(found.deviation, expected, rtol=1e-10)


GREY = Pixels((1.0,), (2.0,))


@pytest.mark.parametrize(
    ("inputs", "scale", "message"),
    [
        (torch.zeros(2, 1, 3, 3), GREY, r"inputs must be uint8 \(there are pixels\) .*float32"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), None, "inputs must be float32 .*torch.uint8"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), GREY, r"1 channels do not fit .*\(3, 4, 4\)"),
        (torch.zeros(2, 9, dtype=torch.uint8), GREY, r"1 channels do not fit .* shape \(9,\)"),
    ],
)
def test_bytes_need_pixels_that_fit(inputs, scale, message):
    with pytest.raises(DataError, match=message):
        TensorData(inputs, torch.tensor([0, 1]), 2, "images", scale)


def test_the_digest_tells_scales_apart():
    inputs = torch.zeros(2, 1, 3, 3, dtype=torch.uint8)
    digests = {
        TensorData(inputs, torch.tensor([0, 1]), 2, "images", scale).digest
        for scale in (GREY, Pixels((1.0,), (3.0,)))
    }
    assert len(digests) == 2
