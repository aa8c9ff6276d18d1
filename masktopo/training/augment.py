"""Augmentation of whole batches, on the device that they are on.

An augmentation first draws what happens to every sample of an epoch, on the CPU and so alike for
every device, and later changes batch after batch as was drawn.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch

from masktopo.errors import DataError

__all__ = ["AUGMENTATIONS", "Augmentation", "crop_flip", "draw_crop_flip"]

_MARGIN = 4


class Augmentation(NamedTuple):
    """How draws are made, and how they are applied.

    Parameters
    ----------
    draw : callable
        ``(count, generator) -> draws``, int64 of shape (count, k), by a generator of the CPU.
    apply : callable
        ``(inputs, draws) -> inputs``, of the same shape and dtype, without waiting for a device.
    """

    draw: Callable[[int, torch.Generator], torch.Tensor]
    apply: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def draw_crop_flip(count: int, generator: torch.Generator) -> torch.Tensor:
    """Draw row and column of a crop, from 0 to 8, and whether to flip, for each of `count`."""
    corners = torch.randint(0, 2 * _MARGIN + 1, (count, 2), generator=generator)
    flips = torch.randint(0, 2, (count, 1), generator=generator)
    return torch.cat([corners, flips], dim=1)


def crop_flip(inputs: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """Reflect-pad by 4 pixels, crop back at the drawn place, and flip where it was drawn.

    Parameters
    ----------
    inputs : torch.Tensor, shape (n, channels, height, width)
        At least 5 pixels each way, of any dtype and on any device.
    draws : torch.Tensor of int64, shape (n, 3)
        From `draw_crop_flip`, on the same device.

    Returns
    -------
    torch.Tensor
        A new tensor of the same shape. One gathering of pixels: nothing is padded.

    Raises
    ------
    DataError
        If the inputs are no images, or too small to reflect.
    """
    if inputs.ndim != 4 or min(inputs.shape[2:]) <= _MARGIN:
        raise DataError(
            f"augment='crop-flip' needs images of more than {_MARGIN} pixels each way, "
            f"not samples of shape {tuple(inputs.shape[1:])}"
        )
    count, channels, height, width = (
        torch.arange(extent, device=inputs.device) for extent in inputs.shape
    )
    top, left, flip = draws.T[:, :, None]
    columns = torch.where(flip.bool(), width.flip(0), width)
    return inputs[
        count[:, None, None, None],
        channels[:, None, None],
        _mirrored(top + height - _MARGIN, len(height))[:, None, :, None],
        _mirrored(left + columns - _MARGIN, len(width))[:, None, None, :],
    ]


def _mirrored(places: torch.Tensor, extent: int) -> torch.Tensor:
    """Fold places outside of ``0 .. extent - 1`` back at the border pixels."""
    last = extent - 1
    return last - (last - places.abs()).abs()


AUGMENTATIONS: dict[str, Augmentation] = {
    "crop-flip": Augmentation(draw_crop_flip, crop_flip),
}
"""Every augmentation that masktopo knows by name."""
