"""Named bipartite graphs with closed-form answers, and masks made of them."""

import numpy as np

from masktopo import LayerMask


def layer_of(biadjacency, weights=None, name="layer"):
    """A linear layer whose rolled graph has this left-by-right biadjacency."""
    mask = np.asarray(biadjacency) != 0
    weight = None if weights is None else np.ascontiguousarray(np.asarray(weights).T)
    return LayerMask(name, np.ascontiguousarray(mask.T), weight)


def heawood():
    """Points and lines of the Fano plane: 3-regular on 7 + 7, the (3, 6)-cage."""
    return circulant(7, (0, 1, 3))


def circulant(n, offsets):
    matrix = np.zeros((n, n), dtype=int)
    for row in range(n):
        for offset in offsets:
            matrix[row, (row + offset) % n] = 1
    return matrix


def projective_plane(q):
    """Points and lines of PG(2, q), q prime: (q + 1)-regular on q^2 + q + 1 points and lines."""
    points = [(1, a, b) for a in range(q) for b in range(q)]
    points += [(0, 1, a) for a in range(q)] + [(0, 0, 1)]
    coordinates = np.array(points)
    return (coordinates @ coordinates.T % q == 0).astype(int)


def disjoint(*blocks):
    rows = sum(block.shape[0] for block in blocks)
    columns = sum(block.shape[1] for block in blocks)
    matrix = np.zeros((rows, columns), dtype=int)
    row = column = 0
    for block in blocks:
        matrix[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return matrix


def complete(n_left, n_right):
    return np.ones((n_left, n_right), dtype=int)
