"""Arguments that several subcommands share, and the network that they name."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from masktopo.data.splits import DataSplits

__all__ = ["add_network_arguments", "add_pruning_arguments", "find_users_modules", "load_network"]


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the network, the data and the seed."""
    parser.add_argument("--model", default="smallcnn", help="a network, or package.module:factory")
    parser.add_argument("--init", default="kaiming", help="kaiming (default) or pags23")
    parser.add_argument(
        "--data",
        default="digits",
        help="digits (default), folder:PATH, cifar10:PATH, cifar100:PATH, idx:PATH, npz:PATH or "
        "synthetic:CxHxW:K",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed (default 0)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def add_pruning_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the method and what it is to keep."""
    parser.add_argument("--method", default="snip", help="pruning method (default snip)")
    parser.add_argument("--density", type=float, default=0.01, help="share kept (default 0.01)")
    parser.add_argument(
        "--shuffle", action="store_true", help="permute every layer's mask at random in the end"
    )
    parser.add_argument(
        "--keep-dense", nargs="+", default=(), metavar="LAYER", help="layers; or first, last"
    )


def find_users_modules(network: str) -> None:
    """Let ``module:factory`` be found in the current folder, as ``python -m`` does."""
    folder = str(Path.cwd())
    if ":" in network and folder not in sys.path:
        sys.path.insert(0, folder)


def load_network(arguments: argparse.Namespace) -> tuple["nn.Module", "DataSplits"]:
    """Build the network for the data, with weights drawn from the seed."""
    from masktopo.data.resolve import resolve_data
    from masktopo.networks import build_network

    find_users_modules(arguments.model)
    splits = resolve_data(arguments.data)
    model = build_network(
        arguments.model,
        input_shape=splits.train.sample_shape,
        n_classes=splits.train.n_classes,
        init=arguments.init,
        rng=arguments.seed,
    )
    return model, splits
