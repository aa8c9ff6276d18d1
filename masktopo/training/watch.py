"""The monitor of one run, and what it leaves in the run's folder."""

from pathlib import Path

import pandas as pd
import torch
from torch import nn

from masktopo.errors import RunError
from masktopo.masks.maskset import MaskSet
from masktopo.masks.naming import layer_name
from masktopo.monitor import Monitor, MonitorSettings
from masktopo.training.folder import (
    CHECKPOINT_FILE,
    MONITOR_FILE,
    TOPOLOGY_FILE,
    is_finished,
    read_json,
    write_json,
)
from masktopo.training.masked import HeldWeights
from masktopo.training.topology import append_topology, cut_topology, read_topology

__all__ = ["Watch", "claim_monitor", "watch_run"]


class Watch:
    """A monitor whose history goes on where a stopped run does.

    Parameters
    ----------
    monitor : Monitor
        Of the network in training.
    path : Path or None
        The file of the history; without one it is kept in memory only.
    """

    def __init__(self, monitor: Monitor, path: Path | None) -> None:
        self.monitor = monitor
        self._path = path
        self._written = 0

    def begin(self, steps: int) -> None:
        """Record the start, or take up what was measured up to `steps`."""
        if self._path is not None:
            cut_topology(self._path, steps)
        if not steps:
            self.monitor.record()

    def __call__(self, model: nn.Module, step: int) -> None:
        """Take a snapshot if it is time; what `train_epoch` calls after every step."""
        self.monitor.step(step)

    def save(self) -> None:
        """Wait for the snapshot under way and write what is new; before every checkpoint.

        A resumed run goes on from the checkpoint, and so never measures an earlier step again.
        """
        if self._path is None:
            return
        self.monitor.flush()
        history = self.monitor.history
        append_topology(history.iloc[self._written :], self._path)
        self._written = len(history)

    def history(self) -> pd.DataFrame:
        """Return the history of the whole run."""
        return self.monitor.history if self._path is None else read_topology(self._path)


def watch_run(
    settings: MonitorSettings | None,
    model: nn.Module,
    masks: MaskSet | None,
    held: HeldWeights,
    folder: Path | None,
) -> Watch | None:
    """Return the monitor of a run under the masks that `held` has, where one is wanted."""
    if settings is None:
        return None
    monitor = Monitor(
        model,
        settings.metrics,
        settings.every,
        masks=None if masks is None else lambda: _kept(held),
        encoding=settings.encoding,
        convention=settings.convention,
        wiring=settings.wiring,
    )
    return Watch(monitor, None if folder is None else folder / TOPOLOGY_FILE)


def claim_monitor(folder: Path, settings: MonitorSettings | None) -> None:
    """Let the run of `folder` be monitored as `settings` say, or not at all.

    Raises
    ------
    RunError
        If the run has begun with other settings, so that its history could not be whole. A
        finished run may be read without any.
    """
    path = folder / MONITOR_FILE
    finished = is_finished(folder)
    if finished and settings is None:
        return
    wanted = {} if settings is None else settings.to_dict()
    if not finished and not (folder / CHECKPOINT_FILE).exists():
        path.unlink(missing_ok=True)
        if wanted:
            write_json(path, wanted)
        return
    found = read_json(path) if path.exists() else {}
    if found != wanted:
        raise RunError(
            f"{folder} holds a run {_words(found)}, but this one is {_words(wanted)}; "
            "choose another folder"
        )


def _kept(held: HeldWeights) -> dict[str, torch.Tensor]:
    """Return the present masks by layer."""
    return {layer_name(name): ~places for name, places in held.pruned.items()}


def _words(settings: dict[str, object]) -> str:
    """Say how a run is monitored."""
    if not settings:
        return "without a monitor"
    return "monitored with " + ", ".join(f"{name}={value}" for name, value in settings.items())
