"""Sparse tensors of torch: what is stored is kept, zeros among it too.

A block layout stores whole blocks, zeros included, so there only what is not zero is kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import MaskError
from masktopo.masks.formats.arrays import check_sparse, is_sparse, to_array
from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask
from masktopo.masks.formats.number_types import NUMBERS
from masktopo.masks.formats.stored import StoredTensor
from masktopo.masks.naming import is_layer_name

__all__ = ["sparse_masks"]


@dataclass(frozen=True)
class _Pattern(StoredTensor):
    """Where a sparse tensor stores something."""

    tensor: Any

    def read(self) -> NDArray[Any]:
        """Mark every stored entry."""
        check_sparse(self.tensor)
        layout = str(self.tensor.layout)
        if layout in ("torch.sparse_bsr", "torch.sparse_bsc"):
            stored: NDArray[Any] = to_array(self.tensor, "values") != 0
            return stored
        pattern = np.zeros(self.shape, dtype=np.bool_)
        pattern[_places(self.tensor, layout)] = True
        return pattern


def sparse_masks(checkpoint: Checkpoint) -> Iterator[FoundMask]:
    """Find every sparse tensor that is a layer's weight."""
    for key, tensor in checkpoint.tensors.items():
        if is_sparse(tensor) and is_layer_name(key):
            layout = str(tensor.layout).rpartition("_")[2].upper()
            pattern = _Pattern(tuple(tensor.shape), NUMBERS["BOOL"], tensor)
            yield FoundMask(key, pattern, tensor, f"stored entries ({layout})", key)


def _places(tensor: Any, layout: str) -> tuple[NDArray[Any], ...]:
    """Return the indices of the stored entries, one array an axis."""
    if layout == "torch.sparse_coo":
        return tuple(tensor._indices().numpy())
    if layout == "torch.sparse_csr":
        ends, inner = tensor.crow_indices().numpy(), tensor.col_indices().numpy()
    elif layout == "torch.sparse_csc":
        ends, inner = tensor.ccol_indices().numpy(), tensor.row_indices().numpy()
    else:
        raise MaskError(f"is a tensor of layout {layout}, which is not read")
    if ends.ndim != 1:
        raise MaskError(f"is a batch of {layout} matrices; expected one matrix")
    outer = np.repeat(np.arange(ends.size - 1), np.diff(ends))
    return (outer, inner) if layout == "torch.sparse_csr" else (inner, outer)
