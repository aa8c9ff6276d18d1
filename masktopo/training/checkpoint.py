"""The state of an unfinished run after an epoch, from which it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from masktopo.errors import RunError
from masktopo.training.tensor_file import read_tensors, write_tensors

__all__ = ["Checkpoint", "advance", "copied", "load_checkpoint", "resume", "save_checkpoint"]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that the next epoch depends on; random draws depend on seed and epoch alone.

    Buffers that the model keeps out of its state dict are not in it: a resumed run starts with
    those that the model is given with.

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
    kept, best_kept, explored : dict of str to torch.Tensor
        Under dynamic sparse training the masks after the last and after the best epoch, and the
        union of all masks so far: bool by layer. Empty otherwise.
    """

    state_dict: dict[str, torch.Tensor]
    optimizer: dict[str, Any]
    best_state_dict: dict[str, torch.Tensor]
    best_epoch: int
    validation_accuracy: float
    rows: list[dict[str, float]]
    kept: dict[str, torch.Tensor] = field(default_factory=dict)
    best_kept: dict[str, torch.Tensor] = field(default_factory=dict)
    explored: dict[str, torch.Tensor] = field(default_factory=dict)


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint, whole or not at all."""
    write_tensors(
        {entry.name: getattr(checkpoint, entry.name) for entry in fields(checkpoint)}, path
    )


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
        return Checkpoint(**read_tensors(path))
    except (RunError, TypeError) as error:
        raise RunError(
            f"{path} is damaged; without it the run starts from the beginning: {error}"
        ) from error


def resume(model: nn.Module, optimizer: torch.optim.Optimizer, path: Path | None) -> Checkpoint:
    """Put model and optimiser into the state of a checkpoint; an empty one where there is none.

    Raises
    ------
    RunError
        If the file is damaged.
    """
    found = None if path is None else load_checkpoint(path)
    if found is None:
        return Checkpoint({}, {}, {}, 0, -1.0, [])
    model.load_state_dict(found.state_dict)
    optimizer.load_state_dict(found.optimizer)
    return found


def advance(
    last: Checkpoint,
    state: dict[str, torch.Tensor],
    optimizer: dict[str, Any],
    row: dict[str, float],
    kept: dict[str, torch.Tensor] | None = None,
    explored: dict[str, torch.Tensor] | None = None,
) -> Checkpoint:
    """Return the state after an epoch; the earliest of equally good epochs stays the best.

    `state` is a copy of the model's and `optimizer` the optimiser's own after the epoch, `row` is
    its line of the history; the rest is as in `Checkpoint`.
    """
    kept, explored = kept or {}, explored or {}
    best = last.best_state_dict, last.best_epoch, last.validation_accuracy
    best_kept = last.best_kept
    if row["validation_accuracy"] > last.validation_accuracy:
        best = state, int(row["epoch"]), row["validation_accuracy"]
        best_kept = kept
    rows = [*last.rows, row]
    return Checkpoint(state, optimizer, *best, rows, kept, best_kept, explored)


def copied(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copy tensors to the CPU, in the usual order of their elements."""
    plain = torch.contiguous_format
    return {
        name: value.detach().to("cpu", copy=True, memory_format=plain)
        for name, value in tensors.items()
    }
