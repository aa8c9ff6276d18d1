"""The graph as torch_geometric takes it, from torch alone."""

from typing import Any

import numpy as np

from masktopo.graphs.exports.columns import edge_columns, node_columns
from masktopo.graphs.multipartite import MultipartiteGraph

__all__ = ["as_pyg"]


def as_pyg(graph: MultipartiteGraph) -> dict[str, Any]:
    """Return tensors for ``torch_geometric.data.Data``: see `MultipartiteGraph.to_pyg`."""
    import torch

    nodes, edges = node_columns(graph), edge_columns(graph)
    found: dict[str, Any] = {
        "num_nodes": graph.n_nodes,
        "edge_index": torch.from_numpy(np.stack([edges.source, edges.target])),
        "edge_layer": torch.from_numpy(edges.layer.codes - 1),
        "edge_mark": torch.from_numpy(edges.mark.codes),
        "edge_multiplicity": torch.from_numpy(edges.multiplicity),
        "layer": torch.from_numpy(nodes.layer.codes),
        "role": torch.from_numpy(nodes.role.codes),
        "channel": torch.from_numpy(nodes.channel),
    }
    if edges.weight is not None:
        found["edge_weight"] = torch.from_numpy(edges.weight.astype(np.float32))
    if nodes.places is not None:
        found["position"] = torch.from_numpy(nodes.places)
    return found
