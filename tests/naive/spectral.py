"""Section 2 of the definitions in dense NumPy, term by term."""

import numpy as np

NAN = float("nan")


def top_two(matrix):
    values = np.linalg.svd(np.asarray(matrix, dtype=np.float64), compute_uv=False)
    values = np.concatenate([values, [0.0, 0.0]])
    return values[0], values[1]


def without_isolated(matrix):
    matrix = np.asarray(matrix)
    kept = matrix[(matrix != 0).any(axis=1)]
    return kept[:, (kept != 0).any(axis=0)]


def ramanujan_gap(mask):
    """`mask` is left by right, 0/1, without isolated nodes."""
    edges = mask.sum()
    bound = np.sqrt(edges / mask.shape[0] - 1) + np.sqrt(edges / mask.shape[1] - 1)
    return bound - top_two(mask)[1], bound


def weighted_gap(weights):
    first, second = top_two(weights)
    return first - second


def subgraphs(mask, weights):
    """Left-regular subgraphs, as (mask, absolute weights), by left degree."""
    degrees = mask.sum(axis=1)
    for degree in sorted(set(degrees.tolist()) - {0}):
        rows = degrees == degree
        columns = mask[rows].any(axis=0)
        yield mask[rows][:, columns], None if weights is None else weights[rows][:, columns]


def coordinate(mask, weights, convention):
    """(ramanujan_gap, weighted_spectral_gap, imdb, imsg), number of subgraphs."""
    mask = np.asarray(mask, dtype=np.float64)
    if weights is not None:
        weights = np.abs(np.asarray(weights, dtype=np.float64)) * mask
    rows, columns = mask.any(axis=1), mask.any(axis=0)
    mask = mask[rows][:, columns]
    weights = None if weights is None else weights[rows][:, columns]
    whole = (NAN, NAN)
    if mask.sum():
        left, right = mask.sum() / mask.shape[0], mask.sum() / mask.shape[1]
        valid = right >= 3 and left > 1 if convention == "pags23" else left >= 3 and right >= 3
        if valid:
            whole = gaps(mask, weights, convention)
    parts = []
    for part, part_weights in subgraphs(mask, weights):
        n_left, n_right = part.shape
        left, right = part.sum() / n_left, part.sum() / n_right
        if convention == "pags23":
            valid, factor = n_left >= 2 and left >= 3 and right > 1, True
        elif convention == "rama23":
            valid, factor = n_left >= 3 and left >= 3 and right >= 3, False
        else:
            valid, factor = left >= 3 and right >= 3, False
        if valid:
            size = max(n_left, n_right) / (n_left + n_right - 1) if factor else 1.0
            parts.append(size * np.array(gaps(part, part_weights, convention)))
    means = np.mean(parts, axis=0) if parts else (NAN, NAN)
    return np.array([whole[0], whole[1], means[0], means[1]]), len(parts)


def gaps(mask, weights, convention):
    gap, bound = ramanujan_gap(mask)
    if convention == "mge24":
        gap = gap / bound
    return gap, NAN if weights is None else weighted_gap(weights)


def whole_layer(mask, convention):
    """The other metrics of section 2 for one whole layer."""
    mask = np.asarray(mask, dtype=np.float64)
    total_left, total_right = mask.shape
    mask = without_isolated(mask)
    if not mask.size:
        return {}
    n_left, n_right = mask.shape
    first, second = top_two(mask)
    edges = mask.sum()
    gap, bound = ramanujan_gap(mask)
    counted = 2 * edges if convention == "rama23" else edges
    left = edges / n_left
    narc = (second**2 / 4 + 1) * np.sqrt(n_left * n_right)
    narc -= abs(counted - left * n_left * n_right / total_right)
    mixing = second * np.sqrt(n_left * n_right)
    mixing -= abs(edges - left * n_left * n_right / (n_left + n_right))
    return {
        "mu_0": first,
        "mu_hat": second,
        "ramanujan_gap_normalized": gap / bound if bound > 0 else NAN,
        "spectral_bound_gap": 2 * np.sqrt(first - 1) - second,
        "narc": narc / (total_left * total_right),
        "mixing_gap": mixing / (n_left + n_right),
    }
