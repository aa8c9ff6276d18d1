import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import masktopo
from masktopo import LayerMask, MaskSet
from masktopo.errors import ArgumentError, MaskError
from masktopo.metrics.registry import FAMILIES
from tests.naive import spectral as naive


def small_network(seed=0, density=0.4):
    """A convolution, a convolution and a linear layer that chain, with weights."""
    rng = np.random.default_rng(seed)
    layers = []
    for name, shape in (("a", (12, 3, 3, 3)), ("b", (16, 12, 3, 3)), ("c", (10, 64))):
        mask = rng.random(shape) < density
        weight = rng.standard_normal(shape).astype(np.float32)
        layers.append(LayerMask(name, mask, weight, "conv2d" if len(shape) == 4 else "linear"))
    return MaskSet(layers)


def test_columns_are_those_of_the_registry():
    report = masktopo.analyze(small_network())
    assert list(report.layers.columns) == [
        name for family in FAMILIES.values() for name in family.layer_metrics
    ]
    assert set(report.network.index) == {
        name for family in FAMILIES.values() for name in family.network_metrics
    }
    assert report.layers.index.name == "layer"
    assert list(report.layers.index) == ["a", "b", "c"]


def test_numbers_are_those_of_the_naive_reference():
    masks = small_network()
    report = masktopo.analyze(masks)
    for name, layer in masks.items():
        left_by_right = layer.mask.reshape(layer.shape[0], -1).T
        weights = layer.weight.reshape(layer.shape[0], -1).T
        expected, n_parts = naive.coordinate(left_by_right, weights, "pags23")
        row = report.layers.loc[name]
        found = [row[c] for c in ("ramanujan_gap", "weighted_spectral_gap", "imdb", "imsg")]
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        assert row["full_spectrum"] == pytest.approx(np.linalg.norm(np.nan_to_num(expected)))
        assert row["subgraphs"] == n_parts
        assert row["nnz"] == layer.mask.sum()
    spectra = report.layers["full_spectrum"]
    assert report.network["full_spectrum"] == pytest.approx(spectra.mean())
    assert report.network["nnz"] == masks.nnz


def test_invalid_layers_count_as_zero_and_are_counted():
    masks = MaskSet([*small_network().values(), LayerMask("d", np.eye(10, dtype=bool))])
    masks = masks.with_weights({name: np.ones(layer.shape) for name, layer in masks.items()})
    report = masktopo.analyze(masks, metrics="spectral")
    assert report.layers["valid"].tolist() == [True, True, True, False]
    assert math.isnan(report.layers.loc["d", "ramanujan_gap"])
    valid = report.layers["ramanujan_gap"].iloc[:3]
    assert report.network["ramanujan_gap"] == pytest.approx(valid.sum() / 4)
    assert report.network["valid_layers"] == 3
    assert any("3 of 4 layers have all coordinates valid" in note for note in report.notes)


def test_metrics_choose_families_and_single_columns():
    masks = small_network()
    report = masktopo.analyze(masks, metrics=["mu_hat", "degrees"])
    assert "mu_hat" in report.layers
    assert "mu_0" not in report.layers
    assert "left_degree_mean" in report.layers
    assert "log10_paths" not in report.network
    with pytest.raises(ArgumentError, match=r"'mu_hut' is not one of .*'mu_hat'"):
        masktopo.analyze(masks, metrics="mu_hut")


def test_options_are_checked_before_anything_is_read():
    with pytest.raises(ArgumentError, match="encoding='flat' is not one of"):
        masktopo.analyze("no such file", encoding="flat")
    with pytest.raises(ArgumentError, match="convention='none' is not one of"):
        masktopo.analyze("no such file", convention="none")
    with pytest.raises(ArgumentError, match="threads must be at least 1"):
        masktopo.analyze("no such file", threads=0)


def test_weights_from_elsewhere():
    masks = small_network()
    bare = masks.with_weights(None)
    state = {f"{name}.weight": torch.tensor(layer.weight) for name, layer in masks.items()}
    given = masktopo.analyze(bare, weights=state)
    found = masktopo.analyze(masks)
    pd.testing.assert_frame_equal(given.layers, found.layers)
    assert given.settings["weights"] == "given: dict"
    without = masktopo.analyze(bare)
    assert without.layers["weighted_spectral_gap"].isna().all()
    assert math.isnan(without.network["full_spectrum"])
    assert any("nan where weights are unknown" in note for note in without.notes)
    del state["b.weight"]
    with pytest.raises(MaskError, match="dict does not fit memory: the given weights lack layer b"):
        masktopo.analyze(bare, weights=state)


def test_weights_of_another_network_are_named_with_their_file(tmp_path):
    path = tmp_path / "other.pt"
    torch.save({"a.weight": torch.ones(12, 3, 3, 1), "c.weight": torch.ones(10, 64)}, path)
    expected = (
        rf"^{path} does not fit memory: the given weights lack layer b; have another shape "
        r"in a \(\(12, 3, 3, 1\), expected \(12, 3, 3, 3\)\)$"
    )
    for given in (path, str(path)):
        with pytest.raises(MaskError, match=expected):
            masktopo.analyze(small_network(), weights=given)


def test_reference_moves_the_origin():
    masks = small_network()
    assert masktopo.analyze(masks, reference=masks).network["full_spectrum"] == 0
    other = masktopo.analyze(masks, reference=small_network(1))
    assert 0 < other.network["full_spectrum"] < 100
    with pytest.raises(MaskError, match="only memory has c"):
        masktopo.analyze(masks, reference=MaskSet(list(small_network().values())[:2]))


def test_collapsed_layer_breaks_the_flow():
    masks = small_network()
    empty = masks.with_masks({"b": np.zeros(masks["b"].shape, bool)}, origin="emptied")
    report = masktopo.analyze(empty)
    assert report.network["log10_paths"] == -math.inf
    assert report.network["effective_edges"] == 0
    assert any("flow breaks at b" in note for note in report.notes)
    assert any("layer collapse): b" in note for note in report.notes)


def test_network_that_cannot_be_wired_says_why():
    rng = np.random.default_rng(0)
    layers = [LayerMask("a", rng.random((5, 4)) < 0.7), LayerMask("b", rng.random((3, 7)) < 0.7)]
    report = masktopo.analyze(MaskSet(layers))
    assert math.isnan(report.network["log10_paths"])
    assert any(note.startswith("No end-to-end metrics: ") for note in report.notes)
    assert report.layers["mu_0"].notna().all()


def test_network_without_layers():
    report = masktopo.analyze(MaskSet([]), allow_dense=True)
    assert len(report.layers) == 0
    assert report.network["layers"] == 0


def test_threads_do_not_change_a_number():
    masks = small_network()
    one, two = (masktopo.analyze(masks, threads=threads) for threads in (1, 2))
    pd.testing.assert_frame_equal(one.layers, two.layers, check_exact=True)


def test_analyze_many_has_a_row_a_network():
    sets = [small_network(seed) for seed in range(3)]
    table = masktopo.analyze_many(sets)
    assert table["digest"].tolist() == [masks.digest for masks in sets]
    assert table["nnz"].tolist() == [masks.nnz for masks in sets]


def test_files_of_a_report(tmp_path):
    report = masktopo.analyze(small_network())
    report.to_csv(tmp_path / "report.csv")
    back = pd.read_csv(tmp_path / "report.csv", comment="#", index_col="layer")
    assert back["mu_hat"].tolist() == report.layers["mu_hat"].tolist()
    report.to_parquet(tmp_path / "report.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "report.parquet"), report.layers)
    report.to_json(tmp_path / "report.json")
    data = json.loads((tmp_path / "report.json").read_text())
    assert data["layers"][1]["layer"] == "b"
    assert data["layers"][1]["nnz"] == report.layers.loc["b", "nnz"]
    assert data["settings"]["digest"] == small_network().digest


def test_json_is_strict_where_numbers_are_not_finite(tmp_path):
    masks = small_network().with_weights(None)
    empty = masks.with_masks({"b": np.zeros(masks["b"].shape, bool)}, origin="emptied")
    masktopo.analyze(empty).to_json(tmp_path / "report.json")

    def refuse(constant):
        raise AssertionError(constant)

    text = (tmp_path / "report.json").read_text()
    network = json.loads(text, parse_constant=refuse)["network"]
    assert network["log10_paths"] == "-inf"
    assert network["full_spectrum"] is None


def test_page_is_offline_and_escapes_names(tmp_path):
    name = "<script>alert(1)</script>"
    rng = np.random.default_rng(0)
    layer = LayerMask(name, rng.random((9, 9)) < 0.5, origin="<b>zeros</b>")
    masktopo.analyze(MaskSet([layer], source="<i>here</i>")).to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<b>zeros" not in page
    assert "<i>here" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert page.count("<img") == 2


def test_plot_draws_every_coordinate_on_the_given_axis():
    from matplotlib.figure import Figure

    report = masktopo.analyze(small_network())
    ax = Figure().subplots()
    assert report.plot(ax=ax) is ax
    lines = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    assert list(lines["IMDB"]) == report.layers["imdb"].tolist()
    assert "3 of 3 layers have all" in ax.get_title()
    with pytest.raises(ArgumentError, match="metrics='spectral'"):
        masktopo.analyze(small_network(), metrics="density").plot()


def test_warmup_compiles_what_the_first_calls_need():
    """In a process of its own, where nothing else has compiled or loaded a kernel."""
    code = """
import masktopo
from masktopo.kernels import balance, compose, convolve, csr, dense, expansion, paths, rewire
from masktopo.kernels import spectral, unroll, walks

masktopo.warmup(progress=False)
needed = [
    *(csr.fill_left, csr.fill_left_dense, csr.fill_channel, spectral.class_spectra),
    *(dense.multiply_weights, expansion.enumerate_cuts, unroll.fill_unrolled),
    *(compose.count_product, convolve.push_runs, paths.push_forward, walks.biased_walks),
    *(balance.greedy_order, rewire.swap_edges),
]
print([kernel.__name__ for kernel in needed if not kernel.signatures])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def grouped_network():
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(8, 16, 3),
        nn.Conv2d(16, 16, 3, groups=4),
        nn.ConvTranspose2d(16, 12, 3),
        nn.Conv2d(12, 4, 1),
    )
    with torch.no_grad():
        for parameter in net.parameters():
            parameter *= torch.rand(parameter.shape) < 0.6
    return net


@pytest.fixture
def grouped(tmp_path):
    """A network with groups and a transposed convolution, its wiring, and its state dict."""
    net, path = grouped_network(), tmp_path / "g.pt"
    torch.save(net.state_dict(), path)
    return net, masktopo.trace(net, torch.zeros(1, 8, 10, 10)), path


def test_a_reference_that_knows_no_groups_takes_them_from_the_masks(grouped):
    net, wiring, path = grouped
    for source, options in ((path, {"wiring": wiring}), (net, {})):
        report = masktopo.analyze(source, reference=path, metrics="spectral", **options)
        assert report.layers["full_spectrum"].tolist() == [0.0] * 4
    report = masktopo.analyze(path, reference=net, metrics="spectral")
    assert report.layers["full_spectrum"].tolist() == [0.0] * 4


def test_a_reference_with_other_groups_is_refused(grouped):
    net, wiring, path = grouped
    net[1] = torch.nn.Conv2d(4, 16, 3)
    with pytest.raises(MaskError, match=r"groups in 1 \(conv2d, groups 4 and conv2d, groups 1\)$"):
        masktopo.analyze(path, wiring=wiring, reference=net, metrics="spectral")


def test_guessed_groups_survive_a_mask_file(grouped, tmp_path):
    net, _, path = grouped
    masktopo.load_masks(path).save(tmp_path / "g.masks")
    report = masktopo.analyze(net, reference=tmp_path / "g.masks", metrics="spectral")
    assert report.layers["full_spectrum"].tolist() == [0.0] * 4


def test_convolutions_whose_groups_were_guessed_are_named(grouped, tmp_path):
    net, wiring, path = grouped
    words = "assumed to be neither grouped nor transposed"
    notes = masktopo.analyze(path, metrics="density").notes
    assert any(words in note and ": 0, 1, 2, 3. Give model= or wiring=" in note for note in notes)
    for source, options in ((net, {}), (path, {"wiring": wiring})):
        found = masktopo.analyze(source, metrics="density", **options)
        assert not any(words in note for note in found.notes)
    linear = {"fc.weight": np.eye(4)}
    assert not any(words in note for note in masktopo.analyze(linear, metrics="density").notes)


def test_reference_without_weights_leaves_only_the_distance_unknown():
    masks = small_network()
    plain = masktopo.analyze(masks, metrics="spectral")
    report = masktopo.analyze(masks, metrics="spectral", reference=masks.with_weights(None))
    assert report.layers["full_spectrum"].isna().all()
    expected = "full_spectrum is nan where the reference has no weights: a, b, c."
    assert expected in report.notes
    assert math.isnan(report.network["full_spectrum"])
    for name in ("ramanujan_gap", "weighted_spectral_gap", "imdb", "imsg"):
        assert report.network[name] == plain.network[name]
    bare = masktopo.analyze(masks.with_weights(None), metrics="spectral", reference=masks)
    assert math.isnan(bare.network["weighted_spectral_gap"])


def scaled_network(scale, dtype):
    rng = np.random.default_rng(0)
    return MaskSet(
        LayerMask(
            name, rng.random((30, 30)) < 0.3, (rng.normal(size=(30, 30)) * scale).astype(dtype)
        )
        for name in "abc"
    )


@pytest.mark.parametrize("scale", [1e19, 1e-25])
def test_squares_of_single_precision_weights_stay_in_range(scale):
    single, double = (
        masktopo.analyze(scaled_network(scale, dtype), metrics="paths", encoding="channel").network
        for dtype in (np.float32, np.float64)
    )
    for name in ("log10_path_norm_l1", "log10_path_norm_l2", "log10_path_kernel_trace"):
        assert single[name] == pytest.approx(double[name], abs=1e-6)


@pytest.mark.parametrize("scale", [1e77, 1e200, 1e300, 1e-100, 1e-200, 1e-300])
@pytest.mark.parametrize("certify", [False, True])
def test_gaps_scale_with_the_weights(scale, certify):
    options = {"metrics": ["spectral", "connectivity"], "certify": certify}
    plain = masktopo.analyze(scaled_network(1, np.float64), **options)
    found = masktopo.analyze(scaled_network(scale, np.float64), **options)
    for name in ("weighted_spectral_gap", "imsg"):
        np.testing.assert_allclose(found.layers[name] / scale, plain.layers[name], rtol=1e-9)
        assert found.network[name] / scale == pytest.approx(plain.network[name], rel=1e-9)
    for name in ("spectral_gap", "laplacian_radius"):
        assert found.network[name] / scale == pytest.approx(plain.network[name], rel=1e-5)
    assert found.layers["mu_hat"].tolist() == plain.layers["mu_hat"].tolist()
    assert (found.layers["spectral_residual"] < 1e-7).all()


def test_threads_change_no_bit_of_what_linear_algebra_finds():
    """By sizes at which BLAS would share a sum among its threads."""
    rng = np.random.default_rng(0)
    layers = [
        LayerMask(name, rng.random(shape) < 0.1, rng.standard_normal(shape), kind)
        for name, shape, kind in (
            ("a", (16, 3, 3, 3), "conv2d"),
            ("b", (24, 16, 3, 3), "conv2d"),
            ("c", (900, 24 * 64), "linear"),
        )
    ]
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 3, padding=1),
        torch.nn.Conv2d(16, 24, 3, padding=1),
        torch.nn.Flatten(),
        torch.nn.Linear(24 * 64, 900),
    )
    wiring = masktopo.trace(model, torch.zeros(1, 3, 8, 8))
    masks = MaskSet(
        LayerMask(name, layer.mask, layer.weight, layer.kind)
        for name, layer in zip(wiring.layer_names, layers, strict=True)
    )
    reports = [
        masktopo.analyze(
            masks,
            wiring=wiring,
            encoding="unrolled",
            metrics=["spectral", "edge_expansion_lower", "conductance_lower", "paths"],
            certify=True,
            threads=threads,
        )
        for threads in (1, 2, 3, 4)
    ]
    for report in reports[1:]:
        pd.testing.assert_frame_equal(report.layers, reports[0].layers, check_exact=True)
        pd.testing.assert_series_equal(report.network, reports[0].network, check_exact=True)


def test_names_and_origins_of_any_kind_come_back_from_csv(tmp_path):
    names = ["#1", "1", "NA", "a#b", 'q"x,y', "a\rb", "c\nd", " ", ""]
    layers = [LayerMask(name, np.eye(4, dtype=bool), origin=f"from {name}") for name in names]
    report = masktopo.analyze(MaskSet(layers), metrics=["spectral", "patterns"])
    report.to_csv(tmp_path / "layers.csv")
    numbers = report.layers.select_dtypes("number")
    back = pd.read_csv(
        tmp_path / "layers.csv",
        comment="#",
        index_col="layer",
        dtype={"layer": str},
        keep_default_na=False,
        na_values={name: [""] for name in numbers},
    )
    assert back.index.tolist() == names
    assert back["origin"].tolist() == report.layers["origin"].tolist()
    assert back["nm_pattern"].tolist() == report.layers["nm_pattern"].tolist()
    pd.testing.assert_frame_equal(back[list(numbers)], numbers, check_dtype=False, rtol=1e-15)


def test_dollars_in_names_are_no_formulas(tmp_path):
    layer = LayerMask(r"$\notacommand$ a$_{b$", np.ones((4, 4), dtype=bool))
    report = masktopo.analyze(MaskSet([layer]))
    report.to_html(tmp_path / "report.html")
    report.plot().figure.savefig(tmp_path / "plot.png")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"wiring": "w.json"}, r"wiring='w.json' is no Wiring; masktopo.load_wiring reads files"),
        ({"metrics": None}, "metrics must be a name or several, not None"),
        ({"metrics": 5}, "metrics must be a name or several, not 5"),
        ({"metrics": [["mu_0"]]}, r"metrics=\['mu_0'\] is not one of"),
        ({"draws": 0, "against": "shuffle"}, "draws must be at least 1, not 0"),
    ],
)
def test_arguments_of_a_wrong_kind_are_named(options, words):
    with pytest.raises(ArgumentError, match=words):
        masktopo.analyze(small_network(), **options)


@pytest.mark.parametrize("kind", ["csv", "json", "html", "parquet"])
def test_a_report_is_not_written_over_a_folder(tmp_path, kind):
    report = masktopo.analyze(small_network(), metrics="density")
    with pytest.raises(ArgumentError, match=f"^{tmp_path} is a folder"):
        getattr(report, f"to_{kind}")(tmp_path)


def test_processes_do_not_change_the_table():
    sets = [small_network(seed) for seed in range(3)]
    options = {"metrics": "degrees", "against": "shuffle", "draws": 10}
    one, two = (
        masktopo.analyze_many(sets, n_jobs=n_jobs, rng=np.random.default_rng(5), **options)
        for n_jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert one["digest"].tolist() == [masks.digest for masks in sets]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_among_many_names_its_file(tmp_path, n_jobs):
    good, bad = tmp_path / "good.masks", tmp_path / "bad.masks"
    small_network().save(good)
    MaskSet([LayerMask("a", np.eye(3, dtype=bool))]).save(bad)
    with pytest.raises(MaskError, match=f"{bad}: .*not of one network"):
        masktopo.analyze_many(
            [good, bad], n_jobs=n_jobs, metrics="spectral", reference=small_network()
        )
