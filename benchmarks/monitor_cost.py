"""What a monitor adds to the steps of a training: all four coordinates every 100 steps.

    python -m benchmarks.monitor_cost                            # ResNet-18, 1 % kept, batch 128
    python -m benchmarks.monitor_cost --device cuda --step graph

Windows of steps alternate: one without a snapshot, one that begins with one. On a CPU, whose
steps take seconds, a window is one step; on a GPU it is the 100 steps that lie between two
snapshots. `added` is the median of the differences of neighbouring windows, which holds copies,
measurement and all that they get in the way of. Beside it stand its parts: how long `record` keeps
the training, and the CPU time of a measurement. `bound` counts their sum as if the training had
stood still for both.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

import masktopo
from masktopo.bench.machine import processor_name
from masktopo.data import resolve_data
from masktopo.metrics.spectral import COORDINATES
from masktopo.networks import build_network
from masktopo.training import TrainConfig
from masktopo.training.masked import HeldWeights, pruned_places
from masktopo.training.optimizer import make_optimizer
from masktopo.training.step import make_step, memory_format

SHAPE = (3, 32, 32)


@dataclass(frozen=True)
class Windows:
    """Seconds of windows of steps, by pairs, and of what a snapshot consists of."""

    steps: int
    without: list[float]
    within: list[float]
    record: list[float]
    measure: float

    def report(self, every: int) -> list[str]:
        """Write medians with quartiles, and what they come to every so many steps."""
        step = float(np.median(self.without)) / self.steps
        differences = np.subtract(self.within, self.without)
        record = float(np.median(self.record))
        rows = {
            "step": [value / self.steps for value in self.without],
            "record": self.record,
            "added": list(differences),
        }
        lines = [
            f"{name:8} {1000 * np.median(values):10.2f} ms  (quartiles "
            f"{1000 * np.quantile(values, 0.25):.2f} to {1000 * np.quantile(values, 0.75):.2f})"
            for name, values in rows.items()
        ]
        lines.append(f"{'measure':8} {1000 * self.measure:10.2f} ms of CPU time")
        for name, seconds in (("added", np.median(differences)), ("bound", record + self.measure)):
            share = float(seconds) / (every * step)
            lines.append(f"{name} to {every} steps: {share:.3%}")
        return lines


def training_step(
    network: str, density: float, batch: int, device: torch.device, step: str
) -> tuple[nn.Module, masktopo.MaskSet, Callable[[], object]]:
    """Return a masked network, its masks and a step of its training."""
    model = build_network(network, input_shape=SHAPE, n_classes=10, rng=0)
    masks = masktopo.prune(model, method="random-erk", density=density, rng=0)
    model = masks.apply(model).to(device).to(memory_format=memory_format(device))
    data = resolve_data("synthetic:3x32x32:10").train.to(device)
    # Any rate will do, but weights that are not finite cannot be measured.
    config = TrainConfig(batch_size=batch, learning_rate=1e-3, step=step)
    optimizer = make_optimizer(model.train(), config)
    parameters = dict(model.named_parameters())
    HeldWeights(optimizer, parameters, pruned_places(masks, parameters)).hold()
    chosen = torch.arange(batch, device=device) % len(data)
    take = make_step(model, optimizer, data, config)
    return model, masks, lambda: take(chosen, None)


def measure(
    model: nn.Module,
    masks: masktopo.MaskSet,
    take: Callable[[], object],
    *,
    steps: int,
    pairs: int,
) -> Windows:
    """Time pairs of windows, after steps and a snapshot that are not timed."""
    without: list[float] = []
    within: list[float] = []
    records: list[float] = []
    _window(take, max(steps, 2))
    with masktopo.Monitor(model, list(COORDINATES), masks=masks) as monitor:
        monitor.record()
        monitor.flush()
        for pair in range(1, pairs + 1):
            without.append(_window(take, steps))
            monitor.steps = pair
            begun = time.perf_counter()
            monitor.record()
            records.append(time.perf_counter() - begun)
            within.append(records[-1] + _window(take, steps))
            monitor.flush()
    begun = time.process_time()
    masktopo.analyze(model, metrics=list(COORDINATES))
    return Windows(steps, without, within, records, time.process_time() - begun)


def _window(take: Callable[[], object], steps: int) -> float:
    """Time some steps until the device has finished them."""
    begun = time.perf_counter()
    for _ in range(steps):
        take()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--density", type=float, default=0.01)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--step", default="eager", help="as for `masktopo train`")
    parser.add_argument("--every", type=int, default=100, help="steps between snapshots")
    parser.add_argument("--pairs", type=int, default=5, help="of windows")
    given = parser.parse_args(words)
    device = torch.device(given.device)
    on_gpu = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if on_gpu else processor_name()
    print(
        f"{given.network}, density {given.density:g}, batch {given.batch_size}, {given.step} "
        f"steps on {name}, {torch.get_num_threads()} threads; torch {torch.__version__}"
    )
    training = training_step(given.network, given.density, given.batch_size, device, given.step)
    found = measure(*training, steps=given.every if on_gpu else 1, pairs=given.pairs)
    print("\n".join(found.report(given.every)))


if __name__ == "__main__":
    main()
