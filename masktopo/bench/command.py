"""The command ``masktopo-bench``: runs suites, prints tables, writes JSON and a plot."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from masktopo import __version__
from masktopo.errors import MasktopoError

if TYPE_CHECKING:
    from masktopo.bench.results import Results, Row
    from masktopo.bench.run import Settings

__all__ = ["build_parser", "main"]

SUITE_NAMES = ("spectral", "expansion", "graph", "paths", "pipeline")
"""As in `masktopo.bench.suites.registry`, which is too heavy for ``--help``."""

DEFAULT_SUITES = ("spectral", "pipeline")

DESCRIPTION = """\
Times masktopo's kernels beside the calls that a user would otherwise make, after it was checked
in the same run that all give the same answer. Without arguments: the suites spectral and
pipeline in their quick form, about two minutes. Exit code 1 means that an answer differed."""


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; nothing heavy is imported for it."""
    parser = argparse.ArgumentParser(prog="masktopo-bench", description=DESCRIPTION)
    add = parser.add_argument
    add("--version", action="version", version=f"masktopo {__version__}")
    add("--suite", action="append", choices=SUITE_NAMES, help="a suite; may be given again")
    add("--quick", action="store_true", help="fewer and smaller cases")
    add("--threads", type=_count, default=1, help="threads of BLAS and the like (default 1)")
    add("--repeat", type=_count, default=3, help="least runs of everything (default 3)")
    add("--budget", type=_seconds, default=0.2, help="seconds of runs per row (default 0.2)")
    add("--cap", type=_seconds, help="skip what would run longer (quick: 3 s, else 5 s)")
    add("--json", type=Path, metavar="FILE", help="write everything that was measured")
    add("--plot", type=Path, metavar="FILE.png", help="draw cost against edges")
    add("--compare", type=Path, metavar="OLD.json", help="say what changed beyond noise since")
    add("--quiet", action="store_true", help="no progress bar")
    return parser


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 means success, 1 a wrong answer, 2 an explained error, 130 a break."""
    parsed = build_parser().parse_args(arguments)
    try:
        return _run(parsed)
    except MasktopoError as error:
        print(f"masktopo-bench: error: {error}", file=sys.stderr)
        return 2


def _run(parsed: argparse.Namespace) -> int:
    from masktopo.bench.compare import format_comparison
    from masktopo.bench.results import read_results, write_results
    from masktopo.bench.table import format_exponents

    old = None if parsed.compare is None else read_results(parsed.compare)
    results, finished = _measure(parsed)
    text = format_exponents(results.rows)
    if text:
        print(text)
    if parsed.json is not None:
        write_results(results, parsed.json)
    if old is not None:
        print(format_comparison(old, results))
    if parsed.plot is not None:
        from masktopo.bench.plot import save_plot

        save_plot(results.rows, parsed.plot)
    return _verdict(results.rows) if finished else 130


def _settings(parsed: argparse.Namespace) -> "Settings":
    from masktopo.bench.run import Settings

    quick = parsed.quick or parsed.suite is None
    cap = parsed.cap if parsed.cap is not None else 3.0 if quick else 5.0
    return Settings(parsed.threads, parsed.budget, parsed.repeat, cap, quick)


def _measure(parsed: argparse.Namespace) -> "tuple[Results, bool]":
    """Run all suites and print their tables; an interrupt leaves what was measured so far."""
    from masktopo.bench.bandwidth import measure_bandwidth
    from masktopo.bench.machine import describe_machine
    from masktopo.bench.results import Results
    from masktopo.bench.run import run_suite
    from masktopo.bench.table import format_machine, format_rows
    from masktopo.bench.threads import pinned

    settings = _settings(parsed)
    suites = tuple(dict.fromkeys(parsed.suite or DEFAULT_SUITES))
    rows: list[Row] = []
    with pinned(settings.threads):
        bandwidth = measure_bandwidth()
        machine = describe_machine(bandwidth)
        results = Results(machine, {**asdict(settings), "suites": list(suites)}, rows)
        print(format_machine(results))
        for name in suites:
            first = len(rows)
            try:
                for row in run_suite(name, settings, bandwidth, progress=not parsed.quiet):
                    rows.append(row)
            except KeyboardInterrupt:
                print("masktopo-bench: interrupted", file=sys.stderr)
                return results, False
            finally:
                print(format_rows(rows[first:]), flush=True)
    return results, True


def _verdict(rows: "Sequence[Row]") -> int:
    wrong = [row for row in rows if row.status == "differs"]
    for row in wrong:
        print(f"masktopo-bench: {row.case}: {row.implementation}: {row.note}", file=sys.stderr)
    return 1 if wrong else 0
