"""The demo: from pruned checkpoints to the correlation of their topology with accuracy."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from masktopo._files import atomic_write
from masktopo._progress import shows_progress
from masktopo.analysis import analyze
from masktopo.pruning.reproducible import use_torch_threads
from masktopo.study.correlate import correlate
from masktopo.study.findings import findings
from masktopo.study.grid import Grid, run_cell
from masktopo.study.plots import plot_correlations, plot_scatter

__all__ = ["DEMO_GRID", "DEMO_METRICS", "run_demo"]

DEMO_GRID = Grid(
    network="smallcnn",
    data="digits",
    methods=("random-erk", "magnitude", "snip", "synflow", "pags-snip"),
    densities=(0.1, 0.05, 0.02),
    seeds=(0, 1, 2),
    samples=30,
    batches=4,
    batch_size=64,
    epochs=8,
)
"""Small enough for two minutes on two cores; most layers have valid coordinates."""

DEMO_METRICS = (
    "ramanujan_gap",
    "weighted_spectral_gap",
    "imdb",
    "imsg",
    "full_spectrum",
    "log10_paths",
    "effective_nodes",
    "effective_density",
    "log10_path_norm_l2",
)
"""Metrics that the demo correlates with accuracy."""


def run_demo(
    folder: Path, *, grid: Grid = DEMO_GRID, progress: bool | None = None
) -> Iterator[str]:
    """Prune, save, analyze, sample, train and correlate; yield lines that say what was found.

    Parameters
    ----------
    folder : path
        Receives ``masks/``, ``runs/``, ``results.csv``, ``correlations.csv``,
        ``correlations.png``, ``scatter.png`` and ``report.html``.
    grid : Grid
        What to run.
    progress : bool, optional
        Whether to show a bar; by default where standard error is a terminal.

    Yields
    ------
    str
        A few plain lines, whatever the finding.
    """
    with use_torch_threads(1):  # the number of threads changes the last digits of training
        results = _run_grid(grid, folder, progress=progress)
    write_csv(results, folder / "results.csv")
    # Seeds of one method and density are no independent networks: they are resampled together.
    table = correlate(
        results,
        groups=["density"],
        metrics=list(DEMO_METRICS),
        cluster=["method", "density"],
        rng=0,
    )
    write_csv(table, folder / "correlations.csv")
    _draw(results, table, folder)
    best = results.sort_values("accuracy", kind="stable")["checkpoint"].iloc[-1]
    analyze(folder / str(best)).to_html(folder / "report.html")
    yield from _lines(grid, results, table, folder)


def _run_grid(grid: Grid, folder: Path, *, progress: bool | None) -> pd.DataFrame:
    cells = list(grid.cells())
    rows = []
    with tqdm(cells, unit="network", disable=not shows_progress(progress)) as bar:
        for cell in bar:
            bar.set_description(cell.name)
            rows.append(run_cell(grid, cell, folder))
    return pd.DataFrame(rows)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table, whole or not at all."""
    with atomic_write(path) as file:
        file.write(table.to_csv(index=False, lineterminator="\n").encode())


def _draw(results: pd.DataFrame, table: pd.DataFrame, folder: Path) -> None:
    drawn = {
        "correlations.png": plot_correlations(table),
        "scatter.png": plot_scatter(results, "full_spectrum", hue="density", table=table),
    }
    for name, ax in drawn.items():
        figure = ax.get_figure(root=True)
        if figure is None:
            raise RuntimeError("the axis has no figure")
        with atomic_write(folder / name) as file:
            figure.savefig(file, format="png", dpi=150)


def _lines(grid: Grid, results: pd.DataFrame, table: pd.DataFrame, folder: Path) -> Iterator[str]:
    layers = len(analyze(folder / str(results["checkpoint"][0]), metrics="density").layers)
    share = results["valid_layers"].sum() / (layers * len(results))
    yield (
        f"{len(results)} networks ({grid.network} on {grid.data}, {grid.epochs} epochs): "
        f"{share:.0%} of their layers have valid spectral coordinates."
    )
    means = results.pivot_table("accuracy", "method", "density").loc[list(grid.methods)]
    yield "Mean test accuracy by density:"
    yield means.to_string(float_format="{:.4f}".format)
    yield from findings(table)
    yield (
        "Correlations within one density of a small network on a small data set: they show how "
        "the study works, not what holds elsewhere."
    )
    yield f"Look at {folder / 'correlations.png'}, {folder / 'scatter.png'} and"
    yield f"{folder / 'report.html'}; the numbers are in {folder / 'results.csv'}."
