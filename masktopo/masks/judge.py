"""Whether masks that were read show a pruned network."""

import warnings

from masktopo._check import join_names
from masktopo.errors import MasktopoWarning, NoMaskError
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet

__all__ = ["check_layers", "check_pruned", "warn_of_doubts"]

_BY_CHANCE = 1e-4
_CALLERS = 3


def check_layers(masks: MaskSet) -> None:
    """Raise `NoMaskError` where there is no layer at all."""
    if not masks:
        raise NoMaskError(
            f"{masks.source}: no layer found. Looked for floating tensors of 2 to 5 dimensions "
            "named *.weight or *_proj_weight, and for masks of at least 2 dimensions"
        )


def check_pruned(masks: MaskSet) -> None:
    """Raise `NoMaskError` where there are layers, but neither explicit masks nor zeros."""
    if masks and all(layer.origin == "dense" for layer in masks.values()):
        raise NoMaskError(
            f"{masks.source}: neither masks nor zeros in {len(masks)} layers "
            f"({join_names(masks, most=3)}). Looked for *_mask beside the weights, mask buffers "
            "of parametrizations, dicts of masks (alone, or as 'masks' beside a state dict), and "
            "zeros in the weights. If the network is meant to be dense, pass allow_dense=True"
        )


def warn_of_doubts(masks: MaskSet, *, stated: bool = False) -> None:
    """Warn where masks may not be what the user takes them for.

    Parameters
    ----------
    masks : MaskSet
        What was read.
    stated : bool
        Whether the source states every mask, those of dense layers included.
    """
    for doubt in (_all_ones(masks, stated), _zero_layers(masks), _few_zeros(masks)):
        if doubt:
            warnings.warn(f"{masks.source}: {doubt}", MasktopoWarning, stacklevel=_CALLERS)


def _is_explicit(layer: LayerMask) -> bool:
    return layer.origin != "dense" and not layer.origin.startswith("zeros")


def _all_ones(masks: MaskSet, stated: bool) -> str | None:
    explicit = [layer for layer in masks.values() if stated or _is_explicit(layer)]
    if not explicit or not all(layer.is_dense for layer in explicit):
        return None
    return (
        f"all {len(explicit)} masks keep every weight (origin: {explicit[0].origin}); "
        "they may have been saved before pruning"
    )


def _zero_layers(masks: MaskSet) -> str | None:
    zero = [
        layer.name
        for layer in masks.values()
        if layer.size and layer.is_empty and not _is_explicit(layer)
    ]
    if not zero:
        return None
    return f"all weights are zero in {join_names(zero)}: emptied by pruning, or zero-initialised"


def _few_zeros(masks: MaskSet) -> str | None:
    pruned = masks.size - masks.nnz
    explicit = any(map(_is_explicit, masks.values()))
    if explicit or not 0 < pruned < _BY_CHANCE * masks.size:
        return None
    return (
        f"only {pruned} of {masks.size} weights are zero and there are no masks; "
        "the network is probably dense, with some zeros by chance"
    )
