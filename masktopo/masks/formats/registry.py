"""The families of formats: one line each.

A container is a kind of file, recognised by its first bytes and never by its name. Its `read`
gives a nested dict of tensors, or layers where the file says all there is to know. A folder is
recognised by the names of the files in it, and gives the same.

A layout is a function from a `Checkpoint` to the `FoundMask`s that it recognises in it. Layouts
are asked in order, and the first to find a parameter's mask has it. Dicts that hold nothing but
masks are no layout: only where none finds masks of weights can a dict be one (`layers.find_masks`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from masktopo.masks.formats import npz, own, safetensors, torchfile
from masktopo.masks.formats.checkpoint import Checkpoint, FoundMask
from masktopo.masks.formats.compressed import compressed_masks
from masktopo.masks.formats.huggingface import has_weights, read_folder
from masktopo.masks.formats.lists import list_masks
from masktopo.masks.formats.mask_folder import has_mask_file, read_mask_folder
from masktopo.masks.formats.open_lth import open_lth_masks
from masktopo.masks.formats.parametrized import parametrized_masks
from masktopo.masks.formats.sparse import sparse_masks
from masktopo.masks.formats.sparsifier import sparsifier_masks
from masktopo.masks.formats.stored_layer import StoredLayer
from masktopo.masks.formats.suffixed import buffered_masks, suffixed_masks
from masktopo.masks.formats.tables import nested_masks, table_masks
from masktopo.masks.formats.threshold import threshold_masks

__all__ = ["CONTAINERS", "FOLDERS", "LAYOUTS", "Container", "Content", "Folder"]

Content = Mapping[Any, Any] | list[StoredLayer]
"""What a file holds: a nested dict of tensors, or layers that need no further search."""


@dataclass(frozen=True)
class Container:
    """A kind of file: what it is called, how its first bytes look, and how it is read."""

    title: str
    matches: Callable[[bytes], bool]
    read: Callable[[Path], Content]


@dataclass(frozen=True)
class Folder:
    """A kind of folder: its `read` gets a function that opens single files of it."""

    title: str
    matches: Callable[[Path], bool]
    read: Callable[[Path, Callable[[Path], Mapping[Any, Any]]], Mapping[Any, Any]]


CONTAINERS = (
    Container("masktopo mask file", own.is_mask_file, own.stored_masks),
    Container("NumPy .npz file", npz.is_npz, npz.read_npz),
    Container("NumPy .npy file", npz.is_npy, npz.read_npy),
    # Before pickles, which begin as the length of some headers does: 640 is 80 02 in hex.
    Container("safetensors file", safetensors.is_safetensors, safetensors.read_safetensors),
    Container("torch.save file", torchfile.is_torch_zip, torchfile.read_torch_zip),
    Container("legacy torch.save file", torchfile.is_pickle, torchfile.read_torch_pickle),
)

FOLDERS = (
    Folder("folder with a mask file", has_mask_file, read_mask_folder),
    Folder("Hugging Face folder", has_weights, read_folder),
)

LAYOUTS: tuple[Callable[[Checkpoint], Iterable[FoundMask]], ...] = (
    suffixed_masks,
    buffered_masks,
    parametrized_masks,
    open_lth_masks,
    table_masks,
    list_masks,
    sparsifier_masks,
    compressed_masks,
    threshold_masks,
    sparse_masks,
    nested_masks,
)
