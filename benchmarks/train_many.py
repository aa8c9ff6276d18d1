"""Masks per hour: one network after another, and several side by side.

    python -m benchmarks.train_many --sizes 2 4 8
    python -m benchmarks.train_many --device cuda --step eager graph --sizes 2 4 8 16 32

Steps of the protocol are timed in one run: of one network alone, then of stacks of every size, in
every way of taking steps that is named, round after round, so that all meet the same load. The
medians are scaled to `--epochs` passes over the 45,000 training images of CIFAR-10, without
validation, checkpoints and the test. Beside each stands how many times the masks it trains that
one network after another gives, in the same way of taking steps and in the first that is named.
"""

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

import masktopo
from masktopo.bench.machine import processor_name
from masktopo.data import resolve_data
from masktopo.networks import build_network
from masktopo.training import TrainConfig
from masktopo.training.masked import HeldWeights, pruned_places
from masktopo.training.optimizer import make_optimizer
from masktopo.training.stack import join_states, stack_networks
from masktopo.training.step import make_step, memory_format

SHAPE, IMAGES = (3, 32, 32), 45_000

Times = dict[tuple[str, int], list[float]]
"""Seconds of steps by way of taking them and networks at once."""


def stacked_step(given: argparse.Namespace, way: str, members: int) -> Callable[[], object]:
    """Return a step of so many networks at once, under masks of their own."""
    device = torch.device(given.device)
    model = build_network(given.network, input_shape=SHAPE, n_classes=10, rng=0)
    masks = [
        masktopo.prune(model, method="random-erk", density=given.density, rng=seed)
        for seed in range(members)
    ]
    networks = [chosen.apply(model) for chosen in masks]
    own = [dict(network.named_parameters()) for network in networks]
    pruned = [pruned_places(*each) for each in zip(masks, own, strict=True)]
    joined = {name: places.to(device) for name, places in join_states(pruned).items()}
    data = resolve_data("synthetic:3x32x32:10").train
    stack = stack_networks(networks, data.normalised(data.inputs[:2])) if members > 1 else None
    network = networks[0] if stack is None else stack
    network.train().to(device).to(memory_format=memory_format(device))
    parameters = dict((networks[0] if stack is None else stack.network).named_parameters())
    data = data.to(device)
    config = TrainConfig(batch_size=given.batch_size, learning_rate=1e-3, step=way)
    optimizer = make_optimizer(network, config)
    HeldWeights(optimizer, parameters, joined).hold()
    take = make_step(network, optimizer, data, config)
    chosen = torch.arange(given.batch_size, device=device) % len(data)
    return lambda: take(chosen, None)


def seconds(take: Callable[[], object], steps: int) -> float:
    """Time a step, as the mean of several in a row."""
    begun = time.perf_counter()
    for _ in range(steps):
        take()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - begun) / steps


def masks_per_hour(step: float, members: int, given: argparse.Namespace) -> float:
    """Return how many trainings an hour holds, if a step of `members` takes so many seconds."""
    steps = given.epochs * IMAGES / given.batch_size
    return 3600 * members / (steps * step)


def measured(given: argparse.Namespace, steps: int) -> Times:
    """Time all ways of taking steps and all sizes of stacks, in turns."""
    cells = [(way, members) for way in given.step for members in (1, *given.sizes)]
    takes = {cell: stacked_step(given, *cell) for cell in cells}
    for take in takes.values():
        seconds(take, max(steps, 5) if given.device.startswith("cuda") else 1)
    times: Times = {cell: [] for cell in cells}
    for _ in range(given.rounds):
        for cell, take in takes.items():
            times[cell].append(seconds(take, steps))
    return times


def table(times: Times, given: argparse.Namespace) -> list[str]:
    """Write medians with quartiles, masks an hour and their ratios to one by one."""
    alone = {way: float(np.median(times[way, 1])) for way in given.step}
    first = given.step[0]
    lines = [
        f"step            networks   step, ms   (quartiles)   masks an hour   "
        f"beside one by one   beside one by one, {first}"
    ]
    for (way, members), found in times.items():
        step, low, high = (1000 * np.quantile(found, part) for part in (0.5, 0.25, 0.75))
        rate = masks_per_hour(step / 1000, members, given)
        ratios = (1000 * members * alone[each] / step for each in (way, first))
        lines.append(
            f"{way:15} {members:8} {step:10.1f} {f'{low:.1f} to {high:.1f}':>20} {rate:10.3f} "
            + " ".join(f"{ratio:10.2f}x" for ratio in ratios)
        )
    return lines


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", default="resnet20")
    parser.add_argument("--density", type=float, default=0.05)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--step", nargs="+", default=["eager"], help="as for `masktopo train`")
    parser.add_argument("--sizes", type=int, nargs="+", default=[2, 4, 8], help="of stacks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="in a row; default 1, on a GPU 50")
    given = parser.parse_args(words)
    on_gpu = given.device.startswith("cuda")
    name = torch.cuda.get_device_name(given.device) if on_gpu else processor_name()
    print(
        f"{given.network}, batch {given.batch_size}, on {name}, "
        f"{torch.get_num_threads()} threads; torch {torch.__version__}; {given.epochs} epochs"
    )
    steps = given.steps or (50 if on_gpu else 1)
    print("\n".join(table(measured(given, steps), given)))


if __name__ == "__main__":
    main()
