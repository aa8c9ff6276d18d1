"""Crop and flip against one image at a time."""

import pytest
import torch

from masktopo.data.torch_random import torch_stream
from masktopo.errors import DataError
from masktopo.training.augment import crop_flip, draw_crop_flip


def reflected(image, top, left, flip):
    """Crop `image` (channels, height, width) at a corner of its reflection-padded form."""
    _, height, width = image.shape
    rows = [mirror(top + row - 4, height) for row in range(height)]
    columns = [mirror(left + column - 4, width) for column in range(width)]
    cropped = image[:, rows][:, :, columns]
    return cropped.flip(-1) if flip else cropped


def mirror(place, extent):
    """Fold a place outside of ``0 .. extent - 1`` back at the border pixel."""
    place = abs(place)
    return place if place < extent else 2 * (extent - 1) - place


def test_every_image_is_a_reflected_crop_and_all_places_occur():
    # From 10 pixels each way on, no two crops of one image are the same.
    image = torch.arange(2 * 10 * 11.0).reshape(2, 10, 11)
    expected = {
        tuple(reflected(image, top, left, flip).flatten().tolist()): (top, left, flip)
        for top in range(9)
        for left in range(9)
        for flip in (False, True)
    }
    assert len(expected) == 9 * 9 * 2
    own = 1000.0 * torch.arange(200)[:, None, None, None]
    draws = draw_crop_flip(200, torch_stream(0))
    augmented = crop_flip(image + own, draws) - own
    found = [expected[tuple(result.flatten().tolist())] for result in augmented]
    assert [list(map(int, place)) for place in found] == draws.tolist()
    assert {top for top, _, _ in found} == {left for _, left, _ in found} == set(range(9))
    assert 70 < sum(flip for _, _, flip in found) < 130


def test_the_generator_decides_and_the_images_stay():
    images = torch.rand(20, 1, 8, 8, generator=torch_stream(1))
    before = images.clone()
    first, second, third = (
        crop_flip(images, draw_crop_flip(20, torch_stream(seed))) for seed in (0, 0, 1)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, third)
    assert torch.equal(images, before)


def test_bytes_are_cropped_as_numbers_are():
    images = torch.randint(0, 256, (30, 3, 9, 7), generator=torch_stream(2)).to(torch.uint8)
    draws = draw_crop_flip(30, torch_stream(3))
    cropped = crop_flip(images, draws)
    assert cropped.dtype == torch.uint8
    assert torch.equal(cropped.float(), crop_flip(images.float(), draws))


@pytest.mark.parametrize("shape", [(2, 64), (2, 1, 4, 8), (2, 1, 8)])
def test_what_cannot_be_reflected_is_refused(shape):
    with pytest.raises(DataError, match="augment='crop-flip' needs images of more than 4 pixels"):
        crop_flip(torch.zeros(shape), torch.zeros(2, 3, dtype=torch.int64))
