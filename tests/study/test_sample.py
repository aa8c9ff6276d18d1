import tracemalloc

import numpy as np

from masktopo.study.sample import make_sample


def test_layouts_are_the_rows_of_clusters_in_each_part():
    parts = np.array([0, 0, 0, 1, 1, 1, 1, 2])
    clusters = np.array([7, 7, 3, 3, 5, 9, 9, 8])
    sample = make_sample(np.arange(8.0), np.arange(8.0), parts, clusters)
    found = {layout: members.tolist() for layout, members in sample.layouts.items()}
    # The clusters 3, 5, 7, 8, 9 have become 0 to 4.
    assert found == {
        ((0, 1), (1, 1)): [0],
        ((0, 2),): [2],
        ((1, 1),): [1],
        ((1, 2),): [4],
        ((2, 1),): [3],
    }
    assert list(found) == sorted(found)


def test_layouts_of_many_groups_stay_small():
    values = np.arange(20_000.0)
    sample = make_sample(values, values, np.arange(20_000) % 1000)
    tracemalloc.start()
    assert [members.size for members in sample.layouts.values()] == [20] * 1000
    assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    tracemalloc.stop()
