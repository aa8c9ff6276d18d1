"""Command ``analyze``: measure the topology of mask checkpoints."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from masktopo.cli.outputs import check_file, check_folder, writing
from masktopo.cli.wirings import add_wiring_arguments, given_wiring
from masktopo.cli.wording import in_options
from masktopo.errors import ArgumentError

if TYPE_CHECKING:
    from masktopo.graphs.wiring import Wiring
    from masktopo.masks.maskset import MaskSet
    from masktopo.report import TopologyReport

__all__ = ["add_arguments", "run"]

WRITERS = {
    ".html": "to_html",
    ".json": "to_json",
    ".csv": "to_csv",
    ".parquet": "to_parquet",
}

SHOWN = (
    "nnz",
    "density",
    "effective_density",
    "mu_hat",
    "ramanujan_gap",
    "weighted_spectral_gap",
    "imdb",
    "imsg",
    "full_spectrum",
    "valid",
)
"""Columns that fit a terminal; files hold all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="mask checkpoint")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        help="write the report: .html, .json, .csv or .parquet (a folder for several files); "
        "with it, the analysis of a large file goes on where it was stopped",
    )
    parser.add_argument("--metrics", default="all", help="families or metrics, comma-separated")
    parser.add_argument(
        "--encoding", default="rolled", help="rolled (default), channel or unrolled"
    )
    add_wiring_arguments(parser)
    parser.add_argument("--convention", default="pags23", help="pags23 (default), rama23 or mge24")
    parser.add_argument("--weights", help="checkpoint with the weights to use, if not the same")
    parser.add_argument("--allow-dense", action="store_true", help="accept an unpruned network")
    parser.add_argument("--certify", action="store_true", help="prove the singular values")
    parser.add_argument("--against", help="null model: shuffle or degree; adds z-scores")
    parser.add_argument("--threads", type=int, default=1, help="threads (default 1)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar for large files")


def run(arguments: argparse.Namespace) -> None:
    """Analyze every file, print its tables, and write what was asked for."""
    from masktopo.masks.load import load_masks

    targets = _targets(arguments.out, arguments.files)
    wiring = given_wiring(arguments)
    for file, target in zip(arguments.files, targets, strict=True):
        masks = load_masks(file, allow_dense=arguments.allow_dense)
        partial = _partial(target) if masks.is_on_demand else None
        report = _analyzed(masks, wiring, partial, arguments)
        print(in_options(describe(report), vars(arguments)))
        if target is not None:
            with writing(target):
                getattr(report, WRITERS[target.suffix])(target)
            print(f"\nwritten: {target}")
        if partial is not None:
            partial.unlink()


def _analyzed(
    masks: "MaskSet", wiring: "Wiring | None", partial: Path | None, arguments: argparse.Namespace
) -> "TopologyReport":
    """Analyze one checkpoint; an interruption says what is kept."""
    from masktopo.analysis import analyze

    try:
        return analyze(
            masks,
            metrics=[name for part in arguments.metrics.split(",") if (name := part.strip())],
            encoding=arguments.encoding,
            wiring=wiring,
            convention=arguments.convention,
            weights=arguments.weights,
            certify=arguments.certify,
            against=arguments.against,
            threads=arguments.threads,
            partial=partial,
            progress=False if arguments.quiet else None,
        )
    except KeyboardInterrupt:
        if partial is not None:
            kept = f"the layers measured so far are in {partial}, and the same command goes on"
            print(f"masktopo: {kept}", file=sys.stderr)
        raise


def _partial(target: Path | None) -> Path | None:
    """Name the file that keeps what was found of a large checkpoint until its report is written."""
    return None if target is None else target.with_name(f"{target.name}.partial")


def _targets(out: Path | None, files: list[str]) -> list[Path | None]:
    """Name the report of every file, and check its place; several go into a folder, as HTML."""
    if out is None:
        return [None] * len(files)
    if len(files) > 1:
        check_folder(out)
        return [out / f"{number:03d}-{Path(file).stem}.html" for number, file in enumerate(files)]
    if out.suffix not in WRITERS:
        raise ArgumentError(f"{out}: the ending must be one of {', '.join(WRITERS)}")
    check_file(out)
    return [out]


def describe(report: "TopologyReport") -> str:
    """Write a report as text: source, layers, network, notes."""
    import pandas as pd

    columns = [
        name for name in SHOWN if name in report.layers and report.layers[name].notna().any()
    ]
    layers = report.layers[columns].to_string(
        float_format="{:.4g}".format, na_rep="-", index_names=False, max_colwidth=30
    )
    network = pd.Series(report.network, dtype=object).map(_short).to_string()
    notes = "\n".join(f"* {note}" for note in report.notes)
    return f"{report.settings['source']}\n\n{layers}\n\n{network}\n\n{notes}"


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.5g}"
    return str(value)
