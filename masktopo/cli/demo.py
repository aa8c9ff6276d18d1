"""Command ``demo``: the whole pipeline in miniature, on embedded data."""

import argparse
from pathlib import Path

from masktopo.cli.outputs import check_folder

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("-o", "--out", type=Path, default=Path("demo"), help="default: demo/")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(arguments: argparse.Namespace) -> None:
    """Run the demo and print what was found."""
    from masktopo.study.demo import run_demo

    check_folder(arguments.out)
    for line in run_demo(arguments.out, progress=False if arguments.quiet else None):
        print(line)
