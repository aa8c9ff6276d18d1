"""A small file in the published layout, with every fault that the real one has."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

# The real file, where it is: in MASKTOPO_DATA, or beside the repository.
_SHARED = Path(__file__).parents[3] / "shared" / "data"
PUBLISHED = Path(os.environ.get("MASKTOPO_DATA", _SHARED)) / "published-topometrics.csv"

BY_NODES = ["sink_nodes", "source_nodes", "disc_nodes"]
BY_EDGES = ["r-out", "r-in", "2-hop_nei", "cut-edges", "avg_node_strength", "cut-nodes", "k-core"]


def plain_rows(n=24, seed=0):
    """Make rows with counts as they are, before the published divisions."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "accuracy": rng.uniform(0.3, 0.9, n),
            "pruning": np.tile(["snip", "rigl"], n // 2),
            "sparsity": np.repeat([0.9, 0.98], n // 2),
            "model": "Resnet-20",
            "dataset": np.resize(["CIFAR-10", "CIFAR-100", "tinyimagenet"], n),
            "seed": np.arange(n) % 3,
            "nodes": 1000,
            "edges": rng.integers(3000, 9000, n),
        }
    )
    for name in (*BY_NODES, *BY_EDGES):
        rows[name] = rng.integers(1, 200, n)
    rows["no_connected_components"] = rng.integers(1, 50, n)
    for name in ("motif", "spectral_gap", "spectral_radius"):
        rows[name] = rng.uniform(1, 100, n)
    return rows


def write_published(path, rows):
    """Divide as the published file does, and write it."""
    table = rows.copy()
    for names, divisor in ((BY_NODES, "nodes"), (BY_EDGES, "edges")):
        table[names] = table[names].div(table[divisor], axis=0)
    table["1-hop_nei"] = (1 + table["edges"] / table["nodes"]) / table["edges"]
    table["mean_connected_components"] = 1 / table["no_connected_components"]
    table.to_csv(path, index=False)
    return path
