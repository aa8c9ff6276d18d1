"""Zip archives, checked before anything is taken out of them."""

import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from masktopo._check import join_names
from masktopo.errors import CheckpointError
from masktopo.masks.formats.limits import memory_limit

__all__ = ["check_stored", "open_archive"]


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive whose members have different names and unfold to a size in proportion.

    Raises
    ------
    CheckpointError
        If it is damaged, has two members of one name, or claims much more than its own size.
    """
    # What a damaged archive raises has no bounds: from NotImplementedError to struct.error.
    try:
        archive = zipfile.ZipFile(path)
        members = archive.infolist()
        claimed = sum(member.file_size for member in members)
    except Exception as error:
        raise CheckpointError(f"{path} is truncated or damaged: {error}") from error
    with archive:
        names = Counter(member.filename for member in members)
        twice = sorted(name for name, count in names.items() if count > 1)
        if twice:
            raise CheckpointError(f"{path} has {join_names(twice, most=3)} more than once")
        size = path.stat().st_size
        if claimed > memory_limit(size):
            raise CheckpointError(
                f"{path} of {size} bytes would unfold to {claimed}, more than the "
                f"{memory_limit(size)} that masktopo allows; save it without compression"
            )
        yield archive


def check_stored(path: Path, archive: zipfile.ZipFile) -> None:
    """Raise `CheckpointError` unless all members lie in the archive as they are, side by side."""
    members = archive.infolist()
    packed = [member.filename for member in members if member.compress_type != zipfile.ZIP_STORED]
    if packed:
        raise CheckpointError(
            f"{path} compresses {join_names(packed, most=3)}, which torch.save never does"
        )
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise CheckpointError(f"{path} is damaged: its members overlap or reach beyond its end")
