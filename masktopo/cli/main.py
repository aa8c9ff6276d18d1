"""The command ``masktopo``: finds the subcommand, and turns errors into one line."""

import argparse
import os
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
from masktopo.cli.wording import in_options
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
    """Run one subcommand.

    Returns
    -------
    int
        0 after success, 1 where nobody reads the output on, 2 after an error that was explained,
        130 after an interrupt.
    """
    try:
        return _run(build_parser().parse_args(arguments))
    finally:
        _settle_output()


def _run(parsed: argparse.Namespace) -> int:
    """Run the subcommand, and explain its warnings and errors on standard error."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", MasktopoWarning)
        warnings.showwarning = _print_warning
        try:
            parsed.run(parsed)
            print(end="", flush=True)
        except MasktopoError as error:
            return _fail(in_options(str(error), vars(parsed)))
        except BrokenPipeError:  # whoever reads the output, as `head`, has seen enough
            return 1
        except OSError as error:
            return _fail(_explained(error))
        except KeyboardInterrupt:
            print("masktopo: interrupted", file=sys.stderr)
            return 130
    return 0


def _fail(text: str) -> int:
    """Print an error as one line, and return the exit status."""
    print(f"masktopo: error: {text}", file=sys.stderr)
    return 2


def _settle_output() -> None:
    """Drop output that cannot be written: Python would try again when it ends, and complain.

    See https://docs.python.org/3/library/signal.html#note-on-sigpipe.
    """
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explained(error: OSError) -> str:
    """Write an error of the system: the file, where it is known, and the reason."""
    reason = str(error.strerror or error)
    return reason if error.filename is None else f"{error.filename}: {reason}"


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
