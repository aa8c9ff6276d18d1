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

All have checksums: JSON an entry in every object, ``.npy`` files one at their end, archives and
masks those of their formats, tables theirs in ``result.json``. Every line names its run.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from masktopo.errors import RunError
from masktopo.sampling.settings import PagsSettings
from masktopo.training.folder import SAMPLING_FILE, check_free, read_checked, write_checked

__all__ = ["check_owner", "read_settings", "write_settings"]

INITIAL_FILE = "initial.pt"
POOL_FILE = "pool.npy"
TICKET_FILE = "ticket.npz"


def check_owner(folder: Path, settings: PagsSettings) -> None:
    """Raise where `folder` cannot be that of the run with these `settings`.

    Raises
    ------
    RunError
        If it belongs to a run of other settings; what differs is named with both values. Also
        if it belongs to a run of another kind.
    """
    recorded = read_settings(folder)
    if recorded is None:
        check_free(folder, SAMPLING_FILE)
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
    record = read_checked(path)
    try:
        return PagsSettings.from_dict(record)
    except RunError as error:
        raise RunError(f"{path}: {error}") from error


def write_settings(folder: Path, settings: PagsSettings) -> None:
    """Make `folder` the folder of the run with these `settings`."""
    write_checked(folder / SAMPLING_FILE, asdict(settings))


_DIGEST = re.compile(r"[0-9a-f]{64}")


def _listing(entries: Mapping[str, Any], names: list[str]) -> str:
    """List entries; digests are cut to what tells them apart."""
    listed = ", ".join(f"{name}={entries[name]}" for name in names)
    return _DIGEST.sub(lambda digest: digest[0][:16], listed)
