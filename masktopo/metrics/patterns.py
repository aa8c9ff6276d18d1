"""The family `patterns`: N:M patterns, and rows, columns and kernels that are pruned whole.

Section 6 of the definitions. An N:M pattern keeps at most N of every M consecutive inputs of an
output. What consecutive means in a convolution depends on the layout: hardware that stores
weights as (O, H, W, I) groups input channels at one kernel place, while PyTorch's (O, I, H, W)
puts kernel places next to each other. Both are computed; the second has ``_flat`` in its names.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.bipartite import kernel_size, left_size, output_by_input
from masktopo.kernels import csr, patterns
from masktopo.masks.layer import LayerMask
from masktopo.metrics.family import Columns, Family, Findings, Subject

__all__ = ["GROUP_SIZES", "PATTERNS", "layer_patterns"]

GROUP_SIZES = (4, 8, 16)
"""Values of M that are tried."""

WHOLE = ("rows", "columns", "kernels")

TWO_LAYOUTS = (
    "N:M patterns run along the inputs, at each kernel place (layout O,H,W,I); those with _flat in "
    "the order O,I,H,W. They differ in {}."
)

Matrix = NDArray[np.uint8]


def layer_patterns(layer: LayerMask) -> dict[str, Any]:
    """Find the patterns of one layer.

    Parameters
    ----------
    layer : LayerMask

    Returns
    -------
    dict
        - ``max_kept_of_M`` for M in `GROUP_SIZES`: the most weights kept in a group of M
          consecutive inputs, so that the mask is N:M for every N from there on. nan where M does
          not divide the inputs of a group of the layer.
        - ``nm_pattern``: the tightest N:M, as ``"2:4"``, of which at least half of the groups
          keep exactly N, so that it is no accident of a sparse random mask; else empty.
        - ``max_kept_of_M_flat``, ``nm_pattern_flat``: the same in the order (O, I, H, W).
        - ``pruned_rows``, ``pruned_columns``, ``pruned_kernels``: outputs, inputs and pairs of
          both that a kernel joins (single weights of a linear layer) without a weight left, and
          ``..._fraction`` of all of them.

    Notes
    -----
    O(size).

    Examples
    --------
    >>> mask = np.tile([True, False, False, True], (8, 4))
    >>> mask[5] = False
    >>> found = layer_patterns(LayerMask("fc", mask))
    >>> found["nm_pattern"], found["max_kept_of_4"], found["pruned_rows"]
    ('2:4', 2.0, 1)
    """
    matrix = output_by_input(layer, layer.mask).view(np.uint8)
    places = max(kernel_size(layer), 1)
    return {
        **_pattern_columns(matrix, places, ""),
        **_pattern_columns(matrix, 1, "_flat"),
        **_whole_columns(layer, matrix, places),
    }


def _pattern_columns(matrix: Matrix, places: int, ending: str) -> dict[str, Any]:
    """Columns of one layout."""
    found: dict[str, Any] = {}
    candidates = []
    for size in GROUP_SIZES:
        histogram = np.zeros(size + 1, np.int64)
        channels = matrix.shape[1] // places
        if channels % size == 0:
            patterns.count_groups(matrix, places, size, histogram)
        most = int(np.flatnonzero(histogram)[-1]) if histogram.any() else None
        found[f"max_kept_of_{size}{ending}"] = np.nan if most is None else float(most)
        if most and most < size and 2 * histogram[most] >= histogram.sum():
            candidates.append((most / size, size, f"{most}:{size}"))
    found[f"nm_pattern{ending}"] = min(candidates)[2] if candidates else ""
    return found


def _whole_columns(layer: LayerMask, matrix: Matrix, places: int) -> dict[str, Any]:
    """Rows, columns and kernels without a weight."""
    kernels = np.zeros(left_size(layer), np.int64)
    csr.count_channel(matrix, places, layer.groups, kernels)
    counts = {
        "rows": (int(np.count_nonzero(~matrix.any(axis=1))), matrix.shape[0]),
        "columns": (int(np.count_nonzero(kernels == 0)), kernels.size),
        "kernels": (matrix.size // places - int(kernels.sum()), matrix.size // places),
    }
    columns: dict[str, Any] = {}
    for name, (pruned, total) in counts.items():
        columns[f"pruned_{name}"] = pruned
        columns[f"pruned_{name}_fraction"] = pruned / total if total else np.nan
    return columns


def _patterns(subject: Subject) -> Findings:
    rows = {name: layer_patterns(layer) for name, layer in subject.masks.items()}
    layers = {metric: _column(rows, metric) for metric in PATTERNS.layer_metrics}
    differ = [name for name, row in rows.items() if row["nm_pattern"] != row["nm_pattern_flat"]]
    return Findings(layers, remarks={TWO_LAYOUTS: differ})


def _patterns_of_network(subject: Subject, columns: Columns) -> Findings:
    network = {f"pruned_{name}": int(columns[f"pruned_{name}"].sum()) for name in WHOLE}
    return Findings(network={**network, "nm_layers": int((columns["nm_pattern"] != "").sum())})


def _column(rows: Mapping[str, Mapping[str, Any]], metric: str) -> NDArray[Any]:
    if metric.startswith("nm_pattern"):
        return np.array([row[metric] for row in rows.values()], dtype=object)
    whole = metric in {f"pruned_{name}" for name in WHOLE}
    return np.array([row[metric] for row in rows.values()], np.int64 if whole else np.float64)


PATTERNS = Family(
    name="patterns",
    layer_metrics=(
        "nm_pattern",
        *(f"max_kept_of_{size}" for size in GROUP_SIZES),
        "nm_pattern_flat",
        *(f"max_kept_of_{size}_flat" for size in GROUP_SIZES),
        *(f"pruned_{name}{ending}" for name in WHOLE for ending in ("", "_fraction")),
    ),
    network_metrics=(*(f"pruned_{name}" for name in WHOLE), "nm_layers"),
    measure=_patterns,
    summarise=_patterns_of_network,
)
