"""A table over the folders of runs."""

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from masktopo.errors import RunError
from masktopo.training.folder import (
    CONFIG_FILE,
    HISTORY_FILE,
    MASKS_FILE,
    RESULT_FILE,
    WEIGHTS_FILE,
    read_figures,
    read_run,
)
from masktopo.training.identity import RunIdentity
from masktopo.training.result import read_history

__all__ = ["COLUMNS", "results"]

COLUMNS = (
    "run",
    "kind",
    "network",
    "nnz",
    "density",
    "epochs",
    "best_epoch",
    "validation_accuracy",
    "test_accuracy",
    "explored",
    "seconds",
    "seed",
    "missing",
)

Row = dict[str, Any]


def results(runs: Iterable[str | PathLike[str]]) -> pd.DataFrame:
    """Tabulate runs by what their folders hold; weights are not read.

    Parameters
    ----------
    runs : iterable of paths
        Folders of runs, or folders with runs anywhere below them, such as those of tickets and
        of `masktopo.train_many`.

    Returns
    -------
    pandas.DataFrame
        A row a run, in the order of `runs` and, below a folder, of the paths: ``run`` (folder),
        ``kind`` (``dense``, ``static``, ``random growth``, ``gradient growth``), ``network``,
        ``nnz`` (<NA> for dense ones), ``density``, ``epochs``, ``best_epoch``,
        ``validation_accuracy``, ``test_accuracy``, ``explored`` (part of the weights that some
        mask kept), ``seconds`` (of all epochs), ``seed`` (Python integers, since one may have
        more than 64 bits), and ``missing``: what a run that is not finished or damaged lacks, in
        words, empty otherwise. Masks and weights need only be there; `TrainingResult.load` reads
        them.

    Examples
    --------
    >>> results(["nowhere"])["missing"].tolist()
    ['no run is here: there is no config.json']
    """
    rows = [_row(folder) for given in runs for folder in _folders(Path(given))]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    # Of rows, pandas would make floats of seeds where one is missing.
    table["seed"] = pd.Series([row.get("seed", pd.NA) for row in rows], dtype=object)
    whole = dict.fromkeys(("nnz", "epochs", "best_epoch"), "Int64")
    parts = ("density", "validation_accuracy", "test_accuracy", "explored", "seconds")
    return table.astype({**whole, **dict.fromkeys(parts, "float64")})


def _folders(given: Path) -> Iterator[Path]:
    """Yield the runs of a folder; the folder itself where there is none."""
    if (given / CONFIG_FILE).exists():
        yield given
        return
    yield from sorted(path.parent for path in given.rglob(CONFIG_FILE)) or [given]


def _row(folder: Path) -> Row:
    """Return what is known of one run."""
    row: Row = {"run": str(folder), "missing": ""}
    if not (folder / CONFIG_FILE).exists():
        return {**row, "missing": f"no run is here: there is no {CONFIG_FILE}"}
    try:
        run = read_run(folder)
        row |= _of_identity(run)
        if not (folder / RESULT_FILE).exists():
            return {**row, "missing": f"not finished: there is no {RESULT_FILE}"}
        row |= _of_result(read_figures(folder), folder / RESULT_FILE)
        _check_tensors(folder, run)
        row["seconds"] = read_history(folder / HISTORY_FILE, run)["seconds"].sum()
    except RunError as error:
        row["missing"] = str(error)
    return row


def _check_tensors(folder: Path, run: RunIdentity) -> None:
    """Raise unless masks and weights are there; to read those of all runs would take long."""
    for name in (WEIGHTS_FILE, MASKS_FILE) if run.is_masked else (WEIGHTS_FILE,):
        path = folder / name
        if not path.is_file() or not path.stat().st_size:
            raise RunError(f"{path} is missing or empty")


def _of_identity(run: RunIdentity) -> Row:
    """Return what was to be done."""
    kind = "static" if run.is_masked else "dense"
    return {
        "kind": kind if run.dynamic is None else f"{run.dynamic.growth} growth",
        "network": run.network,
        "epochs": run.config.epochs,
        "seed": run.seed,
    }


def _of_result(figures: Row, path: Path) -> Row:
    """Return what came of it."""
    try:
        dense = figures["nnz"] is None
        density = 1.0 if dense else figures["density"]
        return {
            "nnz": pd.NA if dense else figures["nnz"],
            "density": density,
            # Runs of before there was such a figure had masks that stayed.
            "explored": figures.get("explored", density),
            **{name: figures[name] for name in _FIGURES},
        }
    except KeyError as error:
        raise RunError(f"{path} lacks {error}") from error


_FIGURES = ("best_epoch", "validation_accuracy", "test_accuracy")
