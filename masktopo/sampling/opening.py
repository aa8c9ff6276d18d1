"""A run before its first sample: checked, claimed, and with all that its draws start from."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from masktopo._check import check_count
from masktopo._progress import shows_progress
from masktopo.data.tensors import TensorData
from masktopo.errors import ArgumentError
from masktopo.masks.copying import check_model, copy_model
from masktopo.masks.maskset import MaskSet
from masktopo.masks.slots import network_of
from masktopo.pruning.batches import check_enough
from masktopo.pruning.pool import GradientPool, fill_pool, pool_bytes
from masktopo.pruning.problem import Problem
from masktopo.pruning.prune import pruning_data
from masktopo.pruning.reproducible import use_torch_threads
from masktopo.sampling.folder import (
    INITIAL_FILE,
    POOL_FILE,
    check_owner,
    read_settings,
    write_settings,
)
from masktopo.sampling.journal import Journal
from masktopo.sampling.options import PagsOptions
from masktopo.sampling.pretrain import pretrained
from masktopo.sampling.scoring import Scoring, check_reference, needs_wiring, reference_values
from masktopo.sampling.settings import PagsSettings
from masktopo.sampling.work import Work, check_sendable
from masktopo.training.tensor_file import read_tensors, write_tensors

__all__ = ["Begun", "opened"]

MOST_BYTES = 1 << 30
"""Memory of a pool before it is mapped from a file."""


@dataclass(frozen=True, eq=False)
class Begun:
    """A run that can draw its samples.

    Parameters
    ----------
    work : Work
        What samples start from.
    journal : Journal
        The samples so far.
    shown : bool
        Whether to show bars.
    """

    work: Work
    journal: Journal
    shown: bool


@contextmanager
def opened(
    model: nn.Module,
    data: Any,
    options: PagsOptions,
    folder: Path | None,
    *,
    n_jobs: int,
    progress: bool | None,
    shard: str = "",
    merge: bool = False,
) -> Iterator[Begun]:
    """Begin a run, or go on with the one in `folder`, which has all samples with `merge`.

    Raises
    ------
    ArgumentError, PruningError
        Before anything is computed or written, where the run could not come to its end.
    RunError
        If the folder is of a run of other settings, or lacks samples that are to be merged.
    """
    check_model(model)
    check_count("n_jobs", n_jobs)
    recorded = None if folder is None else read_settings(folder)
    seen = pruning_data(data, test=options.test)
    settings = options.settings(model, seen, recorded=recorded)
    size = _check(model, settings, options.reference, seen).size
    if n_jobs > 1:
        check_sendable(f"score {settings.score}", options.score)
        check_sendable("the model", model)
    if folder is not None:
        check_owner(folder, settings)
    journal = Journal(size, settings, folder, shard=shard)
    if merge:
        journal.check_complete()
    if folder is not None and recorded is None:
        write_settings(folder, settings)
    shown = shows_progress(progress)
    with tempfile.TemporaryDirectory() as scratch, use_torch_threads(settings.torch_threads):
        problem = Problem(_start(model, settings, seen, folder), settings.recipe, seen)
        pool = _pool(problem, settings, folder or Path(scratch), n_jobs=n_jobs, shown=shown)
        scorer = Scoring(
            options.score,
            reference_values(options.reference, problem.dense),
            problem.wiring if needs_wiring(options.score) and seen is not None else None,
        )
        yield Begun(Work(problem, settings, scorer, pool), journal, shown)


def _check(
    model: nn.Module,
    settings: PagsSettings,
    reference: str | MaskSet,
    data: TensorData | None,
) -> Problem:
    """Raise before anything is computed or written, where the run could not come to its end."""
    problem = Problem(model, settings.recipe, data)
    check_reference(reference, problem.dense)
    if settings.pretrain is not None and data is None:
        raise ArgumentError(f"pretrain_steps={settings.pretrain_steps} needs data")
    if data is not None and problem.method.needs_data:
        name = "batches" if settings.pool is None else "pool"
        check_enough(data, settings.recipe.batch_size, getattr(settings, name), name=name)
    return problem


def _start(
    model: nn.Module, settings: PagsSettings, data: TensorData | None, folder: Path | None
) -> nn.Module:
    """Return the network at which masks are drawn: pretrained, where that is asked for."""
    if settings.pretrain is None or data is None:
        return model
    path = None if folder is None else folder / INITIAL_FILE
    if path is not None and path.exists():
        network = copy_model(model)
        network_of(network).load_state_dict(read_tensors(path))
        return network
    network = pretrained(
        model, data, settings.pretrain, steps=settings.pretrain_steps, seed=settings.seed
    )
    if path is not None:
        write_tensors(network_of(network).state_dict(), path)
    return network


def _pool(
    problem: Problem, settings: PagsSettings, folder: Path, *, n_jobs: int, shown: bool
) -> GradientPool | None:
    """Take the gradients of the pool, if there is one; say first what memory that needs."""
    if settings.pool is None:
        return None
    size = pool_bytes(problem, settings.pool)
    file = folder / POOL_FILE if n_jobs > 1 or size > MOST_BYTES else None
    if shown:
        place = "memory" if file is None else f"{file}, mapped into memory"
        print(f"pool of {settings.pool} gradients: {size / 1e9:.2f} GB in {place}", file=sys.stderr)
    return fill_pool(problem, settings.seed, settings.pool, file=file, progress=shown)
