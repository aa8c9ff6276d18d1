"""Command ``pags``: draw many masks, score each as a graph, keep the best."""

import argparse
from pathlib import Path
from typing import Any

from masktopo.cli.outputs import check_folder
from masktopo.cli.shared import add_network_arguments, add_pruning_arguments, load_network
from masktopo.errors import ArgumentError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_network_arguments(parser)
    add_pruning_arguments(parser)
    parser.add_argument("--samples", type=int, default=1000, help="masks to draw (default 1000)")
    parser.add_argument("--batches", type=int, default=20, help="mini-batches of each (default 20)")
    parser.add_argument("--batch-size", type=int, default=128, help="default 128")
    parser.add_argument(
        "--pool",
        type=int,
        help="draw each mask's batches among so many, whose gradients are shared",
    )
    parser.add_argument("--selection", default="layer", help="layer (default) or network")
    parser.add_argument("--score", default="full_spectrum", help="metric (default full_spectrum)")
    parser.add_argument("--pretrain-steps", type=int, default=0, help="default 0")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--torch-threads", type=int, help="of every draw (default 1)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--shard", metavar="I/N", help="draw every N-th mask only, from the I-th on")
    which.add_argument("--merge", action="store_true", help="select among the masks of all shards")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, help="the run's folder; an unfinished run goes on"
    )


def run(arguments: argparse.Namespace) -> None:
    """Sample, and say what was chosen."""
    from masktopo.sampling.sampler import pags, pags_shard

    check_folder(arguments.out)
    model, data = load_network(arguments)
    options = _options(arguments)
    if arguments.shard is not None:
        held = pags_shard(model, data, shard=_shard(arguments.shard), **options)
        print(f"{held:,} of {arguments.samples + 1:,} masks scored in {arguments.out}")
        return
    result = pags(model, data, merge=arguments.merge, **options)
    print(f"{result.masks.nnz:,} of {result.masks.size:,} weights kept, written: {arguments.out}")


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    names = (
        *("method", "density", "shuffle", "keep_dense", "samples", "batches", "batch_size"),
        *("pool", "selection", "score", "pretrain_steps", "torch_threads", "out"),
    )
    return {
        **{name: getattr(arguments, name) for name in names},
        "rng": arguments.seed,
        "n_jobs": arguments.jobs,
        "progress": False if arguments.quiet else None,
    }


def _shard(text: str) -> tuple[int, int]:
    """Read ``I/N``."""
    place, _, count = text.partition("/")
    try:
        return int(place), int(count)
    except ValueError as error:
        raise ArgumentError(f"--shard must be two numbers like 2/8, not {text!r}") from error
