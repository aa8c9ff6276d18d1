"""The state of an unfinished run after an epoch, from which it goes on."""

import pickle
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from masktopo._files import atomic_write
from masktopo.errors import RunError

__all__ = ["Checkpoint", "load_checkpoint", "save_checkpoint"]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that the next epoch depends on; random draws depend on seed and epoch alone.

    Parameters
    ----------
    state_dict : dict of str to torch.Tensor
        Parameters and buffers of the model.
    optimizer : dict
        The optimiser's own state.
    best_state_dict : dict of str to torch.Tensor
        As `state_dict`, after the best epoch so far. Tensors that are those of `state_dict` are
        written once.
    best_epoch : int
        That epoch, counted from 1.
    validation_accuracy : float
        Of that epoch.
    rows : list of dict
        One an epoch, as in the history.
    """

    state_dict: dict[str, torch.Tensor]
    optimizer: dict[str, Any]
    best_state_dict: dict[str, torch.Tensor]
    best_epoch: int
    validation_accuracy: float
    rows: list[dict[str, float]]


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint, whole or not at all."""
    record = {field.name: getattr(checkpoint, field.name) for field in fields(checkpoint)}
    with atomic_write(path) as file:
        torch.save(record, file)


def load_checkpoint(path: Path) -> Checkpoint | None:
    """Read a checkpoint onto the CPU, or return None where there is none.

    Raises
    ------
    RunError
        If the file is damaged.
    """
    if not path.exists():
        return None
    try:
        return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, EOFError, TypeError, pickle.UnpicklingError) as error:
        raise RunError(
            f"{path} is damaged; without it the run starts from the beginning: {error}"
        ) from error
