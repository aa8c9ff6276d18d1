"""Augmentation of whole batches. Every one is ``(inputs, generator) -> inputs``."""

from collections.abc import Callable

import torch
from torch.nn.functional import pad

from masktopo.errors import DataError

__all__ = ["AUGMENTATIONS", "crop_flip"]

_MARGIN = 4


def crop_flip(inputs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Reflect-pad by 4 pixels, crop back at a random place, and flip half of the images.

    Parameters
    ----------
    inputs : torch.Tensor, shape (n, channels, height, width)
        At least 5 pixels each way, on any device.
    generator : torch.Generator
        On the CPU; each image draws its place and its flip independently.

    Returns
    -------
    torch.Tensor
        A new tensor of the same shape.

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
    count, channels, height, width = inputs.shape
    corners = torch.randint(0, 2 * _MARGIN + 1, (2, count, 1), generator=generator)
    flipped = torch.rand((count, 1), generator=generator) < 0.5
    rows = corners[0] + torch.arange(height)
    columns = corners[1] + torch.where(flipped, torch.arange(width).flip(0), torch.arange(width))
    return pad(inputs, (_MARGIN,) * 4, mode="reflect")[
        torch.arange(count, device=inputs.device)[:, None, None, None],
        torch.arange(channels, device=inputs.device)[:, None, None],
        rows.to(inputs.device)[:, None, :, None],
        columns.to(inputs.device)[:, None, None, :],
    ]


AUGMENTATIONS: dict[str, Callable[[torch.Tensor, torch.Generator], torch.Tensor]] = {
    "crop-flip": crop_flip,
}
"""Every augmentation that masktopo knows by name."""
