"""What one mask of every pruning method costs, as a table.

    python benchmarks/pruning_cost.py                        # ResNet-20 at 3x32x32, 2 % kept
    python benchmarks/pruning_cost.py --network resnet18 --batches 1

Times are CPU times of one mask on one thread, after the data flow was traced and kernels were
compiled, which happens once. Methods that see data take `--batches` mini-batches of 128.
"""

import argparse
import time
from collections.abc import Sequence

from masktopo.bench.machine import processor_name
from masktopo.networks import build_network
from masktopo.pruning.choose import choose
from masktopo.pruning.method import METHODS
from masktopo.pruning.problem import Problem
from masktopo.pruning.prune import pruning_data
from masktopo.pruning.recipe import Draw, Recipe
from masktopo.pruning.reproducible import use_torch_threads

SHAPE = (3, 32, 32)


def seconds(network: str, method: str, density: float, batches: int) -> float:
    """Make one mask to warm up, with few rounds, and time another."""
    model = build_network(network, input_shape=SHAPE, n_classes=10, rng=0)
    data = pruning_data("synthetic:3x32x32:10")
    needed = batches if METHODS[method].needs_data else None
    rounds = 2 if METHODS[method].is_iterative else None
    first = Problem(model, Recipe(method, density, rounds=rounds), data)
    choose(first, Draw(0, batches=None if needed is None else 1))
    problem = Problem(model, Recipe(method, density), data)
    if METHODS[method].needs_wiring:
        _ = problem.wiring
    start = time.process_time()
    choose(problem, Draw(0, batches=needed))
    return time.process_time() - start


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="resnet20")
    parser.add_argument("--density", type=float, default=0.02)
    parser.add_argument("--batches", type=int, default=1)
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    arguments = parser.parse_args(words)
    print(f"{arguments.network}, one thread of {processor_name()}, {arguments.batches} batches")
    with use_torch_threads(1):
        for method in arguments.methods:
            found = seconds(arguments.network, method, arguments.density, arguments.batches)
            print(f"{method:15} {found:8.2f} s", flush=True)


if __name__ == "__main__":
    main()
