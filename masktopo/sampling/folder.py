"""The folder of a PAGS run: whose it is, the candidates so far, and the files of its result.

=====================  ========================================================================
``settings.json``      what makes the run the same run
``initial.pt``         state dict of the weights at which masks are drawn
``pool.npy``           gradients of the pool, a row a batch, where they are not held in memory
``ticket.npz``         ticket 0: packed bits of its mask, last scores and their rounds
``candidates*.jsonl``  one line a scored candidate, appended as it comes; a file a shard
``explored*.npy``      packed bits: weights that at least one candidate of the shard kept
``masks/*.npz``        packed bits of every candidate that a GPU drew
``*.masks, *.csv``     the result, once all candidates are scored; ``result.json`` comes last
=====================  ========================================================================
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from masktopo._files import atomic_write
from masktopo.errors import RunError
from masktopo.sampling.settings import PagsSettings
from masktopo.training.folder import SAMPLING_FILE, check_free, read_json

__all__ = ["claim_folder", "read_settings", "write_text"]

INITIAL_FILE = "initial.pt"
POOL_FILE = "pool.npy"
TICKET_FILE = "ticket.npz"


def claim_folder(folder: Path, settings: PagsSettings) -> None:
    """Make `folder` the folder of the run with these `settings`.

    Raises
    ------
    RunError
        If it belongs to a run of other settings; what differs is named with both values. Also
        if it belongs to a run of another kind.
    """
    recorded = read_settings(folder)
    if recorded is None:
        check_free(folder, SAMPLING_FILE)
        write_text(folder / SAMPLING_FILE, settings.to_json())
        return
    found, wanted = recorded.entries(), settings.entries()
    differing = [name for name in wanted if found[name] != wanted[name]]
    if differing:
        raise RunError(
            f"{folder} holds a PAGS run with {_listing(found, differing)}, but this one has "
            f"{_listing(wanted, differing)}; choose another folder"
        )


def read_settings(folder: Path) -> PagsSettings | None:
    """Return the settings of the run in `folder`, or None where there is none."""
    path = folder / SAMPLING_FILE
    if not path.exists():
        return None
    try:
        return PagsSettings.from_dict(read_json(path))
    except RunError as error:
        raise RunError(f"{path}: {error}") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic_write(path) as file:
        file.write(text.encode())


def _listing(entries: Mapping[str, Any], names: list[str]) -> str:
    """List entries; digests are cut to what tells them apart."""
    return ", ".join(
        f"{name}={value[:24] if isinstance(value := entries[name], str) else value}"
        for name in names
    )
