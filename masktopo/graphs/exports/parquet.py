"""The graph as two Parquet files: a table of nodes and a list of edges."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from masktopo._files import atomic_write
from masktopo.graphs.exports.columns import (
    Coded,
    EdgeColumns,
    NodeColumns,
    edge_blocks,
    has_weights,
    node_columns,
)
from masktopo.graphs.exports.optional import imported
from masktopo.graphs.multipartite import MultipartiteGraph

__all__ = ["write_parquet"]


def write_parquet(graph: MultipartiteGraph, folder: str | os.PathLike[str]) -> None:
    """Write both tables: see `MultipartiteGraph.write_parquet`."""
    arrow = imported("pyarrow", "masktopo[parquet]")
    parquet = imported("pyarrow.parquet", "masktopo[parquet]")
    weighted = has_weights(graph)
    schema = _edge_schema(arrow, weighted=weighted)
    with (
        atomic_write(Path(folder) / "edges.parquet") as file,
        parquet.ParquetWriter(file, schema) as writer,
    ):
        for edges in edge_blocks(graph):
            arrays = _edge_arrays(arrow, edges, weighted=weighted)
            writer.write_table(arrow.table(arrays, schema))
    with atomic_write(Path(folder) / "nodes.parquet") as file:
        parquet.write_table(arrow.table(_node_arrays(arrow, node_columns(graph))), file)


def _edge_schema(arrow: Any, *, weighted: bool) -> Any:
    whole, words = arrow.int64(), arrow.dictionary(arrow.int32(), arrow.string())
    types = {
        "source": whole,
        "target": whole,
        "layer": words,
        "mark": words,
        "multiplicity": whole,
    }
    return arrow.schema(types | ({"weight": arrow.float64()} if weighted else {}))


def _edge_arrays(arrow: Any, edges: EdgeColumns, *, weighted: bool) -> dict[str, Any]:
    found = {
        "source": edges.source,
        "target": edges.target,
        "layer": _words(arrow, edges.layer),
        "mark": _words(arrow, edges.mark),
        "multiplicity": edges.multiplicity,
    }
    if weighted:
        unknown = edges.weight is None
        size = edges.source.size
        found["weight"] = arrow.nulls(size, arrow.float64()) if unknown else edges.weight
    return found


def _node_arrays(arrow: Any, nodes: NodeColumns) -> dict[str, Any]:
    found = {
        "node": np.arange(nodes.channel.size),
        "layer": _words(arrow, nodes.layer),
        "role": _words(arrow, nodes.role),
        "channel": nodes.channel,
    }
    if nodes.position is not None:
        found["position"] = _words(arrow, nodes.position)
    return found


def _words(arrow: Any, column: Coded) -> Any:
    """Write a column of few words as their places in a dictionary, which takes a byte or so."""
    codes = arrow.array(column.codes.astype(np.int32))
    return arrow.DictionaryArray.from_arrays(codes, arrow.array(column.words, arrow.string()))
