import sys
import types

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import load_npz
from torch import nn

from masktopo import LayerMask, MaskSet, load_wiring, multipartite
from masktopo.cli.main import main
from masktopo.graphs.order import wiring_from_order


def chain():
    rng = np.random.default_rng(0)
    shapes = {"first": (6, 4), "second": (3, 6)}
    return MaskSet(
        LayerMask(name, rng.random(shape) < 0.5, rng.standard_normal(shape))
        for name, shape in shapes.items()
    )


@pytest.fixture
def masks(tmp_path):
    path = tmp_path / "net.masks"
    chain().save(path)
    return str(path)


def test_graphml(masks, tmp_path, capsys):
    out = tmp_path / "net.graphml"
    assert main(["export", masks, "--to", "graphml", "-o", str(out)]) == 0
    graph, found = multipartite(chain()), nx.read_graphml(out)
    assert capsys.readouterr().out == f"13 nodes, {graph.n_edges} edges, written: {out}\n"
    assert (found.number_of_nodes(), found.number_of_edges()) == (13, graph.n_edges)


def test_parquet(masks, tmp_path):
    out = tmp_path / "graph"
    assert main(["export", masks, "--to", "parquet", "-o", str(out)]) == 0
    assert len(pd.read_parquet(out / "edges.parquet")) == multipartite(chain()).n_edges


def test_npz(masks, tmp_path):
    out = tmp_path / "net.npz"
    assert main(["export", masks, "--to", "npz", "-o", str(out)]) == 0
    expected = multipartite(chain()).to_scipy()
    np.testing.assert_array_equal(load_npz(out).toarray(), expected.toarray())


def test_wiring_from_the_order_and_back(masks, tmp_path, capsys):
    file, out = str(tmp_path / "net.json"), tmp_path / "net.npz"
    assert main(["export", masks, "--to", "wiring", "-o", file]) == 0
    assert "3 node sets, 2 links, written" in capsys.readouterr().out
    assert load_wiring(file) == wiring_from_order(chain())
    assert main(["export", masks, "--wiring", file, "--to", "npz", "-o", str(out)]) == 0
    assert load_npz(out).nnz == multipartite(chain()).n_edges


def network(input_shape, n_classes):
    return nn.Sequential(
        nn.Conv2d(input_shape[0], 3, 3, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(3, n_classes),
    )


@pytest.fixture
def users_network(monkeypatch):
    networks = types.ModuleType("users_networks")
    networks.network = network
    monkeypatch.setitem(sys.modules, "users_networks", networks)


@pytest.mark.parametrize(("encoding", "nodes"), [("channel", 6), ("unrolled", 18)])
def test_a_model_is_traced(users_network, tmp_path, capsys, encoding, nodes):
    masks = tmp_path / "net.masks"
    conv = LayerMask("0", np.eye(3, 9, dtype=bool).reshape(3, 1, 3, 3), kind="conv2d")
    MaskSet([conv, LayerMask("3", np.eye(2, 3, dtype=bool))]).save(masks)
    out = tmp_path / "net.graphml"
    model = ["--model", "users_networks:network", "--input-shape", "1x2x2", "--classes", "2"]
    call = ["export", str(masks), *model, "--encoding", encoding]
    assert main([*call, "--to", "graphml", "-o", str(out)]) == 0
    assert f"{nodes} nodes" in capsys.readouterr().out
    assert nx.read_graphml(out).number_of_nodes() == nodes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "gexf"], "--to='gexf' is not one of 'graphml', 'parquet', 'npz', 'wiring'"),
        (["--to", "npz", "--model", "mlp"], "--model needs --input-shape, as 3x32x32, not None"),
        (["--to", "npz", "--model", "mlp", "--input-shape", "3xa"], "as 3x32x32, not '3xa'"),
        (["--to", "npz", "--model", "mlp", "--input-shape", "0x4"], "as 3x32x32, not '0x4'"),
        (["--to", "npz", "--wiring", "missing.json"], "missing.json: No such file"),
        (["--to", "npz", "--encoding", "unrolled"], "without a model positions are unknown"),
        (["--to", "npz", "--encoding", "rolled"], "encoding='rolled' is not one of 'channel'"),
    ],
)
def test_what_cannot_be_exported(masks, tmp_path, capsys, options, message):
    assert main(["export", masks, *options, "-o", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_model_and_a_wiring_are_one_too_many(masks, capsys):
    with pytest.raises(SystemExit):
        main(["export", masks, "--to", "npz", "-o", "x", "--model", "mlp", "--wiring", "y"])
    assert "not allowed with argument --model" in capsys.readouterr().err
