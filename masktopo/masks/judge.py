"""Whether masks that were read show a pruned network."""

import warnings
from collections.abc import Sequence

from masktopo._check import join_names
from masktopo.errors import MasktopoWarning, NoMaskError
from masktopo.masks.layer import LayerMask
from masktopo.masks.summary import LayerSummary

__all__ = ["Layers", "check_layers", "check_pruned", "doubts_of", "warn_of_doubts"]

Layers = Sequence[LayerMask | LayerSummary]

_BY_CHANCE = 1e-4
_CALLERS = 3


def check_layers(layers: Layers, source: str) -> None:
    """Raise `NoMaskError` where there is no layer at all."""
    if not layers:
        raise NoMaskError(
            f"{source}: no layer found. Looked for floating tensors of 2 to 5 dimensions "
            "named *.weight or *_proj_weight, and for masks of at least 2 dimensions"
        )


def check_pruned(layers: Layers, source: str) -> None:
    """Raise `NoMaskError` where there are layers, but neither explicit masks nor zeros."""
    if layers and all(layer.origin == "dense" for layer in layers):
        names = join_names([layer.name for layer in layers], most=3)
        raise NoMaskError(
            f"{source}: neither masks nor zeros in {len(layers)} layers "
            f"({names}). Looked for *_mask beside the weights, mask buffers "
            "of parametrizations, dicts of masks (alone, or as 'masks' beside a state dict), and "
            "zeros in the weights. If the network is meant to be dense, pass allow_dense=True"
        )


def warn_of_doubts(layers: Layers, source: str, *, stated: bool = False) -> None:
    """Warn where masks may not be what the user takes them for.

    Parameters
    ----------
    layers : sequence of LayerMask or LayerSummary
        What was read.
    source : str
        What it was read from.
    stated : bool
        Whether the source states every mask, those of dense layers included.
    """
    for doubt in doubts_of(layers, stated=stated):
        warnings.warn(f"{source}: {doubt}", MasktopoWarning, stacklevel=_CALLERS)


def doubts_of(layers: Layers, *, stated: bool = False) -> list[str]:
    """Say in words what `warn_of_doubts` warns of."""
    found = (_all_ones(layers, stated), _zero_layers(layers), _few_zeros(layers))
    return [doubt for doubt in found if doubt]


def _is_explicit(layer: LayerMask | LayerSummary) -> bool:
    return layer.origin != "dense" and not layer.origin.startswith("zeros")


def _all_ones(layers: Layers, stated: bool) -> str | None:
    explicit = [layer for layer in layers if stated or _is_explicit(layer)]
    if not explicit or not all(layer.is_dense for layer in explicit):
        return None
    return (
        f"all {len(explicit)} masks keep every weight (origin: {explicit[0].origin}); "
        "they may have been saved before pruning"
    )


def _zero_layers(layers: Layers) -> str | None:
    zero = [
        layer.name for layer in layers if layer.size and layer.is_empty and not _is_explicit(layer)
    ]
    if not zero:
        return None
    return f"all weights are zero in {join_names(zero)}: emptied by pruning, or zero-initialised"


def _few_zeros(layers: Layers) -> str | None:
    size = sum(layer.size for layer in layers)
    pruned = size - sum(layer.nnz for layer in layers)
    explicit = any(map(_is_explicit, layers))
    if explicit or not 0 < pruned < _BY_CHANCE * size:
        return None
    return (
        f"only {pruned} of {size} weights are zero and there are no masks; "
        "the network is probably dense, with some zeros by chance"
    )
