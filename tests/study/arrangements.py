"""All permutations of a design, one by one."""

import itertools

import numpy as np


def all_arrangements(sample):
    """List the permutations that `permute_rows` draws from; (N, n) row numbers."""
    options = [list(_options(sample, *item)) for item in sample.layouts.items()]
    result = []
    for chosen in itertools.product(*options):
        moved = np.empty(sample.x.size, dtype=np.int64)
        for places, rows in itertools.chain(*chosen):
            moved[places] = rows
        result.append(moved)
    return np.array(result)


def _options(sample, layout, members):
    """Yield lists of (places, rows) that one layout can take."""
    for order in itertools.permutations(members):
        cells = [
            [
                (_rows(sample, here, part), rows)
                for rows in map(list, itertools.permutations(_rows(sample, there, part)))
            ]
            for here, there in zip(members, order, strict=True)
            for part, _ in layout
        ]
        yield from itertools.product(*cells)


def _rows(sample, cluster, part):
    return np.flatnonzero((sample.clusters == cluster) & (sample.part_of_row == part))
