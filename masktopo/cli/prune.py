"""Command ``prune``: prune a network at initialisation and save its masks."""

import argparse
from pathlib import Path

from masktopo.cli.outputs import check_file, writing
from masktopo.cli.shared import add_network_arguments, add_pruning_arguments, load_network

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_network_arguments(parser)
    add_pruning_arguments(parser)
    parser.add_argument("-o", "--out", type=Path, required=True, help="mask file to write")


def run(arguments: argparse.Namespace) -> None:
    """Prune, and write the masks with the start weights."""
    from masktopo.pruning.prune import prune

    check_file(arguments.out)
    model, data = load_network(arguments)
    masks = prune(
        model,
        data,
        method=arguments.method,
        density=arguments.density,
        shuffle=arguments.shuffle,
        keep_dense=arguments.keep_dense,
        rng=arguments.seed,
    )
    with writing(arguments.out):
        masks.save(arguments.out)
    print(f"{masks.nnz:,} of {masks.size:,} weights kept, written: {arguments.out}")
