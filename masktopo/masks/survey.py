"""What is in a file: its format, its layers, and what was left aside, without keeping any of it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from masktopo._check import check_count
from masktopo._threads import map_threads
from masktopo.masks.formats.arrays import is_floating
from masktopo.masks.formats.checkpoint import Checkpoint, open_checkpoint
from masktopo.masks.formats.files import open_file
from masktopo.masks.formats.layers import is_elementwise, naming, stored_layers
from masktopo.masks.formats.stored_layer import StoredLayer
from masktopo.masks.judge import check_layers, doubts_of
from masktopo.masks.naming import is_layer_name, is_text
from masktopo.masks.summary import LayerSummary

__all__ = ["SkippedTensor", "Survey", "survey"]


@dataclass(frozen=True)
class SkippedTensor:
    """A tensor of the state dict that is no layer, and why."""

    name: str
    shape: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class Survey:
    """What is in a file.

    Attributes
    ----------
    source : str
        The file or folder.
    format : str
        What its format is called.
    files : int
        Number of files that were read for it.
    size : int
        Their bytes.
    layers : tuple of LayerSummary
        Layers in the order of the file, with their counts and the origins of their masks.
    skipped : tuple of SkippedTensor
        Tensors that are no layers.
    doubts : tuple of str
        Reasons why the masks may not be what they are taken for.
    """

    source: str
    format: str
    files: int
    size: int
    layers: tuple[LayerSummary, ...]
    skipped: tuple[SkippedTensor, ...]
    doubts: tuple[str, ...]


def survey(path: str | os.PathLike[str], *, threads: int = 1) -> Survey:
    """Look through a file or folder in any format that `load_masks` reads.

    Parameters
    ----------
    path : path
        The file or folder; it may also be of a dense network.
    threads : int
        Threads that share the layers.

    Returns
    -------
    Survey

    Raises
    ------
    MasktopoError
        As for `load_masks`, except that a dense network is only a doubt.

    Notes
    -----
    Zeros are counted on the bytes of the file, a megabyte at a time. A layer with an
    explicit mask is read as a whole, and one such layer a thread is in memory.
    """
    check_count("threads", threads)
    file = open_file(Path(path))
    stored = stored_layers(file)
    with naming(str(path), stated=isinstance(file.content, list)):
        layers = map_threads(StoredLayer.summary, stored, threads, cost=lambda layer: layer.size)
    check_layers(layers, str(path))
    doubts = doubts_of(layers, stated=isinstance(file.content, list))
    if all(layer.origin == "dense" for layer in layers):
        doubts.append("neither masks nor zeros: nothing says that this network was pruned")
    skipped: tuple[SkippedTensor, ...] = ()
    if not isinstance(file.content, list):
        skipped = tuple(_skipped(open_checkpoint(file.content, str(path)), stored))
    return Survey(
        str(path), file.title, len(file.files), file.size, tuple(layers), skipped, tuple(doubts)
    )


def _skipped(checkpoint: Checkpoint, layers: list[StoredLayer]) -> Iterator[SkippedTensor]:
    names = {name for layer in layers for name in (layer.name, *layer.aliases)}
    keys = {layer.key for layer in layers} | names | {f"{name}.weight" for name in names}
    masks = {id(layer.mask) for layer in layers}
    for name, tensor in checkpoint.tensors.items():
        if is_text(name) and name not in keys and id(tensor) not in masks:
            yield SkippedTensor(name, tuple(map(int, tensor.shape)), _reason(checkpoint, name))


def _reason(checkpoint: Checkpoint, name: str) -> str:
    tensor = checkpoint.tensors[name]
    if not 2 <= tensor.ndim <= 5:
        return "not of 2 to 5 dimensions"
    if not is_floating(tensor):
        return "no floating-point numbers"
    if not is_layer_name(name):
        return "not called *.weight"
    return "scales entry by entry" if is_elementwise(checkpoint.tensors, name) else "not a layer"
