"""One row of a table of correlations: a coefficient, its interval, its p-value, or why not."""

from dataclasses import dataclass, replace

import numpy as np

from masktopo._random import stream
from masktopo.study.association import Association, BoolArray, FloatArray, IntArray
from masktopo.study.bootstrap import interval, replicates
from masktopo.study.permutation import exchangeable, permutation_p
from masktopo.study.sample import LEAST_ROWS, Sample, coefficients, make_sample

__all__ = ["Estimate", "Rows", "Settings", "estimate"]

NAN = float("nan")


@dataclass(frozen=True)
class Settings:
    """How every estimate of one table is computed; the meaning is that of `correlate`."""

    method: Association
    resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a table: metric and target, group and cluster (None: every row its own); (n,)."""

    metric: FloatArray
    target: FloatArray
    groups: IntArray
    clusters: IntArray | None

    def take(self, chosen: BoolArray) -> "Rows":
        """Keep the rows that are marked."""
        clusters = None if self.clusters is None else self.clusters[chosen]
        return Rows(self.metric[chosen], self.target[chosen], self.groups[chosen], clusters)


@dataclass(frozen=True)
class Estimate:
    """What `correlate` says of one group and metric; the fields are its columns."""

    n: int
    n_left_out: int
    n_clusters: int
    coefficient: float = NAN
    low: float = NAN
    high: float = NAN
    p_value: float = NAN
    degenerate: int = 0
    reason: str = ""

    def because(self, reason: str) -> "Estimate":
        """Add a reason to those that are there."""
        return replace(self, reason="; ".join(filter(None, (self.reason, reason))))


def estimate(rows: Rows, settings: Settings, key: int) -> Estimate:
    """Estimate the coefficient within the groups of `rows`; streams follow from seed and key."""
    usable = rows.take(_usable(rows, settings.method))
    left_out = _groups_left_out(usable)
    kept = usable.take(~np.isin(usable.groups, list(left_out)))
    n_groups = np.unique(rows.groups).size
    if not kept.metric.size:
        only = next(iter(left_out.values()), "no rows with both values")
        why = only if n_groups == 1 else "no group has a coefficient"
        return Estimate(0, rows.metric.size, 0, reason=why)
    sample = make_sample(kept.metric, kept.target, kept.groups, kept.clusters)
    once = np.ones((1, sample.x.size))
    found = Estimate(
        sample.x.size,
        rows.metric.size - sample.x.size,
        sample.n_clusters,
        float(coefficients(sample, settings.method, once)[0]),
    )
    if len(sample.parts) < n_groups:
        found = found.because(f"{n_groups - len(sample.parts)} of {n_groups} groups left out")
    if sample.n_clusters < LEAST_ROWS:
        return found.because(f"no interval and p-value: fewer than {LEAST_ROWS} clusters")
    return _with_p_value(_with_interval(found, sample, settings, key), sample, settings, key)


def _usable(rows: Rows, method: Association) -> BoolArray:
    """Mark the rows that have both values."""
    both = np.stack([rows.metric, rows.target])
    unusable = np.isnan(both) if method.ordinal else ~np.isfinite(both)
    return np.logical_not(unusable.any(axis=0))


def _groups_left_out(rows: Rows) -> dict[int, str]:
    """Find the groups that have no coefficient, and say why."""
    found = {}
    for group in np.unique(rows.groups):
        member = rows.groups == group
        metric, target = rows.metric[member], rows.target[member]
        if metric.size < LEAST_ROWS:
            found[int(group)] = f"fewer than {LEAST_ROWS} rows with both values"
        elif metric.min() == metric.max():
            found[int(group)] = f"the metric is constant ({metric[0]:g})"
        elif target.min() == target.max():
            found[int(group)] = f"the target is constant ({target[0]:g})"
    return found


def _with_interval(found: Estimate, sample: Sample, settings: Settings, key: int) -> Estimate:
    """Add the bootstrap interval, unless too many resamples have no coefficient."""
    values = replicates(sample, settings.method, settings.resamples, stream(settings.seed, key, 0))
    degenerate = int(np.isnan(values).sum())
    found = replace(found, degenerate=degenerate)
    # The undefined ones could fill both tails, so that the interval would mean nothing.
    if degenerate > (1 - settings.confidence) * settings.resamples:
        share = degenerate / settings.resamples
        return found.because(f"no interval: {share:.0%} of resamples were constant")
    low, high = interval(values, found.coefficient, settings.confidence)
    return replace(found, low=low, high=high)


def _with_p_value(found: Estimate, sample: Sample, settings: Settings, key: int) -> Estimate:
    """Add the permutation p-value, unless hardly any cluster can change places."""
    if exchangeable(sample) < LEAST_ROWS:
        return found.because(f"no p-value: fewer than {LEAST_ROWS} clusters of equal layout")
    rng = stream(settings.seed, key, 1)
    p_value = permutation_p(sample, settings.method, found.coefficient, settings.resamples, rng)
    return replace(found, p_value=p_value)
