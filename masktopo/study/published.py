"""The published topometrics of trained sparse networks (MGE24), in our names and units."""

import os
from pathlib import Path

import pandas as pd

from masktopo._check import join_names
from masktopo.errors import DataError

__all__ = ["CELL", "PUBLISHED_METRICS", "load_published"]

CELL = ("network", "dataset", "method", "density")
"""The columns that together name what was repeated with several seeds."""

_LABELS = {
    "model": "network",
    "dataset": "dataset",
    "pruning": "method",
    "sparsity": "density",
    "seed": "seed",
    "accuracy": "accuracy",
}

# MGE24's column: our name, and the column that the published value was divided by.
_METRICS: dict[str, tuple[str, str | None]] = {
    "nodes": ("nodes", None),
    "edges": ("edges", None),
    "sink_nodes": ("sink_nodes", "nodes"),
    "source_nodes": ("source_nodes", "nodes"),
    "disc_nodes": ("disconnected_nodes", "nodes"),
    "r-out": ("removable_out_edges", "edges"),
    "r-in": ("removable_in_edges", "edges"),
    "1-hop_nei": ("one_hop", "edges"),
    "2-hop_nei": ("two_hop", "edges"),
    "motif": ("motifs4", None),
    "avg_node_strength": ("mean_strength", "edges"),
    "k-core": ("mean_core", "edges"),
    "cut-edges": ("bridges", "edges"),
    "cut-nodes": ("articulation_points", "edges"),
    "no_connected_components": ("components", None),
    "mean_connected_components": ("mean_component_size", "nodes"),
    "spectral_gap": ("spectral_gap", None),
    "spectral_radius": ("laplacian_radius", None),
}

_REDUNDANT = {
    "one_hop": "1 + edges / nodes",
    "mean_component_size": "nodes / components",
}

PUBLISHED_METRICS = tuple(name for name, _ in _METRICS.values() if name not in _REDUNDANT)
"""The published metrics that say something of their own."""

_COUNTS = (
    "sink_nodes",
    "source_nodes",
    "disconnected_nodes",
    "removable_out_edges",
    "removable_in_edges",
    "bridges",
    "articulation_points",
)
_CLASSES = {"CIFAR-10": 10, "CIFAR-100": 100, "tinyimagenet": 200}
_DYNAMIC = ("snfs", "itop", "rigl", "dsr")
_CHANCE_FACTOR = 1.5


def load_published(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the topometrics that were published with MGE24, a row a trained network.

    Parameters
    ----------
    path : path
        ``published-topometrics.csv``.

    Returns
    -------
    DataFrame
        ``network``, ``dataset``, ``method``, ``kind`` (``"initialisation"`` or ``"dynamic"``,
        for dynamic sparse training), ``density``, ``seed``, ``accuracy``, ``chance_level``, and
        the columns `PUBLISHED_METRICS`, float64.

        ``attrs`` says what was done: ``dropped_duplicates`` (rows), ``dropped_columns`` (name
        and formula), ``negative_counts`` and ``missing`` (nan values a column, negative counts
        included), ``divided_by`` (metric and column) and ``chance_level`` (rows).

    Raises
    ------
    DataError
        If the file cannot be read, or has other columns or data sets.

    Notes
    -----
    - Rows that occur twice are read once.
    - The file holds most counts and means divided by the number of nodes or edges. They are
      multiplied again, so that a column means what its name means elsewhere; divide by the
      column in ``attrs["divided_by"]`` to have the published value.
    - ``one_hop`` and ``mean_component_size`` follow from other columns and are dropped. So does
      ``nodes`` within one network and data set: it stays, and is constant there.
    - Negative counts are impossible and become nan.
    - ``chance_level`` marks networks that learned nothing: accuracy at most 1.5 times that of
      guessing, 1 / classes. They stay in, since a method that breaks a network is a finding;
      a few of them can decide a correlation.
    - ``motifs4`` is an estimate. Weighted columns are of trained weights. ResNets' graphs have
      wrong edges at convolutions of stride 2 and count padding as input nodes, so counts differ
      from those of this package.

    References
    ----------
    Cunegatti, Farina, Bucur, Iacca: Understanding Sparse Neural Networks from their Topology
    via Multipartite Graph Representations, TMLR 2024 (MGE24).
    """
    raw = _read(Path(path))
    table = raw.drop_duplicates(ignore_index=True)
    metrics, negative = _plain_metrics(table)
    labels = table[list(_LABELS)].rename(columns=_LABELS)
    labels["density"] = (1 - labels["density"]).round(10)
    labels.insert(3, "kind", _kinds(labels["method"]))
    labels["chance_level"] = _at_chance(labels, Path(path))
    result = pd.concat([labels, metrics], axis=1)
    result.attrs = {
        "dropped_duplicates": len(raw) - len(table),
        "dropped_columns": dict(_REDUNDANT),
        "negative_counts": negative,
        "missing": {name: int(count) for name, count in metrics.isna().sum().items() if count},
        "divided_by": {name: by for name, by in _METRICS.values() if by and name not in _REDUNDANT},
        "chance_level": int(labels["chance_level"].sum()),
    }
    return result


def _read(path: Path) -> pd.DataFrame:
    """Read the file and check that it is the one that is expected."""
    try:
        raw = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table of topometrics: {error}") from error
    missing = [name for name in (*_LABELS, *_METRICS) if name not in raw.columns]
    if missing:
        raise DataError(
            f"{path}: no table of topometrics: columns {join_names(missing)} are missing"
        )
    return raw


def _plain_metrics(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Undo the published divisions; return the metrics and how many negative counts there were."""
    metrics = pd.DataFrame(index=table.index)
    negative = {}
    for column, (name, divisor) in _METRICS.items():
        if name in _REDUNDANT:
            continue
        values = table[column] * (table[divisor] if divisor else 1)
        values = values.round() if name in _COUNTS else values
        if (values < 0).any():
            negative[name] = int((values < 0).sum())
        metrics[name] = values.where(values >= 0).astype("float64")
    return metrics, negative


def _kinds(methods: "pd.Series[str]") -> "pd.Series[str]":
    """Say of every method when it chooses its mask."""
    return methods.isin(_DYNAMIC).map({True: "dynamic", False: "initialisation"})


def _at_chance(labels: pd.DataFrame, path: Path) -> "pd.Series[bool]":
    """Mark the networks that are hardly better than guessing."""
    unknown = sorted(set(labels["dataset"]) - set(_CLASSES))
    if unknown:
        raise DataError(f"{path}: data set {join_names(unknown)}; expected {join_names(_CLASSES)}")
    return labels["accuracy"] <= _CHANCE_FACTOR / labels["dataset"].map(_CLASSES)
