"""Pickles of bytes, numbers, text and arrays of bytes, read without running any code."""

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import DataError

__all__ = ["unpickle_plain"]


def unpickle_plain(content: bytes, name: str) -> Any:
    """Return what a pickle holds, if that is nothing but plain objects and arrays of uint8.

    Text of Python 2, as in the batches of CIFAR, comes out as bytes. What would import anything
    is refused: NumPy's own functions are not called either, as a forged array could make them
    read memory that is not the file's.

    Raises
    ------
    DataError
        If the pickle is damaged, or would import what is not allowed; `name` and that are named.
    """
    try:
        found = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    # What a damaged pickle raises has no bounds.
    except Exception as error:
        raise DataError(f"{name} is damaged or no pickle: {error}") from error
    return _plain(found)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise DataError(
                f"refused, since it would import {module}.{name}; a batch of images needs "
                "nothing but arrays of bytes"
            )
        return _STAND_INS[module, name]


class _ByteType:
    """Stands in for ``numpy.dtype``, of uint8 only."""

    def __init__(self, code: bytes | str, align: bool = False, copy: bool = False) -> None:
        if code not in ("u1", b"u1"):
            raise DataError(f"refused, since it holds an array of {code!r}, not of bytes (u1)")

    def __setstate__(self, state: object) -> None:
        """Byte order and the like mean nothing for bytes."""


class _Ndarray:
    """Stands in for the class ``numpy.ndarray``, which is only ever passed on."""


class _Array:
    """Stands in for ``_reconstruct``: an array that gets its shape and bytes afterwards."""

    values: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)

    def __init__(self, kind: object, shape: object, code: object) -> None:
        pass

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, _, is_fortran, data = state
        flat = np.frombuffer(data, dtype=np.uint8)
        self.values = flat.reshape(shape[::-1]).T if is_fortran else flat.reshape(shape)


def _encode(text: str, encoding: bytes | str) -> bytes:
    """Stand in for ``_codecs.encode``, by which Python 3 writes bytes in old protocols."""
    return text.encode("latin1")


_STAND_INS = {
    ("numpy", "dtype"): _ByteType,
    ("numpy", "ndarray"): _Ndarray,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("_codecs", "encode"): _encode,
}


def _plain(found: Any) -> Any:
    """Put arrays in the place of their stand-ins, in a dict as well."""
    if isinstance(found, dict):
        return {
            key: value.values if isinstance(value, _Array) else value
            for key, value in found.items()
        }
    return found.values if isinstance(found, _Array) else found
