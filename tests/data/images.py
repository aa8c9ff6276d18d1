"""Small image files in the layouts that are read."""

import struct
import zlib

import numpy as np
from PIL import Image


def write_image(path, value, *, size=(6, 5), mode="RGB"):
    """Write a lossless image whose pixels tell it from others; return them, channels first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"RGB": 3, "RGBA": 4, "L": 1, "P": 1, "1": 1}[mode]
    pixels = np.random.default_rng(value).integers(0, 256, (*size, channels), dtype=np.uint8)
    Image.fromarray(pixels.squeeze(2) if channels == 1 else pixels).convert(mode).save(path)
    return pixels.transpose(2, 0, 1)


def write_folder(root, *, classes=("cat", "dog"), train=3, test=2, ending="png", first=0):
    """Write ``train/CLASS/*.png`` and ``test/CLASS/*.png``; the pixels by relative name.

    Another `first` gives other pixels.
    """
    found = {}
    for part, count in (("train", train), ("test", test)):
        for label, name in enumerate(classes):
            for number in range(count):
                path = root / part / name / f"{number}.{ending}"
                value = first + 1000 * (part == "test") + 100 * label + number
                found[str(path.relative_to(root))] = write_image(path, value)
    return found


def write_16_bit_png(path, pixels):
    """Write colours of 16 bits, shape (height, width, 3), which Pillow reads but does not write."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks))


def png_chunk(kind, content):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
