"""Groups of consecutive weights by explicit indices."""

import numpy as np


def most_kept(mask, size, *, order):
    """Most weights kept in `size` consecutive inputs of a weight (out, in, *kernel); or nan."""
    moved = np.moveaxis(mask, 1, -1) if order == "channels_last" else mask
    lines = (
        moved.reshape(-1, mask.shape[1])
        if order == "channels_last"
        else mask.reshape(mask.shape[0], -1)
    )
    if lines.shape[1] % size:
        return float("nan")
    return max(
        int(line[start : start + size].sum())
        for line in lines
        for start in range(0, lines.shape[1], size)
    )


def pruned(mask):
    """Rows, columns and kernels without a weight, of a weight (out, in, *kernel)."""
    rows = sum(not mask[o].any() for o in range(mask.shape[0]))
    columns = sum(not mask[:, i].any() for i in range(mask.shape[1]))
    kernels = sum(not mask[o, i].any() for o in range(mask.shape[0]) for i in range(mask.shape[1]))
    return rows, columns, kernels
