"""Many small image files as one array of bytes."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["DECODER_VERSION", "ImageFile", "decode_images"]

DECODER_VERSION = 2
"""Part of the name that decoded images are kept under; rises when files give other bytes."""

_CHUNK = 1000
_ALONE = 4 * _CHUNK
"""Files up to which starting further processes takes longer than decoding."""

_GREY_MODES = ("1", "L", "LA")
_WIDE_MODES = ("I", "F")
"""How modes of grey begin that Pillow would clip to 255, ``I;16`` among them."""


class ImageFile(NamedTuple):
    """One image: what it is called in messages, and its file or the bytes of it."""

    name: str
    content: Path | bytes


def decode_images(files: Sequence[ImageFile]) -> NDArray[np.uint8]:
    """Decode images of one size, by several processes where there are many.

    Returns
    -------
    ndarray of uint8, shape (n, channels, height, width)
        In the order of `files`. One channel where all images are grey, else three; grey images
        among coloured ones, as Tiny-ImageNet has them, get three equal channels.

    Raises
    ------
    DataError
        If a file is damaged, of another size than the first, or of more than 16 bits a channel;
        it is named.

    Notes
    -----
    Of 16 bits the upper 8 are taken: Pillow does so with coloured images, and an image that is
    grey in all but its form must not come out otherwise.
    """
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    if len(files) <= _ALONE:
        decoded = [_decode_chunk(chunk) for chunk in chunks]
    else:
        from joblib import Parallel, cpu_count, delayed

        workers = min(len(chunks), cpu_count())
        decoded = Parallel(n_jobs=workers)(delayed(_decode_chunk)(chunk) for chunk in chunks)
    for part, chunk in zip(decoded, chunks, strict=True):
        _check_size(part[0], chunk[0].name, decoded[0][0], files[0].name)
    channels = max(part.shape[1] for part in decoded)
    return np.concatenate([_with_channels(part, channels) for part in decoded])


def _decode_chunk(files: Sequence[ImageFile]) -> NDArray[np.uint8]:
    """Decode some images into one array, which travels between processes in one piece."""
    images = [_decode(file) for file in files]
    for image, file in zip(images, files, strict=True):
        _check_size(image, file.name, images[0], files[0].name)
    channels = max(len(image) for image in images)
    return np.stack([_with_channels(image, channels) for image in images])


def _with_channels(images: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Repeat a single channel so often that there are `channels`."""
    shape = (*images.shape[:-3], channels, *images.shape[-2:])
    return np.broadcast_to(images, shape)


def _decode(file: ImageFile) -> NDArray[np.uint8]:
    """Decode one image, channels first."""
    from PIL import Image

    content = io.BytesIO(file.content) if isinstance(file.content, bytes) else file.content
    try:
        with Image.open(content) as image:
            pixels = _pixels(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(
            f"{file.name} is damaged or no image; put a whole copy in its place: {error}"
        ) from error
    if pixels.dtype != np.uint8:
        pixels = _upper_bits(pixels, file.name)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _pixels(image: "Image.Image") -> NDArray[Any]:
    """Return grey or red, green and blue, channels last; grey of more than 8 bits as it is."""
    if image.mode.startswith(_WIDE_MODES):
        return np.asarray(image)
    return np.asarray(image.convert("L" if image.mode in _GREY_MODES else "RGB"))


def _upper_bits(pixels: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return the upper 8 of 16 bits."""
    lowest, highest = pixels.min(), pixels.max()
    if pixels.dtype.kind == "f" or lowest < 0 or highest >= 1 << 16:
        raise DataError(
            f"{name} has {pixels.dtype} pixels from {lowest} to {highest}; expected whole numbers "
            "of 8 or 16 bits"
        )
    return (pixels >> 8).astype(np.uint8)


def _check_size(
    image: NDArray[np.uint8], name: str, first: NDArray[np.uint8], first_name: str
) -> None:
    """Raise unless an image has the height and width of the first."""
    if image.shape[-2:] != first.shape[-2:]:
        found, wanted = ("x".join(map(str, array.shape[-2:])) for array in (image, first))
        raise DataError(
            f"{name} has {found} pixels (height x width), but {first_name} has {wanted}; "
            "all images must have one size"
        )
