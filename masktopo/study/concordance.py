"""Concordant less discordant pairs, the numerator of Kendall's tau."""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["concordance"]

IntArray = NDArray[np.int64]


@kernel
def concordance(left: IntArray, right: IntArray, counts: IntArray, n_codes: int) -> IntArray:
    """Count concordant less discordant pairs of rows, once for every line of `counts`.

    `left` (n,) holds the rows' x codes in ascending order, `right` (1 or R, n) their y codes in
    ``range(n_codes)``, `counts` (1 or R, n) how often each row was drawn. Pairs that are tied on
    either side count nothing. O(R n log n): a Fenwick tree over the y codes of the rows seen.
    """
    n_lines = max(right.shape[0], counts.shape[0])
    result = np.empty(n_lines, dtype=np.int64)
    tree = np.empty(n_codes + 1, dtype=np.int64)
    for line in range(n_lines):
        y = right[min(line, right.shape[0] - 1)]
        drawn = counts[min(line, counts.shape[0] - 1)]
        tree[:] = 0
        seen = 0
        score = 0
        first = 0
        while first < left.size:
            last = first
            while last < left.size and left[last] == left[first]:
                below = _sum_below(tree, y[last])
                above = seen - _sum_below(tree, y[last] + 1)
                score += drawn[last] * (below - above)
                last += 1
            for row in range(first, last):
                _add(tree, y[row], drawn[row])
                seen += drawn[row]
            first = last
        result[line] = score
    return result


@kernel
def _sum_below(tree: IntArray, code: int) -> int:
    """Sum what was added at codes smaller than `code`. O(log n)."""
    total = 0
    while code > 0:
        total += tree[code]
        code -= code & -code
    return total


@kernel
def _add(tree: IntArray, code: int, amount: int) -> None:
    """Add `amount` at `code`. O(log n)."""
    code += 1
    while code < tree.size:
        tree[code] += amount
        code += code & -code
