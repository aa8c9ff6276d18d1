"""How much memory a file may claim.

A few bytes can describe an array of any size: sparse tensors, views that repeat one number, and
packed bits do so on purpose. What a file unfolds to is held against its own size, so that opening
a forged one does not exhaust the machine.
"""

from collections.abc import Iterable

from masktopo.errors import MaskError

__all__ = ["check_memory", "memory_limit"]

_BASE = 48 * 2**20
_PER_BYTE = 10


def memory_limit(file_bytes: int) -> int:
    """Return the bytes of arrays that a file of this size may unfold to at a time.

    48 MiB and 10 bytes for every byte of the file, which is some ten million entries of a sparse
    layer with its weights, and two more for every byte. What is needed beside the arrays keeps
    the whole below 64 MB and 16 times the file.

    Examples
    --------
    >>> memory_limit(1000)
    50341648
    """
    return _BASE + _PER_BYTE * file_bytes


def check_memory(claims: Iterable[tuple[str, tuple[int, ...], int]], file_bytes: int) -> None:
    """Raise `MaskError` where one array alone would take more than a file of its size may.

    Claims are names, shapes and bytes.
    """
    limit = memory_limit(file_bytes)
    for name, shape, size in claims:
        if size > limit:
            raise MaskError(
                f"{name!r} of shape {shape} would take {size} bytes in memory, but a file of "
                f"{file_bytes} may unfold to {limit} at most; save it as a dense tensor, or the "
                "masks alone"
            )
