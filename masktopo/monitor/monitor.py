"""A monitor: what becomes of a network's topology while it trains, in any training loop."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import pandas as pd
from torch import nn

from masktopo.analysis import analyze
from masktopo.errors import ArgumentError
from masktopo.graphs.wiring import Wiring
from masktopo.masks.copying import check_model
from masktopo.monitor.rows import Row, history_table, rows_of
from masktopo.monitor.settings import MonitorSettings
from masktopo.monitor.snapshot import Snapshot, read_masks, take_snapshot

__all__ = ["Monitor"]


class Monitor:
    """Measures the topology of a network every so many steps, beside its training.

    Every `every` steps the masks and weights are copied; from a GPU without waiting for it. A
    thread of its own measures the copies while the training goes on. At most one snapshot is
    under way: if the next one comes before it is measured, the training waits for it, or, with
    ``wait=False``, the next one is left out and counted in `skipped`.

    Parameters
    ----------
    model : torch.nn.Module
        The network in training; it is looked at, never changed. Wrappers such as DataParallel
        and torch.compile are looked through.
    metrics : str or iterable of str
        As `masktopo.analyze` takes them.
    every : int
        Steps between snapshots.
    masks : anything that `load_masks` takes, or a callable, optional
        What is kept, where zeros do not tell: masks that never change, or a function without
        arguments that gives the present ones as bool tensors by layer name. Only these layers
        are measured. By default all layers are, under their own masks
        (``torch.nn.utils.prune``, parametrizations) or with an edge wherever a weight is not 0.
    encoding, convention : str
        As in `masktopo.analyze`.
    wiring : Wiring, optional
        The data flow, from `masktopo.trace`, for end-to-end metrics.
    wait : bool
        Whether the training waits when snapshots come faster than they are measured.

    Attributes
    ----------
    settings : MonitorSettings
        What is measured, and when.
    steps : int
        Steps taken so far.
    skipped : int
        Snapshots that were left out.

    Raises
    ------
    ArgumentError
        If the model is no module, a metric, encoding or convention is unknown, or `every` is no
        positive integer.

    Notes
    -----
    A snapshot costs the training the copy of all weights (11 ms for a ResNet-18 on a CPU); the
    measurement takes one thread for as long as `masktopo.analyze` does, most of it without the
    interpreter lock. The first one may have to compile kernels: `masktopo.warmup` does so
    beforehand. Memory: one copy of weights and masks, and the graphs of the layers.

    Examples
    --------
    >>> import torch, masktopo
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> with masktopo.Monitor(model, metrics="mu_0", every=2) as monitor:
    ...     monitor.record()  # the start
    ...     for _ in range(4):
    ...         optimizer.zero_grad()
    ...         model(torch.ones(5, 8)).square().sum().backward()
    ...         optimizer.step()
    ...         monitor.step()
    >>> monitor.history[["step", "layer", "nnz"]].head(3)
       step      layer   nnz
    0     0          0  48.0
    1     0          2  18.0
    2     0  (network)  66.0
    >>> sorted(set(monitor.history["step"]))
    [0, 2, 4]
    """

    def __init__(
        self,
        model: nn.Module,
        metrics: str | Iterable[str] = "spectral",
        every: int = 100,
        *,
        masks: Any = None,
        encoding: str = "rolled",
        convention: str = "pags23",
        wiring: Wiring | None = None,
        wait: bool = True,
    ) -> None:
        check_model(model)
        self.settings = MonitorSettings(metrics, every, encoding, convention, wiring)
        self.steps = 0
        self.skipped = 0
        self._model = model
        self._present = read_masks(masks)
        self._wait = wait
        self._rows: list[Row] = []
        self._recorded: int | None = None
        self._under_way: Future[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="masktopo-monitor")
        self._closed = False

    def step(self, number: int | None = None) -> None:
        """Count a step of the optimiser that was just taken, and take a snapshot if it is time.

        Parameters
        ----------
        number : int, optional
            How many steps were taken so far, where somebody else counts them: a trainer whose
            batches are not all steps, or a training that goes on from a checkpoint. Given twice,
            a number is recorded once.

        Raises
        ------
        Exception
            Whatever went wrong while an earlier snapshot was measured.
        MaskError
            If the masks that were given do not fit the model.
        ArgumentError
            If the monitor is closed.
        """
        # Counted before anything can go wrong: the step was taken.
        self.steps = self.steps + 1 if number is None else number
        if self._under_way is not None and self._under_way.done():
            self.flush()
        if self.steps % self.settings.every == 0:
            self.record()

    def record(self) -> None:
        """Take a snapshot now, of the start or the end, say; once for each number of steps.

        Raises as `step` does.
        """
        if self._closed:
            raise ArgumentError("this monitor is closed; its history is complete")
        if self.steps == self._recorded:
            return
        if not self._wait and self._under_way is not None and not self._under_way.done():
            self._recorded = self.steps
            self.skipped += 1
            return
        self.flush()
        snapshot = take_snapshot(self._model, self.steps, self._present)
        self._recorded = self.steps
        self._under_way = self._thread.submit(self._measure, snapshot)

    def flush(self) -> None:
        """Wait until the snapshot under way is measured; raises what went wrong with it."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    @property
    def history(self) -> pd.DataFrame:
        """What was measured so far: a row for every snapshot and layer.

        Columns are ``step``, ``layer`` and the metrics, numbers as floats. The last row of every
        step, of the layer ``"(network)"``, holds the metrics of the network as a whole; a metric
        that is not one of both is nan in the other's rows.
        ``history.pivot(index="step", columns="layer", values="imdb").plot()`` draws a line for
        each.
        """
        return history_table(self._rows)

    def close(self) -> None:
        """Wait for the last snapshot and end the thread; raises what went wrong with it."""
        self._closed = True
        try:
            self.flush()
        finally:
            self._thread.shutdown()

    def __enter__(self) -> Self:
        """Return the monitor; the block's end closes it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the monitor; an error of the block is not hidden by one of the monitor."""
        if kind is None:
            self.close()
        else:
            self._closed = True
            self._thread.shutdown()

    def _measure(self, snapshot: Snapshot) -> None:
        """Measure a snapshot; runs in the monitor's thread."""
        settings = self.settings
        try:
            report = analyze(
                snapshot.masks(),
                metrics=settings.metrics,
                encoding=settings.encoding,
                convention=settings.convention,
                wiring=settings.wiring,
            )
        except Exception as error:
            error.add_note(f"(while the monitor measured the network after step {snapshot.step})")
            raise
        self._rows.extend(rows_of(snapshot.step, report))
