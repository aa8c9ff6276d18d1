"""Connectivity and cuts of the end-to-end graph by networkx, dense matrices and enumeration.

Everything starts from one list of edges: (left node, right node, layer or None, weight), nodes
numbered as in the graph that is tested.
"""

from itertools import combinations

import networkx as nx
import numpy as np


def listed_edges(graph, *, skips=False):
    """List the edges of every block, those of skips and of attention only where asked for."""
    found = []
    for block in graph.blocks:
        if skips or block.mark == "layer":
            left, right = graph.span(block.source), graph.span(block.target)
            edges = block.edges
            for row in range(edges.n_left):
                for slot in range(edges.indptr[row], edges.indptr[row + 1]):
                    weight = edges.factors("l1")[slot] if edges.known else np.nan
                    head = right.start + int(edges.indices[slot])
                    found.append((left.start + row, head, block.layer, float(weight)))
    return found


def simple(n_nodes, edges):
    """Build the undirected simple graph; weights of parallel edges add up."""
    graph = nx.Graph()
    graph.add_nodes_from(range(n_nodes))
    for tail, head, _, weight in edges:
        before = graph.get_edge_data(tail, head, {"weight": 0.0})["weight"]
        graph.add_edge(tail, head, weight=before + weight)
    return graph


def dead_ends(graph, edges, owner):
    """Count edges, sinks, sources, isolated nodes and removable edges: in all, and by layer."""
    names = ["edges", "sink_nodes", "source_nodes", "disconnected_nodes"]
    names += ["removable_out_edges", "removable_in_edges"]
    tables = {layer: dict.fromkeys(names, 0) for layer in [None, *graph.masks]}

    def count(name, layer):
        for key in {None, layer} & set(tables):
            tables[key][name] += 1

    tails, heads = {edge[0] for edge in edges}, {edge[1] for edge in edges}
    sinks = {node for node in heads - tails if not graph.outputs[node]}
    sources = {node for node in tails - heads if not graph.inputs[node]}
    for nodes in graph.wiring.nodes:
        span = graph.span(nodes.name)
        for node in range(span.start, span.stop):
            if node in sinks:
                count("sink_nodes", owner.get(nodes.name))
            if node in sources:
                count("source_nodes", owner.get(nodes.name))
            if node not in tails | heads:
                count("disconnected_nodes", owner.get(nodes.name))
    for tail, head, layer, _ in edges:
        count("edges", layer)
        if head in sinks:
            count("removable_out_edges", layer)
        if tail in sources:
            count("removable_in_edges", layer)
    return tables


def hops(n_nodes, edges, steps):
    """Mean number of nodes within some steps along the edges, the start included."""
    heads = {node: {edge[1] for edge in edges if edge[0] == node} for node in range(n_nodes)}
    sizes = []
    for node in range(n_nodes):
        reached = {node}
        for _ in range(steps):
            reached |= set().union(*(heads[each] for each in reached))
        sizes.append(len(reached))
    return np.mean(sizes)


def motifs4(graph):
    """Try all sets of four nodes: connected if a search from one finds the others."""
    beside = {node: set(graph[node]) for node in graph}
    return sum(_is_connected(set(nodes), beside) for nodes in combinations(graph, 4))


def _is_connected(nodes, beside):
    found = {min(nodes)}
    for _ in range(3):
        found = found.union(*(beside[node] & nodes for node in found))
    return found == nodes


def spectrum(graph):
    """Return ``lambda_1 - lambda_2`` and the largest eigenvalue of the Laplacian."""
    adjacency = nx.to_numpy_array(graph, weight="weight")
    values = np.linalg.eigvalsh(adjacency)
    laplacian = np.diag(adjacency.sum(axis=0)) - adjacency
    gap = values[-1] - values[-2] if len(values) > 1 else np.nan
    return gap, np.linalg.eigvalsh(laplacian)[-1]


def flow_network(graph, *, skips):
    """Split the hidden nodes of a channel graph; arcs carry what they are called in a cut."""
    network = nx.DiGraph()
    owner = {link.target: link.layer for link in graph.wiring.links if link.layer}
    split = ~(graph.inputs | graph.outputs)

    def leave(node):
        return (node, "out") if split[node] else (node, "in")

    for nodes in graph.wiring.nodes:
        span = graph.span(nodes.name)
        for node in range(span.start, span.stop):
            network.add_node((node, "in"))
            if split[node]:
                name = owner.get(nodes.name, nodes.name)
                network.add_edge((node, "in"), leave(node), capacity=1, name=name)
            if graph.inputs[node]:
                network.add_edge("source", (node, "in"))
            if graph.outputs[node]:
                network.add_edge((node, "in"), "sink")
    for block in graph.blocks:
        if block.on_paths and (skips or block.mark != "skip"):
            left, right = graph.span(block.source), graph.span(block.target)
            rows = np.repeat(np.arange(left.start, left.stop), block.edges.out_degrees)
            name = block.layer or owner.get(block.target, block.target)
            for row, column in zip(
                rows, block.edges.indices.astype(int) + right.start, strict=True
            ):
                ends = leave(int(row)), (int(column), "in")
                if not network.has_edge(*ends):
                    network.add_edge(*ends, capacity=1, name=name)
    return network


def cuts(network):
    """Return the size of a minimum cut and the arcs of the one nearest the source, by trying all.

    A cut is a set of nodes with the source and without the sink.
    """
    nodes = [node for node in network if node not in ("source", "sink")]
    best, smallest = None, None
    for size in range(len(nodes) + 1):
        for chosen in combinations(nodes, size):
            side = {"source", *chosen}
            arcs = [arc for arc in network.out_edges(side, data=True) if arc[1] not in side]
            if all("capacity" in data for _, _, data in arcs) and (
                best is None or len(arcs) < best
            ):
                best, smallest = len(arcs), arcs
    return best, smallest
