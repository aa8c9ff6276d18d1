"""The graph as GraphML: XML that networkx, igraph, Gephi, Cytoscape and yEd read."""

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape

from masktopo._files import atomic_write
from masktopo.errors import WiringError
from masktopo.graphs.exports.columns import (
    Coded,
    EdgeColumns,
    NodeColumns,
    edge_blocks,
    node_columns,
)
from masktopo.graphs.multipartite import MultipartiteGraph

__all__ = ["write_graphml"]

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, however they are written."""

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
"""

KEYS = {
    "node": {"layer": "string", "role": "string", "channel": "long", "position": "string"},
    "edge": {"layer": "string", "mark": "string", "multiplicity": "long", "weight": "double"},
}


def write_graphml(graph: MultipartiteGraph, path: str | os.PathLike[str]) -> None:
    """Write the graph: see `MultipartiteGraph.write_graphml`."""
    with atomic_write(path) as file:
        for part in _parts(graph):
            file.write(part.encode())


def _parts(graph: MultipartiteGraph) -> Iterator[str]:
    yield _HEAD
    yield from _keys()
    yield '<graph edgedefault="directed">\n'
    yield from _nodes(node_columns(graph))
    for edges in edge_blocks(graph):
        yield from _edges(edges)
    yield "</graph>\n</graphml>\n"


def _keys() -> Iterator[str]:
    for domain, types in KEYS.items():
        for name, kind in types.items():
            key = f'id="{domain}_{name}" for="{domain}" attr.name="{name}" attr.type="{kind}"'
            yield f"<key {key}/>\n"


def _nodes(nodes: NodeColumns) -> Iterator[str]:
    columns = {
        "layer": _texts(nodes.layer),
        "role": _texts(nodes.role),
        "channel": nodes.channel.tolist(),
    }
    if nodes.position is not None:
        columns["position"] = _texts(nodes.position)
    template = f'<node id="%s">{_data("node", columns)}</node>\n'
    for row in zip(range(nodes.channel.size), *columns.values(), strict=True):
        yield template % row


def _edges(edges: EdgeColumns) -> Iterator[str]:
    columns = {
        "layer": _texts(edges.layer),
        "mark": _texts(edges.mark),
        "multiplicity": edges.multiplicity.tolist(),
    }
    if edges.weight is not None:
        columns["weight"] = edges.weight.tolist()
    template = f'<edge source="%s" target="%s">{_data("edge", columns)}</edge>\n'
    for row in zip(edges.source.tolist(), edges.target.tolist(), *columns.values(), strict=True):
        yield template % row


def _data(domain: str, names: Any) -> str:
    return "".join(f'<data key="{domain}_{name}">%s</data>' for name in names)


def _texts(column: Coded) -> Sequence[Any]:
    words = [_escaped(word) for word in column.words]
    return [words[code] for code in column.codes.tolist()]


def _escaped(word: str) -> str:
    if _FORBIDDEN.search(word):
        raise WiringError(f"the name {word!r} has characters that XML cannot hold")
    return escape(word)
