"""How numbers lie in files: which bytes hold which value, for types that NumPy lacks as well.

Zeros and nans are told from the bits, so that counting them decodes nothing: without its sign, a
floating-point number is zero where no bit is left, and nan or infinite from some pattern upwards.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import MaskError

__all__ = ["NUMBERS", "Number", "truth_values"]

Raw = NDArray[Any]


@dataclass(frozen=True)
class Number:
    """A type of numbers.

    Parameters
    ----------
    name : str
        What PyTorch calls it.
    raw : dtype
        How its bytes are viewed, little-endian.
    decode : function
        Turns raw numbers into values: bool, integers, float32 or float64.
    magnitude : int
        For floating-point numbers, the bits beside the sign; 0 for others.
    infinity : int
        The least magnitude that is no finite number.
    """

    name: str
    raw: np.dtype[Any]
    decode: Callable[[Raw], Raw]
    magnitude: int = 0
    infinity: int = 0

    @property
    def is_floating(self) -> bool:
        """Whether these are floating-point numbers."""
        return self.magnitude != 0

    @property
    def itemsize(self) -> int:
        """Bytes of one number in the file."""
        return self.raw.itemsize

    @property
    def width(self) -> int:
        """Bytes of one value in memory."""
        return max(self.itemsize, 4) if self.is_floating else self.itemsize


def _native(raw: Raw) -> Raw:
    return raw.astype(raw.dtype.newbyteorder("="), copy=False)


def truth_values(raw: Raw) -> Raw:
    """View bytes of a file as truth values, or raise `MaskError` where one is neither 0 nor 1.

    NumPy would count such a byte as true here and as something else there.
    """
    if raw.size and raw.max() > 1:
        raise MaskError(f"has the byte {raw.max()} for a truth value; expected 0 or 1")
    return raw.view(np.bool_)


def _viewed(kind: str) -> Callable[[Raw], Raw]:
    return lambda raw: _native(raw.view(kind))


def _float16(raw: Raw) -> Raw:
    return raw.view("<f2").astype(np.float32)


def _bfloat16(raw: Raw) -> Raw:
    wide = raw.astype(np.uint32)
    wide <<= 16
    return wide.view(np.float32)


def _float8_e5m2(raw: Raw) -> Raw:
    # The upper byte of a float16.
    return (raw.astype(np.uint16) << 8).view(np.float16).astype(np.float32)


def _float8_e4m3fn(raw: Raw) -> Raw:
    return _E4M3FN[raw]


def _e4m3fn_values() -> Raw:
    """List the value of every byte: sign, four bits of exponent with bias 7, three of fraction."""
    bits = np.arange(128)
    exponent, fraction = bits >> 3, (bits & 7) / 8
    values = np.where(
        exponent == 0, np.ldexp(fraction, -6), np.ldexp(1 + fraction, np.maximum(exponent, 1) - 7)
    )
    values[127] = np.nan
    return np.concatenate([values, -values]).astype(np.float32)


_E4M3FN = _e4m3fn_values()

_FLOATS = (
    ("F64", "float64", "<u8", _viewed("<f8"), 2**63 - 1, 0x7FF << 52),
    ("F32", "float32", "<u4", _viewed("<f4"), 2**31 - 1, 0xFF << 23),
    ("F16", "float16", "<u2", _float16, 0x7FFF, 0x7C00),
    ("BF16", "bfloat16", "<u2", _bfloat16, 0x7FFF, 0x7F80),
    ("F8_E5M2", "float8_e5m2", "u1", _float8_e5m2, 0x7F, 0x7C),
    ("F8_E4M3", "float8_e4m3fn", "u1", _float8_e4m3fn, 0x7F, 0x7F),
)

NUMBERS = {
    "BOOL": Number("bool", np.dtype("u1"), truth_values),
    **{
        f"{sign}{8 * width}": Number(f"{word}{8 * width}", np.dtype(f"<{code}{width}"), _native)
        for sign, word, code in (("I", "int", "i"), ("U", "uint", "u"))
        for width in (1, 2, 4, 8)
    },
    **{
        code: Number(name, np.dtype(raw), decode, magnitude, infinity)
        for code, name, raw, decode, magnitude, infinity in _FLOATS
    },
}
"""Types by the code that safetensors gives them."""
