"""The rows behind one coefficient: two values each, in parts, and bound into clusters."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from masktopo.study.association import Association, FloatArray, IntArray

__all__ = ["LEAST_ROWS", "Layout", "Sample", "chunks", "coefficients", "make_sample", "mean_of"]

LEAST_ROWS = 5
"""Fewest rows of a coefficient, and fewest clusters of an interval or a p-value."""

# Cells of the arrays that are worked on at a time: those of one part stay in the cache.
_CHUNK_CELLS = 2**17

Layout = tuple[tuple[int, int], ...]
"""The parts in which a cluster lies, and how many rows it has in each."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows with two values, sorted so that nothing depends on the order of a table.

    Parameters
    ----------
    x, y : ndarray of float64, (n,)
        The two values of every row.
    parts : tuple of slice
        The groups within which values are compared: one for a group of its own, several for an
        estimate over all groups.
    clusters : ndarray of int64, (n,)
        The rows that belong together, numbered from 0 without gaps; every row its own number
        where nothing binds them.
    """

    x: FloatArray
    y: FloatArray
    parts: tuple[slice, ...]
    clusters: IntArray

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.clusters.max()) + 1 if self.clusters.size else 0

    @property
    def part_of_row(self) -> IntArray:
        """Number of the part that each row lies in, (n,)."""
        sizes = [part.stop - part.start for part in self.parts]
        return np.repeat(np.arange(len(sizes)), sizes)

    @cached_property
    def layouts(self) -> dict[Layout, IntArray]:
        """The clusters of each layout, ascending; O(n log n)."""
        cells = self.clusters * len(self.parts) + self.part_of_row
        found, counts = np.unique(cells, return_counts=True)
        of_cluster: list[list[tuple[int, int]]] = [[] for _ in range(self.n_clusters)]
        for cell, count in zip(found.tolist(), counts.tolist(), strict=True):
            cluster, part = divmod(cell, len(self.parts))
            of_cluster[cluster].append((part, count))
        members: dict[Layout, list[int]] = {}
        for cluster, layout in enumerate(of_cluster):
            members.setdefault(tuple(layout), []).append(cluster)
        return {layout: np.array(members[layout]) for layout in sorted(members)}


def make_sample(
    x: FloatArray, y: FloatArray, parts: IntArray, clusters: IntArray | None = None
) -> Sample:
    """Sort rows into parts, clusters and values; equal tables give equal samples.

    `parts` and `clusters` are numbers (n,) whose order does not depend on the rows' order.
    """
    bound = np.zeros(x.size, dtype=np.int64) if clusters is None else clusters
    order = np.lexsort((y, x, bound, parts))
    starts = np.flatnonzero(np.diff(parts[order], prepend=-1))
    stops = [*starts[1:], x.size]
    own = np.arange(x.size) if clusters is None else np.unique(bound, return_inverse=True)[1][order]
    slices = tuple(slice(int(a), int(b)) for a, b in zip(starts, stops, strict=True))
    return Sample(x[order], y[order], slices, own)


def coefficients(sample: Sample, method: Association, counts: FloatArray) -> FloatArray:
    """Compute the coefficient of every resample, `counts` (R, n) saying what it drew; (R,).

    The mean over the parts, weighted by the rows drawn in each; parts that are constant in a
    resample have no coefficient and are left out of its mean, and where none is left it is nan.
    """
    found = np.zeros((2, counts.shape[0]))
    for part in sample.parts:
        drawn = counts[:, part]
        left = method.scores(sample.x[part], drawn)
        right = method.scores(sample.y[part], drawn)
        value = method.coefficient(left, right, drawn)
        rows = np.where(np.isnan(value), 0, drawn.sum(axis=1))
        found += rows * np.nan_to_num(value), rows
    return mean_of(found[0], found[1])


def mean_of(total: FloatArray, weight: FloatArray) -> FloatArray:
    """Divide, with nan where the weight is 0."""
    return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)


def chunks(resamples: int, sample: Sample) -> Iterator[int]:
    """Divide the resamples so that what is worked on at a time stays small."""
    size = max(1, _CHUNK_CELLS * len(sample.parts) // sample.x.size)
    for done in range(0, resamples, size):
        yield min(size, resamples - done)
