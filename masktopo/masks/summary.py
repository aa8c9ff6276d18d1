"""What is known of a layer without its mask in memory."""

import math
from dataclasses import dataclass

__all__ = ["LayerSummary"]


@dataclass(frozen=True)
class LayerSummary:
    """Name, shape and counts of one layer; the names are those of `LayerMask`.

    Examples
    --------
    >>> summary = LayerSummary("fc", "linear", (2, 3), 3, "zeros")
    >>> summary.size, summary.density, summary.is_dense
    (6, 0.5, False)
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    nnz: int
    origin: str

    @property
    def size(self) -> int:
        """Number of weights, kept or not."""
        return math.prod(self.shape)

    @property
    def density(self) -> float:
        """Kept weights over all weights; nan for a layer without weights."""
        return self.nnz / self.size if self.size else float("nan")

    @property
    def is_dense(self) -> bool:
        """Whether nothing was pruned."""
        return self.nnz == self.size

    @property
    def is_empty(self) -> bool:
        """Whether everything was pruned."""
        return self.nnz == 0
