"""Writing masks for other programs: one line a format.

Names, masks and kept weights come back from each of these files as they were. Kinds, groups,
aliases and origins do so only from masktopo's own.
"""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np

from masktopo._files import atomic_write
from masktopo.errors import ArgumentError, MaskError
from masktopo.masks.formats.own import write_mask_file
from masktopo.masks.formats.safetensors_writer import write_safetensors
from masktopo.masks.maskset import MaskSet
from masktopo.masks.naming import parameter_name
from masktopo.masks.torch_files import save_torch

__all__ = ["EXPORTS", "export_masks", "exporter"]

Exporter = Callable[[MaskSet, Path], None]


def export_masks(masks: MaskSet, path: str | os.PathLike[str]) -> None:
    """Write masks, with their weights where they are known, in the format of the path's ending.

    Parameters
    ----------
    masks : MaskSet
        The masks.
    path : path
        ``.masks``, ``.safetensors``, ``.pt``, ``.pth`` or ``.npz``; the file is replaced only
        when the new one is complete.

    Raises
    ------
    ArgumentError
        If the ending is another one.
    MaskError
        If the format cannot say what the masks say; see `write_safetensors`.
    """
    exporter(Path(path))(masks, Path(path))


def exporter(path: Path) -> Exporter:
    """Return what writes the format of the path's ending, or raise `ArgumentError`."""
    if path.suffix not in EXPORTS:
        raise ArgumentError(f"{path}: the ending must be one of {', '.join(EXPORTS)}")
    return EXPORTS[path.suffix]


def _write_prune_state(masks: MaskSet, path: Path) -> None:
    """Write a state dict as of a model under ``torch.nn.utils.prune``, of its layers alone."""
    import torch

    state = {}
    for layer in masks.values():
        mask = torch.from_numpy(layer.mask.astype(np.float32))
        weight = None if layer.weight is None else torch.from_numpy(layer.weight.copy())
        for name in (layer.name, *layer.aliases):
            parameter = parameter_name(name)
            if f"{parameter}_mask" in state:
                raise MaskError(f"{masks.source}: two layers are named {name!r}")
            if weight is not None:
                state[f"{parameter}_orig"] = weight
            state[f"{parameter}_mask"] = mask
    with atomic_write(path) as file:
        save_torch(state, file)


def _write_npz(masks: MaskSet, path: Path) -> None:
    """Write ``fc.weight_mask`` and, where weights are known, ``fc.weight_orig``."""
    with atomic_write(path) as file, zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        for layer in masks.values():
            parameter = parameter_name(layer.name)
            _write_member(archive, f"{parameter}_mask", layer.mask)
            if layer.weight is not None:
                _write_member(archive, f"{parameter}_orig", layer.weight)


def _write_member(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        opened: IO[bytes] = member
        np.lib.format.write_array(opened, array, allow_pickle=False)


EXPORTS: dict[str, Exporter] = {
    ".masks": write_mask_file,
    ".safetensors": write_safetensors,
    ".pt": _write_prune_state,
    ".pth": _write_prune_state,
    ".npz": _write_npz,
}
"""Writers by the ending of the file."""
