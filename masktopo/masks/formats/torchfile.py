"""Files of ``torch.save``, zip archives and the older kind, opened without running their code."""

import re
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from masktopo._check import join_names
from masktopo.errors import CheckpointError, UnsafeCheckpointError
from masktopo.masks.formats.archives import check_stored, open_archive
from masktopo.masks.formats.container_objects import CONTAINER_STAND_INS
from masktopo.masks.formats.lists import is_mask_list
from masktopo.masks.formats.numpy_objects import NUMPY_STAND_INS, plain
from masktopo.masks.formats.pickle_size import check_objects
from masktopo.masks.formats.pickled_names import code_in

__all__ = ["is_pickle", "is_torch_zip", "read_torch_pickle", "read_torch_zip"]

_MAPPED_FROM = 256 * 2**20
"""Size in bytes from which a file's tensors are not copied into memory."""

_CONVERT = (
    "masktopo never runs code from a file. Where you trust it, open it with the program that "
    "wrote it and save tensors only: torch.save(model.state_dict(), path)"
)

_CONVERT_MODULES = (
    "It holds whole modules, as GraSP's files do. Save their names instead: torch.save("
    "{'state_dict': net.state_dict(), 'masks': {name: mask[module] for name, module in "
    "net.named_modules() if module in mask}}, path)"
)

# What torch.load allows and checks is a setting of the whole process, so loads take turns.
_ONE_AT_A_TIME = threading.Lock()


def is_torch_zip(head: bytes) -> bool:
    """Whether the file is a zip archive."""
    return head.startswith(b"PK")


def is_pickle(head: bytes) -> bool:
    """Whether the file begins with a pickle of protocol 2 or later."""
    return len(head) > 1 and head[0] == 0x80 and head[1] <= 5


def read_torch_zip(path: Path) -> Mapping[Any, Any]:
    """Read a zip archive of ``torch.save``; the tensors of a large one stay in the file.

    Raises
    ------
    CheckpointError
        If the archive is damaged, or not one that ``torch.save`` writes.
    UnsafeCheckpointError
        If its pickle names anything but tensors and plain values.
    """
    with open_archive(path) as archive:
        inner = {name.rpartition("/")[2] for name in archive.namelist()}
        if "data.pkl" not in inner:
            raise CheckpointError(f"{path} is a zip archive that torch.save did not write")
        if "constants.pkl" in inner:
            raise UnsafeCheckpointError(
                f"{path} is a TorchScript archive, which is code. {_CONVERT}"
            )
        check_stored(path, archive)
    return _read(path, is_mapped=path.stat().st_size > _MAPPED_FROM)


def read_torch_pickle(path: Path) -> Mapping[Any, Any]:
    """Read a file as ``torch.save`` wrote it before its zip archives.

    Raises
    ------
    CheckpointError
        If the file is damaged, or a pickle that ``torch.save`` did not write.
    UnsafeCheckpointError
        If it names anything but tensors and plain values.
    """
    return _read(path, is_mapped=False)


def _read(path: Path, *, is_mapped: bool) -> Mapping[Any, Any]:
    check_objects(path)
    content = plain(_load(path, is_mapped))
    if is_mask_list(content):
        return {"keep_masks": content}
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}; expected a state dict, a dict or list "
            "of masks, or a dict that wraps them"
        )
    return content


def _load(path: Path, is_mapped: bool) -> Any:
    """Call ``torch.load`` in its safe mode, and turn what it raises into errors of masktopo."""
    import torch

    with (
        _ONE_AT_A_TIME,
        path.open("rb") as file,
        warnings.catch_warnings(),
        torch.serialization.safe_globals([*NUMPY_STAND_INS, *CONTAINER_STAND_INS]),
        torch.sparse.check_sparse_tensor_invariants(),
    ):
        warnings.simplefilter("ignore")
        try:
            # Passed open where that is possible: of a path, torch.load heeds the ending.
            source = str(path) if is_mapped else file
            return torch.load(source, map_location="cpu", weights_only=True, mmap=is_mapped)
        # Damaged files make torch raise nearly anything, from KeyError to struct.error.
        except Exception as error:
            failure = error
    raise _explained(path, failure) from failure


def _explained(path: Path, failure: Exception) -> CheckpointError:
    """Say what was wrong with a file that ``torch.load`` refused."""
    refused = re.search(r"GLOBAL (\S+)", str(failure))
    later = "Unsupported operand" in str(failure)
    names = [refused[1]] if refused else code_in(path) if later else []
    if names:
        advice = _CONVERT_MODULES if any("torch.nn.modules" in name for name in names) else ""
        return UnsafeCheckpointError(
            f"{path} is refused: opening it would call {join_names(names)}. {_CONVERT}"
            f"{'. ' if advice else ''}{advice}"
        )
    if later or "magic number" in str(failure):
        return CheckpointError(
            f"{path} is a pickle of a kind that cannot be opened safely; save its tensors again "
            "with torch.save and its default protocol"
        )
    # Torch wraps the reason in advice to allow more, which is not followed here.
    reason = re.search(r"WeightsUnpickler error:\s*(.+)", str(failure)) or re.search(
        r"(.+)", str(failure)
    )
    return CheckpointError(
        f"{path} is truncated, damaged or of a kind that is not read: {type(failure).__name__}"
        f"{': ' + reason[1] if reason else ''}"
    )
