"""What a metric family is: columns, and the functions that compute them.

Every family has one signature: ``measure(subject) -> Findings``. Where a layer's numbers depend on
that layer alone, `measure` takes any layers of a network, and ``summarise(subject, columns)`` says
what they come to. A family is added by one file and one line in the registry.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo._check import join_names
from masktopo.graphs.bipartite import BipartiteGraph, bipartite_graphs
from masktopo.graphs.build import find_wiring, network_graph
from masktopo.graphs.multipartite import MultipartiteGraph
from masktopo.graphs.wiring import Wiring
from masktopo.masks.maskset import MaskSet

__all__ = ["Columns", "Family", "Findings", "Subject", "layerwise_findings", "mean_with_zeros"]

Columns = Mapping[str, NDArray[Any]]
"""Column name to one value a layer."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What is measured, and under which conventions.

    Attributes
    ----------
    masks : MaskSet
    encoding : {"rolled", "channel"}
        Encoding of the layer metrics.
    wiring : Wiring or None
        The data flow; None where it is to be taken from the order of the layers.
    network_encoding : {"channel", "unrolled"}
        Encoding of the end-to-end metrics.
    convention : {"pags23", "rama23", "mge24"}
    reference : MaskSet or None
        The network from whose coordinates `full_spectrum` is measured; None for the origin.
    certify : bool
        Whether singular values are proved to be the two largest.
    threads : int
    """

    masks: MaskSet
    encoding: str = "rolled"
    convention: str = "pags23"
    reference: MaskSet | None = None
    certify: bool = False
    threads: int = 1
    wiring: Wiring | None = None
    network_encoding: str = "channel"

    @cached_property
    def graphs(self) -> list[BipartiteGraph]:
        """Bipartite graph of every layer, built once for all families."""
        return bipartite_graphs(self.masks.values(), self.encoding, threads=self.threads)

    @cached_property
    def network_graph(self) -> MultipartiteGraph:
        """The network end to end, built once for all families.

        Raises
        ------
        WiringError
            If there is no wiring and the order of the layers gives none.
        """
        wiring = find_wiring(self.masks, wiring=self.wiring)
        return network_graph(self.masks, wiring, encoding=self.network_encoding)


@dataclass(frozen=True, eq=False)
class Findings:
    """What a family found.

    Attributes
    ----------
    layers : mapping of str to ndarray, each of shape (n_layers,)
    network : mapping of str to float, int or str
    notes : tuple of str
        What the reader of the numbers must know, in whole sentences.
    remarks : mapping of str to sequence of str
        Notes on single layers: a sentence with ``{}`` in the place of the layers' names, to the
        names. Empty ones are left out of a report.
    """

    layers: Columns = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    remarks: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All notes, those on single layers last."""
        named = (text.format(join_names(names)) for text, names in self.remarks.items() if names)
        return (*self.notes, *named)


def _no_summary(subject: Subject, columns: Columns) -> Findings:
    """Say nothing of the network as a whole."""
    return Findings()


@dataclass(frozen=True)
class Family:
    """A metric family.

    Attributes
    ----------
    name : str
    layer_metrics, network_metrics : tuple of str
        Names of the columns and of the entries that `compute` gives.
    measure : callable
        ``measure(subject) -> Findings``.
    summarise : callable
        ``summarise(subject, columns) -> Findings`` of the network, from the columns of all layers;
        of the subject, it takes the settings only.
    layerwise : bool
        Whether `measure` may be given the layers of a network one after the other.
    """

    name: str
    layer_metrics: tuple[str, ...]
    network_metrics: tuple[str, ...]
    measure: Callable[[Subject], Findings]
    summarise: Callable[[Subject, Columns], Findings] = _no_summary
    layerwise: bool = True

    def compute(self, subject: Subject) -> Findings:
        """Measure all layers at once, and what they come to."""
        return layerwise_findings(self, subject, self.measure(subject))


def layerwise_findings(family: Family, subject: Subject, measured: Findings) -> Findings:
    """Add to what was measured of all layers what they come to."""
    whole = family.summarise(subject, measured.layers)
    return replace(
        measured,
        network={**measured.network, **whole.network},
        notes=(*measured.notes, *whole.notes),
        remarks={**measured.remarks, **whole.remarks},
    )


def mean_with_zeros(values: NDArray[Any]) -> float:
    """Mean over all layers, those without a finite value counted as 0 (section 2)."""
    if values.size == 0:
        return float("nan")
    return float(np.where(np.isfinite(values), values, 0.0).mean())
