"""Command ``pags``: draw many masks, score each as a graph, keep the best."""

import argparse
from pathlib import Path

from masktopo.cli.shared import add_network_arguments, load_network

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_network_arguments(parser)
    parser.add_argument("--method", default="snip", help="pruning method (default snip)")
    parser.add_argument("--density", type=float, default=0.01, help="share kept (default 0.01)")
    parser.add_argument("--samples", type=int, default=1000, help="masks to draw (default 1000)")
    parser.add_argument("--batches", type=int, default=20, help="mini-batches of each (default 20)")
    parser.add_argument("--batch-size", type=int, default=128, help="default 128")
    parser.add_argument("--selection", default="layer", help="layer (default) or network")
    parser.add_argument("--pretrain-steps", type=int, default=0, help="default 0")
    parser.add_argument("--threads", type=int, default=1, help="threads that score (default 1)")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, help="the run's folder; an unfinished run goes on"
    )


def run(arguments: argparse.Namespace) -> None:
    """Sample, and say what was chosen."""
    from masktopo.sampling.sampler import pags

    model, data = load_network(arguments)
    result = pags(
        model,
        data,
        method=arguments.method,
        density=arguments.density,
        samples=arguments.samples,
        batches=arguments.batches,
        batch_size=arguments.batch_size,
        selection=arguments.selection,
        pretrain_steps=arguments.pretrain_steps,
        rng=arguments.seed,
        n_jobs=arguments.threads,
        out=arguments.out,
        progress=False if arguments.quiet else None,
    )
    print(f"{result.masks.nnz:,} of {result.masks.size:,} weights kept, written: {arguments.out}")
