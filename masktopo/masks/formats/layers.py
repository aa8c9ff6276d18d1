"""From the tensors of a checkpoint to its layers."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from masktopo.errors import ArgumentError, CheckpointError, MaskError
from masktopo.masks.formats.arrays import is_floating, to_array, width_of
from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask, open_checkpoint
from masktopo.masks.formats.files import OpenedFile
from masktopo.masks.formats.hidden import hidden_weights
from masktopo.masks.formats.huggingface import Shards
from masktopo.masks.formats.limits import check_memory
from masktopo.masks.formats.registry import LAYOUTS
from masktopo.masks.formats.stored_layer import StoredLayer
from masktopo.masks.formats.tables import bare_masks
from masktopo.masks.naming import guess_kind, is_layer_name, is_text, layer_name

__all__ = ["find_masks", "is_elementwise", "layers_of", "naming", "stored_layers"]


def layers_of(checkpoint: Checkpoint, *, allow_dense: bool = False) -> list[StoredLayer]:
    """Find the layers of a checkpoint, in the order of its state dict, and read none of them.

    A parameter's mask is the first that a layout of `registry.LAYOUTS` finds; without one it is
    where the weights are not zero.

    Parameters
    ----------
    checkpoint : Checkpoint
        A state dict, a dict of masks, or a dict that wraps them.
    allow_dense : bool
        Whether weights whose masks are known to be missing may be read as dense.

    Raises
    ------
    MaskError
        If a mask does not fit its weight; the source and the layer are named.
    NoMaskError
        If masks are known to be missing.
    """
    with naming(checkpoint.source):
        found = find_masks(checkpoint)
        found |= hidden_weights(checkpoint, found, allow_dense=allow_dense)
        return _merged(_layers(checkpoint, found))


def stored_layers(file: OpenedFile, *, allow_dense: bool = False) -> list[StoredLayer]:
    """Find the layers of a file that was opened, as `layers_of` does.

    Raises
    ------
    MaskError
        Also if a tensor or layer unfolds to much more than the file's size.
    """
    if isinstance(file.content, list):
        return file.content
    source = str(file.path)
    checkpoint = open_checkpoint(file.content, source)
    with naming(source):
        check_memory(map(_claim, checkpoint.tensors.items()), file.size)
    layers = layers_of(checkpoint, allow_dense=allow_dense)
    with naming(source):
        check_memory(((layer.name, layer.shape, layer.needed) for layer in layers), file.size)
    homes = file.content.homes if isinstance(file.content, Shards) else {}
    return [replace(layer, shard=homes.get(layer.key)) for layer in layers]


def _claim(entry: tuple[str, Any]) -> tuple[str, tuple[int, ...], int]:
    name, tensor = entry
    shape = tuple(map(int, tensor.shape))
    return name, shape, prod(shape) * width_of(tensor)


@contextmanager
def naming(source: str, *, stated: bool = False) -> Iterator[None]:
    """Put the source in front of what is wrong with a layer.

    A file that states everything itself is damaged then.
    """
    try:
        yield
    except ArgumentError as error:
        raise CheckpointError(f"{source} describes an impossible layer: {error}") from error
    except MaskError as error:
        if stated:
            raise CheckpointError(f"{source} describes an impossible layer: {error}") from error
        raise MaskError(f"{source}: {error}") from error
    except MemoryError as error:
        raise MaskError(f"{source}: a layer does not fit into memory: {error}") from error


def is_elementwise(tensors: Mapping[str, Any], key: str) -> bool:
    """Whether a weight scales entry by entry, as normalisation over several axes does.

    Its bias then has the weight's own shape.
    """
    bias = tensors.get(key.removesuffix("weight") + "bias")
    return bias is not None and tuple(bias.shape) == tuple(tensors[key].shape)


def find_masks(checkpoint: Checkpoint) -> dict[str, FoundMask]:
    """Ask each layout in turn; the first to find a parameter's mask has it."""
    found: dict[str, FoundMask] = {}
    for find in LAYOUTS:
        _add(found, find(checkpoint))
    # A state dict may hold nothing but 0 and 1, with weights set to 1 and their masks beside them.
    if all(each.weight is None for each in found.values()):
        _add(found, bare_masks(checkpoint))
    return found


def _add(found: dict[str, FoundMask], more: Iterable[FoundMask]) -> None:
    for each in more:
        found.setdefault(each.key, each)


def _layers(checkpoint: Checkpoint, found: dict[str, FoundMask]) -> Iterator[StoredLayer]:
    tensors = checkpoint.tensors
    for key, tensor in tensors.items():
        each = found.get(key)
        if each is None and _is_layer(tensors, key):
            each = FoundMask(key, None, tensor, "zeros", key)
        if each is not None:
            yield from _layer(each)
    for key, each in found.items():
        if key not in tensors:
            yield from _layer(each)


def _is_layer(tensors: Mapping[str, Any], key: str) -> bool:
    """Whether a tensor without an explicit mask is a layer's weight."""
    tensor = tensors[key]
    fits = is_layer_name(key) and 2 <= tensor.ndim <= 5 and is_floating(tensor)
    return fits and not is_elementwise(tensors, key)


def _layer(each: FoundMask) -> Iterator[StoredLayer]:
    """Give the layer of a mask, unless the parameter has one dimension (a bias or the like)."""
    known = each.mask if each.weight is None else each.weight
    if known.ndim < 2:
        return
    name = layer_name(each.parameter)
    if not is_text(name):
        raise MaskError(f"layer {name!r}: its name holds half of a character, which is no text")
    kind = guess_kind(each.parameter, known.ndim)
    if kind is None:
        shape = tuple(known.shape)
        raise MaskError(f"layer {name!r}: expected 2 to 5 dimensions, not shape {shape}")
    if each.mask is not None and tuple(each.mask.shape) != tuple(known.shape):
        raise MaskError(
            f"layer {name!r}: the mask has shape {tuple(each.mask.shape)}, "
            f"but the weight has shape {tuple(known.shape)}"
        )
    yield StoredLayer(name, kind, each.mask, each.weight, each.origin, each.key, assumed=True)


def _merged(layers: Iterable[StoredLayer]) -> list[StoredLayer]:
    """Merge layers of one tied parameter into the first of them, unless their masks differ."""
    merged: list[StoredLayer] = []
    place: dict[Hashable, int] = {}
    for layer in layers:
        identity = layer.identity
        first = None if identity is None else place.setdefault(identity, len(merged))
        if first is None or first == len(merged) or not _same_mask(merged[first], layer):
            merged.append(layer)
        else:
            aliases = (*merged[first].aliases, layer.name)
            merged[first] = replace(merged[first], aliases=aliases)
    return merged


def _same_mask(first: StoredLayer, second: StoredLayer) -> bool:
    """Whether two layers of the same weights have the same mask."""
    if first.mask is None or second.mask is None:
        return first.mask is second.mask and first.origin == second.origin
    masks = [to_array(layer.mask, layer.name) != 0 for layer in (first, second)]
    return np.array_equal(*masks)
