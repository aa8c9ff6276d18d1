"""What a metric family is: columns, and one function that computes them.

Every family has one signature: ``compute(subject) -> Findings``. A family is added by one file
and one line in the registry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.bipartite import BipartiteGraph, bipartite_graphs
from masktopo.graphs.multipartite import MultipartiteGraph, find_wiring, network_graph
from masktopo.graphs.wiring import Wiring
from masktopo.masks.maskset import MaskSet

__all__ = ["Family", "Findings", "Subject"]


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
    """

    layers: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """A metric family.

    Attributes
    ----------
    name : str
    layer_metrics, network_metrics : tuple of str
        Names of the columns and of the entries that `compute` gives.
    compute : callable
        ``compute(subject) -> Findings``.
    """

    name: str
    layer_metrics: tuple[str, ...]
    network_metrics: tuple[str, ...]
    compute: Callable[[Subject], Findings]


def mean_with_zeros(values: NDArray[Any]) -> float:
    """Mean over all layers, those without a finite value counted as 0 (section 2)."""
    if values.size == 0:
        return float("nan")
    return float(np.where(np.isfinite(values), values, 0.0).mean())
