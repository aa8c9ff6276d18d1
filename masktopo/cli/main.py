"""The command ``masktopo``: finds the subcommand, and turns errors into one line."""

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

from masktopo import __version__
from masktopo.cli import (
    analyze,
    compare,
    convert,
    demo,
    export,
    inspect,
    pags,
    prune,
    results,
    train,
)
from masktopo.errors import MasktopoError, MasktopoWarning

__all__ = ["main"]

COMMANDS = {
    "analyze": analyze,
    "inspect": inspect,
    "convert": convert,
    "compare": compare,
    "export": export,
    "prune": prune,
    "pags": pags,
    "train": train,
    "results": results,
    "demo": demo,
}
"""Subcommands in the order of ``--help``: each module has `add_arguments` and `run`."""


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all subcommands; nothing heavy is imported for it."""
    parser = argparse.ArgumentParser(
        prog="masktopo",
        description="What a sparse network's mask looks like as a graph, and whether it trains.",
    )
    parser.add_argument("--version", action="version", version=f"masktopo {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").split("\n", 1)[0].split(": ", 1)[1].rstrip(".")
        command = commands.add_parser(name, help=summary, description=summary)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; 0 means success, 2 an error that was explained, 130 an interrupt."""
    parsed = build_parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("always", MasktopoWarning)
        warnings.showwarning = _print_warning
        try:
            parsed.run(parsed)
        except MasktopoError as error:
            print(f"masktopo: error: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("masktopo: interrupted", file=sys.stderr)
            return 130
    return 0


def _print_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as one line, without the place in the code that raised it."""
    print(f"masktopo: warning: {message}", file=sys.stderr)
