"""Tensors of torch, of NumPy and in files under one roof, without importing torch for it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import MaskError
from masktopo.masks.formats.number_types import truth_values
from masktopo.masks.formats.stored import StoredTensor
from masktopo.masks.formats.tally import Tally, tally_values

__all__ = [
    "blocks_of",
    "check_sparse",
    "is_floating",
    "is_module",
    "is_sparse",
    "is_tensor",
    "storage_of",
    "tally_of",
    "to_array",
    "width_of",
]

_BLOCK = 1 << 18


def is_tensor(value: object) -> bool:
    """Whether `value` is an array of torch or NumPy, or one in a file."""
    if _is_of_torch(value, "Tensor"):
        return not value.is_nested  # type: ignore[attr-defined]
    return isinstance(value, np.ndarray | StoredTensor)


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


def is_sparse(tensor: Any) -> bool:
    """Whether `tensor` is one of torch's sparse layouts."""
    return _is_of_torch(tensor, "Tensor") and str(tensor.layout) != "torch.strided"


def is_floating(tensor: Any) -> bool:
    """Whether the tensor or array holds floating-point numbers."""
    if isinstance(tensor, np.ndarray):
        return bool(tensor.dtype.kind == "f")
    if isinstance(tensor, StoredTensor):
        return tensor.is_floating
    return bool(tensor.is_floating_point())


def width_of(tensor: Any) -> int:
    """Return the bytes that one value takes as `to_array` gives it."""
    if isinstance(tensor, StoredTensor):
        return tensor.width
    if isinstance(tensor, np.ndarray):
        return tensor.itemsize
    size: int = tensor.element_size()
    return max(size, 4) if tensor.is_floating_point() else size


def check_sparse(tensor: Any) -> None:
    """Raise `MaskError` where indices of a sparse tensor of torch lie outside of its shape.

    Torch checks them only when it is asked to, and reads from wherever they point otherwise.
    """
    import torch

    try:
        if tensor.layout is torch.sparse_coo:
            parts = (tensor._indices(), tensor._values(), tensor.shape)
            torch.sparse_coo_tensor(*parts, check_invariants=True)
        else:
            rows = tensor.layout in (torch.sparse_csr, torch.sparse_bsr)
            ends = tensor.crow_indices() if rows else tensor.ccol_indices()
            inner = tensor.col_indices() if rows else tensor.row_indices()
            torch.sparse_compressed_tensor(
                ends,
                inner,
                tensor.values(),
                tensor.shape,
                layout=tensor.layout,
                check_invariants=True,
            )
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise MaskError(f"is a sparse tensor whose indices do not fit: {reason}") from error


def to_array(tensor: Any, name: str) -> NDArray[Any]:
    """Return a tensor's values as an array, without a copy where NumPy has the type.

    Floats of 8 and 16 bits are widened to float32, which is exact; sparse tensors of torch are
    filled up with zeros.

    Raises
    ------
    MaskError
        If the tensor does not hold its values: quantised or meta tensors.
    """
    if isinstance(tensor, np.ndarray):
        return tensor
    with _naming(name):
        if is_sparse(tensor):
            check_sparse(tensor)
        return tensor.read() if isinstance(tensor, StoredTensor) else _of_torch(tensor)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Put the name of a tensor in front of what is wrong with it."""
    try:
        yield
    except MaskError as error:
        raise MaskError(f"{name!r} {error}") from error


def _of_torch(tensor: Any) -> NDArray[Any]:
    if tensor.is_quantized or tensor.is_meta:
        what = "meta" if tensor.is_meta else "quantized"
        raise MaskError(f"is a {what} tensor; expected one that holds its values")
    try:
        tensor = tensor.detach()
        tensor = tensor.to_dense() if is_sparse(tensor) else tensor
        if tensor.is_floating_point() and tensor.element_size() < 4:
            tensor = tensor.float()
        array: NDArray[Any] = tensor.cpu().resolve_neg().numpy()
    except (RuntimeError, TypeError, ValueError) as error:
        raise MaskError(f"has {tensor.dtype} values that cannot be read: {error}") from error
    return truth_values(array.view(np.uint8)) if array.dtype == np.bool_ else array


def blocks_of(tensor: Any, name: str) -> Iterator[NDArray[Any]]:
    """Yield a tensor's values in order, flat, in pieces; a piece may overwrite the one before.

    Of a sparse tensor only the values that it stores.
    """
    if isinstance(tensor, StoredTensor):
        with _naming(name):
            yield from tensor.blocks()
    elif isinstance(tensor, np.ndarray):
        yield tensor.reshape(-1)
    elif is_sparse(tensor):
        is_coo = str(tensor.layout) == "torch.sparse_coo"
        yield to_array(tensor._values() if is_coo else tensor.values(), name).reshape(-1)
    else:
        flat = tensor.detach().reshape(-1)
        for first in range(0, flat.shape[0], _BLOCK):
            yield to_array(flat[first : first + _BLOCK], name)


def tally_of(tensor: Any, name: str) -> Tally:
    """Count what is not zero in a tensor, and what is not finite, without decoding all of it."""
    if isinstance(tensor, StoredTensor):
        with _naming(name):
            return tensor.tally()
    return sum(map(tally_values, blocks_of(tensor, name)), Tally())


def storage_of(tensor: Any) -> tuple[object, ...] | None:
    """Return where the values lie, equal for tied parameters; None where nothing is shared."""
    if isinstance(tensor, StoredTensor):
        return None
    if isinstance(tensor, np.ndarray):
        return (tensor.ctypes.data, tensor.shape, tensor.strides) if tensor.size else None
    if tensor.numel() == 0 or tensor.is_meta or is_sparse(tensor):
        return None
    return (tensor.data_ptr(), tuple(tensor.shape), tensor.stride())
