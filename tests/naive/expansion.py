"""Section 3 of the definitions by trying every set, and the ratio of one given set."""

from itertools import product

import numpy as np


def adjacency(biadjacency):
    """Symmetric adjacency of all nodes, left first, isolated ones included."""
    matrix = np.asarray(biadjacency)
    n_left, n_right = matrix.shape
    top = np.hstack([np.zeros((n_left, n_left), int), matrix])
    bottom = np.hstack([matrix.T, np.zeros((n_right, n_right), int)])
    return np.vstack([top, bottom])


def connected_part(biadjacency):
    matrix = np.asarray(biadjacency)
    return matrix[matrix.any(axis=1)][:, matrix.any(axis=0)]


def cut_ratios(biadjacency):
    """Least ``cut / vol`` and ``cut / size`` over all sets."""
    links = adjacency(connected_part(biadjacency))
    degrees = links.sum(axis=0)
    n = len(links)
    sets = np.array(list(product([0, 1], repeat=n)), dtype=np.int16)[1:]
    cuts = np.einsum("si,si->s", sets @ links.astype(np.int16), 1 - sets)
    volumes, sizes = sets @ degrees, sets.sum(axis=1)
    by_volume, by_size = 2 * volumes <= degrees.sum(), 2 * sizes <= n
    return (
        (cuts[by_volume] / volumes[by_volume]).min(),
        (cuts[by_size] / sizes[by_size]).min(),
    )


def node_ratio(biadjacency):
    """Least ``|N(S)| / |S|`` over sets of at most half the left nodes; nan for one left node."""
    matrix = connected_part(biadjacency)
    n_left = len(matrix)
    found = [float("nan")] if n_left == 1 else []
    for chosen in product([False, True], repeat=n_left):
        if 0 < sum(chosen) <= n_left // 2:
            found.append(matrix[np.array(chosen)].any(axis=0).sum() / sum(chosen))
    return min(found)


def cut_of(biadjacency, left, right):
    """(cut, volume of the set, size, volume of the graph, nodes) of one set."""
    matrix = np.asarray(biadjacency)
    links = adjacency(matrix)
    inside = np.zeros(len(links), bool)
    inside[left] = True
    inside[np.asarray(right, int) + len(matrix)] = True
    degrees = links.sum(axis=0)
    assert degrees[inside].all(), "an isolated node is in the set"
    return (
        links[inside][:, ~inside].sum(),
        degrees[inside].sum(),
        inside.sum(),
        degrees.sum(),
        (degrees > 0).sum(),
    )


def t2_of(biadjacency):
    """Second singular value of the normalised biadjacency, 0 where there is only one."""
    matrix = connected_part(biadjacency)
    scaled = matrix / np.sqrt(np.outer(matrix.sum(axis=1), matrix.sum(axis=0)))
    values = np.linalg.svd(scaled, compute_uv=False)
    return values[1] if values.size > 1 else 0.0


def a2_of(biadjacency):
    """Second smallest eigenvalue of ``D - A``."""
    links = adjacency(connected_part(biadjacency))
    return np.linalg.eigvalsh(np.diag(links.sum(axis=0)) - links)[1]


def tanner_bound(biadjacency):
    """TANNER84 for a biregular graph, least over sizes."""
    matrix = connected_part(biadjacency)
    n_left, n_right = matrix.shape
    left, right = matrix.sum() / n_left, matrix.sum() / n_right
    second = np.linalg.svd(matrix, compute_uv=False)[1]
    sizes = np.arange(1, n_left // 2 + 1)
    return (left**2 / (second**2 + (left * right - second**2) * sizes / n_left)).min()


def general_bound(biadjacency):
    """Lower bound of the definitions for any graph, least over sizes."""
    matrix = connected_part(biadjacency)
    sizes = np.arange(1, len(matrix) // 2 + 1)
    volumes = np.cumsum(np.sort(matrix.sum(axis=1)))[: sizes.size]
    square = t2_of(matrix) ** 2
    spread = square + (1 - square) * volumes / matrix.sum()
    return (volumes / sizes / (matrix.sum(axis=0).max() * spread)).min()
