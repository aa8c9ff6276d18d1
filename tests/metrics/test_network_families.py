import math

import numpy as np

from masktopo import analyze, null_scores
from masktopo.graphs.build import multipartite
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.metrics import connectivity_family
from masktopo.metrics.connectivity import connectivity_metrics
from masktopo.metrics.min_cut import min_cut


def network(weights=True, middle=0.5):
    rng = np.random.default_rng(3)
    shapes = {"a": (6, 5), "b": (4, 6), "c": (3, 4)}
    density = {"a": 0.5, "b": middle, "c": 0.5}
    return MaskSet(
        LayerMask(
            name, rng.random(shape) < density[name], rng.normal(size=shape) if weights else None
        )
        for name, shape in shapes.items()
    )


def test_a_report_has_connectivity():
    masks = network()
    report = analyze(masks, metrics="connectivity")
    found = connectivity_metrics(multipartite(masks))
    assert report.network["bridges"] == found.bridges
    assert report.network["motifs4"] == found.motifs4
    assert report.network["spectral_gap"] == found.spectral_gap
    assert report.layers["edges"].tolist() == [masks[name].nnz for name in masks]
    assert report.layers["edges"].sum() == report.network["edges"] == masks.nnz
    assert any("assumed" in note for note in report.notes)


def test_a_report_has_lengths_and_cuts_of_paths():
    report = analyze(network(), metrics="paths")
    network_of = report.network
    lengths = [network_of[f"path_length_{name}"] for name in ("mean", "min", "max")]
    assert lengths == [3, 3, 3]
    assert network_of["min_cut"] == network_of["min_cut_noskip"] > 0
    bottleneck = min_cut(multipartite(network())).layer
    assert report.layers.index[report.layers["min_cut_layer"]].tolist() == [bottleneck]
    assert any(note.endswith(f"most is at {bottleneck}.") for note in report.notes)
    assert network_of.dtype == float


def test_where_no_path_leads_the_break_is_the_bottleneck():
    report = analyze(network(middle=0.0), metrics="paths")
    assert report.network["min_cut"] == 0
    assert report.layers["min_cut_layer"].tolist() == [False, True, False]
    assert math.isnan(report.network["path_length_mean"])


def test_a_network_without_wiring_has_nan_and_a_note():
    masks = MaskSet([LayerMask("a", np.ones((3, 2), bool)), LayerMask("b", np.ones((5, 4), bool))])
    report = analyze(masks, metrics=["connectivity", "paths"])
    assert math.isnan(report.network["bridges"])
    assert report.layers["sink_nodes"].isna().all()
    assert report.layers["min_cut_layer"].isna().all()
    assert sum("No end-to-end metrics" in note for note in report.notes) == 1


def test_unknown_weights_are_noted():
    report = analyze(network(weights=False), metrics="connectivity")
    assert math.isnan(report.network["laplacian_radius"])
    assert any("Weights are unknown" in note for note in report.notes)


def test_eigenvalues_of_huge_graphs_are_left_out(monkeypatch):
    monkeypatch.setattr(connectivity_family, "MOST_NODES", 10)
    report = analyze(network(), metrics="connectivity")
    assert math.isnan(report.network["spectral_gap"])
    assert report.network["mean_strength"] > 0
    assert any("eigenvalues were left out" in note for note in report.notes)


def test_null_models_score_connectivity():
    table = null_scores(network(), against="shuffle", metrics="connectivity", n=12, rng=0)
    rows = table[table["layer"].isna()].set_index("metric")
    assert rows.loc["nodes", "fixed"]
    assert np.isfinite(rows.loc["mean_core", "z"])
    assert "eigenvalue_residual" not in rows.index
