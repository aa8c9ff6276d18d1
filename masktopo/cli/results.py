"""Command ``results``: tabulate the folders of training runs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from masktopo.cli.outputs import check_file, writing
from masktopo.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", type=Path, help="a run's folder, or one with runs below"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the whole table as CSV")


def run(arguments: argparse.Namespace) -> None:
    """Print the table, what is missing below it, and write what was asked for."""
    from masktopo._files import atomic_write
    from masktopo.training.table import results

    _check_exist(arguments.runs)
    if arguments.csv is not None:
        check_file(arguments.csv)
    table = results(arguments.runs)
    print(describe(table))
    if arguments.csv is not None:
        with writing(arguments.csv), atomic_write(arguments.csv) as file:
            file.write(table.to_csv(index=False, lineterminator="\n").encode())
        print(f"\nwritten: {arguments.csv}")


def describe(table: "pd.DataFrame") -> str:
    """Write runs as text."""
    # The class of the network is enough here; its digest is in the file.
    classes = table["network"].astype("string").str.split().str[0]
    shown = table.drop(columns="missing").assign(network=classes)
    text = shown.to_string(index=False, na_rep="-", float_format="{:.4g}".format)
    notes = [
        f"* {missing}" if missing.startswith(folder) else f"* {folder}: {missing}"
        for folder, missing in zip(table["run"], table["missing"], strict=True)
        if missing
    ]
    return "\n".join([text, "", *notes] if notes else [text])


def _check_exist(runs: list[Path]) -> None:
    """Raise unless every path is a folder."""
    for path in runs:
        if not path.is_dir():
            found = "is no folder" if path.exists() else "does not exist"
            raise RunError(f"{path} {found}; expected a run's folder, or one with runs below")
