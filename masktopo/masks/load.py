"""Reading masks from whatever a user has."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from masktopo.errors import ArgumentError
from masktopo.masks.formats.arrays import is_module
from masktopo.masks.formats.files import read_file
from masktopo.masks.formats.layers import layers_of
from masktopo.masks.judge import check_layers, check_pruned, warn_of_doubts
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet

__all__ = ["load_masks"]


def load_masks(source: Any, *, allow_dense: bool = False) -> MaskSet:
    """Read the masks of a network.

    Parameters
    ----------
    source : path, mapping, torch.nn.Module or MaskSet
        A file of ``torch.save``, safetensors or `MaskSet.save`, recognised by its content; a
        state dict, plain or within a wrapper such as ``{"state_dict": ...}``; a dict of masks,
        named by layer or by parameter; a model; a `MaskSet`, which is returned as it is.
    allow_dense : bool
        Whether a source without masks and zeros is read as a dense network. A model may always
        be dense.

    Returns
    -------
    MaskSet
        Every layer with its mask, its weights where they are known, and the origin of its mask.
        A layer's mask is the explicit one where there is one, and else where its weights are not
        zero. Arrays are the set's own: later changes of a model or dict do not reach it.

    Raises
    ------
    CheckpointError
        If a file is missing, empty, damaged or of an unknown format.
    UnsafeCheckpointError
        If opening the file could run code. It is never opened in another way.
    NoMaskError
        If there are no layers, or neither masks nor zeros, or masks known to be missing.
    MaskError
        If a mask does not fit its weight, has values other than 0 and 1, or keeps weights that
        are nan or infinite; the file and the layer are named.

    Warns
    -----
    MasktopoWarning
        If all explicit masks are all ones, if a layer's weights are all zero, or if so few
        weights are zero that they may be so by chance.

    Notes
    -----
    Without a model, layers are the floating tensors of 2 to 5 dimensions named ``*.weight`` or
    ``*_proj_weight`` and every parameter with an explicit mask; kinds are guessed from
    dimensions, groups are 1. One pass over the weights; those of a file are not copied.

    Examples
    --------
    >>> import numpy as np
    >>> masks = load_masks({"fc.weight": np.array([[0.5, 0.0], [0.0, -1.0]])})
    >>> masks["fc"].mask.tolist(), masks["fc"].origin
    ([[True, False], [False, True]], 'zeros')
    """
    if isinstance(source, MaskSet):
        return source
    content: Any = read_file(Path(source)) if isinstance(source, str | os.PathLike) else source
    if isinstance(content, MaskSet):
        masks = content
    elif is_module(content):
        from masktopo.masks.model import masks_of_module

        masks = masks_of_module(content)
    elif isinstance(content, Mapping):
        masks = _of_mapping(content, None if content is source else str(source), allow_dense)
    else:
        raise ArgumentError(
            "masks are read from a path, a state dict, a dict of masks, a torch.nn.Module or a "
            f"MaskSet, not from {type(source).__name__}"
        )
    check_layers(masks)
    warn_of_doubts(masks, stated=isinstance(content, MaskSet))
    return masks


def _of_mapping(tree: Mapping[Any, Any], file: str | None, allow_dense: bool) -> MaskSet:
    """Read the content of a file, or a mapping in memory if `file` is None."""
    source = file or "state dict"
    masks = MaskSet(layers_of(tree, source, allow_dense=allow_dense), source=source)
    if not allow_dense:
        check_pruned(masks)
    return masks if file else MaskSet(map(_independent, masks.values()), source=source)


def _independent(layer: LayerMask) -> LayerMask:
    """Copy the arrays, which may be those of a living model."""
    weight = None if layer.weight is None else layer.weight.copy()
    return replace(layer, mask=layer.mask.copy(), weight=weight)
