"""Checks of the samples that convolutional networks take."""

from masktopo.errors import ArgumentError

__all__ = ["image_shape"]


def image_shape(network: str, shape: tuple[int, ...], *, least: int = 1) -> tuple[int, int, int]:
    """Return channels, height and width of samples that are images.

    Raises
    ------
    ArgumentError
        If samples of `shape` are no images, or have fewer than `least` pixels a side.

    Examples
    --------
    >>> image_shape("vgg16", (3, 32, 32), least=32)
    (3, 32, 32)
    """
    if len(shape) != 3 or min(shape[1:]) < least:
        raise ArgumentError(
            f"{network} takes images of shape (channels, height, width) and at least "
            f"{least}x{least} pixels, not samples of shape {shape}"
        )
    channels, height, width = shape
    return channels, height, width
