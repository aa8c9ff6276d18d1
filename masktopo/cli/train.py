"""Command ``train``: train a network under a mask and test it."""

import argparse
from pathlib import Path

from masktopo._progress import shows_progress
from masktopo.cli.shared import add_network_arguments, load_network

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_network_arguments(parser)
    parser.add_argument("--masks", help="mask checkpoint; without one the dense network is trained")
    parser.add_argument("--epochs", type=int, default=250, help="default 250")
    parser.add_argument("--augment", help="crop-flip: crop and mirror photographs at random")
    parser.add_argument(
        "--step", default="eager", help="eager (default), compiled, graph or compiled-graph"
    )
    parser.add_argument("--device", help="cpu, cuda, ...; by default a GPU where there is one")
    parser.add_argument("-o", "--out", type=Path, help="the run's folder; a finished run is read")


def run(arguments: argparse.Namespace) -> None:
    """Train, and print the test accuracy."""
    from masktopo.training.train import train

    model, data = load_network(arguments)
    result = train(
        model,
        arguments.masks,
        data,
        epochs=arguments.epochs,
        augment=arguments.augment,
        step=arguments.step,
        rng=arguments.seed,
        device=arguments.device,
        out=arguments.out,
        progress=shows_progress(False if arguments.quiet else None),
    )
    print(f"test accuracy {result.test_accuracy:.4f} (best epoch {result.best_epoch})")
