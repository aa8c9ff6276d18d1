import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from torch import nn

from masktopo import LayerMask, MaskSet, analyze
from masktopo.errors import ArgumentError
from masktopo.graphs.bipartite import bipartite, left_size, output_by_input, weight_shaped
from masktopo.masks.model import masks_of_module
from masktopo.metrics import null_masks
from masktopo.metrics.family import Subject
from masktopo.metrics.null_masks import null_model
from masktopo.metrics.null_statistics import null_statistics
from masktopo.metrics.nulls import kept_metrics, null_findings, null_scores
from tests.bigraphs import complete, disjoint, layer_of
from tests.naive.rewiring import graphs_of_same_degrees

# Random numbers wrap around by design; without the compiler, NumPy warns of it.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in scalar")

KINDS = {
    "linear": ((7, 9), 1),
    "conv2d": ((6, 4, 2, 3), 2),
    "conv1d": ((6, 1, 5), 6),
    "conv_transpose2d": ((6, 4, 2, 2), 3),
    "embedding": ((11, 5), 1),
}


def random_layer(seed, kind, weighted=True):
    rng = np.random.default_rng(seed)
    shape, groups = KINDS[kind]
    weight = rng.standard_normal(shape).astype(np.float32) if weighted else None
    return LayerMask(kind, rng.random(shape) < rng.choice([0.1, 0.4, 0.8]), weight, kind, groups)


def network(seed=0, weighted=True):
    rng = np.random.default_rng(seed)
    layers = []
    for name, shape in {"a": (20, 30), "b": (16, 20), "c": (6, 16)}.items():
        weight = rng.standard_normal(shape).astype(np.float32) if weighted else None
        layers.append(LayerMask(name, rng.random(shape) < 0.3, weight))
    return MaskSet(layers)


def padded_chain():
    """Two convolutions, in the second of which the kernel's rim meets padding; then a third."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 3, 3)]
    return nn.Sequential(*layers), torch.zeros(1, 2, 4, 4)


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.again = nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)

    def forward(self, x):
        return self.again(self.again(self.first(x)))


def layer_used_twice():
    torch.manual_seed(0)
    return Twice(), torch.zeros(1, 4, 4, 4)


def thinned(model):
    rng = np.random.default_rng(3)
    masks = masks_of_module(model)
    return masks.with_masks(
        {name: rng.random(layer.shape) < 0.08 for name, layer in masks.items()}, origin="thinned"
    )


def group_counts(layer):
    graph = bipartite(layer)
    return graph.left_degrees.reshape(layer.groups, -1).sum(axis=1).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_matrices_turn_back_into_weights(kind):
    layer = random_layer(0, kind)
    matrix = output_by_input(layer, layer.weight)
    assert np.array_equal(weight_shaped(layer, matrix), layer.weight)


@pytest.mark.parametrize("against", ["shuffle", "degree"])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_draws_keep_what_they_promise(kind, against, seed):
    layer = random_layer(seed, kind)
    model = null_model(MaskSet([layer]), against)
    drawn = model.draw(seed, 1).masks[kind]
    assert drawn.shape == layer.shape
    assert drawn.groups == layer.groups
    assert group_counts(drawn) == group_counts(layer)
    kept, permuted = layer.weight[layer.mask], drawn.weight[drawn.mask]
    assert np.array_equal(np.sort(kept), np.sort(permuted))
    if against == "degree":
        before, after = bipartite(layer), bipartite(drawn)
        assert np.array_equal(before.left_degrees, after.left_degrees)
        assert np.array_equal(before.right_degrees, after.right_degrees)
    if model.fixed:
        assert np.array_equal(drawn.mask, layer.mask)
        assert np.array_equal(drawn.weight, layer.weight)


@pytest.mark.parametrize("against", ["shuffle", "degree"])
def test_draws_are_functions_of_seed_layer_and_index(against):
    masks = network()
    model = null_model(masks, against)
    draw = model.draw(7, 3)
    # Neither the draws before it nor the other layers matter.
    model.draw(7, 2)
    assert model.draw(7, 3).masks == draw.masks
    alone = null_model(MaskSet([masks["b"]]), against).draw(7, 3).masks["b"]
    assert np.array_equal(alone.mask, draw.masks["b"].mask)
    assert np.array_equal(alone.weight, draw.masks["b"].weight)
    for seed, index in ((8, 3), (7, 4)):
        other = model.draw(seed, index).masks
        assert all(not np.array_equal(other[n].mask, draw.masks[n].mask) for n in masks)
    assert not np.array_equal(draw.masks["a"].weight, model.draw(7, 4).masks["a"].weight)


@pytest.mark.parametrize("density", ["sparse", "full"])
def test_degree_draws_are_uniform(density):
    """Through the whole model, also where the absent edges are the ones that are swapped."""
    matrix = np.array([[0, 0, 0, 1, 0], [1, 1, 0, 0, 0], [0, 1, 0, 0, 0]], dtype=bool)
    matrix = matrix if density == "sparse" else ~matrix
    model = null_model(MaskSet([LayerMask("fc", matrix)]), "degree")
    states = dict.fromkeys(graphs_of_same_degrees(matrix), 0)
    for index in range(1500):
        states[model.draw(0, index).masks["fc"].mask.tobytes()] += 1
    counts = np.array(list(states.values()))
    expected = 1500 / counts.size
    assert ((counts - expected) ** 2 / expected).sum() < chi2.isf(1e-4, counts.size - 1)


@pytest.mark.parametrize("density", [0.1, 0.8])
def test_ten_swaps_an_edge_are_accepted(density, monkeypatch):
    """Edges are those of the layer, also where the absent ones are swapped."""
    layer = LayerMask("fc", np.random.default_rng(0).random((30, 40)) < density)
    counted = []

    def spy(*arguments):
        swap_edges(*arguments)
        counted.append(arguments[-1].sum())

    swap_edges = null_masks.rewire.swap_edges
    monkeypatch.setattr(null_masks.rewire, "swap_edges", spy)
    null_model(MaskSet([layer]), "degree").draw(0, 0)
    # At most 1000 more come from the attempts at the end.
    assert 10 * layer.nnz <= counted[0] <= 10 * layer.nnz + 1000


def test_weights_land_anywhere():
    """Every weight reaches every edge of a shuffled layer alike."""
    layer = LayerMask("fc", np.array([[1, 1, 0]]), np.array([[1.0, 2.0, 5.0]]))
    model = null_model(MaskSet([layer]), "shuffle")
    seen = {}
    for index in range(1200):
        found = tuple(model.draw(1, index).masks["fc"].weight.ravel().tolist())
        seen[found] = seen.get(found, 0) + 1
    assert len(seen) == 6
    counts = np.array(list(seen.values()))
    assert ((counts - 200) ** 2 / 200).sum() < chi2.isf(1e-4, 5)


@pytest.mark.parametrize(
    ("matrix", "reason"),
    [
        (complete(4, 6), "complete"),
        (np.zeros((4, 6)), "empty"),
        (np.eye(1, 6), "star or nested"),
        (np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]]), "star or nested"),
        (np.pad(complete(3, 1), ((0, 2), (1, 3))), "star or nested"),
    ],
)
def test_layers_without_a_legal_swap_are_fixed(matrix, reason):
    weights = np.random.default_rng(0).standard_normal(matrix.shape)
    layer = layer_of(matrix, weights)
    model = null_model(MaskSet([layer]), "degree")
    assert reason in model.fixed["layer"]
    assert model.draw(0, 0).masks["layer"] is layer


def test_a_perfect_matching_is_not_fixed():
    assert not null_model(MaskSet([layer_of(np.eye(2))]), "degree").fixed


def test_a_depthwise_layer_is_fixed_by_degree_and_not_by_shuffle():
    mask = np.random.default_rng(0).random((8, 1, 3, 3)) < 0.5
    masks = MaskSet([LayerMask("dw", mask, kind="conv2d", groups=8)])
    assert "every group" in null_model(masks, "degree").fixed["dw"]
    assert not null_model(masks, "shuffle").fixed


@pytest.mark.parametrize(("matrix", "fixed"), [(complete(3, 3), True), (np.eye(1, 6), False)])
def test_only_empty_and_complete_layers_are_fixed_by_shuffle(matrix, fixed):
    assert bool(null_model(MaskSet([layer_of(matrix)]), "shuffle").fixed) == fixed


def test_layers_whose_swaps_are_too_rare_are_named(monkeypatch):
    monkeypatch.setattr(null_masks, "TRIES", 5)
    # A star and one edge beside it: two of a million pairs of edges can be swapped.
    rare = layer_of(disjoint(complete(1, 1000), complete(1, 1)))
    table = null_scores(MaskSet([rare, network()["a"]]), against="degree", metrics="nnz", n=2)
    assert any("fewer than 10 an edge" in note and "layer" in note for note in table.attrs["notes"])
    model = null_model(MaskSet([rare, network()["a"]]), "degree")
    assert model.draw(0, 0).short == ("layer",)


def test_statistics_word_by_word():
    rng = np.random.default_rng(0)
    draws = rng.normal(3.0, 2.0, (50, 4))
    values = np.array([3.0, 9.0, -5.0, draws[7, 3]])
    found = null_statistics(values, draws)
    for index, value in enumerate(values):
        column = draws[:, index]
        mean, sd = column.mean(), column.std(ddof=1)
        as_far = sum(abs(draw - mean) >= abs(value - mean) for draw in column)
        assert found.mean[index] == pytest.approx(mean, rel=1e-12)
        assert found.sd[index] == pytest.approx(sd, rel=1e-12)
        assert found.z[index] == pytest.approx((value - mean) / sd, rel=1e-12)
        assert found.p[index] == (1 + as_far) / 51
        assert found.reason[index] == ""
    assert found.p[2] == 1 / 51


def test_statistics_without_a_z():
    draws = np.full((20, 5), 2.0)
    draws[:, 0] = 0.1 + 1e-13 * np.arange(20)
    draws[:11, 1] = np.nan
    draws[:9, 1], draws[15, 1] = -np.inf, 3.0
    draws[:, 2] = np.arange(20)
    draws[:, 3] = np.nan
    values = np.array([0.1, 1.0, np.nan, 1.0, 5.0])
    found = null_statistics(values, draws)
    assert np.isnan(found.z).all()
    assert found.reason == (
        "all draws are equal",
        "only 9 finite draws",
        "the value is not finite",
        "only 0 finite draws",
        "all draws are equal",
    )
    assert found.sd[0] == found.sd[4] == 0
    assert found.n_finite.tolist() == [20, 9, 20, 0, 20]
    # A value that differs from all draws is as rare as it can be, though it has no z.
    np.testing.assert_array_equal(found.p[[0, 4]], [1.0, 1 / 21])
    assert np.isnan(found.p[[2, 3]]).all()
    assert np.isnan(found.mean[3])


def test_ten_finite_draws_are_enough():
    draws = np.arange(12.0)[:, None]
    draws[:2] = np.nan
    found = null_statistics(np.array([6.0]), draws)
    assert found.reason == ("",)
    assert found.z[0] == pytest.approx((6 - 6.5) / np.arange(2, 12).std(ddof=1), rel=1e-12)


@pytest.mark.parametrize("against", ["shuffle", "degree"])
def test_the_table_is_what_single_draws_give(against):
    masks = network()
    table = null_scores(masks, against=against, metrics=["mu_hat", "imsg"], n=12, rng=5)
    assert table.attrs["seed"] == 5
    model = null_model(masks, against)
    draws = [analyze(model.draw(5, i).masks, metrics=["mu_hat", "imsg"]) for i in range(12)]
    report = analyze(masks, metrics=["mu_hat", "imsg"])
    rows = table.set_index(["metric", "layer"])
    for metric in ("mu_hat", "imsg"):
        for layer in masks:
            column = np.array([draw.layers.loc[layer, metric] for draw in draws])
            row = rows.loc[(metric, layer)]
            assert row["value"] == report.layers.loc[layer, metric]
            if np.isfinite(column).all() and np.isfinite(row["value"]):
                assert row["mean"] == pytest.approx(column.mean(), rel=1e-12)
                expected = (row["value"] - column.mean()) / column.std(ddof=1)
                assert row["z"] == pytest.approx(expected, rel=1e-9)
                assert not row["fixed"]
    column = np.array([draw.network["imsg"] for draw in draws])
    row = table[(table["metric"] == "imsg") & table["layer"].isna()].iloc[0]
    assert row["mean"] == pytest.approx(column.mean(), rel=1e-12)


def test_threads_and_repetition_do_not_change_a_bit():
    masks = network()
    tables = [
        null_scores(masks, against="degree", n=11, rng=3, threads=threads) for threads in (1, 3, 1)
    ]
    for other in tables[1:]:
        pd.testing.assert_frame_equal(tables[0], other, check_exact=True)
        assert other.attrs == tables[0].attrs
    moved = null_scores(masks, against="degree", n=11, rng=4)
    assert not moved["mean"].equals(tables[0]["mean"])


def test_metrics_that_a_null_keeps_are_fixed_and_do_not_vary():
    masks = network()
    for against in ("shuffle", "degree"):
        table = null_scores(masks, against=against, n=12)
        fixed = table[table["fixed"]]
        assert fixed["z"].isna().all()
        assert (fixed["reason"] == f"kept by {against}").all()
        np.testing.assert_array_equal(fixed["mean"], fixed["value"])
        assert (fixed["sd"] == 0).all()
        free = table[~table["fixed"]]
        varied = set(free[free["sd"] > 0]["metric"])
        assert {"mu_hat", "ramanujan_gap", "path_centrality_gini", "log10_path_norm_l1"} <= varied
        assert ("left_degree_mean" in set(fixed["metric"])) == (against == "degree")
        assert "spectral_residual" not in set(table["metric"])
        assert "log10_paths" in varied


def test_degrees_of_the_channel_graph_are_not_kept():
    rng = np.random.default_rng(0)
    layer = LayerMask("conv", rng.random((12, 10, 3, 3)) < 0.15, kind="conv2d")
    table = null_scores(
        MaskSet([layer]), against="degree", metrics="degrees", encoding="channel", n=12
    )
    row = table[table["metric"] == "left_degree_mean"].iloc[0]
    assert not row["fixed"]
    assert row["sd"] > 0
    assert "left_degree_mean" in kept_metrics("degree", Subject(MaskSet([layer])))


def test_paths_of_two_layers_are_kept_by_degree():
    masks = MaskSet([network()["a"], network()["b"]])
    rows = null_scores(masks, against="degree", metrics="paths", n=12).set_index("metric")
    assert rows.loc["log10_paths", "fixed"]
    assert rows.loc["log10_paths", "sd"] == 0
    assert not rows.loc["effective_nodes", "fixed"]


@pytest.mark.parametrize("encoding", ["channel", "unrolled"])
@pytest.mark.parametrize("build", [padded_chain, layer_used_twice])
def test_what_the_network_keeps_does_not_vary(build, encoding):
    model, example = build()
    report_of = {"model": model, "example_input": example, "encoding": encoding}
    options = {"metrics": ["paths", "connectivity"], "against": "degree", "draws": 12}
    found = analyze(thinned(model), **report_of, **options).network
    masks = thinned(model)
    draws = [null_model(masks, "degree").draw(0, index).masks for index in range(12)]
    plain = [analyze(draw, **report_of, metrics=options["metrics"]).network for draw in draws]
    names = ("log10_paths", "sink_nodes", "source_nodes", "disconnected_nodes")
    varied = {name for name in names if len({round(each[name], 9) for each in plain}) > 1}
    assert varied
    # Kept metrics have no score, so that those that vary must have one.
    assert varied <= {name for name in names if f"{name}_z" in found}
    if encoding == "channel":
        assert varied == {"log10_paths"}
        assert "sink_nodes_z" not in found


def test_a_fixed_layer_is_marked_but_its_paths_may_vary():
    rng = np.random.default_rng(0)
    layers = [layer_of(complete(12, 10), name="a")]
    layers.append(layer_of(rng.random((10, 8)) < 0.15, name="b"))
    layers.append(layer_of(rng.random((8, 5)) < 0.2, name="c"))
    table = null_scores(MaskSet(layers), against="degree", n=20)
    rows = table[table["layer"] == "a"].set_index("metric")
    assert rows.loc["mu_hat", "fixed"]
    assert rows.loc["mu_hat", "reason"] == "the layer is complete"
    assert not rows.loc["effective_edges", "fixed"]
    assert any("1 of 3 layers cannot change" in note for note in table.attrs["notes"])


def test_a_network_that_cannot_change_is_fixed_throughout():
    table = null_scores(MaskSet([layer_of(complete(4, 5))]), n=10)
    assert table["fixed"].all()
    assert set(table["reason"]) == {"no layer can change"}


def test_under_ten_draws_give_no_z():
    table = null_scores(network(), metrics="mu_hat", n=9)
    free = table[~table["fixed"]]
    assert set(free["reason"]) == {"only 9 finite draws"}
    assert free["z"].isna().all()
    assert free["p"].notna().all()


def test_a_structured_mask_stands_out():
    """Two dense blocks: a second singular value as large as the first, which no draw has."""
    matrix = disjoint(complete(12, 12), complete(12, 12))
    table = null_scores(MaskSet([layer_of(matrix)]), against="degree", metrics="mu_hat", n=30)
    row = table[table["metric"] == "mu_hat"].iloc[0]
    assert row["value"] == pytest.approx(12, rel=1e-9)
    assert row["z"] > 10
    assert row["p"] == 1 / 31


def test_findings_are_columns_of_a_report():
    masks = network()
    table = null_scores(masks, against="degree", metrics=["mu_hat", "imdb", "nnz"], n=12)
    found = null_findings(table, list(masks))
    assert set(found.layers) == {"mu_hat_z", "mu_hat_p", "imdb_z", "imdb_p"}
    assert set(found.network) == {"imdb_z", "imdb_p"}
    rows = table[table["metric"] == "mu_hat"]
    np.testing.assert_array_equal(found.layers["mu_hat_z"], rows["z"])
    assert found.notes == table.attrs["notes"]


def test_arguments_are_checked():
    masks = network()
    with pytest.raises(ArgumentError, match="against='degrees' is not one of 'shuffle', 'degree'"):
        null_scores(masks, against="degrees")
    with pytest.raises(ArgumentError, match="n must be at least 1"):
        null_scores(masks, n=0)
    with pytest.raises(ArgumentError, match="metrics='mu_two' is not one of"):
        null_scores(masks, metrics="mu_two")


def test_left_sizes_of_the_kinds_here():
    """The kinds above have groups that matter: inputs differ from the second dimension."""
    assert [left_size(random_layer(0, kind)) for kind in KINDS] == [9, 8, 6, 6, 11]


def test_analyze_adds_columns_of_a_null_model():
    masks = network()
    options = {"metrics": ["mu_hat", "log10_paths"], "rng": 2, "draws": 12}
    report = analyze(masks, against="shuffle", **options)
    table = null_scores(masks, against="shuffle", metrics=options["metrics"], n=12, rng=2)
    rows = table[table["metric"] == "mu_hat"]
    np.testing.assert_array_equal(report.layers["mu_hat_z"], rows["z"])
    np.testing.assert_array_equal(report.layers["mu_hat_p"], rows["p"])
    row = table[table["metric"] == "log10_paths"].iloc[0]
    assert report.network["log10_paths_z"] == row["z"]
    assert "nnz_z" not in report.layers
    assert report.settings["against"] == "shuffle, 12 draws, seed 2"
    assert any("12 random networks" in note for note in report.notes)
    plain = analyze(masks, **options)
    assert "mu_hat_z" not in plain.layers
    assert plain.settings["against"] == "no null model"
    with pytest.raises(ArgumentError, match="against='degrees' is not one of"):
        analyze(masks, against="degrees")
