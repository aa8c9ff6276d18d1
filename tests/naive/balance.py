"""NPB23's objective for one layer: written out, maximised greedily, and maximised exactly.

Weights are places ``(output, input of its group, kernel place)`` of an array.
"""

from fractions import Fraction
from itertools import product

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp


def sources_of(shape, groups):
    """Return the input of every (output, input of its group)."""
    outputs, inputs, _ = shape
    return {
        (row, column): row // (outputs // groups) * inputs + column
        for row, column in product(range(outputs), range(inputs))
    }


def naive_objective(kept, paths, shape, groups, count, alpha, beta):
    """Value of a set of weights; `paths` may be fractions."""
    outputs, _, places = shape
    source = sources_of(shape, groups)
    alive = [(row, column) for row, column, _ in kept if paths[source[row, column]] > 0]
    nodes = len({source[pair] for pair in alive}) + len({row for row, _ in alive})
    most = sum(sorted(p for p in paths for _ in range(outputs // groups * places))[-count:])
    value = alpha * Fraction(nodes, len(paths) + outputs)
    if most:
        value += (1 - alpha) * sum(paths[source[row, column]] for row, column, _ in kept) / most
    return value + beta * Fraction(len({(row, column) for row, column, _ in kept}), count)


def naive_greedy(magnitudes, paths, groups, count, alpha, beta):
    """Add the weight that raises the objective most, again and again; return them in order."""
    left = list(product(*map(range, magnitudes.shape)))
    kept = []
    options = (paths, magnitudes.shape, groups, count, alpha, beta)
    while len(kept) < count:
        best = max(
            left,
            key=lambda weight: (
                naive_objective([*kept, weight], *options),
                magnitudes[weight],
                [-place for place in weight],
            ),
        )
        left.remove(best)
        kept.append(best)
    return kept


def exact_optimum(paths, shape, groups, count, alpha, beta):
    """Return the greatest value by integer programming: a number of weights for every kernel."""
    outputs, inputs, places = shape
    source, pairs = sources_of(shape, groups), list(product(range(outputs), range(inputs)))
    n, sides = len(pairs), len(paths) + outputs
    most = sum(sorted(p for p in paths for _ in range(outputs // groups * places))[-count:])
    gains = np.concatenate([
        [(1 - alpha) * paths[source[pair]] / most if most else 0 for pair in pairs],
        np.full(n, beta / count),
        np.full(sides, alpha / sides),
    ])  # fmt: skip
    # The columns: weights of each pair, whether it has any, whether each node has any.
    rows = [np.concatenate([np.ones(n), np.zeros(n + sides)])]
    uppers, lowers = [count], [count]
    for place in range(n):
        row = np.zeros(2 * n + sides)
        row[place], row[n + place] = -1, 1
        rows.append(row)
    for node in range(sides):
        row = np.zeros(2 * n + sides)
        row[2 * n + node] = 1
        for place, pair in enumerate(pairs):
            alive = paths[source[pair]] > 0
            own = source[pair] == node if node < len(paths) else pair[0] == node - len(paths)
            row[place] = -1.0 * (alive and own)
        rows.append(row)
    uppers += [0] * (n + sides)
    lowers += [-np.inf] * (n + sides)
    bounds = Bounds(0, np.concatenate([np.full(n, places), np.ones(n + sides)]))
    found = milp(
        -gains,
        constraints=LinearConstraint(np.array(rows), lowers, uppers),
        bounds=bounds,
        integrality=np.ones(2 * n + sides),
        options={"mip_rel_gap": 0},
    )
    assert found.success
    return -found.fun
