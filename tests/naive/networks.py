"""The end-to-end graph as an explicit digraph of single weights, and path metrics by enumeration.

Every kept weight is one edge of a networkx multigraph, so that an edge's multiplicity is a number
of parallel edges and a path is a sequence of weights and skips.
"""

import math

import networkx as nx
import numpy as np

from masktopo.graphs.views import Along, Join, Read
from tests.naive.encodings import naive_edges


def weight_digraph(masks, wiring):
    """Build the multigraph; edges carry the layer, the weight's places, its size, and a use."""
    channels = {nodes.name: nodes.channels for nodes in wiring.nodes}
    graph = nx.MultiDiGraph()
    for nodes in wiring.nodes:
        graph.add_nodes_from((nodes.name, index) for index in range(nodes.channels))
    for use, link in enumerate(wiring.links):
        left = read_nodes(link.operand).reshape(-1)
        for column, row, entry, size in _entries(masks, link, channels):
            attributes = {"layer": link.layer, "entry": entry, "w": size, "use": use}
            graph.add_edge(left[column], (link.target, row), **attributes)
    return graph


def read_nodes(view):
    """Evaluate a view of which each element reads one node: an array of (node set, channel)."""
    if isinstance(view, Read):
        found = np.empty(math.prod(view.shape), object)
        found[:] = [(view.nodes, index) for index in range(found.size)]
        return found.reshape(view.shape)
    if isinstance(view, Join):
        return np.concatenate([read_nodes(part) for part in view.parts], view.axis)
    inner = read_nodes(view.of)
    if isinstance(view, Along):
        return inner.take(view.map.indices, view.axis)
    return inner.reshape(view.shape)


def _entries(masks, link, channels):
    """Yield (left node, right node, which weight, its absolute value) of every kept weight."""
    if link.layer is None:
        for index in range(channels[link.target]):
            yield index, index, None, 1.0
        return
    layer = masks[link.layer]
    places = math.prod(layer.shape[2:])
    for (left, right), (_, size) in naive_edges(layer, "rolled").items():
        yield left // places, right, (left, right), size


def all_paths(graph, wiring):
    """List every path as a list of edges' attributes."""
    ends = {nodes.name for nodes in wiring.nodes if nodes.role == "output"}
    starts = {nodes.name for nodes in wiring.nodes if nodes.role == "input"}
    found = []

    def follow(node, path):
        if node[0] in ends:
            found.append(path)
        for _, after, attributes in graph.out_edges(node, data=True):
            follow(after, [*path, attributes])

    for node in graph:
        if node[0] in starts:
            follow(node, [])
    return found


def count_paths(graph, wiring):
    """Count paths in exact integers, by dynamic programming in topological order."""
    roles = {nodes.name: nodes.role for nodes in wiring.nodes}
    counts = {}
    for node in nx.topological_sort(graph):
        before = sum(counts[edge[0]] for edge in graph.in_edges(node))
        counts[node] = before + (roles[node[0]] == "input")
    return sum(count for node, count in counts.items() if roles[node[0]] == "output")


def live_nodes(graph, wiring):
    """Nodes that an input reaches and that reach an output, by networkx."""
    roles = {nodes.name: nodes.role for nodes in wiring.nodes}
    live = set()
    for start in (node for node in graph if roles[node[0]] == "input"):
        for end in (node for node in graph if roles[node[0]] == "output"):
            if nx.has_path(graph, start, end):
                live |= ({start} | nx.descendants(graph, start)) & (
                    {end} | nx.ancestors(graph, end)
                )
    return live


def effective_entries(graph, wiring, layer):
    """Entries of a layer that lie on a path in at least one use."""
    live = live_nodes(graph, wiring)
    return {
        edge["entry"]
        for start, end, edge in graph.edges(data=True)
        if edge["layer"] == layer and start in live and end in live
    }


def path_norms(paths):
    """Return the l1 and l2 path norms."""
    l1 = math.fsum(math.prod(edge["w"] for edge in path) for path in paths)
    squares = math.fsum(math.prod(edge["w"] ** 2 for edge in path) for path in paths)
    return l1, math.sqrt(squares)


def kernel_trace(paths):
    """Sum, over paths and their weights, the squared product of the path's other weights."""
    return math.fsum(
        math.prod(other["w"] ** 2 for other in path if other is not edge)
        for path in paths
        for edge in path
        if edge["layer"] is not None
    )


def centralities(graph, wiring, paths, layer):
    """Share of the paths through each edge: a (left, right) pair of one use."""
    pairs = {}
    for start, end, edge in graph.edges(data=True):
        if edge["layer"] == layer:
            pairs.setdefault((start, end, edge["use"]), []).append(edge)
    passed = {}
    for path in paths:
        for edge in path:
            passed[id(edge)] = passed.get(id(edge), 0) + 1
    return [sum(passed.get(id(edge), 0) for edge in edges) / len(paths) for edges in pairs.values()]


def gini(values):
    """Half the mean absolute difference over the mean."""
    values = np.asarray(values)
    return np.abs(values[:, None] - values[None, :]).mean() / (2 * values.mean())


def broken_at(graph, wiring):
    """Walk the links in order; name the first after which no reached node will be read."""
    roles = {nodes.name: nodes.role for nodes in wiring.nodes}
    reached = {node for node in graph if roles[node[0]] == "input"}
    for use, link in enumerate(wiring.links):
        for start, end, edge in graph.edges(data=True):
            if edge["use"] == use and start in reached:
                reached.add(end)
        names = {source for later in wiring.links[use + 1 :] for source in later.sources}
        names |= {name for name, role in roles.items() if role == "output"}
        if not any(node[0] in names for node in reached):
            return link.layer
    return None
