"""NumPy scalars and arrays inside files of ``torch.save``, without NumPy's own unpickling.

Training scripts often save an accuracy or a mask as a NumPy object. NumPy's functions cannot be
allowed for that: a forged dtype makes them take bytes of the file for addresses of Python
objects. The stand-ins here are called in their place and build arrays of numbers or text from
exactly the bytes that these need.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NUMPY_STAND_INS", "plain"]

_DEEPEST = 32


class _Dtype:
    """Stands in for ``numpy.dtype``: numbers, truth values and text only."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        self.dtype = np.dtype(str(code))
        if self.dtype.kind not in "biufcSU":
            raise TypeError(f"NumPy arrays of type {code!r} are not read, only numbers and text")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, order, subarray, names, fields, *_ = state
        if subarray or names or fields:
            raise TypeError("structured NumPy arrays are not read")
        self.dtype = self.dtype.newbyteorder(order)


class _Ndarray:
    """Stands in for the class ``numpy.ndarray``, which is only ever passed on."""


class _Array:
    """Stands in for ``_reconstruct``: an array that gets its shape and bytes afterwards."""

    values: NDArray[Any] = np.empty(0)

    def __init__(self, kind: object, shape: object, code: object) -> None:
        pass

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, is_fortran, data = state
        values = _values(kind, data)
        self.values = values.reshape(shape[::-1]).T if is_fortran else values.reshape(shape)


def _scalar(kind: _Dtype, data: bytes) -> Any:
    """Stand in for ``numpy.core.multiarray.scalar``."""
    return _values(kind, data).reshape(())[()]


def _no_bytes() -> bytes:
    """Stand in for ``bytes``, by whose call a pickle of protocol 2 makes empty bytes."""
    return b""


def _values(kind: _Dtype, data: bytes) -> NDArray[Any]:
    """Return the values that the bytes hold; NumPy raises where they do not come out even."""
    array = np.frombuffer(data, dtype=kind.dtype)
    return array.astype(kind.dtype.newbyteorder("="))


NUMPY_STAND_INS = (
    (_Dtype, "numpy.dtype"),
    (_Ndarray, "numpy.ndarray"),
    (_no_bytes, "builtins.bytes"),
    *(
        pair
        for home in ("numpy.core.multiarray", "numpy._core.multiarray")
        for pair in ((_Array, f"{home}._reconstruct"), (_scalar, f"{home}.scalar"))
    ),
)
"""What torch's safe mode calls, and under which name of NumPy's."""


def plain(value: Any) -> Any:
    """Put the arrays in the place of their stand-ins, in dicts within dicts.

    Examples
    --------
    >>> plain({"epoch": 3})
    {'epoch': 3}
    """
    return _plain(value, {}, _DEEPEST)


def _plain(value: Any, done: dict[int, Any], depth: int) -> Any:
    if isinstance(value, _Array):
        return value.values
    if not isinstance(value, Mapping) or not depth:
        return value
    # A forged file may have a dict that holds itself.
    if id(value) not in done:
        done[id(value)] = new = dict.fromkeys(value)
        new.update((key, _plain(inner, done, depth - 1)) for key, inner in value.items())
    return done[id(value)]
