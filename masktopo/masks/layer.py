"""One layer's mask: the record that everything else is computed from."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from masktopo._check import check_choice, check_count
from masktopo.errors import MaskError

__all__ = ["KINDS", "BoolArray", "FloatArray", "LayerMask"]

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.floating]

KINDS = {
    "linear": 2,
    "conv1d": 3,
    "conv2d": 4,
    "conv3d": 5,
    "conv_transpose1d": 3,
    "conv_transpose2d": 4,
    "conv_transpose3d": 5,
    "embedding": 2,
    "matrix": 2,
}
"""Every kind of layer with the dimensions of its weight."""


@dataclass(frozen=True, eq=False)
class LayerMask:
    """The mask of one layer, in the shape of the layer's weight.

    Parameters
    ----------
    name : str
        Path of the parameter without ``.weight``.
    mask : ndarray of bool
        True where a weight is kept. Numbers are taken too where they are 0 or 1. Made read-only.
    weight : ndarray of float or None
        The layer's weights, of the same shape, where they are known; widened to float32 or
        float64 without loss, and made read-only. Values at pruned places are kept as they were
        found and never used; those at kept places are finite.
    kind : str
        A key of `KINDS`.
    groups : int
        Groups of a convolution; 1 where no model says otherwise, and for all other kinds.
    aliases : tuple of str
        Other names of the same tied parameter.
    origin : str
        Where the mask came from, in words: ``"weight_mask"``, ``"zeros"``, ``"dense"``, ...
    assumed : bool
        Whether `kind` and `groups` were guessed from the weight's dimensions, since what it was
        read from tells neither.

    Raises
    ------
    MaskError
        If the mask has other values than 0 and 1, if a kept weight is nan or infinite, or if
        shapes, dimensions and groups do not fit together; the layer is named.

    Examples
    --------
    >>> layer = LayerMask("fc", np.array([[True, False], [True, True]]), kind="linear")
    >>> layer.nnz, layer.density
    (3, 0.75)
    """

    name: str
    mask: BoolArray
    weight: FloatArray | None = None
    kind: str = "linear"
    groups: int = 1
    aliases: tuple[str, ...] = ()
    origin: str = "given"
    assumed: bool = False

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        check_count("groups", self.groups)
        object.__setattr__(self, "mask", _checked_mask(self.name, self.mask))
        if self.mask.ndim != KINDS[self.kind]:
            raise MaskError(
                f"layer {self.name!r}: a {self.kind} weight has {KINDS[self.kind]} dimensions, "
                f"but its mask has shape {self.shape}"
            )
        if self.groups > 1 and not self.kind.startswith("conv"):
            raise MaskError(
                f"layer {self.name!r}: only convolutions have groups, but this {self.kind} layer "
                f"has {self.groups}"
            )
        # The first dimension is that of the outputs, and of a transposed convolution the inputs:
        # in both, groups divide it.
        if self.shape[0] % self.groups:
            raise MaskError(
                f"layer {self.name!r}: {self.shape[0]} channels of shape {self.shape} "
                f"do not divide into {self.groups} groups"
            )
        if self.weight is not None:
            object.__setattr__(self, "weight", _checked_weight(self))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight, as the framework stores it."""
        return self.mask.shape

    @property
    def size(self) -> int:
        """Number of weights, kept or not."""
        return self.mask.size

    @property
    def nnz(self) -> int:
        """Number of kept weights, which is the number of edges of the rolled graph."""
        return int(np.count_nonzero(self.mask))

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
        """Whether everything was pruned (layer collapse)."""
        return self.nnz == 0

    def with_mask(self, mask: BoolArray, *, origin: str) -> "LayerMask":
        """Return this layer under another mask of the same shape."""
        if mask.shape != self.shape:
            raise MaskError(
                f"layer {self.name!r}: the mask has shape {mask.shape}, expected {self.shape}"
            )
        return replace(self, mask=mask, origin=origin)

    def with_weight(self, weight: FloatArray | None) -> "LayerMask":
        """Return this layer with other weights, or with None."""
        return replace(self, weight=weight)


def _read_only(array: NDArray[np.generic], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """View `array` as contiguous and read-only, without a copy where it is so already."""
    view = np.ascontiguousarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view


def _checked_mask(name: str, mask: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return `mask` as read-only bool, or raise where it has other values than 0 and 1."""
    mask = np.asarray(mask)
    if mask.dtype != np.bool_:
        others = mask[(mask != 0) & (mask != 1)]
        if others.size:
            found = ", ".join(map(str, np.unique(others)[:5].tolist()))
            raise MaskError(
                f"layer {name!r}: a mask holds only 0 and 1, but this one has "
                f"{others.size} other values, such as {found}"
            )
    elif mask.size and (largest := int(mask.view(np.uint8).max())) > 1:
        # Memory that was never set, or another's: kernels count on the bytes.
        raise MaskError(
            f"layer {name!r}: the mask has the byte {largest} for a truth value; expected 0 or 1"
        )
    return _read_only(mask, np.dtype(np.bool_))


def _checked_weight(layer: LayerMask) -> NDArray[np.generic]:
    """Return the layer's weight as read-only float32 or float64, or raise."""
    weight = np.asarray(layer.weight)
    if weight.shape != layer.shape:
        raise MaskError(
            f"layer {layer.name!r}: the mask has shape {layer.shape}, "
            f"but the weight has shape {weight.shape}"
        )
    if weight.dtype.kind not in "fiub":
        raise MaskError(
            f"layer {layer.name!r}: weights must be real numbers, but these are {weight.dtype}"
        )
    finite = np.isfinite(weight)
    if not finite.all():
        faults = int(np.count_nonzero(layer.mask & ~finite))
        if faults:
            raise MaskError(
                f"layer {layer.name!r}: {faults} of {layer.nnz} kept weights are nan or infinite"
            )
    narrow = np.can_cast(weight.dtype, np.float32)
    return _read_only(weight, np.dtype(np.float32 if narrow else np.float64))
