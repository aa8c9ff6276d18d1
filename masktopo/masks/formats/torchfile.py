"""Files of ``torch.save``, zip archives and the older kind, opened without running their code."""

import re
import threading
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from masktopo._check import join_names
from masktopo.errors import CheckpointError, UnsafeCheckpointError
from masktopo.masks.formats.numpy_objects import NUMPY_STAND_INS, plain
from masktopo.masks.formats.pickled_names import code_in

__all__ = ["is_pickle", "is_torch_zip", "read_torch_pickle", "read_torch_zip"]

_CONVERT = (
    "masktopo never runs code from a file. Where you trust it, open it with the program that "
    "wrote it and save tensors only: torch.save(model.state_dict(), path)"
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
    """Read a zip archive of ``torch.save``.

    Raises
    ------
    CheckpointError
        If the archive is damaged, or not one that ``torch.save`` writes.
    UnsafeCheckpointError
        If its pickle names anything but tensors and plain values.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            inner = {name.rpartition("/")[2] for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise CheckpointError(f"{path} is truncated or damaged: {error}") from error
    if "data.pkl" not in inner:
        raise CheckpointError(f"{path} is a zip archive that torch.save did not write")
    if "constants.pkl" in inner:
        raise UnsafeCheckpointError(f"{path} is a TorchScript archive, which is code. {_CONVERT}")
    return _read(path)


def read_torch_pickle(path: Path) -> Mapping[Any, Any]:
    """Read a file as ``torch.save`` wrote it before its zip archives.

    Raises
    ------
    CheckpointError
        If the file is damaged, or a pickle that ``torch.save`` did not write.
    UnsafeCheckpointError
        If it names anything but tensors and plain values.
    """
    return _read(path)


def _read(path: Path) -> Mapping[Any, Any]:
    content = plain(_load(path))
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}; expected a state dict, a dict of masks "
            "or a dict that wraps them"
        )
    return content


def _load(path: Path) -> Any:
    """Call ``torch.load`` in its safe mode, and turn what it raises into errors of masktopo."""
    import torch

    # The file is passed open: torch.load goes by a path's ending, masktopo by the content.
    with (
        _ONE_AT_A_TIME,
        path.open("rb") as file,
        warnings.catch_warnings(),
        torch.serialization.safe_globals(list(NUMPY_STAND_INS)),
        torch.sparse.check_sparse_tensor_invariants(),
    ):
        warnings.simplefilter("ignore")
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
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
        return UnsafeCheckpointError(
            f"{path} is refused: opening it would call {join_names(names)}. {_CONVERT}"
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
