"""Command ``compare``: compare two masks of one network, layer by layer."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from masktopo.cli.outputs import check_file, writing
from masktopo.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_arguments", "run"]

SHOWN = (
    "nnz_a",
    "nnz_b",
    "common",
    "jaccard",
    "hamming",
    "sign_agreement",
    "coordinate_distance",
)
"""Columns that fit a terminal; the file holds all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("first", metavar="FILE_A", help="mask checkpoint")
    parser.add_argument("second", metavar="FILE_B", help="mask checkpoint of the same network")
    parser.add_argument("-o", "--out", type=Path, help="write the whole table as CSV")
    parser.add_argument("--encoding", default="rolled", help="rolled (default) or channel")
    parser.add_argument("--convention", default="pags23", help="pags23 (default), rama23 or mge24")
    parser.add_argument("--allow-dense", action="store_true", help="accept an unpruned network")
    parser.add_argument("--threads", type=int, default=1, help="threads (default 1)")


def run(arguments: argparse.Namespace) -> None:
    """Compare, print the table and the totals, and write what was asked for."""
    from masktopo._files import atomic_write
    from masktopo.comparison import compare

    if arguments.out is not None:
        if arguments.out.suffix != ".csv":
            raise ArgumentError(f"{arguments.out}: the ending must be .csv")
        check_file(arguments.out)
    table = compare(
        arguments.first,
        arguments.second,
        encoding=arguments.encoding,
        convention=arguments.convention,
        allow_dense=arguments.allow_dense,
        threads=arguments.threads,
    )
    print(describe(table))
    if arguments.out is not None:
        with writing(arguments.out), atomic_write(arguments.out) as file:
            file.write(table.to_csv(lineterminator="\n").encode())
        print(f"\nwritten: {arguments.out}")


def describe(table: "pd.DataFrame") -> str:
    """Write a comparison as text: layers, and the network as a whole."""
    columns = [name for name in SHOWN if table[name].notna().any()]
    layers = table[columns].to_string(
        float_format="{:.4g}".format, na_rep="-", index_names=False, max_colwidth=30
    )
    kept_a, kept_b, common, size = (
        int(table[name].sum()) for name in ("nnz_a", "nnz_b", "common", "size")
    )
    union = kept_a + kept_b - common
    jaccard = common / union if union else 1.0
    return (
        f"{layers}\n\nnetwork: {kept_a:,} and {kept_b:,} of {size:,} weights, {common:,} in both; "
        f"Jaccard {jaccard:.4g}, Hamming {union - common:,}"
    )
