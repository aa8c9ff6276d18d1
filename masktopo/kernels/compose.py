"""Products of sparse matrices that keep every structural entry, also where its value is 0.

Rows of the result come out in the order in which their columns are first met; `by_column` and
`by_column` again put them in ascending order, in linear time.
"""

import numpy as np
from numpy.typing import NDArray

from masktopo._numba import kernel

__all__ = ["by_column", "count_product", "fill_product", "fill_values"]


@kernel
def count_product(
    first_indptr: NDArray[np.int64],
    first_indices: NDArray[np.unsignedinteger],
    second_indptr: NDArray[np.int64],
    second_indices: NDArray[np.unsignedinteger],
    seen: NDArray[np.int64],
    indptr: NDArray[np.int64],
) -> None:
    """Write the row pointers of the product; `seen` holds -1 a column. O(terms)."""
    for row in range(first_indptr.size - 1):
        count = 0
        for slot in range(first_indptr[row], first_indptr[row + 1]):
            middle = first_indices[slot]
            for other in range(second_indptr[middle], second_indptr[middle + 1]):
                column = second_indices[other]
                if seen[column] != row:
                    seen[column] = row
                    count += 1
        indptr[row + 1] = indptr[row] + count


@kernel
def fill_product(
    first_indptr: NDArray[np.int64],
    first_indices: NDArray[np.unsignedinteger],
    second_indptr: NDArray[np.int64],
    second_indices: NDArray[np.unsignedinteger],
    place: NDArray[np.int64],
    indices: NDArray[np.uint32],
) -> None:
    """Write the columns of the product; `place` holds -1 a column. O(terms)."""
    used = 0
    for row in range(first_indptr.size - 1):
        start = used
        for slot in range(first_indptr[row], first_indptr[row + 1]):
            middle = first_indices[slot]
            for other in range(second_indptr[middle], second_indptr[middle + 1]):
                column = second_indices[other]
                if place[column] < start:
                    place[column] = used
                    indices[used] = column
                    used += 1


@kernel
def fill_values(
    first_indptr: NDArray[np.int64],
    first_indices: NDArray[np.unsignedinteger],
    first_values: NDArray[np.generic],
    second_indptr: NDArray[np.int64],
    second_indices: NDArray[np.unsignedinteger],
    second_values: NDArray[np.generic],
    indptr: NDArray[np.int64],
    indices: NDArray[np.uint32],
    sums: NDArray[np.float64],
    values: NDArray[np.float64],
) -> None:
    """Write the product's values at its structure; `sums` holds 0 a column. O(terms)."""
    for row in range(first_indptr.size - 1):
        for slot in range(first_indptr[row], first_indptr[row + 1]):
            middle = first_indices[slot]
            # Not `float`, which keeps single precision here, and so would the products.
            scale = np.float64(first_values[slot])
            for other in range(second_indptr[middle], second_indptr[middle + 1]):
                sums[second_indices[other]] += scale * second_values[other]
        for slot in range(indptr[row], indptr[row + 1]):
            values[slot] = sums[indices[slot]]
            sums[indices[slot]] = 0.0


@kernel
def by_column(
    indptr: NDArray[np.int64],
    indices: NDArray[np.unsignedinteger],
    cursor: NDArray[np.int64],
    rows: NDArray[np.uint32],
    order: NDArray[np.int64],
) -> None:
    """Write the transposed rows, and where each entry came from, at the columns' `cursor`.

    Within a column, rows come out ascending. O(edges).
    """
    for row in range(indptr.size - 1):
        for slot in range(indptr[row], indptr[row + 1]):
            column = indices[slot]
            at = cursor[column]
            rows[at] = row
            order[at] = slot
            cursor[column] = at + 1
