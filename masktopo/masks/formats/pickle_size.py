"""How many objects a pickle would make, counted without making them."""

import pickletools
from contextlib import suppress
from pathlib import Path
from typing import IO

from masktopo.errors import CheckpointError
from masktopo.masks.formats.pickled_names import open_pickle

__all__ = ["check_objects"]

_UNCHECKED = 2**19
_BYTES_AN_OBJECT = 6
_PICKLES = 5


def check_objects(path: Path) -> None:
    """Raise `CheckpointError` where a pickle is little else than instructions of one byte.

    Each of these may make an object of sixty bytes, so that a forged file of megabytes fills
    the memory; those of tensors have one in a dozen bytes.
    """
    if _is_bomb(path):
        raise CheckpointError(
            f"{path} is damaged: its pickle would make far more objects than its bytes can mean"
        )


def _is_bomb(path: Path) -> bool:
    # As with torch.load, what a damaged pickle raises has no bounds; torch is to tell what it is.
    with suppress(Exception), open_pickle(path) as (file, size):
        return size > _UNCHECKED and _has_more(file, size // _BYTES_AN_OBJECT)
    return False


def _has_more(file: IO[bytes], most: int) -> bool:
    """Whether there are more than `most` instructions without an argument."""
    count = 0
    # An older file is a row of five pickles, with bare numbers behind them.
    for _ in range(_PICKLES):
        for opcode, _, _ in pickletools.genops(file):
            count += opcode.arg is None
            if count > most:
                return True
    return False
