"""Training a network under its masks."""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from masktopo._random import Rng, root_seed
from masktopo.data.resolve import resolve_data
from masktopo.data.splits import DataSplits
from masktopo.monitor.settings import MonitorSettings, read_monitor
from masktopo.training.config import TrainConfig
from masktopo.training.dynamic import DynamicSparsity
from masktopo.training.environment import record_start
from masktopo.training.fit import Fitted, fit
from masktopo.training.folder import CHECKPOINT_FILE, claim_folder, is_finished, remove_leftovers
from masktopo.training.identity import RunIdentity, identify_run
from masktopo.training.loop import AfterStep, steps_per_epoch, tested_accuracy
from masktopo.training.result import TrainingResult
from masktopo.training.start import read_settings, start_masks, start_network, training_device
from masktopo.training.watch import claim_monitor

__all__ = ["begin_run", "finish_run", "train"]


def train(
    model: nn.Module,
    masks: Any,
    data: Any,
    *,
    test: Any = None,
    epochs: int | None = None,
    initial: Mapping[str, torch.Tensor] | None = None,
    rng: Rng = 0,
    device: str | torch.device | None = None,
    out: str | PathLike[str] | None = None,
    config: TrainConfig | None = None,
    dynamic: str | DynamicSparsity | None = None,
    density: float | None = None,
    monitor: str | Iterable[str] | MonitorSettings | None = None,
    after_step: AfterStep | None = None,
    progress: bool = False,
    **changes: Any,
) -> TrainingResult:
    """Train a copy of `model` under `masks`, and test the best validation epoch once.

    Parameters
    ----------
    model : nn.Module
        Takes a batch of inputs and gives logits. It is not changed. Wrappers such as
        DataParallel are looked through.
    masks : anything that `load_masks` takes, or None
        Weights that it prunes stay exactly 0; biases, normalisation and layers without a mask
        train as usual. None trains the dense network; with `dynamic`, it starts from random
        masks of ERK densities.
    data : str, pair of arrays, Dataset, TensorData or DataSplits
        As `masktopo.data.resolve_data` takes it. A fixed tenth of the training set is left out
        of training and chooses the epoch.
    test : pair of arrays, Dataset or TensorData, optional
        The test set; without one, what `data` carries or a fixed fifth of it.
    epochs : int, optional
        Passes over the training part: 250, or what `config` says.
    initial : state dict, optional
        Start weights; the model's own by default.
    rng : int, Generator or None
        Seed of batches, augmentation and the model's own draws. The result is a function of the
        seed for one device and thread count; on the CPU it is the same to the last bit. The
        global random states are left as they were.
    device : str or torch.device, optional
        By default a GPU where torch has one, else the CPU. The data is kept there as a whole.
    out : path, optional
        Folder for configuration, environment, masks, history, best weights and result. If it
        holds the finished run of the same configuration, that is read instead of trained; a
        run that was stopped goes on after its last whole epoch.
    config : TrainConfig, optional
        The protocol; by default that of PAGS23.
    dynamic : {"set", "itop", "rigl", "rigl-itop"} or DynamicSparsity, optional
        Dynamic sparse training: every layer drops its smallest weights from time to time and
        grows as many others, so that its count never changes. A name of
        `masktopo.training.DYNAMICS`, or settings of one's own. In `out`, the folder ``updates``
        gets a mask file with weights at the start and after every update.
    density : float, optional
        Of the random start masks of a dynamic run without `masks`; 0.01 by default.
    monitor : str, iterable of str or MonitorSettings, optional
        Metrics that a `masktopo.Monitor` measures at the start and every 100 steps, or settings
        of one's own; under masks, of their layers. In `out`, ``topology.csv`` gets its history,
        which a resumed run completes.
    after_step : callable, optional
        ``(network, step) -> None``, called after every step with the network in training and the
        number of steps taken; it may look but not touch. A resumed run goes on counting where it
        goes on training.
    progress : bool
        Whether to show a bar with loss, validation accuracy, kept weights and the time left.
    **changes
        Fields of `TrainConfig` to change: ``batch_size=64``, ``learning_rate=0.05``, ...

    Returns
    -------
    TrainingResult
        Test accuracy, history, the best weights, and what the monitor measured.

    Raises
    ------
    MaskError
        If a masked layer is missing in the model or has another shape there.
    DataError
        If the data is unsound or the model does not take it.
    TrainingError
        If the loss is not finite, or a pruned weight is not 0 where weights are saved.
    RunError
        If `out` belongs to a run of another configuration or monitor, or is damaged.
    ArgumentError
        If an option is unknown or out of its range, or `initial` is not the model's.

    Warns
    -----
    MasktopoWarning
        If the training is too short for a single update of dynamic sparse training.

    Examples
    --------
    >>> import masktopo
    >>> from masktopo.networks import build_network
    >>> model = build_network("mlp", input_shape=(1, 8, 8), n_classes=10)
    >>> result = masktopo.train(model, None, "digits", epochs=2)
    >>> list(result.history["epoch"]), result.test_accuracy > 0.5
    ([1, 2], True)

    A sparse network whose masks change every 5 steps:

    >>> from masktopo.training import DynamicSparsity
    >>> dynamic = DynamicSparsity(every=5)
    >>> result = masktopo.train(model, None, "digits", epochs=1, dynamic=dynamic, density=0.1)
    >>> result.masks.nnz == round(0.1 * result.masks.size), result.explored > 0.1
    (True, True)

    Its topology on the way:

    >>> settings = masktopo.MonitorSettings("mu_hat", every=5)
    >>> result = masktopo.train(model, result.masks, "digits", epochs=1, monitor=settings)
    >>> result.topology["step"].unique().tolist()
    [0, 5, 10]

    References
    ----------
    D. Hoang et al., *Don't just prune by magnitude! Your mask topology is a secret weapon*,
    NeurIPS 2023, for the protocol. S. Liu et al., *Do We Actually Need Dense
    Over-Parameterization?*, ICML 2021, and U. Evci et al., *Rigging the Lottery*, ICML 2020, for
    dynamic sparse training.
    """
    if epochs is not None:
        changes = {**changes, "epochs": epochs}
    settings = (config or TrainConfig()).with_changes(changes)
    splits = resolve_data(data, test=test)
    seed = root_seed(rng)
    per_epoch = steps_per_epoch(len(splits.training_part), settings.batch_size)
    moving = read_settings(dynamic, settings, settings.epochs * per_epoch, stacklevel=2)
    watched = read_monitor(monitor)
    chosen = start_masks(model, masks, moving, density, seed)
    network = start_network(model, initial, chosen)
    run = identify_run(network, chosen, splits, settings, seed, moving)
    place = training_device(device)
    folder = None if out is None else Path(out)
    finished = begin_run(folder, run, watched, place)
    if finished is not None:
        return finished
    fitted = fit(
        network,
        chosen,
        splits,
        settings,
        seed=seed,
        device=place,
        dynamic=moving,
        folder=folder,
        monitor=watched,
        after_step=after_step,
        progress=progress,
    )
    return finish_run(network, fitted, splits, run, folder, place)


def begin_run(
    folder: Path | None, run: RunIdentity, monitor: MonitorSettings | None, device: torch.device
) -> TrainingResult | None:
    """Make `folder` that of `run`; if the run is finished there, return its result.

    Raises
    ------
    RunError
        If it belongs to a run of another configuration or monitor that has got under way, or is
        damaged.
    """
    if folder is None:
        return None
    claim_folder(folder, run)
    claim_monitor(folder, monitor)
    remove_leftovers(folder)
    if is_finished(folder):
        return TrainingResult.load(folder)
    record_start(folder, device)
    return None


def finish_run(
    network: nn.Module,
    fitted: Fitted,
    splits: DataSplits,
    run: RunIdentity,
    folder: Path | None,
    device: torch.device,
) -> TrainingResult:
    """Test the network, which has the weights of its best epoch, and write the result."""
    result = TrainingResult(
        tested_accuracy(network, splits.test.to(device), run.seed),
        fitted.validation_accuracy,
        fitted.best_epoch,
        fitted.history,
        fitted.state_dict,
        fitted.masks,
        run,
        fitted.topology,
    )
    if folder is not None:
        result.save(folder)
        (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
    return result
