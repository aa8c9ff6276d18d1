"""Training one network under many masks, one after another or several at once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from masktopo._check import check_count, join_names
from masktopo._random import Rng, root_seed
from masktopo.data.resolve import resolve_data
from masktopo.data.splits import DataSplits
from masktopo.errors import ArgumentError
from masktopo.masks.maskset import MaskSet
from masktopo.training.checkpoint import Checkpoint, load_checkpoint
from masktopo.training.config import TrainConfig
from masktopo.training.fit_stack import fit_stack
from masktopo.training.folder import CHECKPOINT_FILE
from masktopo.training.identity import RunIdentity, identify_run
from masktopo.training.result import TrainingResult
from masktopo.training.start import start_masks, start_network, training_device
from masktopo.training.train import begin_run, finish_run, train

__all__ = ["train_many"]

_ONE_BY_ONE = ("dynamic", "density", "monitor", "after_step")
"""Keywords of `train` that look at, or change, one network while it trains."""


def train_many(
    model: nn.Module,
    masks: Sequence[Any],
    data: Any,
    *,
    test: Any = None,
    rng: Rng = 0,
    out: str | PathLike[str] | None = None,
    stack: int | None = None,
    **same: Any,
) -> list[TrainingResult]:
    """Train copies of one network, each under one of `masks`, in the same way.

    Parameters
    ----------
    model, data, test, rng
        As in `train`. Every mask is trained with the same seed, so that the order of the
        batches is not what makes results differ.
    masks : sequence
        What `train` takes as masks, one a run.
    out : path, optional
        Folder of the runs' folders, which are named ``0000``, ``0001``, ... in the order of
        `masks`; finished runs are skipped, and those that were stopped go on.
    stack : int, optional
        How many networks are trained side by side, as one network whose convolutions are
        grouped. By default, and with 1, they are trained one after another.
    **same
        Further keywords of `train`; in a stack, none of ``dynamic``, ``density``, ``monitor`` and
        ``after_step``.

    Returns
    -------
    list of TrainingResult
        In the order of `masks`. In a stack, times in the history are its own over its members.

    Raises
    ------
    ArgumentError
        If the model does not stack: with modules that have parameters and are no convolution,
        linear layer or normalisation by channel, or with a forward pass that mixes or counts
        channels. A keyword does not go with a stack, or `stack` is no positive integer.
    MasktopoError
        As in `train`.

    Notes
    -----
    Stacked networks share nothing but batches and augmentation, so results are those of training
    one by one but for rounding, which grows with the steps: on the same seed, accuracies differ
    as they do between devices. Dropout draws anew for each member. A loss that is not finite
    stops the whole stack. Folders are the same, and runs that were stopped one way may go on in
    the other; runs that were stopped after different epochs are stacked apart.

    A stack pays where one network leaves the device idle, so on a GPU with small networks; on a
    CPU it hardly does. `benchmarks/train_many.py` measures it. Memory grows with the stack.

    Examples
    --------
    >>> import masktopo
    >>> from masktopo.networks import build_network
    >>> model = build_network("mlp", input_shape=(1, 8, 8), n_classes=10)
    >>> options = {"method": "random-erk", "density": 0.1}
    >>> masks = [masktopo.prune(model, **options, rng=seed) for seed in range(3)]
    >>> results = masktopo.train_many(model, masks, "digits", epochs=2, stack=3)
    >>> [result.masks.nnz for result in results]
    [2586, 2586, 2586]
    """
    splits, seed = resolve_data(data, test=test), root_seed(rng)
    folders = [None if out is None else Path(out) / f"{index:04d}" for index in range(len(masks))]
    if stack is not None:
        check_count("stack", stack)
    if stack is None or stack == 1:
        return [
            train(model, source, splits, rng=seed, out=folder, **same)
            for source, folder in zip(masks, folders, strict=True)
        ]
    return _train_stacked(model, masks, splits, seed, folders, stack, **same)


@dataclass(frozen=True, eq=False)
class _Run:
    """One run that is to be trained in a stack."""

    place: int
    network: nn.Module
    masks: MaskSet | None
    identity: RunIdentity
    folder: Path | None
    last: Checkpoint


def _train_stacked(
    model: nn.Module,
    masks: Sequence[Any],
    splits: DataSplits,
    seed: int,
    folders: Sequence[Path | None],
    stack: int,
    *,
    epochs: int | None = None,
    initial: Mapping[str, torch.Tensor] | None = None,
    device: str | torch.device | None = None,
    config: TrainConfig | None = None,
    progress: bool = False,
    **changes: Any,
) -> list[TrainingResult]:
    """Train the runs that are not finished, stack after stack."""
    unfit = [name for name in _ONE_BY_ONE if changes.pop(name, None) is not None]
    if unfit:
        raise ArgumentError(
            f"a stack does not take {join_names(unfit)}; "
            "stack=None trains one network after another"
        )
    if epochs is not None:
        changes["epochs"] = epochs
    settings = (config or TrainConfig()).with_changes(changes)
    device = training_device(device)
    results: dict[int, TrainingResult] = {}

    def unfinished() -> Iterator[_Run]:
        for place, (source, folder) in enumerate(zip(masks, folders, strict=True)):
            chosen = start_masks(model, source, None, None, seed)
            network = start_network(model, initial, chosen)
            identity = identify_run(network, chosen, splits, settings, seed)
            finished = begin_run(folder, identity, None, device)
            if finished is None:
                yield _Run(place, network, chosen, identity, folder, _last(network, folder))
            else:
                results[place] = finished

    for members in _stacks(unfinished(), stack):
        fitted = fit_stack(
            [run.network for run in members],
            [run.masks for run in members],
            splits,
            settings,
            seed=seed,
            device=device,
            folders=[run.folder for run in members],
            lasts=[run.last for run in members],
            progress=progress,
        )
        for run, found in zip(members, fitted, strict=True):
            results[run.place] = finish_run(
                run.network, found, splits, run.identity, run.folder, device
            )
    return [results[place] for place in range(len(masks))]


def _last(network: nn.Module, folder: Path | None) -> Checkpoint:
    """Return a run's checkpoint, an empty one for a start, and put the network into its state."""
    last = None if folder is None else load_checkpoint(folder / CHECKPOINT_FILE)
    if last is None:
        return Checkpoint({}, {}, {}, 0, -1.0, [])
    network.load_state_dict(last.state_dict)
    return last


def _stacks(runs: Iterable[_Run], most: int) -> Iterator[list[_Run]]:
    """Yield runs that have the same epochs before them, as soon as they fill a stack."""
    alike: dict[int, list[_Run]] = defaultdict(list)
    for run in runs:
        done = len(run.last.rows)
        alike[done].append(run)
        if len(alike[done]) == most:
            yield alike.pop(done)
    yield from alike.values()
