"""Exports, each read back by the library that it is for, against the graph's own blocks."""

import math
import sys
from collections import Counter

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from masktopo.errors import ArgumentError, WiringError
from masktopo.graphs.build import multipartite
from masktopo.graphs.views import Blank, Read
from masktopo.graphs.wiring import MARKS, ROLES, LayerSpec, Link, NodeSet, Use, Wiring
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from tests.naive.random_networks import random_network
from tests.naive.random_views import random_wiring

seeds = st.integers(0, 2**32)


def without_weights(masks, names):
    return MaskSet(
        layer.with_weight(None) if name in names else layer for name, layer in masks.items()
    )


def random_graph(seed):
    """Draw a graph of either encoding, whose weights are known, unknown or known in part."""
    rng = np.random.default_rng(seed)
    encoding = str(rng.choice(["channel", "unrolled"]))
    masks, wiring = (random_network if encoding == "channel" else random_wiring)(seed)
    unknown = [name for name in masks if rng.random() < 0.5] if rng.random() < 0.5 else []
    return multipartite(without_weights(masks, unknown), wiring=wiring, encoding=encoding)


def position_of(nodes, element):
    axes = [axis for axis in range(len(nodes.shape)) if axis not in nodes.channel_axes]
    if axes and axes[0] == 0 and nodes.shape[0] == 1:
        axes = axes[1:]
    return [int(np.unravel_index(element, nodes.shape)[axis]) for axis in axes]


def channel_of(nodes, element):
    place, channel = np.unravel_index(element, nodes.shape), 0
    for axis in sorted(nodes.channel_axes):
        channel = channel * nodes.shape[axis] + int(place[axis])
    return channel


def expected_nodes(graph):
    """List the attributes of every node, one by one."""
    found = []
    for nodes, start, end in zip(
        graph.wiring.nodes, graph.offsets, graph.offsets[1:], strict=False
    ):
        for element in range(end - start):
            row = {"layer": nodes.name, "role": nodes.role, "channel": element}
            if graph.encoding == "unrolled":
                row["channel"] = channel_of(nodes, element)
                row["position"] = ",".join(map(str, position_of(nodes, element)))
            found.append(row)
    return found


def expected_edges(graph):
    """Count the edges with their attributes; an unknown weight is None."""
    found = Counter()
    for block in graph.blocks:
        left, right = graph.span(block.source).start, graph.span(block.target).start
        edges = block.edges
        for row in range(edges.n_left):
            for at in range(edges.indptr[row], edges.indptr[row + 1]):
                ends = left + row, right + int(edges.indices[at])
                weight = float(edges.factors("l1")[at]) if edges.known else None
                multiplicity = int(edges.factors("multiplicity")[at])
                found[*ends, block.layer or "", block.mark, multiplicity, weight] += 1
    return found


def knows_weights(graph):
    known = [block.edges.known for block in graph.blocks if block.layer is not None]
    return any(known) or not known


def edge_row(source, target, row):
    """Bring one edge, as a library has it, to the form of `expected_edges`."""
    weight = row.get("weight")
    unknown = weight is None or math.isnan(weight)
    multiplicity = int(row["multiplicity"])
    return (
        *(int(source), int(target), row.get("layer", ""), row["mark"], multiplicity),
        None if unknown else weight,
    )


def assert_same(graph, nodes, edges, *, skips_have_weights=True):
    assert nodes == expected_nodes(graph)
    found, expected = Counter(edge_row(*edge) for edge in edges), expected_edges(graph)
    if not skips_have_weights:
        expected = Counter((*edge[:5], None) for edge in expected.elements())
    assert found == expected


def rows_of_igraph(found):
    assert found.is_directed()
    nodes = [dict(node.attributes()) for node in found.vs]
    edges = [(edge.source, edge.target, edge.attributes()) for edge in found.es]
    return nodes, edges


def rows_of_networkx(found):
    assert found.is_directed()
    nodes = [dict(found.nodes[node]) for node in sorted(found.nodes)]
    return nodes, list(found.edges(data=True))


@settings(max_examples=60)
@given(seeds)
def test_igraph_has_the_graph(seed):
    graph = random_graph(seed)
    found = graph.to_igraph()
    assert ("weight" in found.es.attributes()) == knows_weights(graph)
    assert_same(graph, *rows_of_igraph(found), skips_have_weights=knows_weights(graph))


@settings(max_examples=60)
@given(seeds)
def test_networkx_has_the_graph(seed):
    graph = random_graph(seed)
    assert_same(graph, *rows_of_networkx(graph.to_networkx()))


@settings(max_examples=60)
@given(seeds)
def test_torch_has_the_graph(seed):
    graph = random_graph(seed)
    found = graph.to_pyg()
    assert found["num_nodes"] == graph.n_nodes
    assert found["edge_index"].shape == (2, graph.n_edges)
    assert ("position" in found) == (graph.encoding == "unrolled")
    assert ("edge_weight" in found) == knows_weights(graph)
    for name, tensor in found.items():
        assert name == "num_nodes" or tensor.dtype == (
            torch.float32 if name == "edge_weight" else torch.int64
        )
    assert_same(graph, *rows_of_torch(graph, found), skips_have_weights=knows_weights(graph))


def rows_of_torch(graph, found):
    """Write the numbers of tensors as the words that they stand for."""
    wiring, nodes = graph.wiring, []
    for node in range(found["num_nodes"]):
        row = {
            "layer": wiring.nodes[found["layer"][node]].name,
            "role": ROLES[found["role"][node]],
            "channel": int(found["channel"][node]),
        }
        if "position" in found:
            places = [str(place) for place in found["position"][node].tolist() if place >= 0]
            row["position"] = ",".join(places)
        nodes.append(row)
    known = [edge[-1] for edge in expected_edges(graph) if edge[-1] is not None]
    weights = {np.float32(weight): weight for weight in known}
    edges = []
    for at, (source, target) in enumerate(found["edge_index"].T.tolist()):
        layer = int(found["edge_layer"][at])
        row = {
            "layer": "" if layer < 0 else wiring.layers[layer].name,
            "mark": MARKS[found["edge_mark"][at]],
            "multiplicity": found["edge_multiplicity"][at],
        }
        if "edge_weight" in found and not torch.isnan(found["edge_weight"][at]):
            # Tensors are float32; the exact number is told by its rounding.
            row["weight"] = weights[np.float32(found["edge_weight"][at])]
        edges.append((source, target, row))
    return nodes, edges


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("graphs")


@settings(max_examples=40)
@given(seeds)
def test_networkx_reads_graphml(folder, seed):
    graph = random_graph(seed)
    graph.write_graphml(folder / "net.graphml")
    found = nx.read_graphml(folder / "net.graphml", node_type=int)
    nodes, edges = rows_of_networkx(found)
    for row in nodes:
        # An empty element is no text to networkx.
        row.setdefault("position", "") if graph.encoding == "unrolled" else None
    assert_same(graph, nodes, edges)


@settings(max_examples=40)
@given(seeds)
def test_igraph_reads_graphml(folder, seed):
    graph = random_graph(seed)
    graph.write_graphml(folder / "net.graphml")
    nodes, edges = rows_of_igraph(igraph.Graph.Read_GraphML(str(folder / "net.graphml")))
    assert [row.pop("id") for row in nodes] == [str(node) for node in range(graph.n_nodes)]
    for row in nodes:
        assert row["channel"] == int(row["channel"])
    if graph.encoding == "channel":
        assert {row.pop("position", "") for row in nodes} == {""}
    assert_same(graph, nodes, edges)


@settings(max_examples=40)
@given(seeds)
def test_pandas_reads_parquet(folder, seed):
    graph = random_graph(seed)
    graph.write_parquet(folder / "net")
    nodes = pd.read_parquet(folder / "net" / "nodes.parquet")
    edges = pd.read_parquet(folder / "net" / "edges.parquet")
    assert nodes.pop("node").tolist() == list(range(graph.n_nodes))
    assert ("weight" in edges) == knows_weights(graph)
    assert edges["multiplicity"].dtype == edges["source"].dtype == np.int64
    rows = [(row.pop("source"), row.pop("target"), row) for row in edges.to_dict(orient="records")]
    assert_same(
        graph, nodes.to_dict(orient="records"), rows, skips_have_weights=knows_weights(graph)
    )


X, Y = NodeSet("x", (1, 2), (1,), "input"), NodeSet("y", (1, 2), (1,), "output")


def empty_graphs():
    """Yield graphs without an edge: all weights pruned, and nothing that is read."""
    pruned = MaskSet([LayerMask("y", np.zeros((2, 2), bool))])
    link = Link("y", Read("x", (1, 2)), "y", Use("linear"))
    spec = LayerSpec("y", (2, 2), "linear")
    yield multipartite(pruned, wiring=Wiring((X, Y), (link,), (spec,)))
    blank = Link(None, Blank((1, 2)), "y", mark="skip")
    yield multipartite(MaskSet([]), wiring=Wiring((X, Y), (blank,), ()))


@pytest.mark.parametrize("graph", [*empty_graphs()], ids=["pruned", "blank"])
def test_graphs_without_edges(tmp_path, graph):
    assert graph.n_edges == 0
    assert graph.to_igraph().vcount() == graph.to_networkx().number_of_nodes() == 4
    assert graph.to_igraph().ecount() == graph.to_networkx().number_of_edges() == 0
    assert graph.to_pyg()["edge_index"].shape == (2, 0)
    graph.write_parquet(tmp_path)
    assert len(pd.read_parquet(tmp_path / "edges.parquet")) == 0
    graph.write_graphml(tmp_path / "net.graphml")
    assert nx.read_graphml(tmp_path / "net.graphml").number_of_nodes() == 4


def test_blocks_between_the_same_nodes_stay_apart(tmp_path):
    layer = LayerMask("y", np.eye(2, dtype=bool), np.eye(2))
    links = (
        Link("y", Read("x", (1, 2)), "y", Use("linear")),
        Link(None, Read("x", (1, 2)), "y", mark="skip"),
    )
    wiring = Wiring((X, Y), links, (LayerSpec("y", (2, 2), "linear"),))
    graph = multipartite(MaskSet([layer]), wiring=wiring)
    assert graph.to_igraph().count_multiple() == [2, 2, 2, 2]
    assert graph.to_networkx().number_of_edges(0, 2) == 2
    graph.write_graphml(tmp_path / "net.graphml")
    assert nx.read_graphml(tmp_path / "net.graphml").number_of_edges("0", "2") == 2


def exports(graph, folder):
    return {
        "igraph": graph.to_igraph,
        "networkx": graph.to_networkx,
        "pyg": graph.to_pyg,
        "graphml": lambda: graph.write_graphml(folder / "net.graphml"),
        "parquet": lambda: graph.write_parquet(folder),
    }


@pytest.fixture
def implicit():
    masks, wiring = random_wiring(5)
    return multipartite(masks, wiring=wiring, encoding="unrolled", representation="matrix-free")


@pytest.mark.parametrize("name", ["igraph", "networkx", "pyg", "graphml", "parquet"])
def test_edges_that_are_not_listed(tmp_path, implicit, name):
    with pytest.raises(WiringError, match='build it with representation="explicit"'):
        exports(implicit, tmp_path)[name]()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("module", "export", "package"),
    [
        ("networkx", "networkx", "networkx"),
        ("pyarrow", "parquet", r"masktopo\[parquet\]"),
    ],
)
def test_a_library_that_is_not_there(tmp_path, monkeypatch, module, export, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ArgumentError, match=f"needs {module}: pip install '{package}'"):
        exports(random_graph(0), tmp_path)[export]()


@pytest.mark.parametrize("name", ["a<b>&\"c'", "ümlaut", "a\tb"])
def test_names_that_xml_must_escape(tmp_path, name):
    graph = multipartite(MaskSet([LayerMask(name, np.eye(2, dtype=bool))]))
    graph.write_graphml(tmp_path / "net.graphml")
    found = nx.read_graphml(tmp_path / "net.graphml")
    assert {layer for _, _, layer in found.edges(data="layer")} == {name}


def test_names_that_xml_cannot_hold(tmp_path):
    graph = multipartite(MaskSet([LayerMask("a\x00", np.eye(2, dtype=bool))]))
    with pytest.raises(WiringError, match=r"the name 'a\\x00' has characters that XML cannot"):
        graph.write_graphml(tmp_path / "net.graphml")
    assert list(tmp_path.iterdir()) == []


def test_long_blocks_are_written_in_parts(tmp_path, monkeypatch):
    graph = random_graph(4)
    monkeypatch.setattr("masktopo.graphs.exports.columns._MOST_AT_ONCE", 2)
    assert_same(graph, *rows_of_networkx(graph.to_networkx()))
    graph.write_parquet(tmp_path)
    assert len(pd.read_parquet(tmp_path / "edges.parquet")) == graph.n_edges > 4
