"""The outcome of one training run, and its files."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from masktopo._check import join_names
from masktopo._files import atomic_write
from masktopo.errors import MasktopoError, RunError
from masktopo.masks.formats.own import read_mask_file
from masktopo.masks.maskset import MaskSet
from masktopo.training.config import TrainConfig
from masktopo.training.folder import (
    HISTORY_FILE,
    MASKS_FILE,
    RESULT_FILE,
    TOPOLOGY_FILE,
    WEIGHTS_FILE,
    read_figures,
    read_run,
    write_figures,
    write_run,
)
from masktopo.training.identity import RunIdentity
from masktopo.training.masked import check_pruned_are_zero, pruned_places
from masktopo.training.tensor_file import read_tensors, write_tensors
from masktopo.training.topology import read_topology, write_topology

__all__ = ["TrainingResult", "read_history", "read_weights"]


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What training one network under its masks gave.

    Parameters
    ----------
    test_accuracy : float
        Part of the test set that the weights of the best epoch classify rightly.
    validation_accuracy : float
        The same for the validation part, by which the epoch was chosen.
    best_epoch : int
        The earliest epoch of highest validation accuracy, counted from 1.
    history : pandas.DataFrame
        A row an epoch: ``epoch``, ``loss`` and ``train_accuracy`` (means over the epoch, while
        the weights moved), ``validation_accuracy``, ``learning_rate``, ``seconds`` (validation
        included; in a stack, over its members) and ``images_per_second`` (of the training alone;
        of a stack, those of all members); under dynamic sparse training also ``explored``, the
        part of all weights that any mask so far has kept.
    state_dict : dict of str to torch.Tensor
        Parameters and buffers of the best epoch under the model's own names, on the CPU; pruned
        weights are exactly 0.
    masks : MaskSet or None
        The masks of these weights, without weights; None after dense training.
    run : RunIdentity
        Configuration, seed and digests of what was trained on what.
    topology : pandas.DataFrame or None
        The history of the run's monitor, as `masktopo.Monitor` has it; None where there was none.
    """

    test_accuracy: float
    validation_accuracy: float
    best_epoch: int
    history: pd.DataFrame
    state_dict: dict[str, torch.Tensor]
    masks: MaskSet | None
    run: RunIdentity
    topology: pd.DataFrame | None = None

    @property
    def config(self) -> TrainConfig:
        """The protocol of the run."""
        return self.run.config

    @property
    def explored(self) -> float:
        """Part of all masked layers' weights that some mask of the run has kept (ITOP21)."""
        if "explored" in self.history:
            return float(self.history["explored"].iloc[-1])
        return 1.0 if self.masks is None else self.masks.density

    def __repr__(self) -> str:
        return (
            f"<TrainingResult: test accuracy {self.test_accuracy:.4f}, "
            f"epoch {self.best_epoch} of {self.config.epochs}>"
        )

    def save(self, folder: str | PathLike[str]) -> None:
        """Write ``config.json``, masks, histories, ``best.pt`` and, last, ``result.json``.

        Every file is replaced only when its new content is complete, and what an earlier result
        left of others is removed. ``best.pt`` is a plain state dict.

        Raises
        ------
        TrainingError
            If a pruned weight is not exactly 0; nothing is written then.
        """
        target = Path(folder)
        check_pruned_are_zero(
            self.state_dict,
            pruned_places(self.masks, self.state_dict),
            when=f"to be saved in {target}",
        )
        # Until its new result is there, the folder of an earlier one counts as not finished.
        (target / RESULT_FILE).unlink(missing_ok=True)
        write_run(target, self.run)
        if self.masks is None:
            (target / MASKS_FILE).unlink(missing_ok=True)
        else:
            self.masks.save(target / MASKS_FILE)
        with atomic_write(target / HISTORY_FILE) as file:
            file.write(self.history.to_csv(index=False).encode())
        if self.topology is None:
            (target / TOPOLOGY_FILE).unlink(missing_ok=True)
        else:
            write_topology(self.topology, target / TOPOLOGY_FILE)
        write_tensors(self.state_dict, target / WEIGHTS_FILE)
        write_figures(target, self._figures())

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> "TrainingResult":
        """Read what `save` wrote.

        Raises
        ------
        RunError
            If the run is not finished, or a file is missing or damaged, be it by one bit; the
            file is named.
        TrainingError
            If a pruned weight in the file is not exactly 0.
        """
        source = Path(folder)
        figures = read_figures(source)
        run = read_run(source)
        # Masks that change end as others than the run began with.
        digest = run.masks if run.dynamic is None else figures.get("masks", "")
        masks = _read_masks(source, digest) if run.is_masked else None
        state = read_weights(source / WEIGHTS_FILE)
        check_pruned_are_zero(
            state, pruned_places(masks, state), when=f"in {source / WEIGHTS_FILE}"
        )
        history = read_history(source / HISTORY_FILE, run)
        topology = source / TOPOLOGY_FILE
        try:
            return cls(
                figures["test_accuracy"],
                figures["validation_accuracy"],
                figures["best_epoch"],
                history,
                state,
                masks,
                run,
                read_topology(topology) if topology.exists() else None,
            )
        except KeyError as error:
            raise RunError(f"{source / RESULT_FILE} lacks {error}") from error

    def _figures(self) -> dict[str, Any]:
        """Return what ``result.json`` holds."""
        return {
            "test_accuracy": self.test_accuracy,
            "validation_accuracy": self.validation_accuracy,
            "best_epoch": self.best_epoch,
            "nnz": None if self.masks is None else self.masks.nnz,
            "density": None if self.masks is None else self.masks.density,
            "masks": None if self.masks is None else self.masks.digest,
            "explored": self.explored,
            "run": self.run.digest,
        }


def _read_masks(source: Path, digest: str) -> MaskSet:
    """Read the masks that the run ended with."""
    path = source / MASKS_FILE
    try:
        masks = read_mask_file(path)
    except (MasktopoError, OSError) as error:
        raise RunError(f"{path} is missing or damaged: {error}") from error
    if masks.digest != digest:
        raise RunError(f"{path} holds the masks {masks.digest[:16]}, but the run had {digest[:16]}")
    return masks


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a plain state dict onto the CPU, without running any code that it may hold.

    Raises
    ------
    RunError
        If the file is missing or damaged, or holds anything but tensors.
    """
    state = read_tensors(path)
    others = [name for name, value in state.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise RunError(f"{path} holds no tensor as {join_names(map(repr, others))}")
    return state


def read_history(path: Path, run: RunIdentity) -> pd.DataFrame:
    """Read the history of a finished run, every float as it was written.

    Raises
    ------
    RunError
        If the file is missing or damaged, or has not a row for each of the run's epochs.
    """
    columns = _HISTORY if run.dynamic is None else {**_HISTORY, "explored": float}
    try:
        history = pd.read_csv(path, usecols=list(columns), converters=columns)
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is missing or damaged: {error}") from error
    epochs = history["epoch"].tolist()
    if epochs != list(range(1, run.config.epochs + 1)):
        raise RunError(
            f"{path} is damaged: it has rows of the epochs {join_names(map(str, epochs))}; "
            f"expected one of each from 1 to {run.config.epochs}"
        )
    return history


_HISTORY: dict[str, type[int] | type[float]] = {
    "epoch": int,
    "loss": float,
    "train_accuracy": float,
    "validation_accuracy": float,
    "learning_rate": float,
    "seconds": float,
    "images_per_second": float,
}
"""Columns of the history; Python reads every float exactly as it was written."""
