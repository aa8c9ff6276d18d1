"""A small grid of pruned networks: every cell is pruned, saved, analyzed from its file, trained.

Every cell leaves its checkpoint and its training run on disk. A grid that was interrupted goes
on where it stopped, since finished trainings are read back.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from masktopo._files import atomic_write
from masktopo.analysis import analyze
from masktopo.data.resolve import resolve_data
from masktopo.data.splits import DataSplits
from masktopo.masks.load import load_masks
from masktopo.masks.maskset import MaskSet
from masktopo.networks import build_network
from masktopo.pruning.prune import prune
from masktopo.sampling.sampler import pags
from masktopo.training.train import train

__all__ = ["Cell", "Grid", "run_cell"]

GIVEN = ("size", "density", "layers")
"""Network metrics that the grid itself sets, and that are no findings."""


@dataclass(frozen=True)
class Cell:
    """One network of a grid.

    Attributes
    ----------
    method : str
        Pruning method, or ``"pags-"`` and the method that PAGS samples.
    density : float
    seed : int
        Of the start weights, the pruning and the training.
    """

    method: str
    density: float
    seed: int

    @property
    def kind(self) -> str:
        """Whether the mask is a plain one (``"pai"``) or chosen by PAGS (``"pags"``)."""
        return "pags" if self.method.startswith("pags-") else "pai"

    @property
    def name(self) -> str:
        """Name of the cell's files."""
        return f"{self.method}-density{self.density:g}-seed{self.seed}"


@dataclass(frozen=True)
class Grid:
    """What all cells share, and the cells.

    Attributes
    ----------
    network, data : str
        A reference network, and a data set's specification.
    methods, densities, seeds : tuple
        Their product is the cells.
    samples, batches, batch_size : int
        Of PAGS.
    epochs : int
        Of training.
    """

    network: str
    data: str
    methods: tuple[str, ...]
    densities: tuple[float, ...]
    seeds: tuple[int, ...]
    samples: int
    batches: int
    batch_size: int
    epochs: int

    def cells(self) -> Iterator[Cell]:
        """Every cell, density by density."""
        for density in self.densities:
            for method in self.methods:
                for seed in self.seeds:
                    yield Cell(method, density, seed)


def run_cell(grid: Grid, cell: Cell, folder: Path) -> dict[str, Any]:
    """Prune, save a checkpoint, analyze that file and train what it holds.

    Parameters
    ----------
    grid : Grid
    cell : Cell
    folder : path
        Receives ``masks/NAME.pt`` (a plain state dict, pruned weights 0) and ``runs/NAME/``.

    Returns
    -------
    dict
        The cell's row: its settings, network metrics and accuracies.
    """
    data = resolve_data(grid.data)
    model = build_network(
        grid.network,
        input_shape=data.train.sample_shape,
        n_classes=data.train.n_classes,
        rng=cell.seed,
    )
    path = folder / "masks" / f"{cell.name}.pt"
    _save_checkpoint(_masks_of(grid, cell, model, data), model, path)
    report = analyze(path, metrics=["spectral", "paths"])
    result = train(
        model,
        load_masks(path),
        data,
        epochs=grid.epochs,
        rng=cell.seed,
        device="cpu",
        out=folder / "runs" / cell.name,
    )
    return {
        "network": grid.network,
        "method": cell.method,
        "kind": cell.kind,
        "density": cell.density,
        "seed": cell.seed,
        "accuracy": result.test_accuracy,
        "validation_accuracy": result.validation_accuracy,
        **{str(name): value for name, value in report.network.items() if name not in GIVEN},
        "checkpoint": path.relative_to(folder).as_posix(),
        "digest": report.settings["digest"],
    }


def _masks_of(grid: Grid, cell: Cell, model: nn.Module, data: DataSplits) -> MaskSet:
    if cell.kind == "pai":
        return prune(model, data, method=cell.method, density=cell.density, rng=cell.seed)
    return pags(
        model,
        data,
        method=cell.method.removeprefix("pags-"),
        density=cell.density,
        samples=grid.samples,
        batches=grid.batches,
        batch_size=grid.batch_size,
        rng=cell.seed,
        progress=False,
    ).masks


def _save_checkpoint(masks: MaskSet, model: nn.Module, path: Path) -> None:
    """Save what users save: the state dict of the pruned model."""
    buffer = io.BytesIO()
    torch.save(masks.apply(model).state_dict(), buffer)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())
