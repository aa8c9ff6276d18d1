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

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from masktopo._files import atomic_write
from masktopo.errors import RunError
from masktopo.masks.torch_files import save_torch
from masktopo.sampling.settings import PagsSettings
from masktopo.training import folder as training_folder
from masktopo.training.early_bird import SEARCH_FILE
from masktopo.training.folder import read_json

__all__ = ["claim_folder", "read_settings", "read_state", "write_state", "write_text"]

SETTINGS_FILE = "settings.json"
INITIAL_FILE = "initial.pt"
POOL_FILE = "pool.npy"
TICKET_FILE = "ticket.npz"

FOREIGN = {
    training_folder.CONFIG_FILE: "a training run",
    training_folder.TICKET_FILE: "a ticket found by training",
    training_folder.TABLE_FILE: "a ticket found by training",
    SEARCH_FILE: "the search for an early-bird ticket",
}
"""Runs of other kinds, by a file that each has; some of their other files are named as here."""


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
        _check_free(folder)
        write_text(folder / SETTINGS_FILE, settings.to_json())
        return
    found, wanted = recorded.entries(), settings.entries()
    differing = [name for name in wanted if found[name] != wanted[name]]
    if differing:
        raise RunError(
            f"{folder} holds a PAGS run with {_listing(found, differing)}, but this one has "
            f"{_listing(wanted, differing)}; choose another folder"
        )


def _check_free(folder: Path) -> None:
    """Raise where `folder` holds a run of another kind."""
    for name, kind in FOREIGN.items():
        if (folder / name).exists():
            raise RunError(f"{folder} holds {kind} ({name}); choose another folder")


def read_settings(folder: Path) -> PagsSettings | None:
    """Return the settings of the run in `folder`, or None where there is none."""
    path = folder / SETTINGS_FILE
    if not path.exists():
        return None
    try:
        return PagsSettings.from_dict(read_json(path))
    except RunError as error:
        raise RunError(f"{path}: {error}") from error


def write_state(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Write a state dict, whole or not at all."""
    with atomic_write(path) as file:
        save_torch(dict(state), file)


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict, without running any code that the file may hold.

    Raises
    ------
    RunError
        If the file is missing or damaged.
    """
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise RunError(f"{path} is missing or damaged: {error}") from error


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
