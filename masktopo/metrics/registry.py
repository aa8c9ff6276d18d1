"""Every metric family, and which of them a request asks for."""

from collections.abc import Iterable

from masktopo._check import check_choice
from masktopo.errors import ArgumentError
from masktopo.metrics.connectivity_family import CONNECTIVITY
from masktopo.metrics.expansion import EXPANSION
from masktopo.metrics.family import Family
from masktopo.metrics.path_family import PATHS
from masktopo.metrics.patterns import PATTERNS
from masktopo.metrics.sizes import DEGREES, DENSITY
from masktopo.metrics.spectral import SPECTRAL

__all__ = ["FAMILIES", "requested"]

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (DENSITY, SPECTRAL, PATHS, CONNECTIVITY, EXPANSION, DEGREES, PATTERNS)
}
"""Families by name, in the order of their columns."""


def requested(metrics: str | Iterable[str]) -> list[tuple[Family, frozenset[str]]]:
    """Return the families that `metrics` needs, each with the names that are wanted of it.

    Parameters
    ----------
    metrics : str or iterable of str
        Names of families or of single metrics, or ``"all"``. Densities always come along.

    Raises
    ------
    ArgumentError
        If a name is neither; the message lists all.
    """
    if not isinstance(metrics, Iterable):
        raise ArgumentError(f"metrics must be a name or several, not {metrics!r}")
    asked = [metrics] if isinstance(metrics, str) else list(metrics)
    known = {"all", *FAMILIES}
    for family in FAMILIES.values():
        known.update(family.layer_metrics, family.network_metrics)
    for name in asked:
        check_choice("metrics", name, sorted(known))
    names = set(asked)
    chosen = []
    for family in FAMILIES.values():
        every = frozenset(family.layer_metrics + family.network_metrics)
        whole = family is DENSITY or not names.isdisjoint({"all", family.name})
        wanted = every if whole else every & names
        if wanted:
            chosen.append((family, wanted))
    return chosen
