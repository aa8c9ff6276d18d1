"""Folders with the masks in one file and the weights in another.

open_lth writes ``mask.pth`` beside ``model_ep{epoch}_it{iteration}.pth``, NNI ``mask.pth`` beside
``model.pth``, ProsPr ``pruning_keep_mask.pt``.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["has_mask_file", "read_mask_folder"]

Opener = Callable[[Path], Mapping[Any, Any]]

_MASKS = ("mask.pth", "mask.pt", "pruning_keep_mask.pt")
_MODELS = ("model.pth", "model.pt", "model.pth.tar")
_STEP = re.compile(r"model_ep(\d+)_it(\d+)\.pth")


def has_mask_file(folder: Path) -> bool:
    """Whether a folder has a file of masks under a usual name."""
    return any((folder / name).is_file() for name in _MASKS)


def read_mask_folder(folder: Path, open_member: Opener) -> Mapping[Any, Any]:
    """Read a folder's masks, with the weights of its last step where there are some."""
    masks = open_member(next(folder / name for name in _MASKS if (folder / name).is_file()))
    content: dict[Any, Any] = {"masks": masks.get("keep_masks", masks)}
    model = _model(folder)
    return content if model is None else content | {"state_dict": open_member(model)}


def _model(folder: Path) -> Path | None:
    steps = {
        (int(match[1]), int(match[2])): path
        for path in folder.iterdir()
        if (match := _STEP.fullmatch(path.name))
    }
    if steps:
        return steps[max(steps)]
    return next((folder / name for name in _MODELS if (folder / name).is_file()), None)
