import numpy as np
import pandas as pd
import pytest

from masktopo.errors import DataError
from masktopo.study.correlate import correlate
from masktopo.study.published import CELL, PUBLISHED_METRICS, load_published
from tests.study.published_file import PUBLISHED, plain_rows, write_published


def test_counts_and_names_are_ours(tmp_path):
    rows = plain_rows()
    table = load_published(write_published(tmp_path / "table.csv", rows))
    for theirs, ours in {
        "disc_nodes": "disconnected_nodes",
        "r-out": "removable_out_edges",
        "cut-edges": "bridges",
        "cut-nodes": "articulation_points",
        "no_connected_components": "components",
    }.items():
        assert table[ours].tolist() == rows[theirs].tolist()
    np.testing.assert_allclose(table["mean_core"], rows["k-core"], rtol=1e-12)
    np.testing.assert_allclose(table["two_hop"], rows["2-hop_nei"], rtol=1e-12)
    assert table["laplacian_radius"].tolist() == rows["spectral_radius"].tolist()
    assert sorted(table["density"].unique()) == [0.02, 0.1]
    assert table["kind"].tolist() == ["initialisation", "dynamic"] * 12
    assert table["network"].tolist() == ["Resnet-20"] * 24
    assert not {"one_hop", "mean_component_size", "sparsity"} & set(table.columns)
    assert set(PUBLISHED_METRICS) < set(table.columns)


def test_duplicates_go_and_impossible_counts_become_nan(tmp_path):
    rows = plain_rows()
    rows.loc[3, "sink_nodes"] = -21
    rows = pd.concat([rows, rows.iloc[[5, 6]]])
    table = load_published(write_published(tmp_path / "table.csv", rows))
    assert len(table) == 24
    assert np.flatnonzero(table["sink_nodes"].isna()).tolist() == [3]
    assert table.attrs["dropped_duplicates"] == 2
    assert table.attrs["negative_counts"] == {"sink_nodes": 1}
    assert table.attrs["missing"] == {"sink_nodes": 1}
    assert table.attrs["dropped_columns"]["one_hop"] == "1 + edges / nodes"
    assert table.attrs["divided_by"]["bridges"] == "edges"


def test_chance_level_follows_from_the_classes(tmp_path):
    rows = plain_rows()
    rows.loc[[0, 1, 2], "accuracy"] = [0.15, 0.0151, 0.0075]
    table = load_published(write_published(tmp_path / "table.csv", rows))
    assert table["dataset"][:3].tolist() == ["CIFAR-10", "CIFAR-100", "tinyimagenet"]
    assert table["chance_level"].tolist() == [True, False, True] + [False] * 21
    assert table.attrs["chance_level"] == 2


def test_other_files_are_named(tmp_path):
    path = tmp_path / "table.csv"
    with pytest.raises(DataError, match=r"table\.csv: cannot be read as a table of topometrics"):
        load_published(path)
    path.write_text("")
    with pytest.raises(DataError, match=r"table\.csv: cannot be read"):
        load_published(path)
    plain_rows()[["accuracy", "pruning", "sparsity"]].to_csv(path, index=False)
    with pytest.raises(DataError, match=r"table\.csv: .*columns model, dataset, seed, nodes, edge"):
        load_published(path)
    rows = plain_rows().assign(dataset="svhn")
    with pytest.raises(DataError, match="data set svhn; expected CIFAR-10, CIFAR-100, tinyimag"):
        load_published(write_published(path, rows))


@pytest.fixture(scope="module")
def published():
    if not PUBLISHED.exists():
        pytest.skip("the published topometrics are not here (MASKTOPO_DATA)")
    return load_published(PUBLISHED)


def test_published_file_has_its_known_faults(published):
    assert len(published) == 2290
    assert published.attrs["dropped_duplicates"] == 47
    assert published.attrs["negative_counts"] == {"sink_nodes": 2}
    assert published.attrs["chance_level"] == 4
    assert int(published["source_nodes"].isna().sum()) == 4
    assert not published.duplicated([*CELL, "seed"]).any()


def test_published_counts_are_whole(published):
    raw = pd.read_csv(PUBLISHED).drop_duplicates(ignore_index=True)
    for theirs, ours in {"cut-edges": "bridges", "cut-nodes": "articulation_points"}.items():
        np.testing.assert_allclose(published[ours], raw[theirs] * raw["edges"], atol=1e-6)


def test_density_decides_most_published_correlations(published):
    metrics = ["edges", "bridges", "mean_strength"]
    options = {"metrics": metrics, "cluster": CELL, "resamples": 60}
    labels = ["network", "dataset"]
    mixed, fixed = (
        correlate(published, groups=groups, **options).iloc[-3:].set_index("metric")
        for groups in (labels, [*labels, "density"])
    )
    assert mixed.loc["edges", "coefficient"] > 0.8
    assert abs(fixed.loc["edges", "coefficient"]) < 0.15
    assert mixed.loc["mean_strength", "low"] > 0.3
    assert fixed.loc["mean_strength", "high"] < -0.2
