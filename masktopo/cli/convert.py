"""Command ``convert``: write a checkpoint's masks in another format."""

import argparse
from pathlib import Path

from masktopo.cli.outputs import check_file, writing

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("source", metavar="IN", help="mask checkpoint, or a folder of one")
    parser.add_argument(
        "target",
        metavar="OUT",
        type=Path,
        help=".masks (masktopo's own, without loss), .safetensors (weights with zeros), .pt or "
        ".pth (a state dict of torch.nn.utils.prune) or .npz",
    )
    parser.add_argument("--allow-dense", action="store_true", help="accept an unpruned network")


def run(arguments: argparse.Namespace) -> None:
    """Read the masks, write them, and say what was written."""
    from masktopo.masks.formats.export import export_masks, exporter
    from masktopo.masks.load import load_masks

    exporter(arguments.target)  # an ending that is not known is said before a long read
    check_file(arguments.target)
    masks = load_masks(arguments.source, allow_dense=arguments.allow_dense)
    with writing(arguments.target):
        export_masks(masks, arguments.target)
    print(
        f"{len(masks)} layers, {masks.nnz:,} of {masks.size:,} weights kept\n"
        f"written: {arguments.target}"
    )
