"""What the searches for a ticket share: how their runs are made, and what they leave."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from masktopo._files import atomic_write
from masktopo._random import Rng, root_seed
from masktopo.data.resolve import resolve_data
from masktopo.data.splits import DataSplits
from masktopo.masks.maskset import MaskSet
from masktopo.masks.model import masks_of_module
from masktopo.masks.naming import parameter_name
from masktopo.masks.slots import network_of
from masktopo.pruning.prunable import layer_weights, prunable_layers, total_size
from masktopo.training.checkpoint import copied
from masktopo.training.config import TrainConfig
from masktopo.training.folder import SEARCH_FILE, TABLE_FILE, TICKET_FILE, check_free
from masktopo.training.identity import RunIdentity, identify_run
from masktopo.training.loop import AfterStep, steps_per_epoch
from masktopo.training.network_identity import check_state
from masktopo.training.result import TrainingResult
from masktopo.training.start import start_network
from masktopo.training.ticket import State, Ticket
from masktopo.training.train import train

__all__ = ["DENSE", "Search"]

DENSE = "dense"
"""Name of the run without masks, which searches in one folder share."""


@dataclass(frozen=True, eq=False)
class Search:
    """What all runs of one search have in common.

    Parameters
    ----------
    model : torch.nn.Module
        The network; it is not changed.
    data, test
        As in `train`.
    rng : int, Generator or None
        One seed for all runs, so that the order of the batches is not what sets them apart.
    folder : Path or None
        Folder of the runs' folders.
    progress : bool
        Whether to show bars.
    same : mapping
        Further keywords of `train`: ``epochs``, ``device``, ``config``, fields of it.

    Raises
    ------
    RunError
        If the folder holds a run of another kind.
    """

    model: nn.Module
    data: Any
    test: Any = None
    rng: Rng = 0
    folder: Path | None = None
    progress: bool = False
    same: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.folder is not None:
            check_free(self.folder, TICKET_FILE, TABLE_FILE, SEARCH_FILE)

    @cached_property
    def splits(self) -> DataSplits:
        """The data, resolved once."""
        return resolve_data(self.data, test=self.test)

    @cached_property
    def seed(self) -> int:
        """The seed of all runs."""
        return root_seed(self.rng)

    @cached_property
    def config(self) -> TrainConfig:
        """The protocol of all runs."""
        changes = {key: self.same[key] for key in self.same if key not in ("config", "device")}
        return (self.same.get("config") or TrainConfig()).with_changes(changes)

    @cached_property
    def dense(self) -> MaskSet:
        """All layers, nothing pruned, without weights."""
        found = masks_of_module(self.model).with_weights(None)
        whole = {name: np.ones_like(layer.mask) for name, layer in found.items()}
        dense = found.with_masks(whole, origin="dense")
        # Raises where hooks or parametrisations stand between the masks and the weights.
        layer_weights(network_of(self.model), prunable_layers(dense))
        return dense

    @property
    def size(self) -> int:
        """Number of weights that can be pruned."""
        return total_size(prunable_layers(self.dense))

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch of every run."""
        return steps_per_epoch(len(self.splits.training_part), self.config.batch_size)

    @cached_property
    def start(self) -> State:
        """Parameters and buffers of the model as it was given."""
        state = network_of(self.model).state_dict()
        check_state(state)
        return copied(state)

    @property
    def dense_run(self) -> RunIdentity:
        """What makes the dense run the same run."""
        network = start_network(self.model, None, None)
        return identify_run(network, None, self.splits, self.config, self.seed)

    def run(
        self,
        name: str,
        masks: MaskSet | None,
        *,
        initial: State | None = None,
        after_step: AfterStep | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> TrainingResult:
        """Train once, in the folder `name`; a finished run is read."""
        return train(
            self.model,
            masks,
            self.splits,
            initial=initial,
            rng=self.seed,
            device=self.same.get("device"),
            out=None if self.folder is None else self.folder / name,
            config=self.config.with_changes(changes or {}),
            after_step=after_step,
            progress=self.progress,
        )

    def ticket(self, masks: MaskSet, initial: State, results: list[TrainingResult]) -> Ticket:
        """Return the outcome; in a folder, its masks and table are written too."""
        weights = {name: initial[parameter_name(name)].numpy() for name in masks}
        found = Ticket(masks.with_weights(weights), initial, results)
        if self.folder is not None:
            found.masks.save(self.folder / TICKET_FILE)
            with atomic_write(self.folder / TABLE_FILE) as file:
                file.write(found.table.to_csv(index=False).encode())
        return found
