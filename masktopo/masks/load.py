"""Reading masks from whatever a user has."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from masktopo.errors import ArgumentError
from masktopo.masks.formats.arrays import is_module
from masktopo.masks.formats.checkpoint import open_checkpoint
from masktopo.masks.formats.files import OpenedFile, open_file
from masktopo.masks.formats.layers import layers_of, naming, stored_layers
from masktopo.masks.formats.limits import memory_limit
from masktopo.masks.judge import Layers, check_layers, check_pruned, warn_of_doubts
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet

__all__ = ["load_masks"]

_KEPT = 512 * 2**20
"""Bytes of masks and weights up to which they are kept in memory."""


def load_masks(source: Any, *, allow_dense: bool = False) -> MaskSet:
    """Read the masks of a network.

    Parameters
    ----------
    source : path, mapping, torch.nn.Module or MaskSet
        A file or folder in any format of ``docs/formats.md``, recognised by its content; a
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
    dimensions, groups are 1. One pass over the weights. Files whose masks and weights would take
    more than 512 MiB are read layer by layer: once here, and again at each access to a layer, so
    they must stay as they are (see `MaskSet.is_on_demand`).

    Examples
    --------
    >>> import numpy as np
    >>> masks = load_masks({"fc.weight": np.array([[0.5, 0.0], [0.0, -1.0]])})
    >>> masks["fc"].mask.tolist(), masks["fc"].origin
    ([[True, False], [False, True]], 'zeros')
    """
    if isinstance(source, MaskSet):
        return source
    if isinstance(source, str | os.PathLike):
        masks, layers, stated = _of_file(open_file(Path(source)), allow_dense)
    elif is_module(source):
        from masktopo.masks.model import masks_of_module

        masks, stated = masks_of_module(source), False
        layers = list(masks.values())
    elif isinstance(source, Mapping):
        masks, stated = _of_mapping(source, allow_dense), False
        layers = list(masks.values())
    else:
        raise ArgumentError(
            "masks are read from a path, a state dict, a dict of masks, a torch.nn.Module or a "
            f"MaskSet, not from {type(source).__name__}"
        )
    check_layers(layers, masks.source)
    warn_of_doubts(layers, masks.source, stated=stated)
    return masks


def _of_mapping(tree: Mapping[Any, Any], allow_dense: bool) -> MaskSet:
    """Read a mapping in memory, whose arrays may be those of a living model."""
    source = "state dict"
    stored = layers_of(open_checkpoint(tree, source), allow_dense=allow_dense)
    with naming(source):
        masks = MaskSet([_independent(layer.read()) for layer in stored], source=source)
    if not allow_dense:
        check_pruned(list(masks.values()), source)
    return masks


def _independent(layer: LayerMask) -> LayerMask:
    """Copy the arrays."""
    weight = None if layer.weight is None else layer.weight.copy()
    return replace(layer, mask=layer.mask.copy(), weight=weight)


def _of_file(file: OpenedFile, allow_dense: bool) -> tuple[MaskSet, Layers, bool]:
    """Read a file: its masks, what is to be judged, and whether it states every mask."""
    source, stated = str(file.path), isinstance(file.content, list)
    stored = stored_layers(file, allow_dense=allow_dense)
    with naming(source, stated=stated):
        if sum(layer.needed for layer in stored) <= min(_KEPT, memory_limit(file.size)):
            masks = MaskSet([layer.read() for layer in stored], source=source)
            layers: Layers = list(masks.values())
        else:
            layers = [layer.summary() for layer in stored]
            totals = sum(layer.nnz for layer in layers), sum(layer.size for layer in layers)
            readers = [(layer.name, layer.read) for layer in stored]
            known = all(layer.weight is not None for layer in stored)
            masks = MaskSet.on_demand(readers, source=source, totals=totals, has_weights=known)
    if not allow_dense and not stated:
        check_pruned(layers, source)
    return masks, layers, stated
