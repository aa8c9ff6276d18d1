"""Folders of Hugging Face: one file of weights, or shards and an index that names them.

The index, ``model.safetensors.index.json`` or ``pytorch_model.bin.index.json``, holds
``{"weight_map": {tensor: file}}``. Only tensors that it lists are read, each from its own shard.
"""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from masktopo._check import join_names
from masktopo.errors import CheckpointError
from masktopo.masks.formats.json_text import parse_object
from masktopo.masks.formats.safetensors import is_safetensors, natural_order

__all__ = ["Shards", "has_weights", "is_index", "read_folder", "read_index"]

Opener = Callable[[Path], Mapping[Any, Any]]

_INDEXES = ("*.safetensors.index.json", "*.bin.index.json")
_SINGLES = ("model.safetensors", "pytorch_model.bin")


class Shards(dict[str, Any]):
    """Tensors by name, with the shard of each in `homes`."""

    def __init__(self, tensors: Mapping[str, Any], homes: Mapping[str, str]) -> None:
        super().__init__(tensors)
        self.homes = homes


def is_index(head: bytes) -> bool:
    """Whether the file begins as JSON does.

    So do safetensors with a header of 123 bytes, of which a brace is the length.
    """
    return head.lstrip()[:1] == b"{" and not is_safetensors(head)


def has_weights(folder: Path) -> bool:
    """Whether a folder has an index or a file of weights under its usual name."""
    return any(_indexes(folder)) or any((folder / name).is_file() for name in _SINGLES)


def read_folder(folder: Path, open_member: Opener) -> Mapping[Any, Any]:
    """Read the shards that a folder's index names, or its one file of weights.

    Raises
    ------
    CheckpointError
        If there are several indexes, or for what `read_index` says.
    """
    found = _indexes(folder)
    if len(found) > 1:
        names = join_names(path.name for path in found)
        raise CheckpointError(f"{folder} has several indexes: {names}; name the one to read")
    if found:
        return read_index(found[0], open_member)
    single = next(folder / name for name in _SINGLES if (folder / name).is_file())
    return open_member(single)


def read_index(path: Path, open_member: Opener) -> Shards:
    """Read the shards that an index names.

    Raises
    ------
    CheckpointError
        If the index is damaged, names a file outside of its folder or one that is not there, or
        a shard lacks a tensor that is said to be in it.
    """
    names = parse_object(path, path.read_bytes()).get("weight_map")
    if not isinstance(names, Mapping) or not all(type(file) is str for file in names.values()):
        raise CheckpointError(f"{path} is no index of shards: its weight_map names no files")
    shards = {file: _shard(path, file, open_member) for file in natural_order(set(names.values()))}
    for tensor, file in names.items():
        if tensor not in shards[file]:
            raise CheckpointError(f"{path}: the shard {file!r} lacks {tensor!r}, listed for it")
    tensors = {tensor: shards[names[tensor]][tensor] for tensor in natural_order(names)}
    return Shards(tensors, names)


def _indexes(folder: Path) -> list[Path]:
    for pattern in _INDEXES:
        found = sorted(folder.glob(pattern))
        if found:
            return found
    return []


def _shard(index: Path, file: str, open_member: Opener) -> Mapping[Any, Any]:
    # By its words alone, since the shards of a download cache are links that lead outside.
    parts = {*PurePosixPath(file).parts, *PureWindowsPath(file).parts}
    rooted = PurePosixPath(file).root or PureWindowsPath(file).anchor
    if not parts or rooted or ".." in parts or "\0" in file:
        raise CheckpointError(f"{index}: the shard {file!r} lies outside of the index's folder")
    shard = index.parent / file
    if not shard.is_file():
        raise CheckpointError(f"{index}: the shard {file!r} is not there")
    return open_member(shard)
