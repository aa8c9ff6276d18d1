"""What the families of end-to-end metrics share: columns, notes, and nan where nothing is wired."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import WiringError
from masktopo.graphs.multipartite import MultipartiteGraph
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.family import Family, Findings, Subject

__all__ = ["layer_columns", "notes_on_wiring", "unwired"]


def layer_columns(
    masks: MaskSet, found: Mapping[str, Any], names: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Return a column for each name from a record a layer; nan for layers beside the graph."""
    absent = dict.fromkeys(names, np.nan)
    rows = [asdict(found[layer]) if layer in found else absent for layer in masks]
    return {name: np.array([row[name] for row in rows]) for name in names}


def notes_on_wiring(graph: MultipartiteGraph) -> tuple[str, ...]:
    """Say in which encoding end-to-end metrics are, and where the wiring came from."""
    notes = [f"End-to-end metrics use the encoding {graph.encoding}."]
    if graph.wiring.assumed:
        notes.append("The wiring was assumed from the order of the layers.")
    return tuple(notes)


def unwired(family: Family, subject: Subject, error: WiringError) -> Findings:
    """Return nan for all metrics of a network that cannot be wired, and a note that says why."""
    return Findings(
        layers={name: np.full(len(subject.masks), np.nan) for name in family.layer_metrics},
        network=dict.fromkeys(family.network_metrics, float("nan")),
        notes=(f"No end-to-end metrics: {error}.",),
    )
