"""Arrays of torch or NumPy under one roof, without importing torch for it."""

import sys
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import MaskError

__all__ = ["is_floating", "is_module", "is_tensor", "storage_of", "to_array"]


def is_tensor(value: object) -> bool:
    """Whether `value` is an array of torch or NumPy."""
    return isinstance(value, np.ndarray) or _is_of_torch(value, "Tensor")


def is_module(value: object) -> bool:
    """Whether `value` is a ``torch.nn.Module``."""
    return _is_of_torch(value, "nn.Module")


def _is_of_torch(value: object, kind: str) -> bool:
    # Nobody has an object of torch without having imported it, and masks alone do not need it.
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    home: type = attrgetter(kind)(torch)
    return isinstance(value, home)


def is_floating(tensor: Any) -> bool:
    """Whether the tensor or array holds floating-point numbers."""
    if isinstance(tensor, np.ndarray):
        return bool(tensor.dtype.kind == "f")
    return bool(tensor.is_floating_point())


def to_array(tensor: Any, name: str) -> NDArray[Any]:
    """Return a tensor's values as an array, without a copy where NumPy has the type.

    Floats of 8 and 16 bits are widened to float32, which is exact.

    Raises
    ------
    MaskError
        If the values do not lie in memory one by one: sparse, quantised or meta tensors.
    """
    if isinstance(tensor, np.ndarray):
        return tensor
    if str(tensor.layout) != "torch.strided" or tensor.is_quantized or tensor.is_meta:
        what = "meta" if tensor.is_meta else "quantized" if tensor.is_quantized else tensor.layout
        raise MaskError(f"{name!r} is a {what} tensor; expected a dense one that holds its values")
    tensor = tensor.detach()
    if tensor.is_floating_point() and tensor.element_size() < 4:
        tensor = tensor.float()
    try:
        array: NDArray[Any] = tensor.cpu().resolve_neg().numpy()
    except (RuntimeError, TypeError, ValueError) as error:
        raise MaskError(f"{name!r}: its {tensor.dtype} values cannot be read: {error}") from error
    return array


def storage_of(tensor: Any) -> tuple[object, ...] | None:
    """Return where the values lie, equal for tied parameters; None where nothing is shared."""
    if isinstance(tensor, np.ndarray):
        return (tensor.ctypes.data, tensor.shape, tensor.strides) if tensor.size else None
    if tensor.numel() == 0 or tensor.is_meta or str(tensor.layout) != "torch.strided":
        return None
    return (tensor.data_ptr(), tuple(tensor.shape), tensor.stride())
