"""Products of sparse matrices: their values, in double precision whatever they are made of."""

import numpy as np
import pytest
from scipy import sparse

from masktopo.kernels import compose


@pytest.mark.parametrize("scale", [1.0, 1e30, 1e-30])
def test_products_of_single_precision_are_double(scale):
    rng = np.random.default_rng(0)
    first, second = (
        (scale * sparse.random_array(shape, density=0.3, rng=rng)).astype(np.float32).tocsr()
        for shape in ((7, 9), (9, 5))
    )
    expected = (first.astype(np.float64) @ second.astype(np.float64)).tocsr()
    expected.sort_indices()
    values = np.empty(expected.nnz)
    sides = [
        (side.indptr.astype(np.int64), side.indices.astype(np.uint32), side.data)
        for side in (first, second)
    ]
    indptr, indices = expected.indptr.astype(np.int64), expected.indices.astype(np.uint32)
    compose.fill_values(*sides[0], *sides[1], indptr, indices, np.zeros(5), values)
    np.testing.assert_allclose(values, expected.data, rtol=1e-14)
