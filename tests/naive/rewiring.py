"""Swaps and degree sequences by looking at everything."""

from itertools import combinations, product

import numpy as np


def legal_swaps(matrix):
    """Every (row, other row, column, other column) that may exchange ends."""
    rows, columns = matrix.shape
    found = []
    for a, b in combinations(range(rows), 2):
        for c, d in product(range(columns), repeat=2):
            if matrix[a, c] and matrix[b, d] and not matrix[a, d] and not matrix[b, c]:
                found.append((a, b, c, d))
    return found


def graphs_of_same_degrees(matrix):
    """All 0/1 matrices with the row and column sums of `matrix`, as bytes."""
    columns = matrix.shape[1]
    found = [np.zeros((0, columns), dtype=bool)]
    for degree in matrix.sum(axis=1):
        rows = []
        for chosen in combinations(range(columns), int(degree)):
            row = np.zeros((1, columns), dtype=bool)
            row[0, list(chosen)] = True
            rows.append(row)
        found = [np.vstack([above, row]) for above in found for row in rows]
        found = [part for part in found if (part.sum(axis=0) <= matrix.sum(axis=0)).all()]
    return sorted(part.tobytes() for part in found if (part.sum(0) == matrix.sum(0)).all())
