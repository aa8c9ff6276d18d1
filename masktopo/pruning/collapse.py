"""Layer collapse: a layer that pruning left without a single weight."""

import warnings

from masktopo._check import join_names
from masktopo.errors import MasktopoWarning
from masktopo.masks.maskset import MaskSet

__all__ = ["warn_of_collapse"]


def warn_of_collapse(masks: MaskSet, what: str, *, stacklevel: int) -> None:
    """Give a `MasktopoWarning` that names the layers of `masks` that are empty, if any.

    Parameters
    ----------
    masks : MaskSet
        The result of pruning.
    what : str
        What emptied them, in words.
    stacklevel : int
        As for `warnings.warn`, counted from the caller.
    """
    empty = [name for name, layer in masks.items() if layer.is_empty]
    if empty:
        warnings.warn(
            f"{what} leaves no weight in {len(empty)} of {len(masks)} layers (layer collapse): "
            f"{join_names(empty)}",
            MasktopoWarning,
            stacklevel=stacklevel + 1,
        )
