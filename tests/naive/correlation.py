"""Correlations of resamples, with the rows written out and scipy asked about each of them."""

import numpy as np
from scipy import stats

COEFFICIENTS = {
    "spearman": lambda x, y: stats.spearmanr(x, y).statistic,
    "kendall": lambda x, y: stats.kendalltau(x, y).statistic,
    "pearson": lambda x, y: stats.pearsonr(x, y).statistic,
}


def coefficient(method, x, y):
    """Ask scipy, and return nan for a side that is constant."""
    if len(x) < 2 or len(set(x)) < 2 or len(set(y)) < 2:
        return np.nan
    return COEFFICIENTS[method](np.asarray(x), np.asarray(y))


def pooled(method, x, y, parts):
    """Average the coefficients of the parts, weighted by their rows; nan ones are left out."""
    total, weight = 0.0, 0
    for part in sorted(set(parts)):
        rows = [row for row in range(len(x)) if parts[row] == part]
        found = coefficient(method, [x[row] for row in rows], [y[row] for row in rows])
        if not np.isnan(found):
            total += len(rows) * found
            weight += len(rows)
    return total / weight if weight else np.nan


def cluster_replicates(method, x, y, parts, clusters, picks):
    """Compute one coefficient for every list of drawn clusters, with all their rows."""
    found = []
    for drawn in picks:
        rows = [row for cluster in drawn for row in range(len(x)) if clusters[row] == cluster]
        columns = ([values[row] for row in rows] for values in (x, y, parts))
        found.append(pooled(method, *columns))
    return np.array(found)


def concordance(x, y):
    """Count concordant less discordant pairs."""
    score = 0
    for i in range(len(x)):
        for j in range(i):
            score += int(np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]))
    return score
